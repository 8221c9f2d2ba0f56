//! The ledger of blackouts: what a real proxy writes of real cores, and what an assessor makes of it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use corecast::client::Client;
use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::database::Database;
use corecast::ledger::{Book, Order, Row};

use super::lab::{DEADLINE, Lab, ask, metric, request, until};
use super::postgres::Postgres;
use super::process::{Ended, Process, Scratch};
use super::python::python;

/// Blackouts may not be stopped, and unknown devices are nobody's.
const RULES: &str = "[runtime]\nthreads = 1\n[route]\nunknown_device = \"reject\"\n\
    [[access.rule]]\nfunctions = [\"AGENTBLACKOUTSTOP\"]\nallow = false\n[[access.rule]]\nallow = true\n";

/// The docs' way of checking an export without us.
const DOCS: &str = include_str!("../../docs/ledger.md");

async fn rows(url: &str) -> Vec<Row> {
    let book = Book::of(Database::open(url).expect("a good URL"));
    let mut rows = Vec::new();
    book.read(Order::Chain, i64::MIN..i64::MAX, |row| rows.push(row)).await.expect("read");
    rows
}

/// What a row says: function, devices, verdict, and of each leg its core, its outcome, and whether it was sent.
fn told(row: &Row) -> (String, String, String, Vec<(u16, String, bool)>) {
    let legs = row.legs().into_iter().map(|leg| (leg.core.0, leg.outcome, leg.sent)).collect();
    (row.function.clone(), row.devices().join(" "), row.verdict.clone(), legs)
}

/// A folder with a database and a configuration that names it.
struct Desk {
    folder: Scratch,
    url: String,
    config: String,
}

impl Desk {
    fn new() -> Self {
        let folder = Scratch::new();
        let url = format!("sqlite://{}", folder.path().join("corecast.db").display());
        let core = "[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";
        let config = folder.file("corecast.toml", &format!("[directory]\nurl = \"{url}\"\n{core}"));
        Self { folder, url, config }
    }

    /// A lab whose second core hangs, asked for blackouts of every fate, and ended in order.
    async fn after_a_day(&self) {
        let lab = Lab::at(&[Fault::None, Fault::Hang], &self.url, RULES).await;
        let mut core = Client::connect(lab.cores[0].address()).await.expect("it listens");
        assert_eq!(ask(&mut core, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await.label, "API_OK");
        drop(core);
        for (kind, params, label) in [
            ("CALLSTART", "<DEVICEID>1001</DEVICEID><USER1>secret</USER1>", "API_OK"),
            ("BLACKOUTSTART", "<DEVICEID>1001</DEVICEID><USER1>secret</USER1>", "API_OK"),
            ("BLACKOUTSTART", "<DEVICEID>4111111111111111</DEVICEID>", "API_DEVICE_INVALID"),
            ("AGENTBLACKOUTSTOP", "<SYS_USER>jdoe</SYS_USER>", "API_INVALID_REQUEST_TYPE"),
            ("BLACKOUTSTART", "<DEVICEID>7001</DEVICEID>", "API_PARTIAL_CORE_RESPONSE"),
        ] {
            let answer = lab.ask(kind, params).await;
            assert_eq!(answer.label, label, "{kind} {params}: {}", answer.text);
        }
        let partial = rows(&self.url).await.pop().expect("a row");
        assert_eq!(partial.devices(), ["7001"], "it is written before PARTIAL is answered");
        for core in ["1", "2"] {
            let seconds =
                metric(&lab, &format!("corecast_blackout_exposure_seconds_total{{core=\"{core}\"}}")).await;
            assert_eq!(seconds > 0.0, core == "1", "core {core}: {seconds}");
        }
        assert_eq!(metric(&lab, "corecast_ledger_late_total").await, 0.0);
        lab.end().await;
    }

    async fn audit(&self, args: &[&str]) -> Ended {
        Process::corecast(&[&["audit"], args, &["--config", &self.config]].concat()).end().await
    }

    /// What the script of the docs says of an export.
    fn checked_elsewhere(&self, export: &str) -> Option<(bool, String)> {
        let script =
            DOCS.split_once("```python\n").and_then(|(_, rest)| rest.split_once("```")).expect("a script").0;
        let export = self.folder.file("export.jsonl", export);
        let mut python = Command::new(python("hashlib")?);
        let input = std::fs::File::open(export).expect("it is there");
        let output = python.args(["-c", script]).stdin(Stdio::from(input)).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8(said).expect("UTF-8")))
    }
}

#[tokio::test]
async fn each_blackout_is_told_core_by_core() {
    let desk = Desk::new();
    desk.after_a_day().await;
    let rows = rows(&desk.url).await;
    let events: Vec<_> = rows.iter().map(|row| &*row.event).collect();
    assert_eq!(events, ["begun", "blackout", "blackout", "blackout", "blackout", "ended"]);
    let leg = |core, outcome: &str| (core, outcome.to_owned(), true);
    let entry = |function: &str, device: &str, verdict: &str, legs| {
        (function.to_owned(), device.to_owned(), verdict.to_owned(), legs)
    };
    let expected = [
        entry("BLACKOUTSTART", "1001", "API_OK", vec![leg(1, "ok")]),
        entry("BLACKOUTSTART", "************1111", "API_DEVICE_INVALID", vec![]),
        entry("AGENTBLACKOUTSTOP", "SYS_USER=jdoe", "API_INVALID_REQUEST_TYPE", vec![]),
        entry("BLACKOUTSTART", "7001", "API_PARTIAL_CORE_RESPONSE", vec![leg(1, "ok"), leg(2, "timed_out")]),
    ];
    assert_eq!(rows[1..5].iter().map(told).collect::<Vec<_>>(), expected);
    let legs = rows[4].legs();
    assert_eq!((legs[0].code, &*legs[0].label), (Some(20), "API_OK"), "{legs:?}");
    assert_eq!((legs[1].code, legs[1].ms >= 800), (None, true), "{legs:?}");
    for leg in &legs {
        assert!(leg.sent_ms.is_some_and(|sent| sent <= leg.ms), "{leg:?}");
    }
    assert!(legs[1].sent_ms < Some(800), "sent at once, whenever it ends: {legs:?}");
    assert_eq!((&*rows[1].client, &*rows[1].request_id), ("127.0.0.1", "1"));
    assert!(!format!("{rows:?}").contains("secret"), "nothing else of a request is kept");
}

#[tokio::test]
async fn an_assessor_sees_what_was_done_and_whether_it_was_changed() {
    let desk = Desk::new();
    desk.after_a_day().await;
    let verified = desk.audit(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    for words in ["6 entries, ", ", ended: holds", "1 chains, 6 entries, 0 broken"] {
        assert!(verified.out.contains(words), "{words}: {}", verified.out);
    }
    let lines = |ended: &Ended| -> Vec<serde_json::Value> {
        ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let told = lines(&desk.audit(&["verify", "--json"]).await);
    assert_eq!(
        (&told[0]["entries"], &told[0]["holds"], &told[0]["ended"]),
        (&6.into(), &true.into(), &true.into())
    );
    assert_eq!(told[1], serde_json::json!({ "chains": 1, "entries": 6, "broken": 0, "holds": true }));
    let shown = desk.audit(&["show", "7001"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for words in [
        "Z  BLACKOUTSTART  7001: API_PARTIAL_CORE_RESPONSE\n    core 1: sent after ",
        " ms, confirmed after ",
        " ms with API_OK (20)\n    core 2: sent after ",
        " ms, NOT CONFIRMED: timed_out, after ",
        "    asked by 127.0.0.1 as REQUESTID 1; entry 5 of ",
    ] {
        assert!(shown.out.contains(words), "{words}: {}", shown.out);
    }
    let json = desk.audit(&["show", "1001", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("one line of JSON");
    assert_eq!((&json["legs"][0]["outcome"], &json["sound"]), (&"ok".into(), &true.into()), "{json}");
    let later = desk.audit(&["show", "7001", "--from", "2999-01-01"]).await;
    assert!(later.code == Some(0) && later.err.contains("no blackout of 7001"), "{later:?}");
    let export = desk.audit(&["export"]).await.out;
    assert_eq!(export.lines().count(), 6);
    let checked = desk.checked_elsewhere(&export);
    assert!(checked.as_ref().is_none_or(|(holds, said)| *holds && said == "1 chains hold\n"), "{checked:?}");

    let path = desk.folder.path().join("corecast.db");
    let connection = rusqlite::Connection::open(path).expect("the database");
    let forged =
        connection.execute("UPDATE ledger SET legs = replace(legs, 'timed_out', 'ok') WHERE seq = 5", ());
    assert_eq!(forged.expect("a forger can write"), 1);
    let verified = desk.audit(&["verify"]).await;
    assert!(
        verified.code == Some(1) && verified.out.contains("BROKEN at entry 5: it was changed"),
        "{verified:?}"
    );
    let told = desk.audit(&["verify", "--json"]).await;
    assert_eq!((told.code, &lines(&told)[0]["broken"]["seq"]), (Some(1), &5.into()), "{told:?}");
    let shown = desk.audit(&["show", "7001"]).await;
    assert!(shown.code == Some(1) && shown.out.contains("THIS ENTRY WAS CHANGED"), "{shown:?}");
    let checked = desk.checked_elsewhere(&desk.audit(&["export"]).await.out);
    assert!(
        checked.as_ref().is_none_or(|(holds, said)| !holds && said.contains("broken: entry 5 of ")),
        "{checked:?}"
    );
}

#[tokio::test]
async fn where_there_is_no_database_there_is_no_ledger() {
    let desk = Desk::new();
    let verified = desk.audit(&["verify"]).await;
    assert!(verified.code == Some(1) && verified.err.contains("there is no ledger"), "{verified:?}");
    let wrong = desk.audit(&["export", "--to", "yesterday"]).await;
    assert!(wrong.code == Some(2) && wrong.err.contains("write a time as"), "{wrong:?}");
}

/// An agent is told as the request names it, and as cores are told the agent's phones.
#[tokio::test]
async fn an_agents_blackout_is_told_phone_by_phone() {
    let desk = Desk::new();
    let lab = Lab::at(&[Fault::None; 2], &desk.url, "[runtime]\nthreads = 1\n").await;
    let agent = "<ACTION>ADD</ACTION><USERNAME>ann</USERNAME><FIRSTNAME>Ann</FIRSTNAME><LASTNAME>Lee</LASTNAME>\
        <SYS_USER>ann</SYS_USER><PHONES>1001,2002</PHONES>";
    assert_eq!(lab.ask("IMPORTUSER", agent).await.label, "API_OK");
    until("the directory knows the phones", async || {
        lab.ask("AGENTBLACKOUTSTART", "<SYS_USER>ann</SYS_USER>").await;
        rows(&desk.url).await.iter().any(|row| row.devices().len() == 3)
    })
    .await;
    lab.end().await;
    let rows = rows(&desk.url).await;
    let row = rows.iter().find(|row| row.devices().len() == 3).expect("there was one");
    assert_eq!(row.devices(), ["SYS_USER=ann", "1001", "2002"]);
    let legs = row.legs();
    let mut legs: Vec<_> = legs.iter().map(|leg| (leg.core.0, &*leg.device)).collect();
    legs.sort_unstable();
    assert_eq!(legs, [(1, ""), (1, "1001"), (2, ""), (2, "2002")]);
}

/// What was sent and then cut off is told as what it is.
#[tokio::test]
async fn a_blackout_that_nobody_waits_for_any_more_is_noted() {
    let desk = Desk::new();
    let core = CtiCore::start(CtiSettings { fault: Fault::Hang, ..CtiSettings::default() }).await;
    let lab = Lab::of(vec![core.expect("it starts")], &desk.url, "drain_timeout = \"100ms\"\n", "", &[]);
    let mut client = lab.client().await;
    let asked = request("BLACKOUTSTART", 18, "<DEVICEID>1001</DEVICEID>");
    client.send(asked.as_bytes()).await.expect("sent");
    until("the core is asked", async || !lab.cores[0].received().is_empty()).await;
    lab.end().await;
    let rows = rows(&desk.url).await;
    let told: Vec<_> = rows.iter().map(told).collect();
    let legs = vec![(1, "unanswered".to_owned(), true)];
    assert_eq!(told[1], ("BLACKOUTSTART".into(), "1001".into(), String::new(), legs));
    assert_eq!((&*rows[1].request_id, &*rows[2].event), ("18", "ended"));
}

/// The answer has its deadline whatever the database does, and nothing is missing when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_whose_database_is_down_holds_up_nobody_and_is_written_later() {
    let Some(postgres) = Postgres::start() else { return };
    let lab = Lab::at(&[Fault::Close], &postgres.url(), "[runtime]\nthreads = 1\n").await;
    let down = "API_ERROR_RECORDER_NOT_RUNNING";
    until("the first entry is written", async || {
        metric(&lab, "corecast_ledger_entries_total{state=\"written\"}").await > 0.0
    })
    .await;
    postgres.kill();
    let begun = Instant::now();
    for device in ["1001", "1002", "1003"] {
        let answer = lab.ask("BLACKOUTSTART", &format!("<DEVICEID>{device}</DEVICEID>")).await;
        assert_eq!(answer.label, down, "{}", answer.text);
    }
    assert!(begun.elapsed() < DEADLINE * 3 + Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(metric(&lab, "corecast_ledger_late_total").await, 3.0);
    assert_eq!(metric(&lab, "corecast_ledger_waiting").await, 3.0);
    postgres.up();
    until("what waited is written", async || metric(&lab, "corecast_ledger_waiting").await == 0.0).await;
    lab.end().await;
    let rows = rows(&postgres.url()).await;
    let devices: Vec<_> = rows.iter().flat_map(Row::devices).collect();
    assert_eq!(devices, ["1001", "1002", "1003"], "in the order in which they were asked");
    assert_eq!(rows.last().map(|row| &*row.event), Some("ended"));
}
