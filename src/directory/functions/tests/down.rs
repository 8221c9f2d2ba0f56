//! A database that does not answer, and one that fails.

use super::*;

/// Nobody listens there.
const NOWHERE: &str = "postgres://corecast@127.0.0.1:1/corecast?connect_timeout=1";

const REQUESTS: [(&str, &[(&str, &str)]); 4] = [
    ("STATIONS", &[]),
    ("FETCHTERMINOLOGY", &[]),
    ("IMPORTUSER", &[("ACTION", "LIST")]),
    ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("STATIONNAME", "x"), ("LOCATIONID", "1")]),
];

#[tokio::test]
async fn without_a_database_a_client_is_told_so_and_what_to_do() {
    let store = Store::open(NOWHERE).expect("a good URL");
    for (kind, params) in REQUESTS {
        let result = ask(&store, kind, params).await;
        assert_eq!(label(&result), "API_DATABASE_QUERY_ERROR", "{result}");
        assert!(
            result.contains("cannot be reached") && result.contains("send the request again"),
            "{result}"
        );
        assert!(!result.contains("127.0.0.1"), "a client need not know where the database is: {result}");
        assert_eq!(result.contains("may or may not have been made"), kind == "IMPORTWORKSTATION", "{result}");
    }
}

#[tokio::test]
async fn a_station_that_cannot_be_stored_is_answered_with_the_old_device() {
    let Some(place) = Place::postgres().await else { return };
    let station = |device| [("DEVICEID", device), ("STATIONNAME", "pc"), ("LOCATIONID", "1")];
    done(&place.store, "IMPORTWORKSTATION", &station("1")).await;
    place::run(&place.url, "ALTER TABLE stations ADD CHECK (device <> '2')").await;
    let failed = ask(&place.store, "IMPORTWORKSTATION", &station("2")).await;
    assert_eq!(label(&failed), "API_DATABASE_QUERY_ERROR", "{failed}");
    assert!(failed.contains("nothing was changed"), "{failed}");
    assert!(failed.contains("<DEVICEID>1</DEVICEID><STATIONNAME>pc</STATIONNAME>"), "{failed}");
    place.drop_database().await;
}

/// The future must be able to move to the runtime of background work.
#[tokio::test]
async fn an_answer_can_be_awaited_on_another_thread() {
    let work = async {
        let store = Place::sqlite().store;
        ask(&store, "ADDGROUP", &[("GROUPNAME", "g")]).await
    };
    let result = tokio::spawn(work).await.expect("no panic");
    assert_eq!(label(&result), "API_OK");
}
