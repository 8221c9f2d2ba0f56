//! What becomes of entries while the database does not take them.

use super::*;
use crate::directory::tests::relay::Relay;

on_both! {
    async fn what_may_have_been_committed_is_not_written_twice(place: &Place) {
        let database = database(place);
        let mut tip = Tip { writer: "w".into(), seq: 0, hash: String::new() };
        let begun = Entry::new(Event::Begun, Timestamp::now());
        let batch: Arc<[Row]> = [begun, blackout("7001")].iter().map(|entry| tip.add(entry, 0, 0)).collect();
        for _ in 0..3 {
            store::write(&database, batch.clone()).await.expect("written");
        }
        assert_eq!(rows(&database).await, *batch);
    }
}

on_both! {
    async fn a_forged_row_in_the_place_of_ours_is_told(place: &Place) {
        let database = database(place);
        let tip = Tip { writer: "w".into(), seq: 0, hash: String::new() };
        let row = |device| -> Arc<[Row]> { [tip.clone().add(&blackout(device), 0, 0)].into() };
        let (forged, ours) = (row("7001"), row("7002"));
        store::write(&database, forged.clone()).await.expect("written");
        let refused = store::write(&database, ours).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
        assert_eq!(rows(&database).await, *forged);
    }
}

/// Notes blackouts while the database is down, and lets it come up: nothing is missing, and all is in order.
async fn survives(database: &Database, up: impl AsyncFnOnce()) {
    let (ledger, writer, metrics) = ledger(database, QUEUE);
    let writer = tokio::spawn(writer.run());
    // Those who wait when it fails are told, and later ones do not wait at all.
    for device in ["1", "2"] {
        let kept = timeout(PATIENCE, ledger.keep(blackout(device))).await;
        assert_eq!(kept, Ok(Err(Unkept::Waits)));
    }
    ledger.note(blackout("3"));
    assert!(metrics.render().contains("corecast_ledger_waiting 4"), "{}", metrics.render());
    up().await;
    assert!(ledger.end(PATIENCE).await);
    writer.await.expect("no panic");
    let devices: Vec<_> = rows(database).await.iter().flat_map(Row::devices).collect();
    assert_eq!(devices, ["1", "2", "3"]);
    let chains = chains(database).await;
    assert!(chains.len() == 1 && chains[0].broken.is_none() && chains[0].is_ended, "{chains:?}");
    let told = metrics.render();
    assert!(told.contains("corecast_ledger_waiting 0"), "{told}");
    assert!(told.contains("corecast_ledger_entries_total{state=\"written\"} 5"), "{told}");
}

#[tokio::test]
async fn entries_wait_for_a_sqlite_file_that_cannot_be_opened() {
    let name = format!("corecast-ledger-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let database =
        Database::open(&format!("sqlite://{}", folder.join("ledger.db").display())).expect("a good URL");
    survives(&database, async || std::fs::create_dir(&folder).expect("a folder can be made")).await;
    std::fs::remove_dir_all(&folder).expect("it is there");
}

#[tokio::test]
async fn entries_wait_for_a_postgresql_that_is_cut_off() {
    let Some(place) = Place::postgres().await else { return };
    let mut relay = Relay::start(&place.url).await;
    let database = Database::open(&relay.url).expect("a good URL");
    relay.cut();
    survives(&database, async || relay.mend().await).await;
    drop(database);
    place.drop_database().await;
}

#[tokio::test]
async fn what_is_too_much_is_counted_and_the_next_row_says_so() {
    let place = Place::sqlite();
    let database = database(&place);
    let (ledger, writer, metrics) = ledger(&database, 3);
    // The queue holds that the process has begun, and two more.
    for device in ["1", "2", "3", "4"] {
        ledger.note(blackout(device));
    }
    assert_eq!(ledger.keep(blackout("5")).await, Err(Unkept::Lost));
    assert!(metrics.render().contains("corecast_ledger_entries_total{state=\"lost\"} 3"));
    let writer = tokio::spawn(writer.run());
    assert!(ledger.end(PATIENCE).await);
    writer.await.expect("no panic");
    let rows: Vec<_> = rows(&database).await.iter().map(|row| (row.devices().join(""), row.lost)).collect();
    let expected = [("", 0), ("1", 0), ("2", 0), ("", 3)];
    assert_eq!(rows, expected.map(|(device, lost)| (device.to_owned(), lost)));
    assert_eq!(chains(&database).await[0].lost, 3);
}

/// A call's deadline does not depend on the database.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_ledger_that_is_slow_goes_on_at_his_deadline() {
    let place = Place::sqlite();
    let (ledger, writer, _) = ledger(&database(&place), QUEUE);
    let kept = timeout(Duration::from_millis(300), ledger.keep(blackout("1"))).await;
    assert!(kept.is_err(), "nobody writes");
    assert_eq!(writer.inbox.len(), 2, "and it waits on");
    assert!(!ledger.end(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn exposure_adds_up_by_core() {
    let place = Place::sqlite();
    let (ledger, _writer, metrics) = ledger(&database(&place), QUEUE);
    for millis in [125, 125] {
        ledger.exposed(CoreId(2), Duration::from_millis(millis));
        ledger.exposed(CoreId(9), Duration::from_millis(millis));
    }
    let told = metrics.render();
    for line in ["{core=\"1\"} 0\n", "{core=\"2\"} 0.25\n"] {
        assert!(told.contains(&format!("corecast_blackout_exposure_seconds_total{line}")), "{told}");
    }
}
