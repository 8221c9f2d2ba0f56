//! `corecast directory`, as an operator runs it: the program itself, on a folder of its own, with SQLite.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

const CONFIGURATION: &str = "\
[route]
unknown_device = \"reject\"
[[route.rule]]
devices = \"8000-8999\"
cores = [2]
[[core]]
id = 1
site = \"hq\"
address = \"127.0.0.1:1\"
[[core]]
id = 2
site = \"branch\"
address = \"127.0.0.1:2\"
";

/// A folder with a configuration; it goes when the test is over.
struct Desk {
    folder: PathBuf,
}

/// How the program ended and what it said.
#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    fn has(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part) || self.err.contains(part), "{part:?} is missing in {self:#?}");
        }
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Desk {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("corecast-directory-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let desk = Self { folder };
        desk.file("corecast.toml", CONFIGURATION);
        desk
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), content).expect("a file can be written");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("the file is there")
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// Runs `corecast directory` with these words, in the folder.
    fn run_on(&self, url: &str, words: &[&str]) -> Said {
        let mut program = Command::new(env!("CARGO_BIN_EXE_corecast"));
        program.arg("directory").args(words).args(["--config", "corecast.toml"]);
        program.env("CORECAST__DIRECTORY__URL", url).current_dir(&self.folder);
        let Output { status, stdout, stderr } = program.output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        Said { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    fn run(&self, words: &[&str]) -> Said {
        self.run_on("sqlite://directory.db", words)
    }

    fn import(&self, name: &str, content: impl AsRef<[u8]>) -> Said {
        self.file(name, content);
        self.run(&["import", name])
    }

    fn export(&self) -> String {
        self.run(&["export"]).ends(0).out
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What is left lies in a folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A directory with something of every kind that CSV holds.
fn office() -> Desk {
    let desk = Desk::new();
    desk.import(
        "devices.csv",
        "DEVICEID,DEVICEALIAS,SITE,CORES\n7001,Desk-1,hq,\"1,2\"\n7002,,branch,\n7003,Twin,,\n7004,TWIN,,\n",
    )
    .ends(0)
    .has(&["devices: 4 added, 0 changed, 0 unchanged"]);
    desk.import("users.csv", "USERNAME,FIRSTNAME,LASTNAME,SYS_USER,CRM_USER,PHONES\nsally,Sally,Smith,smith.1,sallys,\"7001,7002\"\nbob,Bob,Jones,jones.2,,\n")
        .ends(0)
        .has(&["users: 2 added"]);
    desk.import("locations.csv", "LOCATIONID,NAME,SITE\n5,First floor,hq\n")
        .ends(0)
        .has(&["locations: 1 added"]);
    desk.import("stations.csv", "STATIONNAME,DEVICEID,LOCATIONID\nPC-1,7001,5\n")
        .ends(0)
        .has(&["stations: 1 added"]);
    desk.import("phones.csv", "PHONEID,USERNAME\n7009,BOB\n").ends(0).has(&["phones: 1 added"]);
    desk
}

#[test]
fn every_kind_is_imported_and_again_changes_nothing() {
    let desk = office();
    for (file, unchanged) in [
        ("devices.csv", "devices: 0 added, 0 changed, 4 unchanged"),
        ("locations.csv", "locations: 0 added, 0 changed, 1 unchanged"),
        ("stations.csv", "stations: 0 added, 0 changed, 1 unchanged"),
        ("phones.csv", "phones: 0 added, 0 changed, 1 unchanged"),
    ] {
        desk.run(&["import", file]).ends(0).has(&[unchanged]);
    }
    let kept: Value = serde_json::from_str(&desk.export()).expect("JSON");
    assert_eq!(
        kept["devices"][0],
        serde_json::json!({"id": "7001", "alias": "Desk-1", "site": "hq", "cores": [1, 2]})
    );
    assert_eq!(kept["users"][1]["phones"], serde_json::json!(["7009"]));
}

#[test]
fn columns_that_a_file_does_not_have_stay_as_they_are() {
    let desk = office();
    desk.import("sites.csv", "device_id,Site\n7001,branch\n")
        .ends(0)
        .has(&["0 added, 1 changed, 0 unchanged"]);
    desk.import("mail.csv", "USERNAME,EMAIL\nSALLY,s@example.com\n").ends(0).has(&["0 added, 1 changed"]);
    let kept: Value = serde_json::from_str(&desk.export()).expect("JSON");
    assert_eq!(
        kept["devices"][0],
        serde_json::json!({"id": "7001", "alias": "Desk-1", "site": "branch", "cores": [1, 2]})
    );
    let sally = &kept["users"][0];
    assert_eq!(
        (&sally["crm_user"], &sally["phones"]),
        (&"sallys".into(), &serde_json::json!(["7001", "7002"]))
    );
}

#[test]
fn every_bad_row_is_named_by_its_line_and_nothing_is_imported() {
    let desk = office();
    let before = desk.export();
    let devices = "DEVICEID,CORES\n1,1\n,1\n2,x\n3,9\n1,2\n4,\"1,2\"\n5,1,2\n";
    desk.import("bad.csv", devices).ends(1).has(&[
        "bad.csv has 5 faults; nothing was imported",
        "line 3: DEVICEID is missing",
        "line 4: CORES \"x\": \"x\" is no number of a core",
        "line 5: core 9 is not in the configuration, which has 1,2",
        "line 6: DEVICEID 1 stands on line 2 already",
        "line 8: has 3 values for 2 columns",
    ]);
    desk.import("bad-phones.csv", "PHONEID,AGENTID,USERNAME\n1,,sally\n1,,bob\n2,99,\n3,,nobody\n4,,\n")
        .ends(1)
        .has(&[
            "line 3: PHONEID 1 stands on line 2 already",
            "line 4: nobody has the AGENTID 99",
            "line 5: nobody has the USERNAME nobody",
            "line 6: AGENTID and USERNAME are missing",
        ]);
    desk.import("bad-stations.csv", "STATIONNAME,DEVICEID,LOCATIONID\nA,1,5\nB,2,77\nC,3,\n")
        .ends(1)
        .has(&["line 3: nobody knows the location 77", "line 4: LOCATIONID is missing"]);
    desk.import(
        "bad-users.csv",
        "USERID,USERNAME,STATUS,PHONES\n1,BOB,A,\n,new,Q,\n9,a,A,\"5,6\"\n10,b,A,6\n",
    )
    .ends(1)
    .has(&[
        "line 2: USERNAME BOB is that of user 2",
        "line 3: STATUS \"Q\" is none of A (active)",
        "line 5: PHONES: phone 6 stands on line 4 already",
    ]);
    assert_eq!(desk.export(), before, "not one row was imported");
}

#[test]
fn of_many_faults_the_first_hundred_are_named_and_the_others_counted() {
    let desk = Desk::new();
    let rows: String =
        (0..45_000).map(|n| format!("{n},{}\n", if n % 200 == 0 { "7" } else { "1" })).collect();
    let said = desk.import("many.csv", format!("DEVICEID,CORES\n{rows}")).ends(1);
    assert_eq!(said.err.lines().filter(|line| line.starts_with("  line ")).count(), 100);
    said.has(&["many.csv has 225 faults", "  line 2: core 7", "  line 19802: core 7", "and 125 more"]);
    desk.run(&["show", "1"]).ends(1);
    assert_eq!(
        serde_json::from_str::<Value>(&desk.export()).expect("JSON")["devices"],
        serde_json::json!([])
    );
}

#[test]
fn a_first_line_that_names_nothing_is_explained() {
    let desk = Desk::new();
    for (content, words) in [
        ("", "the file is empty"),
        ("HAIR,EYES\nred,green\n", "it knows\n    devices: DEVICEID, DEVICEALIAS, SITE, CORES"),
        ("DEVICEID,CORESS\n1,1\n", "line 1: \"CORESS\" is no column of devices"),
        ("DEVICEID,LOCATIONID,SITE\n1,1,hq\n", "say which with --kind"),
    ] {
        desk.import("odd.csv", content).ends(1).has(&[words]);
    }
    desk.file("phones.csv", "PHONEID\n1\n");
    desk.run(&["import", "phones.csv", "--kind", "phones"]).ends(1).has(&["AGENTID or USERNAME is missing"]);
}

#[test]
fn a_dry_run_tells_the_changes_and_changes_nothing() {
    let desk = office();
    let before = desk.export();
    desk.file("next.csv", "DEVICEID,SITE\n7001,branch\n7002,branch\n7777,hq\n");
    desk.run(&["import", "next.csv", "--dry-run"]).ends(0).has(&[
        "devices: 1 added, 1 changed, 1 unchanged",
        "device 7001: SITE hq → branch",
        "device 7777 added: SITE hq",
        "Nothing was changed.",
    ]);
    let report = desk.run(&["import", "next.csv", "--dry-run", "--json"]).ends(0).json();
    assert_eq!(report["kinds"]["devices"], serde_json::json!({"added": 1, "changed": 1, "unchanged": 1}));
    assert_eq!(
        (&report["imported"], &report["changes"][0]),
        (&false.into(), &"device 7001: SITE hq → branch".into())
    );
    desk.file("moves.csv", "PHONEID,USERNAME\n7001,bob\n");
    desk.run(&["import", "moves.csv", "--dry-run"]).ends(0).has(&["phone 7001: AGENTID 1 → 2"]);
    assert_eq!(desk.export(), before);
}

#[test]
fn a_dry_run_makes_no_database() {
    let desk = Desk::new();
    desk.file("devices.csv", "DEVICEID\n1\n");
    desk.run(&["import", "devices.csv", "--dry-run"]).ends(0).has(&["devices: 1 added"]);
    assert!(!desk.has("directory.db"));
}

/// What nobody's name should be.
const AWKWARD: &str = "O'Brien \"x\"; DROP TABLE users; -- 100 %_\\ <b>&amp; éß 日本 😀";

/// A directory with something of every kind, as a JSON file.
fn everything() -> Value {
    let stamp = |seconds| serde_json::json!({"seconds": seconds, "offset": -18_000});
    serde_json::json!({
        "locations": [{"id": 5, "name": AWKWARD, "site": "hq"}],
        "devices": [
            {"id": "7001", "alias": format!("{AWKWARD}\r\n\t"), "site": "hq", "cores": [1, 2]},
            {"id": AWKWARD},
        ],
        "users": [
            {"id": 3, "username": AWKWARD, "first_name": "Sally", "is_agent": true, "added": stamp(5), "modified": stamp(6),
             "phones": ["7001", "7002"]},
            {"id": 8, "username": "gone", "status": "D", "added": stamp(5), "modified": stamp(9)},
        ],
        // Nobody knows location 6: it was exported so, so it is taken so.
        "stations": [{"name": "PC-1", "device": "7001", "location": 5}, {"name": "PC-2", "device": "9", "location": 6}],
        "groups": [{"id": 4, "name": AWKWARD}],
        "members": [{"group": 4, "user": 3, "device": "7001"}],
        "roles": [{"id": 2, "name": "QA", "description": AWKWARD}],
        "role_groups": [[2, 4]],
        "role_permissions": [[2, "LISTEN"]],
        "user_roles": [[3, 2]],
        "terminology": [{"name": "agent", "value": AWKWARD}],
        "archive_actions": [{"id": 1, "name": "tape"}],
    })
}

#[test]
fn what_is_exported_is_imported_and_exported_the_same() {
    let (desk, other) = (Desk::new(), Desk::new());
    desk.import("all.json", everything().to_string())
        .ends(0)
        .has(&["locations that nobody knows, and so at no site: 6"]);
    let export = desk.export();
    assert!(export.contains("LISTEN") && export.contains("tape") && !export.contains("password"), "{export}");
    other.import("export.json", &export).ends(0);
    assert_eq!(other.export(), export);
    let again = other.run(&["import", "export.json", "--json"]).ends(0).json();
    for (kind, counts) in again["kinds"].as_object().expect("kinds") {
        assert_eq!((&counts["added"], &counts["changed"]), (&0.into(), &0.into()), "{kind}: {again}");
    }
}

#[test]
fn every_kind_is_exported_as_csv_and_taken_back() {
    let (desk, other) = (Desk::new(), Desk::new());
    desk.import("all.json", everything().to_string().replace("\\r\\n\\t", "")).ends(0);
    let kinds = ["locations", "devices", "users", "phones"];
    for kind in kinds {
        let file = format!("{kind}.csv");
        desk.run(&["export", "--format", "csv", "--kind", kind, &file]).ends(0);
        other.import(&file, desk.text(&file)).ends(0);
    }
    for kind in kinds {
        let words = ["export", "--format", "csv", "--kind", kind];
        assert_eq!(other.run(&words).ends(0).out, desk.run(&words).ends(0).out);
    }
    assert!(!desk.has("users.csv.part"));
}

#[test]
fn a_spreadsheet_is_understood() {
    let desk = Desk::new();
    let sheet = "\u{feff}DeviceID;Device_Alias;CORES;Site\r\n 7001 ;\"Öffnung; \"\"eins\"\"\";1,2;Zürich\r\n7002;;2 1;\r\n;;;\r\n";
    desk.import("sheet.CSV", sheet).ends(0).has(&["devices: 2 added"]);
    let kept: Value = serde_json::from_str(&desk.export()).expect("JSON");
    let first =
        serde_json::json!({"id": "7001", "alias": "Öffnung; \"eins\"", "site": "Zürich", "cores": [1, 2]});
    assert_eq!(kept["devices"][0], first);
    assert_eq!(kept["devices"][1]["cores"], serde_json::json!([1, 2]));
    desk.import("latin.csv", b"DEVICEID,SITE\n1,Z\xfcrich\n").ends(1).has(&["line 2: SITE is not UTF-8"]);
    desk.import("wide.csv", b"\xff\xfeD\0").ends(1).has(&["is UTF-16"]);
}

#[test]
fn faults_of_json_are_named_by_line() {
    let desk = Desk::new();
    let json = "{\"devices\":[\n{\"id\":\"1\",\"cores\":[9]},\n{\"id\":\"2\",\"hair\":1},\n{\"alias\":\"x\"}\n],\n\"members\":[\n{\"group\":1,\"user\":1,\"device\":\"1\"}],\n\"hats\":[1]}";
    desk.import("bad.json", json).ends(1).has(&[
        "line 2: core 9 is not in the configuration",
        "line 3: unknown field `hair`",
        "line 4: missing field `id`",
        "line 7: there is no group 1",
        "line 8: \"hats\" is no list of the directory",
    ]);
    desk.import("cut.json", "{\"devices\":[\n{\"id\":\"1\"},\n{\"id\"")
        .ends(1)
        .has(&["line 3: ", "nothing was imported"]);
    assert_eq!(
        serde_json::from_str::<Value>(&desk.export()).expect("JSON")["devices"],
        serde_json::json!([])
    );
}

#[test]
fn a_device_is_shown_by_every_name() {
    let desk = office();
    for (name, key) in [
        ("7001", "DEVICEID 7001 is device 7001"),
        ("desk-1", "DEVICEALIAS desk-1 is device 7001"),
        ("pc-1", "STATIONNAME pc-1 is device 7001"),
        ("smith.1", "SYS_USER smith.1 is agent 1 sally"),
        ("SALLYS", "CRM_USER SALLYS is agent 1 sally"),
        ("sally", "USERNAME sally is agent 1 sally"),
    ] {
        desk.run(&["show", name]).ends(0).has(&[
            key,
            "DEVICEALIAS Desk-1",
            "STATION     PC-1",
            "SITE        hq",
            "PHONES      7001,7002",
            "CORES       1,2",
            "its row in the directory names cores 1,2",
        ]);
    }
    desk.run(&["show", "7002"]).ends(0).has(&["CORES       2", "it stands at site branch"]);
    let shown = desk.run(&["show", "jones.2", "--json"]).ends(0).json();
    assert_eq!(shown["matches"][0], serde_json::json!({"key": "SYS_USER", "agent": 2}));
    assert_eq!(
        (&shown["devices"][0]["id"], &shown["devices"][0]["cores"]),
        (&"7009".into(), &serde_json::json!([]))
    );
}

#[test]
fn a_name_that_means_nobody_or_several_says_so() {
    let desk = office();
    desk.run(&["show", "twin"]).ends(1).has(&["DEVICEALIAS twin is ambiguous", "names no one device"]);
    desk.run(&["show", "8005"])
        .ends(1)
        .has(&["nobody and nothing is called 8005", "route.rule 1 \"8000-8999\" matches"]);
    let empty = Desk::new();
    empty.run(&["show", "8005"]).ends(1).has(&["which does not exist yet"]);
    assert!(!empty.has("directory.db"), "looking makes no database");
}

#[test]
fn the_exit_status_says_what_kind_of_trouble_it_is() {
    let desk = Desk::new();
    desk.file("devices.csv", "DEVICEID\n1\n");
    desk.run(&["import", "devices.txt"]).ends(2).has(&[".csv or .json"]);
    desk.run(&["export", "--format", "csv"]).ends(2).has(&["--kind"]);
    desk.run(&["import", "absent.csv"]).ends(1).has(&["cannot read absent.csv"]);
    desk.run(&["export"]).ends(69).has(&["there is no such file"]);
    desk.run_on("mysql://x", &["show", "1"]).ends(78);
    let nobody = "postgres://corecast:s3cret@127.0.0.1:1/corecast";
    for words in [&["import", "devices.csv"][..], &["export"], &["show", "1"]] {
        let said =
            desk.run_on(nobody, words).ends(69).has(&["postgres://127.0.0.1:1/corecast cannot be reached"]);
        assert!(!said.err.contains("s3cret"), "{said:?}");
    }
    desk.file("no-database.db", "this is no database at all, but a text of some length".repeat(20));
    desk.run_on("sqlite://no-database.db", &["import", "devices.csv"])
        .ends(69)
        .has(&["no-database.db cannot be reached"]);
    desk.file("corecast.toml", "[[core]]\nid = \"x\"\n");
    desk.run(&["export"]).ends(78);
}

#[test]
fn an_export_that_fails_leaves_the_older_one() {
    let desk = office();
    desk.file("kept.json", "older");
    desk.run_on("postgres://127.0.0.1:1/x", &["export", "kept.json"]).ends(69);
    assert_eq!(desk.text("kept.json"), "older");
    desk.run(&["export", "no/such/folder.json"]).ends(1).has(&["cannot write no/such/folder.json"]);
}

#[test]
fn a_password_is_never_exported_and_survives_an_import() {
    let desk = office();
    let database = rusqlite::Connection::open(desk.folder.join("directory.db")).expect("the database");
    let set = "UPDATE users SET password_hash = '$argon2id$secret' WHERE id = 1";
    assert_eq!(database.execute(set, []), Ok(1));
    let users = desk.run(&["export", "--format", "csv", "--kind", "users"]).ends(0).out;
    assert!(!desk.export().contains("argon2") && !users.contains("argon2"));
    desk.import("mail.csv", "USERID,EMAIL\n1,new@example.com\n").ends(0).has(&["0 added, 1 changed"]);
    let hash: Result<String, _> =
        database.query_row("SELECT password_hash FROM users WHERE id = 1", [], |row| row.get(0));
    assert_eq!(hash, Ok("$argon2id$secret".into()));
}
