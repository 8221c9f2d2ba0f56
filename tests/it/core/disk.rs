//! Disks that are full, journals that are torn.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use corecast::cti::{CtiCore, CtiSettings};

use super::{Desk, nine, samples};
use crate::it::lab::until;

#[tokio::test]
async fn a_recording_that_cannot_be_written_is_an_error_and_the_next_one_goes_well() {
    let mut desk = Desk::new().await;
    let first = format!("1-{}-1.wav", nine().as_millisecond());
    symlink("/dev/full", desk.folder("recordings").join(first)).expect("a link");
    let answer = desk.ask("CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(answer.label, "API_ERROR_OUT_OF_DISK_SPACE", "{}", answer.text);
    assert_eq!(desk.recordings().len(), 0);
    let status = desk.ask("DEVICESTATUS", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(status.element("ISRECORDING"), "N", "the call is known and not recorded");
    desk.does(["RECORDSTART", "BLACKOUTSTART", "CALLSTART"]).await;
    assert_eq!(desk.recordings().len(), 2);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_refuses_all_but_what_records_less() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.crash().await;
    // The next page of the journal lies on a disk that is full.
    symlink("/dev/full", desk.folder("journal-00000000000000000002.log")).expect("a link");
    desk.start().await;
    desk.advance(10.0);
    let full = "API_ERROR_OUT_OF_DISK_SPACE";
    let update = desk.ask("CALLUPDATE", "<DEVICEID>7001</DEVICEID><USER1>x</USER1>").await;
    assert_eq!(update.label, full);
    assert!(update.message.ends_with("nothing was done"), "{}", update.message);
    let blackout = desk.ask("BLACKOUTSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(blackout.label, full);
    assert!(blackout.message.contains("it is done"), "{}", blackout.message);
    desk.advance(10.0);
    let resumed = desk.ask("BLACKOUTSTOP", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(resumed.label, full, "{}", resumed.text);
    let call = desk.core().state().call("7001", None).cloned().expect("the call");
    assert_eq!((call.value("USER1"), call.blackouts.len(), call.paused), (None, 1, true));
    // The snapshot finds room: what was done without the journal is written down, and all goes on.
    std::fs::remove_file(desk.folder("journal-00000000000000000002.log")).expect("there is room again");
    desk.crash().await;
    desk.start().await;
    desk.advance(10.0);
    desk.does(["CALLSTOP"]).await;
    let (_, sound) = desk.recording();
    assert_eq!(sound.length, samples(0.0, 30.0).end);
}

#[tokio::test]
async fn what_was_done_without_the_journal_is_saved_as_soon_as_there_is_room() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.crash().await;
    let page = desk.folder("journal-00000000000000000002.log");
    symlink("/dev/full", &page).expect("a link");
    desk.start().await;
    let snapshot = || std::fs::read_to_string(desk.folder("snapshot.json")).expect("a snapshot");
    assert!(!snapshot().contains("\"reach\""), "no blackout yet");
    let answer = crate::it::lab::ask(
        desk.client.as_mut().expect("it runs"),
        "BLACKOUTSTART",
        "<DEVICEID>7001</DEVICEID>",
    )
    .await;
    assert_eq!(answer.label, "API_ERROR_OUT_OF_DISK_SPACE");
    let snapshot = || std::fs::read_to_string(desk.folder("snapshot.json")).expect("a snapshot");
    until("the blackout is in the snapshot", async || {
        desk.clock.advance(Duration::from_secs(1));
        snapshot().contains("\"reach\"")
    })
    .await;
    std::fs::remove_file(page).expect("there is room again");
    desk.crash().await;
    desk.start().await;
    assert!(desk.core().state().call("7001", None).is_some_and(|call| call.paused));
}

#[tokio::test]
async fn a_torn_entry_at_the_end_of_the_journal_is_dropped() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART", "BLACKOUTSTART"]).await;
    desk.crash().await;
    let page = desk.folder("journal-00000000000000000001.log");
    let mut file = std::fs::File::options().append(true).open(&page).expect("the journal");
    file.write_all(b"0123456789abcdef {\"number\":3,\"at\":").expect("it is torn");
    desk.start().await;
    assert!(desk.core().state().call("7001", None).is_some_and(|call| call.open && call.paused));
    assert!(!page.exists(), "a snapshot has taken its place");
}

#[tokio::test]
async fn a_folder_is_one_cores_own() {
    let desk = Desk::new().await;
    let second = CtiCore::start(CtiSettings { archive: None, ..desk.settings.clone() }).await;
    let error = second.expect_err("the folder is taken").to_string();
    assert!(error.starts_with("another core works in "), "{error}");
    let mut desk = desk;
    desk.crash().await;
    let other = CtiSettings { id: corecast::model::CoreId(2), ..desk.settings.clone() };
    let error = CtiCore::start(other).await.expect_err("it is core 1's").to_string();
    assert!(error.contains("holds the state of core 1, and this is core 2"), "{error}");
}
