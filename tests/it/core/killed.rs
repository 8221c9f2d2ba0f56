//! Cores that die and come back.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use corecast::client::Client;
use corecast::database::Database;
use corecast::records::{Filter, Record, Records};

use super::sound::Sound;
use super::{Desk, samples};
use crate::it::lab::{Answer, ask, until};
use crate::it::process::{Process, Scratch};

#[tokio::test]
async fn a_restart_finds_open_calls_names_chats_and_a_blackout_that_was_on_is_on() {
    let mut desk = Desk::with(|settings| settings.max_blackout = Duration::from_secs(60)).await;
    let start = "<DEVICEID>7001</DEVICEID><SYS_USER>jsmith</SYS_USER><USER1>gold &amp; \"more\"</USER1>";
    assert_eq!(desk.ask("CALLSTART", start).await.label, "API_OK");
    assert_eq!(desk.ask("CHATSTART", "<SESSIONID>s1</SESSIONID>").await.label, "API_OK");
    desk.advance(10.0);
    desk.does(["RECORDSTART", "BLACKOUTSTART"]).await;
    let before = desk.core().state();
    desk.crash().await;
    desk.start().await;
    assert_eq!(desk.core().state(), before);
    desk.crash().await;
    desk.advance(20.0);
    desk.start().await;
    assert!(desk.core().state().call("7001", None).is_some_and(|call| call.paused && call.recording_partly));
    desk.advance(50.0);
    assert!(desk.core().state().call("7001", None).is_some_and(|call| !call.paused), "60 s from its start");
    assert_eq!(desk.ask("CALLSTOP", "<SYS_USER>jsmith</SYS_USER>").await.label, "API_OK");
    assert_eq!(desk.ask("CHATSTOP", "<SESSIONID>s1</SESSIONID>").await.label, "API_OK");
    let finished = desk.archived(3).await;
    let sounds: Vec<_> = finished.iter().filter(|(_, sound)| sound.length > 0).collect();
    assert_eq!(sounds[0].1.length, samples(0.0, 80.0).end);
    assert_eq!(sounds[0].1.silent.last(), Some(&samples(10.0, 70.0)));
    assert_eq!(sounds[1].1.length, samples(0.0, 70.0).end);
    let ids: std::collections::BTreeSet<_> = finished.iter().map(|(record, _)| &record.global_id).collect();
    assert_eq!(ids.len(), 3, "GLOBALIDs are unique");
}

#[tokio::test]
async fn a_core_that_was_down_when_a_call_ended_ends_its_recording_there() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.advance(10.0);
    desk.does(["CALLSTOP", "CALLSTART"]).await;
    desk.crash().await;
    desk.advance(100.0);
    desk.start().await;
    desk.does(["CALLSTOP"]).await;
    let lengths: Vec<_> = desk.archived(2).await.iter().map(|(_, sound)| sound.length).collect();
    assert_eq!(lengths, [samples(0.0, 10.0).end, samples(0.0, 100.0).end]);
}

/// A core of its own, with the folder `data` in a scratch directory.
async fn core(folder: &Path, limits: &str) -> (Process, Client) {
    let program = env!("CARGO_BIN_EXE_corecast");
    let line = format!(
        "{limits} exec {program} core --listen 127.0.0.1:0 --recorder synthetic --tone 7001=440 --hold 1s --data {}",
        folder.display()
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]);
    let mut process = Process::start(command, std::process::Stdio::null(), std::process::Stdio::piped());
    let line = process.line("listens on").await;
    let address: SocketAddr = line.rsplit(' ').next().and_then(|a| a.parse().ok()).expect("an address");
    (process, Client::connect(address).await.expect("it listens"))
}

/// Everything in the database of call records.
async fn rows(url: &str) -> Vec<Record> {
    let records = Records::of(Database::open(url).expect("a database"));
    records.search(Filter::newest(10)).await.map(|found| found.records).unwrap_or_default()
}

#[tokio::test]
async fn a_recording_is_handed_over_to_the_shared_database_and_the_store() {
    let scratch = Scratch::new();
    let place = scratch.path().display();
    let (url, store) = (format!("sqlite://{place}/records.db"), scratch.path().join("store"));
    let line = format!("CORECAST_DATABASE={url} CORECAST_STORE=file://{}", store.display());
    let (_process, mut client) = core(&scratch.path().join("data"), &line).await;
    assert_eq!(about_7001(&mut client, "CALLSTART", "<USER1>gold</USER1>").await.label, "API_OK");
    until("the row is there", async || rows(&url).await.len() == 1).await;
    assert_eq!(
        about_7001(&mut client, "BLACKOUTSTART", "<TIMEOFFSET>-60</TIMEOFFSET>").await.label,
        "API_OK"
    );
    assert_eq!(about_7001(&mut client, "CALLSTOP", "").await.label, "API_OK");
    until("the sound is there", async || rows(&url).await[0].bytes > 0).await;
    let record = rows(&url).await.remove(0);
    let wav = std::fs::read(store.join(&record.file)).expect("it is in the store");
    assert_eq!((wav.len() as u64, record.blackouts.len()), (record.bytes, 1));
    assert_eq!(record.blackouts[0].1, record.stopped.expect("it has ended"));
    let sound = Sound::read(&wav);
    assert_eq!(sound.silent, [0..sound.length]);
}

async fn about_7001(client: &mut Client, kind: &str, more: &str) -> Answer {
    ask(client, kind, &format!("<DEVICEID>7001</DEVICEID>{more}")).await
}

fn wav(folder: &Path) -> Option<Vec<u8>> {
    let items = std::fs::read_dir(folder.join("recordings")).ok()?;
    let path = items
        .filter_map(|item| Some(item.ok()?.path()))
        .find(|p| p.extension().is_some_and(|e| e == "wav"))?;
    std::fs::read(path).ok()
}

async fn written(folder: &Path, bytes: usize) {
    until("sound is written", async || wav(folder).is_some_and(|wav| wav.len() >= bytes)).await;
}

#[tokio::test]
async fn a_killed_process_comes_back_with_the_blackout_on_and_nothing_of_it_can_be_heard() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("data");
    let (mut process, mut client) = core(&folder, "").await;
    assert_eq!(about_7001(&mut client, "CALLSTART", "").await.label, "API_OK");
    written(&folder, 8_000).await;
    assert_eq!(
        about_7001(&mut client, "BLACKOUTSTART", "<TIMEOFFSET>-0.25</TIMEOFFSET>").await.label,
        "API_OK"
    );
    process.kill().await;
    let before = wav(&folder).expect("the sound").len();
    let (_process, mut client) = core(&folder, "").await;
    let status = about_7001(&mut client, "DEVICERECORDINGSTATUS", "").await;
    assert_eq!([status.element("ISRECORDING"), status.element("STATUS")], ["Y", "recordpaused"]);
    written(&folder, before + 8_000).await;
    assert_eq!(about_7001(&mut client, "BLACKOUTSTOP", "").await.label, "API_OK");
    written(&folder, before + 24_000).await;
    assert_eq!(about_7001(&mut client, "CALLSTOP", "").await.label, "API_OK");
    let sound = Sound::read(&wav(&folder).expect("the sound"));
    assert_eq!(sound.silent.len(), 1, "from before the kill until the stop: {:?}", sound.silent);
    assert!(sound.silent[0].start > 0 && sound.silent[0].end < sound.length, "{:?}", sound.silent);
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_and_what_is_there_can_still_be_silenced() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("data");
    // A file may have 32 KiB, two seconds of sound, and no signal kills who wants more.
    let (_process, mut client) = core(&folder, "trap '' XFSZ; ulimit -f 64;").await;
    assert_eq!(about_7001(&mut client, "CALLSTART", "").await.label, "API_OK");
    written(&folder, 32 * 1024).await;
    let blackout = about_7001(&mut client, "BLACKOUTSTART", "<TIMEOFFSET>-60</TIMEOFFSET>").await;
    assert_eq!(blackout.label, "API_OK", "{}", blackout.text);
    let stop = about_7001(&mut client, "CALLSTOP", "").await;
    assert_eq!(stop.label, "API_ERROR_OUT_OF_DISK_SPACE", "{}", stop.text);
    let sound = Sound::read(&wav(&folder).expect("the sound"));
    assert_eq!(sound.silent, [0..sound.length]);
    assert!(sound.length > 8000, "{}", sound.length);
}
