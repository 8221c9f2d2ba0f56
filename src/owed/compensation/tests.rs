//! What is due, on both databases. Real cores, a real webhook: `it::compensation`.

use super::super::store::{End, Ended};
use super::super::tests::{CORE, owed, store as obligations};
use super::store::{Alert, When};
use super::*;
use crate::directory::tests::place::{Place, on_both};

fn store(place: &Place, action: &'static str) -> Store {
    Store::of(place.store().database().clone(), action)
}

/// The start that a recording is stopped for: when it was asked for.
async fn open(store: &Store, device: u64) -> Option<i64> {
    store.open(CORE, device).await.expect("looked").map(|start| start.asked)
}

fn ended(ident: i64, end: End, at: i64) -> Ended {
    Ended { ident, end, reply: "words".into(), at }
}

/// At this moment, with a limit of a second.
const fn at(now: i64) -> When {
    When { now, limit: now - 1000, recent: now - 5000, leased: 1000 }
}

async fn claimed(store: &Store, now: i64) -> Vec<Alert> {
    store.claim(at(now), 16).await.expect("claimed")
}

fn devices(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| &*alert.device).collect()
}

#[test]
fn a_stop_names_what_the_start_names() {
    for (query, stop, expected) in [
        ("type=BLACKOUTSTART", Stop::Recording, "<TYPE>RECORDSTOP</TYPE><DEVICEID>7</DEVICEID>"),
        (
            "type=BLACKOUTSTART&callinstance=a%26b&user1=x&timeoffset=-3",
            Stop::Call,
            "<TYPE>CALLSTOP</TYPE><DEVICEID>7</DEVICEID><CALLINSTANCE>a&amp;b</CALLINSTANCE>",
        ),
        ("type=AGENTBLACKOUTSTART", Stop::Recording, "<TYPE>RECORDSTOP</TYPE><DEVICEID>7</DEVICEID>"),
    ] {
        assert_eq!(stop::wire(&owed(query, 7, 0), stop), format!("{expected}</REQUEST>\r\n"), "{query}");
    }
}

#[test]
fn webhooks_are_urls_of_http() {
    for good in [
        "http://a",
        "https://a/b?c=d",
        "http://[::1]:8080/x",
        "https://u:p@a.example:8443",
        "https://u%40x:p%2Fq@a",
        "http://a?token=b",
    ] {
        good.parse::<Webhook>().unwrap_or_else(|wrong| panic!("{good} {wrong}"));
    }
    for bad in ["", "a", "ftp://a", "http://", "http:///x", "https://u:p@", "http://u%zz@a", "http://a b"] {
        assert!(bad.parse::<Webhook>().is_err(), "{bad}");
    }
}

on_both! {
async fn a_recording_is_stopped_for_the_blackout_that_is_to_be_on(place: &Place) {
    let (owing, store) = (obligations(place), store(place, "recordstop"));
    let commit = async |query: &'static str, asked| {
        owing.commit(vec![owed(query, 1, asked)], asked, 0).await.expect("committed");
    };
    commit("type=CALLSTOP", 5).await;
    assert_eq!(open(&store, 1).await, None, "nothing was to be silent");
    commit("type=BLACKOUTSTART", 10).await;
    assert_eq!((open(&store, 1).await, open(&store, 2).await), (Some(10), None));
    commit("type=AGENTBLACKOUTSTOP", 15).await;
    assert_eq!(open(&store, 1).await, Some(10), "another kind's stop");
    commit("type=BLACKOUTSTOP", 20).await;
    assert_eq!(open(&store, 1).await, None, "it is over");
    commit("type=BLACKOUTSTART", 30).await;
    let start = store.open(CORE, 1).await.expect("looked").expect("a start");
    assert_eq!(start.asked, 30);
    assert!(store.settle(start.ident, Went::Done, "API\0_OK", 40).await.expect("noted"));
    assert!(!store.settle(start.ident, Went::Done, "", 41).await.expect("noted"), "it is done once");
    assert_eq!(open(&store, 1).await, None);
    assert!(store.is_done(start.ident).await.expect("looked"));
    assert!(!store.is_done(start.ident - 1).await.expect("looked"));
}
}

on_both! {
async fn each_start_is_told_once_when_it_is_due(place: &Place) {
    let (owing, store) = (obligations(place), store(place, "webhook"));
    let batch = vec![
        owed("type=BLACKOUTSTART", 1, 1000),
        owed("type=CALLSTOP", 2, 1000),
        owed("type=AGENTBLACKOUTSTART", 3, 1500),
        owed("type=BLACKOUTSTOP", 1, 1600),
    ];
    owing.commit(batch, 0, 0).await.expect("committed");
    assert_eq!(claimed(&store, 1999).await, []);
    let first = claimed(&store, 2000).await;
    let [alert] = &first[..] else { panic!("{first:?}") };
    assert_eq!((alert.core, &*alert.command, &*alert.device), (CORE, "BLACKOUTSTART", "1"));
    assert_eq!((&*alert.state, alert.asked, alert.is_over), ("pending", 1000, true));
    let second = claimed(&store, 2500).await;
    assert_eq!(devices(&second), ["3"], "somebody has the first");
    assert!(store.settle(second[0].obligation, Went::Done, "answered 200", 2600).await.expect("noted"));

    store.put_off(alert.obligation, "answered 500", 4000).await.expect("put off");
    assert_eq!(claimed(&store, 3999).await, []);
    let again = claimed(&store, 4000).await;
    assert_eq!((devices(&again), again[0].attempts), (vec!["1"], 1));
    assert_eq!(devices(&claimed(&store, 5000).await), ["1"], "whoever had it did not come back in time");
    owing.end(vec![ended(alert.obligation, End::Delivered, 5500)]).await.expect("ended");
    assert_eq!(claimed(&store, 6000).await[0].state, "delivered", "and that is seen");
    store.settle(alert.obligation, Went::Needless, "", 6001).await.expect("noted");
    assert_eq!(claimed(&store, 99_000).await, []);
}
}

on_both! {
async fn what_ends_unconfirmed_is_told_at_once_and_what_is_confirmed_is_not(place: &Place) {
    let (owing, store) = (obligations(place), store(place, "webhook"));
    let starts = (1..=5).map(|device| owed("type=BLACKOUTSTART", device, 1000)).collect();
    owing.commit(starts, 0, 0).await.expect("committed");
    let taken = owing.claim(CORE, 64, 1000, 0).await.expect("claimed");
    let ends = [End::Refused, End::Expired, End::Delivered, End::Superseded];
    let ends = taken.iter().flatten().zip(ends).map(|(owed, end)| ended(owed.ident, end, 1100));
    owing.end(ends.collect()).await.expect("ended");
    assert_eq!(devices(&claimed(&store, 1200).await), ["1", "2"]);
    assert_eq!(devices(&claimed(&store, 9000).await), ["1", "2", "5"]);
}
}

on_both! {
async fn many_copies_never_take_the_same(place: &Place) {
    let (owing, store) = (obligations(place), store(place, "webhook"));
    let starts = (0..40).map(|device| owed("type=BLACKOUTSTART", device, 0)).collect();
    owing.commit(starts, 0, 0).await.expect("committed");
    let rounds = (0..4).map(|_| { let store = store.clone(); async move { claimed(&store, 5000).await } });
    let mut taken = futures::future::join_all(rounds).await.concat();
    for _ in 0..3 {
        taken.extend(claimed(&store, 5000).await);
    }
    let different: std::collections::HashSet<_> = taken.iter().map(|alert| alert.obligation).collect();
    assert_eq!((taken.len(), different.len()), (40, 40));
}
}
