//! Late delivery: what a core did not get it gets when it is back, in order, and for the moment that was meant.

mod copies;
mod killed;

use std::net::SocketAddr;

use std::time::Duration;

use corecast::command::Command;
use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use corecast::protocol::param::Param;

use super::lab::{Answer, Lab, metric, receive, request, until};
use super::postgres::Postgres;
use super::process::{Scratch, Serving};

const PARTIAL: &str = "API_PARTIAL_CORE_RESPONSE";
const DEVICE: &str = "<DEVICEID>7001</DEVICEID>";
const DETAIL: &str = "<DEVICEID>7001</DEVICEID><DETAIL>Y</DETAIL>";

/// Late delivery with tries that tests can wait for.
const QUICK: &str = "[runtime]\nthreads = 1\n[late_delivery]\nretry = \"50ms\"\npoll = \"50ms\"\n";

/// Three cores, the second hung, and a proxy.
async fn second_hung(directory: &str) -> Lab {
    let lab = Lab::at(&[Fault::None; 3], directory, QUICK).await;
    assert_eq!(lab.ask("CALLSTART", DEVICE).await.label, "API_OK");
    lab.cores[1].set_fault(Fault::Hang);
    lab
}

/// All functions that a core was asked, in order, with their offsets; the last for each is that of the delivery.
fn received(core: &CtiCore) -> Vec<(Command, f64)> {
    let offset = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let received = core.received().into_iter();
    received
        .filter_map(|r| {
            Some((r.command.filter(|c| *c != Command::Test)?, offset(r.request.get(Param::TimeOffset))))
        })
        .collect()
}

async fn pending(lab: &Lab, core: u16) -> f64 {
    metric(lab, &format!("corecast_obligations{{core=\"{core}\",state=\"pending\"}}")).await
}

async fn delivered(lab: &Lab, core: u16) -> f64 {
    metric(lab, &format!("corecast_obligations_ended_total{{core=\"{core}\",state=\"delivered\"}}")).await
}

async fn until_delivered(lab: &Lab, core: u16, count: f64) {
    until("the late delivery", || async move {
        delivered(lab, core).await >= count && pending(lab, core).await == 0.0
    })
    .await;
}

fn deferred(answer: &Answer) -> Vec<&str> {
    answer.text.split("<DEFERRED>").skip(1).filter_map(|after| after.split('<').next()).collect()
}

#[tokio::test]
async fn a_core_that_is_always_slow_gets_what_it_is_owed_and_silence_from_the_first_moment() {
    let lab = second_hung("sqlite::memory:").await;
    assert_eq!(lab.ask("BLACKOUTSTART", DEVICE).await.label, PARTIAL);
    assert_eq!(lab.ask("BLACKOUTSTOP", DEVICE).await.label, PARTIAL);
    // Longer than a round lasts when it is told twice.
    lab.cores[1].set_fault(Fault::Delay(Duration::from_millis(400)));
    until_delivered(&lab, 2, 2.0).await;
    let starts =
        received(&lab.cores[1]).into_iter().filter(|(command, _)| *command == Command::BlackoutStart);
    let early: Vec<_> = starts.map(|(_, offset)| offset).collect();
    assert!(
        early.len() > 2 && early.is_sorted_by(|one, next| one >= next),
        "each is told earlier: {early:?}"
    );
    lab.end().await;
}

#[tokio::test]
async fn a_blackout_that_a_core_did_not_get_it_gets_when_it_is_back() {
    let lab = second_hung("sqlite::memory:").await;
    let answer = lab.ask("BLACKOUTSTART", DETAIL).await;
    assert_eq!(
        (&*answer.label, &*answer.message),
        (PARTIAL, "BLACKOUTSTART could not be sent to the following cores: 2")
    );
    assert_eq!(deferred(&answer), ["Y"]);
    until("the debt", || async { pending(&lab, 2).await == 1.0 }).await;
    assert_eq!(delivered(&lab, 2).await, 0.0);

    lab.cores[1].set_fault(Fault::None);
    until_delivered(&lab, 2, 1.0).await;
    let (command, offset) = *received(&lab.cores[1]).last().expect("the delivery");
    // It was asked for before the leg timed out, more than two seconds before the answer.
    assert!(command == Command::BlackoutStart && offset <= -2.0, "{command:?} {offset}");
    assert!(lab.cores[1].state().devices[0].calls[0].paused, "{:?}", lab.cores[1].state());
    assert_eq!(lab.ask("BLACKOUTSTOP", DEVICE).await.label, "API_OK");
    lab.end().await;
}

#[tokio::test]
async fn a_start_and_its_stop_come_late_in_their_order() {
    let lab = second_hung("sqlite::memory:").await;
    for kind in ["BLACKOUTSTART", "BLACKOUTSTOP", "CALLSTOP", "CALLSTOP"] {
        assert_eq!(deferred(&lab.ask(kind, DETAIL).await), ["Y"], "{kind}");
    }
    let before = received(&lab.cores[1]).len();
    lab.cores[1].set_fault(Fault::None);
    until_delivered(&lab, 2, 3.0).await;
    let all = received(&lab.cores[1]);
    let [start, stop, end] = &all[all.len() - 3..] else { panic!("{all:?}") };
    assert_eq!([start.0, stop.0, end.0], [Command::BlackoutStart, Command::BlackoutStop, Command::CallStop]);
    assert!(start.1 < stop.1 && stop.1 < 0.0 && all.len() >= before, "{all:?}");
    let superseded = metric(&lab, "corecast_obligations_ended_total{core=\"2\",state=\"superseded\"}").await;
    assert_eq!(superseded, 1.0, "the second stop of two");
    lab.end().await;
}

#[tokio::test]
async fn what_is_said_of_a_device_goes_behind_what_is_owed_and_of_others_it_does_not() {
    let lab = Lab::at(&[Fault::None; 2], "sqlite::memory:", QUICK).await;
    let (device, other) = ("<DEVICEID>1001</DEVICEID>", "<DEVICEID>1002</DEVICEID>");
    assert_eq!(lab.ask("CALLSTART", device).await.label, "API_OK");
    lab.cores[0].set_fault(Fault::Hang);
    let lost = lab.ask("CALLSTOP", &format!("{device}<DETAIL>Y</DETAIL>")).await;
    assert_eq!((&*lost.label, deferred(&lost)), ("API_ERROR_RECORDER_NOT_RUNNING", vec!["Y"]));
    lab.cores[0].set_fault(Fault::None);
    let (behind, beside) = tokio::join!(lab.ask("CALLSTART", device), lab.ask("CALLSTART", other));
    assert_eq!([&*behind.label, &*beside.label], ["API_OK"; 2]);
    let about_it =
        lab.cores[0].received().into_iter().filter(|r| r.request.get(Param::DeviceId) == Some("1001"));
    let order: Vec<_> = about_it.filter_map(|r| r.command).collect();
    assert!(order.ends_with(&[Command::CallStop, Command::CallStart]), "{order:?}");
    lab.end().await;
}

#[tokio::test]
async fn what_one_copy_owes_another_one_delivers() {
    let files = Scratch::new();
    let url = format!("sqlite://{}", files.path().join("shared.db").display());
    let lab = second_hung(&url).await;
    assert_eq!(lab.ask("BLACKOUTSTART", DEVICE).await.label, PARTIAL);
    let Lab { cores, proxy } = lab;
    proxy.drain().await;
    let before = received(&cores[1]).len();
    cores[1].set_fault(Fault::None);
    let lab = Lab::of(cores, &url, "", QUICK, &[]);
    until_delivered(&lab, 2, 1.0).await;
    let all = received(&lab.cores[1]);
    assert_eq!(
        all[before..].iter().map(|(command, _)| *command).collect::<Vec<_>>(),
        [Command::BlackoutStart]
    );
    let exposed = metric(&lab, "corecast_blackout_exposure_seconds_total{core=\"2\"}").await;
    assert!(exposed > 2.0, "a time-out at least: {exposed}");
    lab.end().await;

    let database = rusqlite::Connection::open(files.path().join("shared.db")).expect("the database");
    let sql = "SELECT function, devices, verdict, note FROM ledger WHERE event = 'late'";
    let told: [String; 4] = database
        .query_row(sql, (), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        .expect("one entry of the ledger");
    assert_eq!(told, ["BLACKOUTSTART", "[\"7001\"]", "delivered", "owed to core 2"]);
}

#[tokio::test]
async fn what_a_core_refuses_for_good_ends_as_refused() {
    let lab = second_hung("sqlite::memory:").await;
    assert_eq!(lab.ask("BLACKOUTSTART", DEVICE).await.label, PARTIAL);
    lab.cores[1].set_fault(Fault::Reject(7));
    let refused = "corecast_obligations_ended_total{core=\"2\",state=\"refused\"}";
    until("the refusal", || async { metric(&lab, refused).await == 1.0 && pending(&lab, 2).await == 0.0 })
        .await;
    lab.end().await;
}

#[tokio::test]
async fn a_stop_of_what_is_over_has_done_all_that_it_can() {
    let lab = second_hung("sqlite::memory:").await;
    assert_eq!(lab.ask("CALLSTOP", DEVICE).await.label, PARTIAL);
    // Not in call: as if the core had heard it, and only its answer been lost.
    lab.cores[1].set_fault(Fault::Reject(12));
    until_delivered(&lab, 2, 1.0).await;
    lab.end().await;
}

#[tokio::test]
async fn what_is_too_old_expires() {
    let more = format!("{QUICK}expire = \"300ms\"\n");
    let lab = Lab::at(&[Fault::Hang], "sqlite::memory:", &more).await;
    assert_eq!(deferred(&lab.ask("CALLSTOP", DETAIL).await), ["Y"]);
    let expired = "corecast_obligations_ended_total{core=\"1\",state=\"expired\"}";
    until("the expiry", || async { metric(&lab, expired).await == 1.0 }).await;
    lab.end().await;
}

#[tokio::test]
async fn a_database_that_is_down_is_told_and_counted() {
    let Some(postgres) = Postgres::start() else { return };
    let lab = second_hung(&postgres.url()).await;
    postgres.kill();
    let answer = lab.ask("BLACKOUTSTART", DETAIL).await;
    assert_eq!((&*answer.label, deferred(&answer)), (PARTIAL, vec!["N"]));
    assert!(answer.message.contains("cores: 2; it is not kept for late delivery"), "{}", answer.message);
    assert_eq!(metric(&lab, "corecast_obligations_lost_total").await, 1.0);

    postgres.up();
    let is_kept = || async { deferred(&lab.ask("BLACKOUTSTART", DETAIL).await) == ["Y"] };
    until("the database", is_kept).await;
    lab.cores[1].set_fault(Fault::None);
    until_delivered(&lab, 2, 1.0).await;
    lab.end().await;
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_nothing_is_owed_then() {
    let files = Scratch::new();
    let path = files.path().join("shared.db");
    let lab =
        Lab::at(&[Fault::None, Fault::Reject(12)], &format!("sqlite://{}", path.display()), QUICK).await;
    lab.ask("CALLSTART", DEVICE).await;
    let answer = lab.ask("BLACKOUTSTART", DETAIL).await;
    assert_eq!((&*answer.label, deferred(&answer).len()), (PARTIAL, 0));
    lab.end().await;

    let database = rusqlite::Connection::open(path).expect("the database");
    let owed: i64 =
        database.query_row("SELECT COUNT(*) FROM obligations", (), |row| row.get(0)).expect("a count");
    let legs: String = database
        .query_row("SELECT legs FROM ledger WHERE event = 'blackout'", (), |row| row.get(0))
        .expect("one entry of the ledger");
    let legs: serde_json::Value = serde_json::from_str(&legs).expect("JSON");
    assert_eq!((owed, &legs[1]["outcome"], &legs[1]["code"]), (0, &"rejected".into(), &12.into()), "{legs}");
    assert_eq!((&legs[0]["label"], &legs[0]["code"]), (&"API_OK".into(), &20.into()), "{legs}");
}

/// A configuration for real processes that share a database, with cores 1, 2, 3… at these addresses.
fn shared_by(cores: &[SocketAddr], database: &str, late_delivery: &str) -> String {
    let core = |(id, address): (usize, &SocketAddr)| {
        format!("[[core]]\nid = {id}\naddress = \"{address}\"\npipeline = 64\n")
    };
    format!(
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [limits]\ndeadline = \"2s\"\nleg_timeout = \"500ms\"\n[directory]\nurl = \"{database}\"\n\
         [log]\nformat = \"json\"\n[late_delivery]\nretry = \"50ms\"\n{late_delivery}\n{}",
        (1..).zip(cores).map(core).collect::<String>()
    )
}

/// A proxy is killed after so many of forty answers; the devices of those.
async fn killed_after(answers: usize, round: usize, configuration: &str) -> Vec<String> {
    let mut proxy = Serving::start(configuration).await;
    let mut client = proxy.client().await;
    let device = |number: usize| format!("7{round}{number:02}");
    for number in 0..40 {
        let params = format!("<DEVICEID>{}</DEVICEID>", device(number));
        client.send(request("BLACKOUTSTART", number, &params).as_bytes()).await.expect("it is sent");
    }
    let mut told = Vec::new();
    for number in 0..answers {
        let answer = receive(&mut client).await;
        assert_ne!(answer.label, "API_OK", "{}", answer.text);
        assert!(!answer.message.contains("not kept"), "{}", answer.text);
        told.push(device(number));
    }
    proxy.process.kill().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_proxy_has_forgotten_nothing_that_it_told() {
    let files = Scratch::new();
    let url = format!("sqlite://{}", files.path().join("shared.db").display());
    let settings = |id| CtiSettings { id: CoreId(id), ..CtiSettings::default() };
    let mut cores = Vec::new();
    for id in 1..=2 {
        cores.push(CtiCore::start(settings(id)).await.expect("a core starts"));
    }
    cores[1].set_fault(Fault::Hang);
    let configuration = shared_by(&[cores[0].address(), cores[1].address()], &url, "");
    let mut told = Vec::new();
    for (round, answers) in (0..).zip([1, 7, 20, 40]) {
        told.extend(killed_after(answers, round, &configuration).await);
    }

    let before = cores[1].received().len();
    cores[1].set_fault(Fault::None);
    let _proxy = Serving::start(&configuration).await;
    let is_delivered = |device: &String| {
        let late = cores[1].received().into_iter().skip(before);
        late.filter(|got| got.request.get(Param::DeviceId) == Some(device)).count() > 0
    };
    until("each that was told", async || told.iter().all(is_delivered)).await;
    assert_eq!(told.len(), 68);
    for core in cores {
        core.stop().await;
    }
}
