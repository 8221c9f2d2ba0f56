//! A core that dies while something is owed to it, and again while it gets that.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use corecast::client::Client;
use corecast::command::Command;
use corecast::cti::{CtiCore, CtiSettings};
use corecast::model::CoreId;
use jiff::Timestamp;
use serde_json::Value;

use super::super::lab::{Answer, get, receive, request, until};
use super::super::process::{Core, Scratch, Serving};
use super::{deferred, shared_by};

const DEVICES: usize = 40;

/// How far two cores may be apart in when a blackout begins and ends.
const APART: Duration = Duration::from_millis(500);

/// A real process with a journal, which needs a tenth of a second for each answer: deliveries take their time.
async fn slow_core(listen: &str, folder: &Path) -> Core {
    let folder = folder.to_str().expect("a path in UTF-8");
    Core::with(2, listen, &["--data", folder, "--recorder", "synthetic", "--fault", "delay:100ms"]).await
}

/// Says the same of so many devices on one connection; the answers.
async fn tell(client: &mut Client, kind: &str, devices: usize) -> Vec<Answer> {
    for number in 0..devices {
        let params = format!("<DEVICEID>{}</DEVICEID><DETAIL>Y</DETAIL>", 7000 + number);
        client.send(request(kind, number, &params).as_bytes()).await.expect("it is sent");
    }
    let mut answers = Vec::new();
    for _ in 0..devices {
        answers.push(receive(client).await);
    }
    answers
}

/// How obligations to core 2 ended, and how many are still owed: the proxy's own words.
async fn told(proxy: &Serving, what: &str) -> f64 {
    let (_, metrics) = get(proxy.admin, "/metrics").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(-1.0)
}

const DELIVERED: &str = "corecast_obligations_ended_total{core=\"2\",state=\"delivered\"}";
const PENDING: &str = "corecast_obligations{core=\"2\",state=\"pending\"}";

/// Each device's blackouts at a core, as its control address or its snapshot shows them: from, to, whether stopped.
fn blackouts(state: &Value) -> Vec<Vec<(Timestamp, Timestamp, bool)>> {
    let time = |text: &Value| text.as_str().and_then(|text| text.parse().ok()).expect("a time");
    let blackout = |b: &Value| (time(&b["start"]), time(&b["end"]), b["stopped"] == true);
    let of_device = |device: &Value| {
        let blackouts = device["calls"][0]["blackouts"].as_array().expect("a list");
        blackouts.iter().map(blackout).collect()
    };
    state["devices"].as_array().expect("a list").iter().map(of_device).collect()
}

fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).unsigned_abs() < APART
}

async fn healthy(id: u16) -> CtiCore {
    CtiCore::start(CtiSettings { id: CoreId(id), ..CtiSettings::default() }).await.expect("a core starts")
}

/// How many rows there are of each state.
fn states(database: &Path) -> Vec<(String, i64)> {
    let database = rusqlite::Connection::open(database).expect("the database");
    let sql = "SELECT state, COUNT(*) FROM obligations GROUP BY state ORDER BY state";
    let mut query = database.prepare(sql).expect("a query");
    let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_is_killed_twice_gets_all_that_it_is_owed() {
    let files = Scratch::new();
    let (database, folder) = (files.path().join("shared.db"), files.path().join("core"));
    let (one, three) = (healthy(1).await, healthy(3).await);
    let mut two = slow_core("127.0.0.1:0", &folder).await;
    let addresses: [SocketAddr; 3] = [one.address(), two.address, three.address()];
    let proxy = Serving::start(&shared_by(&addresses, &format!("sqlite://{}", database.display()), "")).await;
    let mut client = proxy.client().await;
    let begun = tell(&mut client, "CALLSTART", DEVICES).await;
    assert!(begun.iter().all(|answer| answer.label == "API_OK"), "{:?}", begun[0]);

    two.process.kill().await;
    let mut missed = tell(&mut client, "BLACKOUTSTART", DEVICES).await;
    missed.extend(tell(&mut client, "BLACKOUTSTOP", DEVICES / 2).await);
    assert!(missed.iter().all(|answer| deferred(answer) == ["Y"]), "{:?}", missed[0]);

    let listen = two.address.to_string();
    let mut two = slow_core(&listen, &folder).await;
    until("some are delivered", async || told(&proxy, DELIVERED).await >= 8.0).await;
    two.process.kill().await;
    let owed = told(&proxy, PENDING).await;
    assert!(owed > 8.0, "it was killed too late to see anything: {owed}");
    let two = slow_core(&listen, &folder).await;
    until("all has ended", async || told(&proxy, PENDING).await == 0.0).await;

    assert_eq!(
        states(&database),
        [("delivered".to_owned(), i64::try_from(DEVICES + DEVICES / 2).expect("few"))]
    );
    let expected = blackouts(&serde_json::to_value(one.state()).expect("JSON"));
    let (_, state) = get(two.control, "/").await;
    let state: Value = serde_json::from_str(&state).expect("JSON");
    let late = blackouts(if state["devices"].is_array() { &state } else { &state["state"] });
    assert_eq!((expected.len(), late.len()), (DEVICES, DEVICES));
    for (expected, late) in expected.iter().zip(&late) {
        let ([expected], [late]) = (&expected[..], &late[..]) else { panic!("{expected:?} {late:?}") };
        assert!(expected.2 == late.2 && is_near(expected.0, late.0), "{expected:?} {late:?}");
        assert!(!late.2 || is_near(expected.1, late.1), "{expected:?} {late:?}");
    }
    for core in [one, three] {
        let count = |command| core.received().iter().filter(|got| got.command == Some(command)).count();
        let counts = [Command::CallStart, Command::BlackoutStart, Command::BlackoutStop].map(count);
        assert_eq!(counts, [DEVICES, DEVICES, DEVICES / 2], "each was told once");
        core.stop().await;
    }
}
