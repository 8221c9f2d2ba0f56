use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::command::{Merge, check};
use crate::directory::snapshot::Snapshot;
use crate::model::{Core, CoreId, LegEnd, Outcome, Rejection, Unsent};
use crate::protocol::url;
use crate::protocol::xml::Bounds;
use crate::route::rule::{Owners, Rule, UnknownDevice};
use crate::route::{Destination, Router};

fn terms(compat: Compat) -> Terms {
    Terms { compat: Arc::new(ArcSwap::from_pointee(compat)), ..Terms::default() }
}

/// Three cores 1, 2 and 4; devices 7000-7999 are owned by all of them.
fn router() -> Router {
    let core = |id| Core {
        id: CoreId(id),
        name: String::new(),
        site: String::new(),
        address: String::new(),
        at: Vec::new(),
        connections: 1,
        pipeline: 1,
        queue: 1,
        tls: None,
    };
    let owners = Owners::Cores(vec![CoreId(1), CoreId(2), CoreId(4)]);
    let rule = Rule { devices: "7000-7999".parse().expect("a pattern"), owners };
    Router::new(&[core(1), core(2), core(4)], &[rule], UnknownDevice::Broadcast)
}

fn rejection(code: i32) -> Outcome {
    let label = Codes::default().meaning(code).map_or("API_NEW", ResultType::label).to_owned();
    Outcome::Rejected(Box::new(Rejection { code, label, message: format!("refused with {code}") }))
}

/// `ok`, `torn` (the same, with elements that do not end), `7` (a refusal with that code), `time` (timed out), `gone`
/// (not sent).
fn outcome(word: &str) -> Outcome {
    match word {
        "ok" | "torn" => Outcome::Ok,
        "time" => Outcome::TimedOut,
        "gone" => Outcome::NotSent(Unsent::Connect),
        code => rejection(code.parse().expect("a code")),
    }
}

const CORES: [CoreId; 3] = [CoreId(1), CoreId(2), CoreId(4)];

/// The verdict on the cores' outcomes, in the order of the cores.
fn verdict(query: &str, words: &str, terms: &Terms) -> Reply {
    deferred_verdict(query, words, terms, &Deferred::Nothing)
}

fn deferred_verdict(query: &str, words: &str, terms: &Terms, deferred: &Deferred) -> Reply {
    let bounds = Bounds { max_fields: 20, max_depth: 4 };
    let request = url::read(&format!("requestid=1&{query}"), "", bounds).expect("a readable request");
    let function = check(&request).expect("a good request");
    let call = Call::new(function, request, Instant::now());
    let router = router();
    let Ok(Destination::Cores(plan)) = router.plan(&call, &Snapshot::default()) else {
        panic!("{query} goes to no core")
    };
    let ended: Vec<_> = (0..)
        .zip(words.split_whitespace())
        .map(|(core, word)| {
            let outcome = outcome(word);
            let whole = format!("<DEVICES><DEVICE><DEVICEID>{core}</DEVICEID></DEVICE></DEVICES>");
            let body = if word == "torn" { whole.replace("</DEVICE>", "") } else { whole };
            let reply =
                Reply::new(&Codes::default(), ResultType::Ok, "found").with_body(body).write("X", "1");
            let reply = (outcome == Outcome::Ok).then(|| reply.into());
            let end = LegEnd { outcome, reply, elapsed: Duration::from_millis(3), sent: None };
            Ended { core: CORES[core], device: None, chain: 0, is_earlier: false, end }
        })
        .collect();
    Verdict { call: &call, plan: &plan, ended: &ended, terms, deferred }.reply()
}

fn check_table(query: &str, name: &str, table: &[(&str, &str, &str)]) {
    for (words, label, message) in table {
        let reply = verdict(query, words, &Terms::default());
        assert_eq!(
            (&*reply.label, &*reply.message),
            (*label, message.replace('X', name).as_str()),
            "{words}"
        );
    }
}

#[test]
fn every_owner_must_confirm() {
    check_table(
        "type=blackoutstart&deviceid=7001",
        "BLACKOUTSTART",
        &[
            ("ok ok ok", "API_OK", "X sent to all of the following cores: 1,2,4"),
            ("ok time ok", "API_PARTIAL_CORE_RESPONSE", "X could not be sent to the following cores: 2"),
            ("gone time ok", "API_PARTIAL_CORE_RESPONSE", "X could not be sent to the following cores: 1,2"),
            ("ok ok 7", "API_PARTIAL_CORE_RESPONSE", "X could not be sent to the following cores: 4"),
            ("time 12 7", "API_DEVICE_NOT_RECORDING", "refused with 12"),
            ("3 7 gone", "API_ERROR_NO_FREE_CHANNELS", "refused with 3"),
            (
                "time gone gone",
                "API_ERROR_RECORDER_NOT_RUNNING",
                "X could not be sent to any of the following cores: 1,2,4",
            ),
            ("4000 time time", "API_NEW", "refused with 4000"),
        ],
    );
}

#[test]
fn in_a_broadcast_not_mine_counts_neither_for_nor_against() {
    check_table(
        "type=callstart&deviceid=5",
        "CALLSTART",
        &[
            ("8 ok 7", "API_OK", "X sent to all of the following cores: 2"),
            ("12 ok ok", "API_OK", "X sent to all of the following cores: 2,4"),
            ("8 ok time", "API_PARTIAL_CORE_RESPONSE", "X could not be sent to the following cores: 4"),
            ("8 ok 3", "API_PARTIAL_CORE_RESPONSE", "X could not be sent to the following cores: 4"),
            ("8 7 8", "API_DEVICE_INVALID", "refused with 8"),
            (
                "8 8 time",
                "API_ERROR_RECORDER_NOT_RUNNING",
                "X could not be sent to any of the following cores: 4",
            ),
            ("8 3 time", "API_ERROR_NO_FREE_CHANNELS", "refused with 3"),
        ],
    );
}

#[test]
fn one_core_knows_the_session() {
    check_table(
        "type=chatstop&sessionid=5",
        "CHATSTOP",
        &[
            ("35 ok 35", "API_OK", "X sent to all of the following cores: 2"),
            ("time ok 35", "API_OK", "X sent to all of the following cores: 2"),
            ("35 35 35", "API_SESSIONID_UNSPECIFIED", "refused with 35"),
            (
                "35 time 35",
                "API_ERROR_RECORDER_NOT_RUNNING",
                "X could not be sent to any of the following cores: 2",
            ),
        ],
    );
}

#[test]
fn data_that_came_is_given_even_if_a_core_is_missing() {
    for (words, label, devices) in [
        ("ok ok ok", "API_OK", "012"),
        ("ok gone ok", "API_PARTIAL_CORE_RESPONSE", "02"),
        ("8 ok 8", "API_OK", "1"),
        ("time time gone", "API_ERROR_RECORDER_NOT_RUNNING", ""),
        ("11 time ok", "API_PARTIAL_CORE_RESPONSE", "2"),
        ("8 8 8", "API_DEVICE_INVALID", ""),
        ("ok torn ok", "API_PARTIAL_CORE_RESPONSE", "02"),
        ("torn torn gone", "API_ERROR_RECORDER_NOT_RUNNING", ""),
    ] {
        let reply = verdict("type=devicelist", words, &Terms::default());
        assert_eq!(reply.label, label, "{words}");
        let found: String = reply.body.split("<DEVICEID>").skip(1).filter_map(|d| d.chars().next()).collect();
        assert_eq!(found, devices, "{words}: {}", reply.body);
    }
    assert_eq!(verdict("type=devicelist", "ok ok ok", &Terms::default()).message, "found");
    assert!(matches!(crate::command::Command::DeviceList.function().policy, Policy::Merge(Merge::Devices)));
}

#[test]
fn the_vendors_partial_blackout_is_only_for_blackouts_and_only_if_asked_for() {
    let terms = terms(Compat { blackout_partial_ok: true, ..Compat::default() });
    let blackout = verdict("type=blackoutstart&deviceid=7001", "ok time ok", &terms);
    assert_eq!((&*blackout.label, blackout.code), ("API_OK", 20));
    assert_eq!(blackout.message, "BLACKOUTSTART could not be sent to the following cores: 2");
    assert_eq!(
        verdict("type=callstop&deviceid=7001", "ok time ok", &terms).label,
        "API_PARTIAL_CORE_RESPONSE"
    );
}

#[test]
fn detail_tells_each_core_apart() {
    let asked = "type=callstop&deviceid=7001&detail=Y";
    let section = "<CORES><CORE><COREIDENT>1</COREIDENT><OUTCOME>OK</OUTCOME><REASON></REASON>\
                   <MILLISECONDS>3</MILLISECONDS></CORE><CORE><COREIDENT>2</COREIDENT><OUTCOME>NOT_SENT</OUTCOME>\
                   <REASON>could not connect to the core</REASON><MILLISECONDS>3</MILLISECONDS></CORE><CORE>\
                   <COREIDENT>4</COREIDENT><OUTCOME>REJECTED</OUTCOME><REASON>API_DEVICE_NOT_IN_CALL (7): refused with 7\
                   </REASON><MILLISECONDS>3</MILLISECONDS></CORE></CORES>";
    let with = |detail| terms(Compat { detail, ..Compat::default() });
    assert_eq!(verdict(asked, "ok gone 7", &with(Detail::OnRequest)).body, section);
    assert_eq!(verdict(asked, "ok gone 7", &with(Detail::Never)).body, "");
    assert_eq!(verdict("type=callstop&deviceid=7001", "ok gone 7", &with(Detail::OnRequest)).body, "");
    assert_eq!(verdict("type=callstop&deviceid=7001", "ok gone 7", &with(Detail::Always)).body, section);
}

#[test]
fn a_core_whose_data_cannot_be_read_is_told_apart_as_well() {
    for (words, label) in
        [("ok torn ok", "API_PARTIAL_CORE_RESPONSE"), ("torn torn gone", "API_ERROR_RECORDER_NOT_RUNNING")]
    {
        let reply = verdict("type=devicelist&detail=Y", words, &Terms::default());
        assert_eq!(reply.label, label, "{words}");
        let told = reply.body.split("<OUTCOME>").skip(1).filter_map(|after| after.split('<').next());
        let expected = words.split(' ').map(|word| match word {
            "ok" => "OK",
            "torn" => "BAD_REPLY",
            _ => "NOT_SENT",
        });
        assert!(told.eq(expected), "{words}: {}", reply.body);
    }
}

#[test]
fn what_is_kept_for_later_is_told_in_detail_and_what_is_not_in_the_message() {
    let query = "type=BLACKOUTSTART&deviceid=7001&detail=Y";
    let kept = deferred_verdict(query, "ok time 12", &Terms::default(), &Deferred::Kept(vec![CoreId(2)]));
    assert_eq!(kept.message, "BLACKOUTSTART could not be sent to the following cores: 2,4");
    let section = |core, word| format!("<COREIDENT>{core}</COREIDENT>{word}");
    assert!(kept.body.contains(&section(1, "<OUTCOME>OK</OUTCOME>")), "{}", kept.body);
    assert_eq!(kept.body.matches("<DEFERRED>Y</DEFERRED></CORE>").count(), 1, "{}", kept.body);
    assert!(kept.body.find("DEFERRED") > kept.body.find("TIMED_OUT"), "{}", kept.body);

    let lost = Deferred::NotKept(vec![CoreId(1), CoreId(2), CoreId(4)]);
    let lost = deferred_verdict(query, "time time gone", &Terms::default(), &lost);
    assert_eq!(lost.result, Some(ResultType::RecorderNotRunning));
    assert!(lost.message.ends_with(
        "cores: 1,2,4; it is not kept for late delivery either, since the database did not take it in time"
    ));
    assert_eq!(lost.body.matches("<DEFERRED>N</DEFERRED>").count(), 3, "{}", lost.body);
}
