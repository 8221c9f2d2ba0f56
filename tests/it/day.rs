//! A whole day in small: three cores record what a proxy tells them, and what they recorded is listed, handed out,
//! mailed and judged by programs that know nothing of Corecast.

mod tools;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use corecast::cti::courier::Shared;
use corecast::cti::recorder::synthetic::{Sources, SyntheticSettings};
use corecast::cti::{Clock, CtiCore, CtiSettings, RecorderChoice};
use corecast::media::cav::Sealed;
use corecast::model::CoreId;

use super::core::sound::Sound;
use super::lab::{Answer, Lab, until};
use super::mail::Server;
use super::process::Scratch;
use tools::{File, have, heard, unzipped};

/// The tone of device 7001.
const HERTZ: u32 = 1000;

/// A morning, with all that it needs.
struct Day {
    scratch: Scratch,
    clock: Clock,
    lab: Lab,
}

impl Day {
    /// Three cores that record and a proxy, on one database and one store; `more` is the proxy's configuration.
    async fn begin(more: &str) -> Self {
        let scratch = Scratch::new();
        let clock = Clock::manual("2026-11-25T09:00:00Z".parse().expect("a time"));
        let [database, store] = [url("sqlite", &scratch, "corecast.db"), url("file", &scratch, "store")];
        let mut cores = Vec::new();
        for id in 1..=3 {
            let archive = Shared::open(&database, &store).expect("good URLs");
            let mut sources = Sources::default();
            sources.set_tone("7001", HERTZ).expect("a tone that can be heard");
            cores.push(CtiSettings {
                id: CoreId(id),
                clock: clock.clone(),
                data: Some(scratch.path().join(id.to_string())),
                recorder: RecorderChoice::Synthetic(SyntheticSettings { sources, ..Default::default() }),
                archive: Some(Arc::new(archive)),
                ..CtiSettings::default()
            });
        }
        let mut running = Vec::new();
        for settings in cores {
            running.push(CtiCore::start(settings).await.expect("a core starts"));
        }
        let more = format!("[runtime]\nthreads = 1\n[media]\nurl = \"{store}\"\n{more}");
        Self { scratch, clock, lab: Lab::of(running, &database, "", &more, &[]) }
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A command that must be done; its answer.
    async fn does(&self, kind: &str, params: &str) -> Answer {
        let answer = self.lab.ask(kind, params).await;
        assert_eq!(answer.label, "API_OK", "{kind} {params}: {}", answer.text);
        answer
    }

    /// What CALLLIST gives, each SEARCHRESULT by itself.
    async fn listed(&self, params: &str) -> Vec<Answer> {
        let answer = self.does("CALLLIST", params).await;
        let sections = answer.text.split("<SEARCHRESULT>").skip(1);
        sections.map(|section| Answer { text: section.into(), ..Answer::default() }).collect()
    }

    async fn fetch(&self, query: &str) -> File {
        tools::fetch(self.lab.proxy.webapi, query).await
    }

    /// A call on device 7001, which all three cores record: twenty-five seconds, a blackout from 7 to 15, and a part
    /// of its own from 15 to 20.
    async fn call_with_a_card_number(&self) {
        let device = "<DEVICEID>7001</DEVICEID>";
        let about = "<SYS_USER>jsmith</SYS_USER><ANI>6145551212</ANI><USER1>Gold &amp; more</USER1>";
        self.does("CALLSTART", &format!("{device}<CALLID>c-1</CALLID>{about}")).await;
        self.wait(10);
        self.does("BLACKOUTSTART", &format!("{device}<TIMEOFFSET>-3</TIMEOFFSET>")).await;
        self.wait(5);
        self.does("BLACKOUTSTOP", device).await;
        self.does("RECORDSTART", &format!("{device}<USER2>for the archive</USER2>")).await;
        self.wait(5);
        self.does("RECORDSTOP", device).await;
        self.wait(5);
        self.does("CALLSTOP", device).await;
    }

    /// A call that core 1 alone records: a minute, updated meanwhile.
    async fn call_with_an_order(&self) {
        let device = "<DEVICEID>1001</DEVICEID>";
        self.does("CALLSTART", &format!("{device}<USER3>Order 12</USER3><KEEPDAYS>30</KEEPDAYS>")).await;
        self.wait(60);
        self.does("CALLUPDATE", &format!("{device}<USER4>Sales</USER4>")).await;
        self.does("CALLSTOP", device).await;
    }

    async fn chat(&self) {
        let session = "<SESSIONID>s-1</SESSIONID>";
        let agent = "<KEYNAME>SYS_USER</KEYNAME><KEYVALUE>jsmith</KEYVALUE>";
        self.does("CHATSTART", &format!("{session}{agent}")).await;
        self.wait(30);
        self.does("CHATUPDATE", &format!("{session}<GROUP>53</GROUP>")).await;
        self.wait(30);
        self.does("CHATSTOP", session).await;
    }

    /// All calls, and all that follows of them until each recording can be handed out.
    async fn pass(&self) {
        let user = "<ACTION>ADD</ACTION><USERNAME>js</USERNAME><FIRSTNAME>John</FIRSTNAME><LASTNAME>Smith</LASTNAME>";
        self.does("IMPORTUSER", &format!("{user}<STATUS>A</STATUS><SYS_USER>jsmith</SYS_USER>")).await;
        self.call_with_a_card_number().await;
        self.wait(1800);
        self.call_with_an_order().await;
        self.wait(1800);
        self.chat().await;
        until("every recording is at hand", async || {
            self.wait(1);
            let rows = self.listed("").await;
            let is_whole = |row: &&Answer| row.element("DURATION") != "0";
            rows.iter().filter(is_whole).count() == 8 && self.are_in_the_store(&rows).await
        })
        .await;
    }

    /// Whether each recording with sound can be had. The row of one comes before its sound.
    async fn are_in_the_store(&self, rows: &[Answer]) -> bool {
        for ident in rows.iter().filter(|row| !is_chat(row)).map(|row| row.element("RECORDID")) {
            let query = format!("type=export&uniquefield=ident&uniqueid={ident}&media_format=wav");
            if self.fetch(&query).await.kind != "audio/wav" {
                return false;
            }
        }
        true
    }

    /// The files of the store for device 7001.
    fn sounds(&self) -> Vec<PathBuf> {
        let folder = self.scratch.path().join("store/20261125/7001");
        std::fs::read_dir(folder).expect("the store").map(|item| item.expect("a file").path()).collect()
    }

    /// The RECORDIDs of whole calls on device 7001: the newest three are the parts.
    async fn whole_calls(&self) -> Vec<String> {
        let rows = self.listed("<DEVICEID>7001</DEVICEID>").await;
        rows.iter().skip(3).map(|row| row.element("RECORDID").to_owned()).collect()
    }
}

fn url(scheme: &str, scratch: &Scratch, name: &str) -> String {
    format!("{scheme}://{}", scratch.path().join(name).display())
}

fn is_chat(row: &Answer) -> bool {
    row.element("GROUP") == "53"
}

/// Seconds as samples.
fn seconds(range: Range<u64>) -> Range<u64> {
    range.start * 8000..range.end * 8000
}

#[tokio::test]
async fn what_was_recorded_is_listed() {
    let day = Day::begin("[records]\nplayback_link = \"http://player/{recordid}/false\"\n").await;
    day.pass().await;
    let all = day.listed("").await;
    let shown =
        ["CALLNUMBER", "DEVICEID", "DURATION"].map(|name| all.iter().map(move |row| row.element(name)));
    let [numbers, devices, durations] = shown.map(Iterator::collect::<Vec<_>>);
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(devices, ["", "1001", "7001", "7001", "7001", "7001", "7001", "7001"]);
    assert_eq!(durations, ["60", "60", "5", "5", "5", "25", "25", "25"]);
    assert!(is_chat(&all[0]));
    let last = &all[7];
    assert_eq!(last.element("RECORDINGTIME"), "1795597200");
    assert_eq!(last.element("USER1"), "Gold &amp; more");
    assert_eq!([last.element("AGENTFIRSTNAME"), last.element("AGENTLASTNAME")], ["John", "Smith"]);
    assert_eq!(last.element("PLAYBACKLINK"), "", "nobody asked for it");
    let gold = "<USER1>Gold &amp; more</USER1><CALLDATESTART>1795597200</CALLDATESTART>";
    let newest =
        day.listed(&format!("{gold}<CALLDATEEND>1795597200</CALLDATEEND><CALLCOUNT>2</CALLCOUNT>")).await;
    assert_eq!(newest.iter().map(|row| row.element("DURATION")).collect::<Vec<_>>(), ["25", "25"]);
    let order = day.listed("<USER3>Order 12</USER3><USER4>Sales</USER4><PLAYBACKLINK>Y</PLAYBACKLINK>").await;
    assert_eq!(order.len(), 1);
    let link = format!("http://player/{}/false", order[0].element("RECORDID"));
    assert_eq!(order[0].element("PLAYBACKLINK"), link);
    assert_eq!(day.listed("<USER3>Order 12</USER3><USER4>other</USER4>").await.len(), 0);
    let documented = "CALLNUMBER DEVICEID DEVICEALIAS ANI DNIS CALLDIRECTION GROUP GATE USER1 USER2 USER3 USER4 USER5 USER6 \
        USER7 USER8 USER9 USER10 USER11 USER12 USER13 USER14 USER15 RECORDID RECORDINGTIME DURATION AGENTFIRSTNAME \
        AGENTLASTNAME CRM_USER SYS_USER PLAYBACKLINK";
    let names = order[0]
        .text
        .split('<')
        .filter(|piece| !piece.starts_with('/'))
        .filter_map(|piece| piece.split_once('>'));
    assert_eq!(names.map(|(name, _)| name).collect::<Vec<_>>().join(" "), documented);
    day.lab.end().await;
}

#[tokio::test]
async fn a_finished_recording_can_be_updated() {
    let day = Day::begin("").await;
    day.pass().await;
    let order = "<USER3>Order 12</USER3>";
    let ident = day.listed(order).await[0].element("RECORDID").to_owned();
    day.does("CALLUPDATE", &format!("<RECORDID>{ident}</RECORDID><USER4>Sales Call</USER4>")).await;
    assert_eq!(day.listed(order).await[0].element("USER4"), "Sales Call");
    let later = "<USER5>paid</USER5><UPDATE_IF_NOT_RECORDING>Y</UPDATE_IF_NOT_RECORDING>";
    let answer = day.does("CALLUPDATE", &format!("<DEVICEID>1001</DEVICEID>{later}")).await;
    assert_eq!(answer.message, "Updated recording in database");
    assert_eq!(day.listed(order).await[0].element("USER5"), "paid");
    let never = day.lab.ask("CALLUPDATE", &format!("<DEVICEID>1999</DEVICEID>{later}")).await;
    assert_eq!(never.label, "API_RECORDID_INVALID", "{}", never.text);
    let unknown = day.lab.ask("CALLUPDATE", "<RECORDID>999999</RECORDID><USER4>x</USER4>").await;
    assert_eq!(unknown.label, "API_RECORDID_INVALID", "{}", unknown.text);
    day.lab.end().await;
}

#[tokio::test]
async fn what_was_blacked_out_is_silence_in_every_format_and_nothing_else_is() {
    if !have(&["curl", "ffmpeg", "sox", "unzip"]) {
        return;
    }
    let day = Day::begin("").await;
    day.pass().await;
    let idents = day.whole_calls().await;
    for ident in &idents {
        let wav =
            day.fetch(&format!("type=export&uniquefield=ident&uniqueid={ident}&media_format=wav")).await;
        let sound = Sound::read(&wav.content);
        assert_eq!((sound.length, &*sound.silent), (25 * 8000, &[seconds(7..15)][..]), "recording {ident}");
        assert_eq!(sound.hertz(0..8000), HERTZ as usize);
    }
    for (format, kind) in [("mp3", "audio/mpeg"), ("vox", "audio/x-vox")] {
        let query = format!("type=export&uniquefield=callid&uniqueid=c-1&media_format={format}");
        let file = day.fetch(&query).await;
        assert_eq!(file.kind, kind);
        // The newest record of CALLID c-1 is a part: five seconds of tone.
        judge(&heard(format, &file.content).await, 5, None);
        let query = format!("type=export&uniquefield=ident&uniqueid={}&media_format={format}", idents[0]);
        judge(&heard(format, &day.fetch(&query).await.content).await, 25, Some(7..15));
    }
    let cav = "media_format=cav&encrypt=Y&password=open+sesame";
    let cav = day.fetch(&format!("type=export&uniquefield=ident&uniqueid={}&{cav}", idents[0])).await;
    assert!(Sealed::read(&*cav.content).expect("a CAV file").open(Some("wrong")).is_err());
    let mut opened =
        Sealed::read(&*cav.content).expect("a CAV file").open(Some("open sesame")).expect("it opens");
    let mut wav = Vec::new();
    std::io::Read::read_to_end(&mut opened, &mut wav).expect("it is whole");
    assert_eq!(Sound::read(&wav).silent, [seconds(7..15)]);
    day.lab.end().await;
}

/// Judges a decoded sound: its length, its tone, and where it is silent. The formats are not exact: a fifth of a second
/// and a little noise are allowed.
fn judge(bare: &[u8], length: u64, silent: Option<Range<u64>>) {
    const SLACK: u64 = 1600;
    let sound = Sound::bare(bare, 200);
    assert!(sound.length.abs_diff(length * 8000) <= SLACK, "{} samples for {length} s", sound.length);
    assert!(sound.hertz(16_000..24_000).abs_diff(HERTZ as usize) < 10, "{} Hz", sound.hertz(16_000..24_000));
    let long = sound.silent.iter().filter(|range| range.end - range.start > 2 * SLACK);
    let long: Vec<_> = long.collect();
    assert_eq!(long.len(), usize::from(silent.is_some()), "{long:?}");
    for (found, wanted) in long.into_iter().zip(silent) {
        let wanted = seconds(wanted);
        assert!(
            found.start.abs_diff(wanted.start) <= SLACK && found.end.abs_diff(wanted.end) <= SLACK,
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn several_recordings_go_out_as_one_and_as_an_archive() {
    if !have(&["curl", "unzip"]) {
        return;
    }
    let day = Day::begin("").await;
    day.pass().await;
    let idents = day.whole_calls().await.join(",");
    let combined = day.fetch(&format!("type=combinedexport&ident={idents}&media_format=wav")).await;
    let sound = Sound::read(&combined.content);
    let silent = [seconds(7..15), seconds(32..40), seconds(57..65)];
    assert_eq!((sound.length, &*sound.silent), (75 * 8000, &silent[..]));
    let archive = day.fetch(&format!("type=multiexport&ident={idents}&media_format=wav")).await;
    assert_eq!(archive.kind, "application/zip");
    let files = unzipped(&day.scratch, &archive.content).await;
    assert_eq!(files.len(), 3);
    for (name, content) in files {
        assert_eq!(Sound::read(&content).silent, [seconds(7..15)], "{name}");
    }
    day.lab.end().await;
}

#[tokio::test]
async fn a_recording_is_mailed_as_it_is_exported() {
    let Some(server) = Server::start(&[]).await else { return };
    if !have(&["curl"]) {
        return;
    }
    let mail = format!("[mail]\nserver = \"smtp://127.0.0.1:{}\"\ntls = \"none\"\n", server.port);
    let day = Day::begin(&format!("{mail}from = \"recorder@corecast.test\"\n")).await;
    day.pass().await;
    let idents = day.whole_calls().await;
    let to = "<TOADDRESS>jdoe@uptivity.com</TOADDRESS>";
    let one = format!("<IDENT>{}</IDENT>{to}<MEDIA_FORMAT>wav</MEDIA_FORMAT>", idents[0]);
    day.does("EMAIL", &one).await;
    let (name, kind, attached) = {
        let kept = server.kept(1);
        own(kept.attachment())
    };
    let query = format!("type=export&uniquefield=ident&uniqueid={}&media_format=wav", idents[0]);
    let exported = day.fetch(&query).await;
    assert_eq!((kind.as_str(), attached == exported.content), ("audio/wav", true), "{name}");
    assert!(exported.disposition.contains(&name), "{name}: {}", exported.disposition);
    let names =
        "<TONAME>jane</TONAME><FROMADDRESS>jane.doe@uptivity.com</FROMADDRESS><FROMNAME>jane</FROMNAME>";
    let both = format!("<IDENT>{}</IDENT><UNIQUEID>IDENT</UNIQUEID>", idents.join(","));
    day.does("COMBINEDEMAIL", &format!("{to}{names}{both}")).await;
    let (_, _, attached) = {
        let kept = server.kept(2);
        own(kept.attachment())
    };
    assert_eq!(Sound::read(&attached).length, 75 * 8000);
    day.lab.end().await;
}

fn own((name, kind, content): (&str, &str, Vec<u8>)) -> (String, String, Vec<u8>) {
    (name.into(), kind.into(), content)
}

#[tokio::test]
async fn what_cannot_be_handed_out_says_why_and_harms_nobody() {
    if !have(&["curl"]) {
        return;
    }
    let day = Day::begin("").await;
    day.pass().await;
    let chat = day.listed("<GROUP>53</GROUP>").await[0].element("RECORDID").to_owned();
    let idents = day.whole_calls().await;
    let export = |ident: &str| format!("type=export&uniquefield=ident&uniqueid={ident}&media_format=wav");
    let without_sound = day.fetch(&export(&chat)).await;
    assert_eq!(without_sound.result().label, "API_FILE_NOT_FOUND", "a chat has no sound");
    let sounds = day.sounds();
    // Parts are shorter. The GLOBALID at a name's end begins with the core's number.
    let of_core = |core: u16| {
        let is_its = |path: &&PathBuf| path.to_string_lossy().contains(&format!("-{core}-17"));
        let is_whole = |path: &&PathBuf| path.metadata().is_ok_and(|file| file.len() > 300_000);
        sounds.iter().filter(is_its).find(is_whole).expect("its recording")
    };
    std::fs::remove_file(of_core(1)).expect("it was there");
    std::fs::write(of_core(2), b"no sound at all").expect("it was there");
    let mut told = Vec::new();
    for ident in &idents {
        let file = day.fetch(&export(ident)).await;
        told.push(if file.kind == "audio/wav" { "a file".to_owned() } else { file.result().label });
    }
    told.sort();
    assert_eq!(told, ["API_FILE_NOT_FOUND", "API_FILE_NOT_FOUND", "a file"]);
    let nobody = day
        .lab
        .ask("EMAIL", "<IDENT>1</IDENT><TOADDRESS>a@b.example</TOADDRESS><MEDIA_FORMAT>wav</MEDIA_FORMAT>");
    assert_eq!(nobody.await.label, "API_ERROR_CLIENT_NOT_FOUND", "no mail server is configured");
    day.does("CALLSTART", "<DEVICEID>7002</DEVICEID>").await;
    day.lab.end().await;
}
