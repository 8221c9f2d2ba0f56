//! `corecast records`, as an operator runs it: the program itself, on a folder of its own, with SQLite.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use corecast::database::Database;
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use corecast::records::{Record, RecordKind, Records};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const CONFIGURATION: &str = "\
[directory]
url = \"sqlite://records.db\"
[records]
keep_days = 10
max_rows = 3
[[records.archive_action]]
id = 3
name = \"one year\"
keep_days = 365
[media]
url = \"file://sounds\"
[[core]]
id = 1
address = \"127.0.0.1:1\"
";

/// What requests said of a recording.
type Said<'a> = &'a [(Param, &'a str)];

/// A folder with a configuration; it goes when the test is over.
struct Desk {
    folder: PathBuf,
}

/// How the program ended and what it told.
#[derive(Debug)]
struct Told {
    status: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("corecast-records-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join("sounds/2026")).expect("a folder can be made");
        fs::write(folder.join("corecast.toml"), CONFIGURATION).expect("a file can be written");
        Self { folder }
    }

    /// Recordings that ended so many days ago, each with a sound.
    async fn with(rows: &[(&str, i64, Said<'_>)]) -> Self {
        let desk = Self::new();
        let url = format!("sqlite://{}", desk.folder.join("records.db").display());
        let records = Records::of(Database::open(&url).expect("a good URL"));
        let rows = rows.iter().map(|(id, days, said)| desk.record(id, *days, said)).collect();
        records.put(rows).await.expect("written");
        desk
    }

    fn record(&self, id: &str, days: i64, said: Said<'_>) -> Record {
        let file = format!("2026/{id}.wav");
        fs::write(self.folder.join("sounds").join(&file), "sound").expect("a file can be written");
        let stopped = Timestamp::now() - SignedDuration::from_hours(24 * days);
        Record {
            ident: 0,
            global_id: id.into(),
            core: CoreId(7),
            kind: RecordKind::Call,
            started: stopped - SignedDuration::from_secs(60),
            stopped: Some(stopped),
            file,
            bytes: 5,
            blackouts: vec![],
            said: said.iter().map(|(param, value)| (*param, (*value).to_owned())).collect::<BTreeMap<_, _>>(),
            agent: ("Ann".into(), "Lee".into()),
        }
    }

    fn run(&self, words: &[&str]) -> Told {
        let mut program = Command::new(env!("CARGO_BIN_EXE_corecast"));
        program.arg("records").args(words).args(["--config", "corecast.toml"]).current_dir(&self.folder);
        let Output { status, stdout, stderr } = program.output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        Told { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    fn sounds(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.join("sounds/2026")).expect("the folder").flatten();
        let mut names: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What is left lies in a folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[track_caller]
fn has(said: &Told, status: i32, parts: &[&str]) {
    assert_eq!(said.status, status, "{said:#?}");
    for part in parts {
        assert!(said.out.contains(part) || said.err.contains(part), "{part:?} is missing in {said:#?}");
    }
}

#[tokio::test]
async fn recordings_are_listed_for_people_and_for_programs() {
    let one: Said<'_> = &[(Param::DeviceId, "7001"), (Param::Ani, "a\u{1b}[31m\nb")];
    let desk = Desk::with(&[("a", 1, one), ("b", 2, one), ("c", 3, one), ("d", 4, one), ("e", 1, &[])]).await;
    let listed = desk.run(&["list", "deviceid=7001"]);
    has(&listed, 0, &["RECORDID", "7001", "Ann Lee", "2026/a.wav", "these are the newest 3 of more"]);
    assert!(!listed.out.contains('\u{1b}') && listed.out.lines().count() == 4, "{listed:#?}");
    let listed = desk.run(&["list", "DEVICEID=7001", "CALLCOUNT=2", "--json"]);
    has(&listed, 0, &[]);
    let rows: Vec<Record> =
        listed.out.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert_eq!(rows.iter().map(|record| &*record.global_id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((rows[0].said[&Param::Ani].as_str(), &*listed.err), ("a\u{1b}[31m\nb", ""));
    has(&desk.run(&["list", "DEVICID=7001"]), 1, &["DEVICID is no filter of CALLLIST"]);
    has(&desk.run(&["list", "CALLCOUNT=many"]), 1, &["API_INVALID_MESSAGE_FORMAT", "CALLCOUNT many"]);
    has(&desk.run(&["list", "7001"]), 2, &["KEY=VALUE"]);
}

#[tokio::test]
async fn what_is_over_is_told_first_and_removed_when_told_to() {
    let strange: Said<'_> = &[(Param::ArchiveAction, "99")];
    let desk = Desk::with(&[
        ("over", 11, &[]),
        ("young", 9, &[]),
        ("year", 100, &[(Param::ArchiveAction, "3")]),
        ("days", 3, &[(Param::KeepDays, "2")]),
        ("strange", 999, strange),
    ])
    .await;
    let all = desk.sounds();
    let told = desk.run(&["purge"]);
    let parts = [
        "no archive action: 1 recording, ended",
        "archive action 3 (one year): 0 recordings",
        "archive action \"99\": 1 recording",
        "kept: the configuration has no",
        "KEEPDAYS \"2\": 1 recording",
        "2 recordings are over",
        "nothing was changed",
    ];
    has(&told, 0, &parts);
    let json: Value = serde_json::from_str(&desk.run(&["purge", "--json"]).out).expect("JSON");
    assert_eq!((&json["over"], &json["removed"]), (&json!(2), &Value::Null), "{json}");
    assert_eq!(desk.sounds(), all);
    let sounds = desk.folder.join("sounds");
    fs::rename(&sounds, desk.folder.join("elsewhere")).expect("it was there");
    has(&desk.run(&["purge", "--apply"]), 1, &["there is no store of recordings at", "nothing was changed"]);
    fs::rename(desk.folder.join("elsewhere"), sounds).expect("it is there");
    fs::remove_file(desk.folder.join("sounds/2026/days.wav")).expect("it was there");
    has(&desk.run(&["purge", "--apply"]), 0, &["removed 2 recordings, 10 bytes"]);
    assert_eq!(desk.sounds(), ["strange.wav", "year.wav", "young.wav"]);
    let done: Value = serde_json::from_str(&desk.run(&["purge", "--apply", "--json"]).out).expect("JSON");
    assert_eq!(
        (&done["over"], &done["removed"]["recordings"], done["lots"].as_array().map(Vec::len)),
        (&json!(0), &json!(0), Some(3)),
        "{done}"
    );
}

#[test]
fn without_a_database_nothing_is_made() {
    let desk = Desk::new();
    has(&desk.run(&["list"]), 1, &["there is no database at", "records.db"]);
    assert!(!desk.folder.join("records.db").exists());
}
