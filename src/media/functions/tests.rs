//! The functions of the reference, with records that a test made up.

use std::collections::BTreeMap;

use futures::FutureExt;
use tokio::time::Instant;

use super::*;
use crate::command::check;
use crate::media::Vault;
use crate::media::tests::{Place, RATE, conversation, silence, wav, whole};
use crate::protocol::url;
use crate::protocol::xml::Bounds;

/// Records in memory.
#[derive(Debug, Default)]
struct Drawer {
    records: BTreeMap<i64, Record>,
    is_down: bool,
}

impl Find for Drawer {
    fn latest_by<'a>(
        &'a self,
        field: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        let param = Param::from_name(field);
        let found = match param {
            _ if self.is_down => Err(StoreError::Unavailable("the host db.internal is down".into())),
            None => {
                Err(StoreError::Invalid(format!("there is no column {field}: there are USER2, DEVICEID")))
            }
            Some(Param::Ident) => {
                Ok(value.parse().ok().and_then(|ident: i64| self.records.get(&ident)).cloned())
            }
            Some(param) => {
                let has = |record: &&Record| record.said.get(&param).is_some_and(|said| said == value);
                Ok(self.records.values().rev().find(has).cloned())
            }
        };
        async move { found }.boxed()
    }

    fn by_idents<'a>(&'a self, idents: &'a [i64]) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        let known = self.records.values().filter(|record| idents.contains(&record.ident)).cloned().collect();
        let found = if self.is_down { Err(StoreError::Failed("no such table".into())) } else { Ok(known) };
        async move { found }.boxed()
    }
}

/// The answer to the parameters of a URL.
async fn ask(place: &Place, drawer: Drawer, query: &str) -> Result<Download, Refusal> {
    let bounds = Bounds { max_fields: 32, max_depth: 4 };
    let request = url::read(query, "", bounds).expect("a good URL");
    let function = check(&request)?;
    let call = Call { function, request, deadline: Instant::now() };
    Exports::new(place.studio(), Arc::new(drawer)).answer(&call).await
}

async fn drawer(place: &Place) -> Drawer {
    let mut drawer = Drawer::default();
    for ident in [10_121_967, 10_121_968, 10_121_969] {
        let mut record = place.keep(ident, &wav(&conversation(), RATE, 1)).await;
        record.said.insert(Param::User2, ident.to_string());
        drawer.records.insert(ident, record);
    }
    drawer
}

#[tokio::test]
async fn the_references_examples_are_answered() {
    let place = Place::new();
    let list = "ident=10121967,10121968,10121969&media_format=wav";
    for (query, name, length) in [
        (
            "type=export&requestid=10482345&uniquefield=user2&uniqueid=10121968&media_format=wav".to_owned(),
            "7001-20261125T030405Z.wav",
            Some(48_044),
        ),
        (
            format!("type=combinedexport&requestid=10482345&{list}"),
            "7001-20261125T030405Z-and-2-more.wav",
            Some(144_044),
        ),
        (format!("type=multiexport&requestid=10482345&{list}"), "7001-20261125T030405Z-and-2-more.zip", None),
    ] {
        let file = ask(&place, drawer(&place).await, &query).await.expect("a file");
        assert_eq!((&*file.file_name, file.length), (name, length));
        assert!(!whole(file).await.expect("to its end").is_empty());
    }
}

#[tokio::test]
async fn a_field_that_many_have_gives_the_latest() {
    let place = Place::new();
    let mut drawer = drawer(&place).await;
    let latest = place.keep(10_121_969, &wav(&silence(500), RATE, 1)).await;
    drawer.records.insert(10_121_969, latest);
    let query = "type=EXPORT&requestid=1&uniquefield=DeviceID&uniqueid=7001&media_format=Wav";
    assert_eq!(ask(&place, drawer, query).await.expect("a file").length, Some(44 + 8000));
}

#[tokio::test]
async fn what_is_wrong_has_the_references_result() {
    use ResultType::{DatabaseQueryError, FileNotFound, InvalidMessageFormat, ProcessingMessage};
    let export = "type=export&requestid=1&uniquefield=user2&uniqueid=10121968";
    let place = Place::new();
    for (query, result, part) in [
        (format!("{export}&media_format=ogg"), InvalidMessageFormat, "MEDIA_FORMAT ogg is not one of WAV"),
        (export.into(), InvalidMessageFormat, "MEDIA_FORMAT is missing"),
        (
            "type=export&requestid=1&uniqueid=1&media_format=wav".into(),
            InvalidMessageFormat,
            "UNIQUEFIELD is missing",
        ),
        (
            "type=export&requestid=1&uniquefield=user2&media_format=wav".into(),
            InvalidMessageFormat,
            "UNIQUEID",
        ),
        (
            "type=export&requestid=1&uniquefield=shoe&uniqueid=1&media_format=wav".into(),
            InvalidMessageFormat,
            "no column shoe",
        ),
        (
            "type=export&requestid=1&uniquefield=user2&uniqueid=4&media_format=wav".into(),
            FileNotFound,
            "no recording has 4 as its user2",
        ),
        (
            format!("{export}&media_format=mp3&encrypt=Y&password=hunter2"),
            InvalidMessageFormat,
            "MP3 cannot be encrypted",
        ),
        (format!("{export}&media_format=cav&encrypt=y"), InvalidMessageFormat, "needs a PASSWORD"),
        (
            format!("{export}&media_format=cav&encrypt=maybe&password=hunter2"),
            InvalidMessageFormat,
            "neither Y nor N",
        ),
        (format!("{export}&media_format=cav&password=hunter2"), InvalidMessageFormat, "without ENCRYPT"),
        (
            "type=combinedexport&requestid=1&ident=1,x&media_format=wav".into(),
            InvalidMessageFormat,
            "IDENT x is not the number",
        ),
        (
            "type=multiexport&requestid=1&ident=-4&media_format=wav".into(),
            InvalidMessageFormat,
            "IDENT -4 is not",
        ),
        (
            "type=multiexport&requestid=1&ident=,&media_format=wav".into(),
            InvalidMessageFormat,
            "names no recording",
        ),
        ("type=multiexport&requestid=1&media_format=wav".into(), InvalidMessageFormat, "IDENT is missing"),
        (
            format!("type=multiexport&requestid=1&ident={}&media_format=wav", "1,".repeat(101)),
            InvalidMessageFormat,
            "names 101 recordings",
        ),
        (
            "type=multiexport&requestid=1&ident=10121968,5,6&media_format=wav".into(),
            FileNotFound,
            "no recording has the IDENT 5, 6",
        ),
    ] {
        let refusal = ask(&place, drawer(&place).await, &query).await.expect_err(&query);
        assert_eq!(refusal.result, result, "{query}: {}", refusal.message);
        assert!(
            refusal.message.contains(part) && !refusal.message.contains("hunter2"),
            "{}",
            refusal.message
        );
    }
    let mut gone = drawer(&place).await;
    let vault = Vault::open(&place.settings.vault).expect("a good URL");
    vault.delete("2026/10121968.wav").await.expect("deleted");
    let refusal = ask(&place, gone, &format!("{export}&media_format=wav")).await.expect_err("gone");
    assert_eq!(refusal.result, FileNotFound);
    assert!(refusal.message.contains("10121968"), "{}", refusal.message);
    for query in
        [format!("{export}&media_format=wav"), "type=multiexport&requestid=1&ident=1&media_format=wav".into()]
    {
        gone = Drawer { is_down: true, ..Drawer::default() };
        let refusal = ask(&place, gone, &query).await.expect_err("no database");
        assert_eq!(refusal.result, DatabaseQueryError);
        assert!(!refusal.message.contains("db.internal"), "{}", refusal.message);
    }
    let mut poor = Place::new();
    poor.settings.mp3_command = vec!["/no/such/lame".into()];
    let refusal =
        ask(&poor, drawer(&poor).await, &format!("{export}&media_format=mp3")).await.expect_err("no program");
    assert_eq!(refusal.result, ProcessingMessage);
}
