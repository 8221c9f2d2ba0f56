//! One suite for both databases; see the directory's own for what PostgreSQL's half needs.

mod copies;

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::store::{Account, End, Ended};
use super::*;
use crate::command::{Call, check};
use crate::directory::tests::place::{Place, on_both};
use crate::protocol::url;
use crate::protocol::xml::Bounds;

pub(super) const CORE: CoreId = CoreId(2);

fn call(query: &str) -> Call {
    let bounds = Bounds { max_fields: 20, max_depth: 4 };
    let request = url::read(&format!("requestid=1&{query}"), "", bounds).expect("a readable request");
    Call::new(check(&request).expect("a good request"), request, Instant::now())
}

/// A command about a device that core 2 did not get, asked for at this moment.
pub(super) fn owed(query: &str, device: u64, asked: i64) -> Obligation {
    Obligation::of(&call(&format!("deviceid={device}&{query}")), None, device, CORE, asked, false)
}

pub(super) fn store(place: &Place) -> Store {
    Store::of(place.store().database().clone())
}

async fn end(store: &Store, ident: i64, end: End, reply: &str, now: i64) {
    store.end(vec![Ended { ident, end, reply: reply.into(), at: now }]).await.expect("ended");
}

/// What core 2 is to get next, device by device: functions with their devices.
async fn next(store: &Store, now: i64) -> Vec<(String, u64, i64)> {
    let claimed = store.claim(CORE, 64, now, 1000).await.expect("claimed");
    claimed.into_iter().flatten().map(|owed| (owed.command, owed.chain, owed.ident)).collect()
}

fn names(next: &[(String, u64, i64)]) -> Vec<(&str, u64)> {
    next.iter().map(|(name, chain, _)| (&**name, *chain)).collect()
}

#[test]
fn what_is_sent_late_means_the_same_moment() {
    for (query, offset) in [
        ("type=BLACKOUTSTART", "-7.250"),
        ("type=BLACKOUTSTART&timeoffset=-2.5", "-9.750"),
        ("type=BLACKOUTSTOP&timeoffset=10", "2.750"),
        ("type=BLACKOUTSTOP&timeoffset=7.25", "0.000"),
        ("type=AGENTBLACKOUTSTART&timeoffset=7.3", "0.050"),
        ("type=AGENTBLACKOUTSTOP&timeoffset=-1e300", "-9223372036854775.808"),
    ] {
        let kind = query.split(['=', '&']).nth(1).expect("a function");
        let expected = format!(
            "<TYPE>{kind}</TYPE><DEVICEID>7</DEVICEID><TIMEOFFSET>{offset}</TIMEOFFSET></REQUEST>\r\n"
        );
        assert_eq!(owed(query, 7, 10_000).wire(17_250), expected, "{query}");
    }
}

#[test]
fn a_stop_has_no_offset_and_keeps_what_else_was_said() {
    let stop = owed("type=CALLSTOP&user1=a%26b", 7, 0).wire(9000);
    assert!(stop.contains("<USER1>a&amp;b</USER1>") && !stop.contains("TIMEOFFSET"), "{stop}");
    assert!(stop.ends_with("</REQUEST>\r\n"), "{stop}");
}

#[test]
fn blackouts_and_stops_are_owed_and_nothing_else_is() {
    let owed: HashSet<_> =
        crate::command::FUNCTIONS.iter().filter(|f| Obligation::is_for(f)).map(|f| f.name).collect();
    let expected = [
        "BLACKOUTSTART",
        "BLACKOUTSTOP",
        "AGENTBLACKOUTSTART",
        "AGENTBLACKOUTSTOP",
        "CALLSTOP",
        "RECORDSTOP",
        "CHATSTOP",
    ];
    assert_eq!(owed, HashSet::from(expected));
}

on_both! {
async fn each_device_has_its_order_and_only_what_is_next_can_be_taken(place: &Place) {
    let store = store(place);
    // Committed in another order than asked for, as two copies would.
    let batch = vec![
        owed("type=BLACKOUTSTOP", 1, 20),
        owed("type=BLACKOUTSTART", 1, 10),
        owed("type=CALLSTOP", 2, 15),
    ];
    store.commit(batch, 0, 0).await.expect("committed");
    let elsewhere = Obligation { core: CoreId(3), ..owed("type=CALLSTOP", 2, 1) };
    store.commit(vec![elsewhere], 0, 0).await.expect("committed");

    let first = next(&store, 100).await;
    assert_eq!(names(&first), [("BLACKOUTSTART", 1), ("BLACKOUTSTOP", 1), ("CALLSTOP", 2)]);
    let later = owed("type=BLACKOUTSTART", 1, 30);
    store.commit(vec![later], 0, 0).await.expect("committed");
    assert_eq!(next(&store, 200).await, [], "somebody has what goes first");
    end(&store, first[0].2, End::Delivered, "API_OK", 300).await;
    store.give_back(vec![first[1].2]).await.expect("given back");
    assert_eq!(names(&next(&store, 300).await), [("BLACKOUTSTOP", 1), ("BLACKOUTSTART", 1)]);
    let again = next(&store, 1100).await;
    assert_eq!(names(&again), [("CALLSTOP", 2)], "whoever had it did not come back in time");

    store.put_off(again[0].2, "gone", 2000).await.expect("put off");
    assert_eq!(names(&next(&store, 1999).await), [("BLACKOUTSTOP", 1), ("BLACKOUTSTART", 1)]);
    let last = store.claim(CORE, 64, 2000, 1000).await.expect("claimed");
    assert_eq!(last.iter().flatten().map(|owed| (&*owed.command, owed.attempts)).collect::<Vec<_>>(), [("CALLSTOP", 1)]);
}
}

on_both! {
async fn what_is_owed_already_is_not_owed_twice(place: &Place) {
    let store = store(place);
    let commit = |query: &'static str, asked| {
        let store = store.clone();
        async move { store.commit(vec![owed(query, 1, asked)], 60_000, 0).await.expect("committed").len() }
    };
    assert_eq!(commit("type=BLACKOUTSTART", 1000).await, 0);
    assert_eq!(commit("type=BLACKOUTSTART", 2000).await, 1, "the first one does it as well");
    assert_eq!(commit("type=BLACKOUTSTART&timeoffset=-3", 3000).await, 0, "this one begins earlier");
    assert_eq!(commit("type=BLACKOUTSTART&callinstance=2", 3000).await, 0, "this one is about another call");
    assert_eq!(commit("type=BLACKOUTSTOP", 4000).await, 0);
    assert_eq!(commit("type=BLACKOUTSTART", 5000).await, 0, "a stop stands between them");
    let seen = store.look(i64::MAX, 0).await.expect("looked");
    assert_eq!(seen.chains, [(CORE, 1)]);
    assert_eq!(seen.accounts[&CORE], Account { pending: 5, oldest: 1000 });
}
}

on_both! {
async fn it_ends_once_and_what_is_too_old_ends_as_expired(place: &Place) {
    let store = store(place);
    let batch = vec![owed("type=CALLSTOP", 1, 1000), owed("type=CALLSTOP", 2, 2000), owed("type=CALLSTOP", 3, 3000)];
    store.commit(batch, 0, 0).await.expect("committed");
    let taken = next(&store, 3000).await;
    end(&store, taken[2].2, End::Refused, "x\0y", 3000).await;
    assert_eq!(store.expire(2500, 3500).await.expect("looked"), [], "they are being delivered");
    assert_eq!(store.expire(2500, 4000).await.expect("looked").len(), 2);
    end(&store, taken[0].2, End::Delivered, "API_OK", 4001).await;
    assert_eq!(store.expire(i64::MAX, 5000).await.expect("looked"), [], "they have ended");
    assert!(store.look(i64::MAX, 0).await.expect("looked").chains.is_empty());
}
}

on_both! {
async fn many_couriers_never_take_the_same(place: &Place) {
    let store = store(place);
    let batch = (0..100).map(|device| owed("type=CALLSTOP", device, 0)).collect();
    store.commit(batch, 0, 0).await.expect("committed");
    let rounds = (0..8).map(|_| { let store = store.clone(); async move { next(&store, 1).await } });
    let mut taken: Vec<_> = futures::future::join_all(rounds).await.concat();
    taken.extend(next(&store, 1).await);
    taken.extend(next(&store, 1).await);
    let different: HashSet<_> = taken.iter().map(|(.., ident)| *ident).collect();
    assert_eq!((taken.len(), different.len()), (100, 100));
}
}

#[tokio::test(start_paused = true)]
async fn what_is_being_committed_stays_whatever_the_database_says() {
    let debts = Debts::default();
    assert!(!debts.owes(CORE, 1));
    debts.mark(CORE, 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    let looked = Instant::now();
    tokio::time::advance(Duration::from_millis(1)).await;
    debts.mark(CORE, 2);
    debts.replace([(CORE, 3)], looked);
    assert_eq!([1, 2, 3].map(|chain| debts.owes(CORE, chain)), [true, true, true]);
    let much_later = Instant::now() + Duration::from_secs(9);
    debts.replace([], much_later);
    assert_eq!(
        [1, 2, 3].map(|chain| debts.owes(CORE, chain)),
        [true, true, false],
        "they are being committed"
    );
    debts.mark(CORE, 2);
    [1, 2].iter().for_each(|chain| debts.settle(CORE, *chain));
    debts.replace([], much_later);
    assert_eq!([1, 2].map(|chain| debts.owes(CORE, chain)), [false, true], "one of two is committed");
    debts.settle(CORE, 2);
    debts.replace([], much_later);
    assert!(!debts.is_any() && !debts.owes_any(CORE));
}

#[tokio::test(start_paused = true)]
async fn who_waits_goes_on_when_nothing_is_owed_any_more_or_the_time_is_up() {
    let metrics = Metrics::default();
    let debts = Arc::<Debts>::default();
    let (owed, _entries) = Owed::open(&debts, &metrics);
    let soon = Instant::now() + Duration::from_secs(1);
    assert!(owed.cleared(CORE, 1, soon).await, "nothing is owed");
    debts.mark(CORE, 1);
    debts.settle(CORE, 1);
    assert!(!owed.cleared(CORE, 1, soon).await);
    let waits = owed.cleared(CORE, 1, soon + Duration::from_secs(9));
    let (cleared, ()) =
        tokio::join!(waits, async { debts.replace([], Instant::now() + Duration::from_millis(1)) });
    assert!(cleared);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_answer_costs_an_answer_its_time_and_no_more() {
    let metrics = Metrics::default();
    let (line, _entries) = Owed::open(&Arc::default(), &metrics);
    let (began, until) = (Instant::now(), Instant::now() + Duration::from_millis(250));
    assert!(!line.keep(vec![owed("type=CALLSTOP", 1, 0)], until).await);
    assert_eq!(began.elapsed(), Duration::from_millis(250));
    let (off, entries) = Owed::open(&Arc::default(), &metrics);
    drop(entries);
    assert!(!off.keep(vec![owed("type=CALLSTOP", 1, 0)], until).await, "nobody writes any more");
    assert!(metrics.render().contains("corecast_obligations_lost_total 2"));
}
