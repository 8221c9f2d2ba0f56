//! A core that records, from its API socket to its files: every time is the test's own, every sample is looked at.

mod archive;
mod disk;
mod killed;
mod random;
mod sound;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use corecast::client::Client;
use corecast::cti::recorder::synthetic::SyntheticSettings;
use corecast::cti::{Clock, CtiCore, CtiSettings, RecorderChoice};
use corecast::records::Record;
use jiff::Timestamp;

use super::lab::{Answer, ask};
use super::process::Scratch;
use archive::Depot;
use sound::Sound;

/// 25 November 2026, 9:03:14 in the morning.
fn nine() -> Timestamp {
    "2026-11-25T09:03:14Z".parse().expect("a time")
}

/// A core with a folder, a clock and an archive that outlive it.
struct Desk {
    scratch: Scratch,
    clock: Clock,
    depot: Arc<Depot>,
    settings: CtiSettings,
    core: Option<CtiCore>,
    client: Option<Client>,
}

impl Desk {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut CtiSettings)) -> Self {
        let (scratch, clock, depot) = (Scratch::new(), Clock::manual(nine()), Arc::new(Depot::default()));
        let mut settings = CtiSettings {
            clock: clock.clone(),
            data: Some(scratch.path().into()),
            recorder: RecorderChoice::Synthetic(SyntheticSettings::default()),
            archive: Some(Arc::<Depot>::clone(&depot)),
            ..CtiSettings::default()
        };
        change(&mut settings);
        let mut desk = Self { scratch, clock, depot, settings, core: None, client: None };
        desk.start().await;
        desk
    }

    async fn start(&mut self) {
        let core = CtiCore::start(self.settings.clone()).await.expect("the core starts");
        self.client = Some(Client::connect(core.address()).await.expect("it listens"));
        self.core = Some(core);
    }

    /// Ends the core as a crash would: it writes nothing in the end.
    async fn crash(&mut self) {
        self.client = None;
        self.core.take().expect("it runs").stop().await;
    }

    fn core(&self) -> &CtiCore {
        self.core.as_ref().expect("it runs")
    }

    async fn ask(&mut self, kind: &str, params: &str) -> Answer {
        ask(self.client.as_mut().expect("it runs"), kind, params).await
    }

    /// Commands about device 7001, each of which is done; `"BLACKOUTSTART -3"` has a TIMEOFFSET.
    async fn does<const N: usize>(&mut self, commands: [&str; N]) {
        for command in commands {
            let (kind, offset) = command.split_once(' ').unwrap_or((command, ""));
            let offset =
                if offset.is_empty() { String::new() } else { format!("<TIMEOFFSET>{offset}</TIMEOFFSET>") };
            let answer = self.ask(kind, &format!("<DEVICEID>7001</DEVICEID>{offset}")).await;
            assert_eq!(answer.label, "API_OK", "{command}: {}", answer.text);
        }
    }

    fn advance(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// What is being recorded, by GLOBALID: its record, and its sound.
    fn recordings(&self) -> BTreeMap<String, (Record, Sound)> {
        let items = std::fs::read_dir(self.folder("recordings")).expect("the folder is there");
        let paths = items.map(|item| item.expect("an item").path());
        let records = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
        let read = |path: PathBuf| {
            let record: Record =
                serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("it is whole");
            let sound = std::fs::read(path.with_extension("wav")).unwrap_or_default();
            (record.global_id.clone(), (record, Sound::read(&sound)))
        };
        records.map(read).collect()
    }

    /// The one thing that is being recorded.
    fn recording(&self) -> (Record, Sound) {
        let all = self.recordings();
        assert_eq!(all.len(), 1, "{:?}", all.keys());
        all.into_values().next().expect("one")
    }

    /// Waits until the archive has so many whole recordings; the clock goes on meanwhile, as the courier waits by it.
    async fn archived(&self, number: usize) -> Vec<(Record, Sound)> {
        super::lab::until("recordings are in the archive", async || {
            self.clock.advance(Duration::from_secs(1));
            self.depot.finished().len() >= number
        })
        .await;
        self.depot.finished()
    }
}

/// Seconds as samples.
fn samples(from: f64, to: f64) -> std::ops::Range<u64> {
    (from * 8000.0).round() as u64..(to * 8000.0).round() as u64
}

#[tokio::test]
async fn a_call_is_recorded_and_what_was_blacked_out_is_silence_to_the_sample() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.advance(10.0);
    desk.does(["BLACKOUTSTART -3"]).await;
    desk.advance(5.0);
    desk.does(["BLACKOUTSTOP", "RECORDSTART"]).await;
    desk.advance(5.0);
    desk.does(["BLACKOUTSTART 1"]).await;
    desk.advance(2.5);
    desk.does(["RECORDSTOP", "BLACKOUTSTOP -0.5"]).await;
    desk.advance(7.5);
    desk.does(["CALLSTOP"]).await;
    let finished = desk.archived(2).await;
    let of =
        |kind: &str| finished.iter().find(|(r, _)| format!("{:?}", r.kind) == kind).expect("it is there");
    let (whole, partial) = (of("Call"), of("Partial"));
    assert_eq!(whole.1.length, samples(0.0, 30.0).end);
    assert_eq!(whole.1.silent, [samples(7.0, 15.0), samples(21.0, 22.0)]);
    assert_eq!(whole.1.hertz(0..8000), 2560, "the tone of 7001");
    assert_eq!((partial.1.length, &*partial.1.silent), (60_000, &[samples(6.0, 7.0)][..]));
    assert_eq!(whole.0.file, format!("20261125/7001/7001-09-03-14-{}.wav", whole.0.global_id));
    assert_eq!(whole.0.bytes, 44 + 2 * whole.1.length);
    let span = |from: f64, to: f64| {
        let at = |s| nine().checked_add(Duration::from_secs_f64(s)).expect("a time");
        (at(from), at(to))
    };
    assert_eq!(whole.0.blackouts, [span(7.0, 15.0), span(21.0, 22.0)]);
    assert_eq!((whole.0.started, whole.0.stopped), (nine(), Some(span(30.0, 30.0).0)));
    assert_eq!(desk.recordings().len(), 0, "nothing is left here");
}

#[tokio::test]
async fn blackouts_of_call_and_agent_overlap_and_a_stop_before_its_start_is_its_start() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.advance(10.0);
    desk.does(["AGENTBLACKOUTSTART"]).await;
    desk.advance(2.0);
    desk.does(["BLACKOUTSTART"]).await;
    desk.advance(2.0);
    desk.does(["AGENTBLACKOUTSTOP"]).await;
    desk.advance(2.0);
    desk.does(["BLACKOUTSTOP"]).await;
    desk.advance(4.0);
    desk.does(["BLACKOUTSTART"]).await;
    desk.advance(3.0);
    desk.does(["BLACKOUTSTOP -60"]).await;
    desk.advance(1.0);
    desk.does(["CALLSTOP"]).await;
    let (_, sound) = desk.recording();
    assert_eq!(
        (sound.silent, sound.length),
        (vec![samples(10.0, 16.0)], 24 * 8000),
        "all of the second is heard again"
    );
}

#[tokio::test]
async fn a_blackout_whose_stop_never_comes_ends_at_the_maximum() {
    let mut desk = Desk::with(|settings| settings.max_blackout = Duration::from_secs(30)).await;
    desk.does(["CALLSTART", "BLACKOUTSTART 5"]).await;
    desk.advance(60.0);
    desk.does(["CALLSTOP"]).await;
    assert_eq!(desk.recording().1.silent, [samples(5.0, 35.0)]);
}

#[tokio::test]
async fn the_scheduler_decides_and_a_part_can_be_recorded_without_it() {
    let mut desk = Desk::with(|settings| settings.schedule = "7002,8*".parse().expect("a schedule")).await;
    desk.does(["CALLSTART"]).await;
    let status = desk.ask("DEVICESTATUS", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!([status.element("ISRECORDING"), status.element("FILENAME")], ["N", ""]);
    desk.advance(10.0);
    desk.does(["RECORDSTART", "RECORDSTART"]).await;
    let status = desk.ask("DEVICERECORDINGSTATUS", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!([status.element("ISRECORDING"), status.element("STATUS")], ["Y", "recording"]);
    let (record, _) = desk.recording();
    assert_eq!(status.element("FILENAME"), record.file);
    desk.advance(5.0);
    desk.does(["RECORDSTOP"]).await;
    desk.advance(5.0);
    let status = desk.ask("DEVICERECORDINGSTATUS", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!([status.element("ISRECORDING"), status.element("STATUS")], ["N", "stopped"]);
    assert_eq!(desk.recording().1.length, 40_000);
    let wanted = desk.ask("CALLSTART", "<DEVICEID>7002</DEVICEID>").await;
    assert_eq!((wanted.label.as_str(), desk.recordings().len()), ("API_OK", 2));
}

#[tokio::test]
async fn a_recording_ends_at_its_longest_length_by_itself() {
    let mut desk = Desk::new().await;
    let start = "<DEVICEID>7001</DEVICEID><MAXRECORDTIME>20</MAXRECORDTIME><KEEPDAYS>30</KEEPDAYS>";
    assert_eq!(desk.ask("CALLSTART", start).await.label, "API_OK");
    desk.advance(3600.0);
    let status = desk.ask("DEVICERECORDINGSTATUS", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!([status.element("ISRECORDING"), status.element("STATUS")], ["N", "stopped"]);
    let (record, sound) = desk.archived(1).await.remove(0);
    assert_eq!((sound.length, record.stopped), (20 * 8000, Some(nine() + Duration::from_secs(20))));
    assert_eq!(record.said.get(&corecast::protocol::param::Param::KeepDays).map(String::as_str), Some("30"));
}

#[tokio::test]
async fn channels_are_limited_and_tell_what_they_do() {
    let mut desk = Desk::with(|settings| settings.channels = Some(1)).await;
    desk.does(["CALLSTART"]).await;
    let second = desk.ask("CALLSTART", "<DEVICEID>7002</DEVICEID>").await;
    assert_eq!(second.label, "API_ERROR_NO_FREE_CHANNELS", "{}", second.text);
    let update = desk.ask("CALLUPDATE", "<DEVICEID>7002</DEVICEID><USER1>x</USER1>").await;
    assert_eq!(update.label, "API_OK", "the call itself is known");
    let channels = desk.ask("CHANNELS", "").await;
    assert_eq!(
        ["COUNT", "STATE", "RECORDINGDEVICE", "LASTSTATECHANGE"].map(|name| channels.element(name)),
        ["1", "Recording", "7001", "11/25/2026 9:03:14 AM"]
    );
    desk.advance(60.0);
    desk.does(["CALLSTOP"]).await;
    let channels = desk.ask("CHANNELS", "").await;
    let idle = ["STATE", "RECORDINGDEVICE", "LASTSTATECHANGE"].map(|name| channels.element(name));
    assert_eq!(idle, ["Idle", "7001", "11/25/2026 9:04:14 AM"]);
    let part = desk.ask("RECORDSTART", "<DEVICEID>7002</DEVICEID>").await;
    assert_eq!(part.label, "API_OK", "there is room now: {}", part.text);
}

#[tokio::test]
async fn a_chat_is_a_record_without_sound() {
    let mut desk = Desk::new().await;
    let agent = "<SESSIONID>s1</SESSIONID><KEYNAME>SYS_USER</KEYNAME><KEYVALUE>jsmith</KEYVALUE>";
    assert_eq!(desk.ask("CHATSTART", agent).await.label, "API_OK");
    desk.advance(10.0);
    assert_eq!(desk.ask("AGENTBLACKOUTSTART", "<SYS_USER>jsmith</SYS_USER>").await.label, "API_OK");
    desk.advance(10.0);
    assert_eq!(desk.ask("CHATSTOP", "<SESSIONID>s1</SESSIONID>").await.label, "API_OK");
    let (record, sound) = desk.archived(1).await.remove(0);
    let at = |s| nine() + Duration::from_secs(s);
    assert_eq!((record.file.as_str(), record.stopped, sound.length), ("", Some(at(20)), 0));
    assert_eq!(record.blackouts, [(at(10), at(20))]);
}

#[tokio::test]
async fn a_blackout_that_comes_after_the_sound_was_handed_over_is_not_ok() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    desk.advance(20.0);
    desk.does(["CALLSTOP", "BLACKOUTSTART -5"]).await;
    let (_, sound) = desk.archived(1).await.remove(0);
    assert_eq!(sound.silent, [samples(15.0, 20.0)], "in time");
    let late = desk.ask("BLACKOUTSTART", "<DEVICEID>7001</DEVICEID><TIMEOFFSET>-60</TIMEOFFSET>").await;
    assert_eq!(late.label, "API_ERROR_PROCESSING_MESSAGE", "{}", late.text);
    assert!(late.message.contains("cannot be silenced here any more"), "{}", late.message);
}

#[tokio::test]
async fn an_agents_window_shows_what_commands_told_and_nothing_else() {
    let mut desk = Desk::new().await;
    let start = "<DEVICEID>7001</DEVICEID><SYS_USER>jsmith</SYS_USER><SYS_DOMAIN>acme</SYS_DOMAIN>";
    assert_eq!(desk.ask("CALLSTART", start).await.label, "API_OK");
    desk.advance(60.0);
    let told = "<SYS_USER>jsmith</SYS_USER><APPLICATIONTITLE>Orders</APPLICATIONTITLE>";
    assert_eq!(desk.ask("CALLUPDATE", told).await.label, "API_OK");
    desk.advance(600.0);
    let window = desk.ask("AGENTWINDOW", "<USERNAME>jsmith</USERNAME>").await;
    assert_eq!(
        ["DOMAIN", "IPADDRESS", "STATUS", "APPLICATIONTITLE", "LASTUPDATE"].map(|name| window.element(name)),
        ["acme", "", "BUSY", "Orders", "Nov 25 2026 9:04AM"]
    );
    desk.does(["CALLSTOP"]).await;
    let window = desk.ask("AGENTWINDOW", "<USERNAME>jsmith</USERNAME>").await;
    assert_eq!(window.element("STATUS"), "AVAILABLE");
    let unknown = desk.ask("AGENTWINDOW", "<USERNAME>nobody</USERNAME>").await;
    assert_eq!(unknown.label, "API_AGENT_NOT_FOUND");
}
