//! The functions of the reference, with records in a database.

use tokio::time::Instant;

use super::*;
use crate::command::check;
use crate::database::Database;
use crate::media::Vault;
use crate::media::tests::{Place, RATE, conversation, record, silence, wav, whole};
use crate::protocol::url;
use crate::protocol::xml::Bounds;

/// Three recordings of device 7001, numbered by the database, each with a USER2 of its own.
async fn three(place: &Place) -> (Records, Vec<i64>) {
    let records = Records::of(Database::open("sqlite::memory:").expect("a good URL"));
    for user in 10_121_967..=10_121_969 {
        let mut made = place.keep(user, &wav(&conversation(), RATE, 1)).await;
        made.ident = 0;
        made.said.insert(Param::User2, user.to_string());
        records.put(vec![made]).await.expect("written");
    }
    let mut idents = Vec::new();
    for user in ["10121967", "10121968", "10121969"] {
        let field = UniqueField::from_name("user2").expect("a field");
        let found = records.latest_by(field, user).await.expect("read");
        idents.push(found.expect("a record").ident);
    }
    (records, idents)
}

/// The answer to the parameters of a URL.
async fn ask(place: &Place, records: &Records, query: &str) -> Result<Download, Refusal> {
    let bounds = Bounds { max_fields: 32, max_depth: 4 };
    let request = url::read(query, "", bounds).expect("a good URL");
    let function = check(&request)?;
    let call = Call::new(function, request, Instant::now());
    Exports::new(place.renderer(), records.clone()).answer(&call).await
}

#[tokio::test]
async fn the_references_examples_are_answered() {
    let place = Place::new();
    let (records, idents) = three(&place).await;
    let list = format!("ident={},{},{}&media_format=wav", idents[0], idents[1], idents[2]);
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
        let file = ask(&place, &records, &query).await.expect("a file");
        assert_eq!((&*file.file_name, file.length), (name, length));
        assert!(!whole(file).await.expect("to its end").is_empty());
    }
}

#[tokio::test]
async fn a_field_that_many_have_gives_the_latest() {
    let place = Place::new();
    let (records, _) = three(&place).await;
    let mut latest = place.keep(4, &wav(&silence(500), RATE, 1)).await;
    latest.started = "2026-11-25T04:00:00Z".parse().expect("a time");
    records.put(vec![Record { ident: 0, ..latest }]).await.expect("written");
    let query = "type=EXPORT&requestid=1&uniquefield=DeviceID&uniqueid=7001&media_format=Wav";
    assert_eq!(ask(&place, &records, query).await.expect("a file").length, Some(44 + 8000));
}

#[tokio::test]
async fn what_is_wrong_has_the_references_result() {
    use ResultType::{FileNotFound, InvalidMessageFormat};
    let export = "type=export&requestid=1&uniquefield=user2&uniqueid=10121968";
    let place = Place::new();
    let (records, idents) = three(&place).await;
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
            "UNIQUEFIELD shoe is no field of a recording: there are ident, ",
        ),
        (
            "type=export&requestid=1&uniquefield=user2&uniqueid=4&media_format=wav".into(),
            FileNotFound,
            "no recording has 4 as its user2",
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
            format!("type=multiexport&requestid=1&ident={},55,66&media_format=wav", idents[0]),
            FileNotFound,
            "no recording has the IDENT 55, 66",
        ),
    ] {
        let refusal = ask(&place, &records, &query).await.expect_err(&query);
        assert_eq!(refusal.result, result, "{query}: {}", refusal.message);
        assert!(
            refusal.message.contains(part) && !refusal.message.contains("hunter2"),
            "{}",
            refusal.message
        );
    }
}

#[tokio::test]
async fn a_recording_without_sound_names_its_number() {
    let place = Place::new();
    let (records, idents) = three(&place).await;
    let vault = Vault::open(&place.settings.vault).expect("a good URL");
    vault.delete("2026/10121968.wav").await.expect("deleted");
    let list = format!("ident={},{}&media_format=wav", idents[0], idents[1]);
    for query in [
        "type=export&requestid=1&uniquefield=user2&uniqueid=10121968&media_format=wav".to_owned(),
        format!("type=combinedexport&requestid=1&{list}"),
        format!("type=multiexport&requestid=1&{list}"),
    ] {
        let refusal = ask(&place, &records, &query).await.expect_err("gone");
        assert_eq!(refusal.result, ResultType::FileNotFound);
        assert!(refusal.message.contains(&format!("the recording {} ", idents[1])), "{}", refusal.message);
    }
    let under_way = Record { ident: 0, global_id: "now".into(), stopped: None, bytes: 0, ..record(0, "") };
    records.put(vec![under_way]).await.expect("written");
    let query = "type=export&requestid=1&uniquefield=globalid&uniqueid=now&media_format=wav";
    let refusal = ask(&place, &records, query).await.expect_err("still being made");
    assert_eq!(refusal.result, ResultType::FileNotFound);
    assert!(refusal.message.contains("still being made"), "{}", refusal.message);
}

#[tokio::test]
async fn a_database_or_a_program_that_fails_says_which() {
    let mut place = Place::new();
    let (records, _) = three(&place).await;
    let down = Records::of(Database::open("sqlite:///no/such/folder/x.db").expect("a good URL"));
    let export = "type=export&requestid=1&uniquefield=user2&uniqueid=10121968&media_format=mp3";
    for query in [export, "type=multiexport&requestid=1&ident=1&media_format=wav"] {
        let refusal = ask(&place, &down, query).await.expect_err("no database");
        assert_eq!(refusal.result, ResultType::DatabaseQueryError);
        assert!(!refusal.message.contains("/no/such"), "{}", refusal.message);
    }
    place.settings.mp3_command = vec!["/no/such/lame".into()];
    let refusal = ask(&place, &records, export).await.expect_err("no program");
    assert_eq!(refusal.result, ResultType::ProcessingMessage);
    assert!(refusal.message.contains("media.mp3_command"), "{}", refusal.message);
}
