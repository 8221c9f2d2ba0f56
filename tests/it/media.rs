//! The export functions as a client meets them: recordings that cannot be had are a RESULT, over HTTP as everywhere.

use std::path::{Path, PathBuf};

use corecast::app::Proxy;
use corecast::config::Settings;
use corecast::database::Database;
use corecast::media::{Vault, VaultSettings};
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use corecast::records::{Record, RecordKind, Records};

use super::lab::{Answer, Lab, get};

/// A folder with a database and a store of recordings.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("corecast_it_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn directory(&self) -> String {
        format!("sqlite://{}/corecast.db", self.0.display())
    }

    fn store(&self) -> String {
        format!("file://{}/recordings", self.0.display())
    }

    async fn lab(&self) -> Lab {
        Lab::on_with(&self.directory(), &format!("[media]\nurl = \"{}\"\n", self.store())).await
    }

    /// Puts a file into the store and writes its record, as a core does; gives its number.
    async fn keep(&self, user1: &str, bytes: Option<&[u8]>) -> i64 {
        let (key, file) = (format!("{user1}.wav"), self.0.join("outgoing"));
        if let Some(bytes) = bytes {
            let vault = Vault::open(&VaultSettings { url: self.store(), ..VaultSettings::default() });
            std::fs::write(&file, bytes).expect("a file");
            vault.expect("a good URL").put_file(&key, Path::new(&file)).await.expect("put in");
        }
        let records = Records::of(Database::open(&self.directory()).expect("a good URL"));
        records.put(vec![record(user1, &key)]).await.expect("written");
        let field = corecast::records::UniqueField::from_name("user1").expect("a field");
        records.latest_by(field, user1).await.expect("read").expect("a record").ident
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn record(user1: &str, file: &str) -> Record {
    let started = "2026-11-25T03:04:05Z".parse().expect("a time");
    Record {
        ident: 0,
        global_id: format!("1-{user1}"),
        core: CoreId(1),
        kind: RecordKind::Call,
        started,
        stopped: Some(started),
        file: file.into(),
        bytes: 1,
        blackouts: Vec::new(),
        said: [(Param::DeviceId, "7001".to_owned()), (Param::User1, user1.to_owned())].into(),
        agent: Default::default(),
    }
}

async fn ask(lab: &Lab, query: &str) -> Answer {
    let (status, body) = get(lab.proxy.webapi, &format!("/webAPI.aspx?requestid=4&{query}")).await;
    assert_eq!(status, 200, "{query}");
    Answer::read(body.as_bytes())
}

#[tokio::test]
async fn what_cannot_be_exported_is_a_result_that_says_why() {
    let folder = Folder::new("exports");
    let lab = folder.lab().await;
    let missing = folder.keep("missing", None).await;
    let corrupt = folder.keep("corrupt", Some(b"no sound at all")).await;
    for (query, label, part) in [
        (
            "type=export&uniquefield=user1&uniqueid=missing&media_format=wav".to_owned(),
            "API_FILE_NOT_FOUND",
            format!("the recording {missing} "),
        ),
        (
            "type=export&uniquefield=user1&uniqueid=corrupt&media_format=mp3".into(),
            "API_FILE_NOT_FOUND",
            "is no WAV file".into(),
        ),
        (
            "type=export&uniquefield=user1&uniqueid=unknown&media_format=wav".into(),
            "API_FILE_NOT_FOUND",
            "no recording has unknown as its user1".into(),
        ),
        (
            format!("type=combinedexport&ident={missing},{corrupt}&media_format=vox"),
            "API_FILE_NOT_FOUND",
            format!("the recording {missing} "),
        ),
        (
            format!("type=multiexport&ident={corrupt},{missing}&media_format=wav"),
            "API_FILE_NOT_FOUND",
            format!("the recording {corrupt} "),
        ),
        (
            format!("type=multiexport&ident={corrupt},999&media_format=wav"),
            "API_FILE_NOT_FOUND",
            "no recording has the IDENT 999".into(),
        ),
        (
            "type=export&uniquefield=shoe&uniqueid=1&media_format=wav".into(),
            "API_INVALID_MESSAGE_FORMAT",
            "there are ident, ".into(),
        ),
        (
            "type=export&uniquefield=user1&uniqueid=1&media_format=ogg".into(),
            "API_INVALID_MESSAGE_FORMAT",
            "WAV, MP3, VOX, CAV".into(),
        ),
        (
            "type=export&uniquefield=user1&uniqueid=1&media_format=cav&encrypt=Y".into(),
            "API_INVALID_MESSAGE_FORMAT",
            "ENCRYPT=Y needs a PASSWORD".into(),
        ),
        (
            "type=combinedexport&ident=1,two&media_format=wav".into(),
            "API_INVALID_MESSAGE_FORMAT",
            "IDENT two".into(),
        ),
    ] {
        let answer = ask(&lab, &query).await;
        assert_eq!(answer.label, label, "{query}: {}", answer.text);
        assert!(answer.message.contains(&part), "{query}: {}", answer.message);
        assert_eq!(answer.element("REQUESTID"), "4");
    }
    lab.end().await;
}

#[tokio::test]
async fn the_api_socket_hands_over_no_files() {
    let folder = Folder::new("socket");
    let lab = folder.lab().await;
    let answer = lab.ask("MULTIEXPORT", "<IDENT>1</IDENT><MEDIA_FORMAT>wav</MEDIA_FORMAT>").await;
    assert_eq!(answer.label, "API_INVALID_REQUEST_TYPE", "{}", answer.text);
    lab.end().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_is_a_reason_not_to_start() {
    let text = "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
                [media]\nurl = \"s3://bucket?colour=red\"\n[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n\
                [directory]\nurl = \"sqlite::memory:\"\n";
    let settings =
        Settings::parse(text, "a test", std::iter::empty()).unwrap_or_else(|faults| panic!("{faults}"));
    let error = Proxy::start(settings).err().expect("it does not start").to_string();
    assert!(error.starts_with("media: ") && error.contains("parameter that is not known"), "{error}");
}
