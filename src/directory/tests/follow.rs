//! A directory that follows its database.

use tokio_util::sync::{CancellationToken, DropGuard};

use super::relay::Relay;
use super::*;
use crate::directory::snapshot::{Agent, Key};
use crate::directory::{Directory, Status as State};

/// Longer than any test: so that what a test sees did not come by the timer.
const NEVER: Duration = Duration::from_hours(1);

fn open(url: &str, refresh: Duration) -> (Directory, DropGuard) {
    let cancel = CancellationToken::new();
    let directory = Directory::open(url, refresh, cancel.clone()).expect("a good URL");
    (directory, cancel.drop_guard())
}

async fn until(directory: &Directory, limit: Duration, what: &str, is_so: impl Fn(&Directory) -> bool) {
    let mut reports = directory.reports();
    let wait = reports.wait_for(|_| is_so(directory));
    in_time(limit, what, wait).await.expect("it is followed");
}

async fn loaded(directory: &Directory) {
    until(directory, PATIENCE, "loaded", |d| d.status().is_loaded).await;
}

fn is_known(directory: &Directory, id: &str) -> bool {
    directory.snapshot().device(id).is_some()
}

fn owner(directory: &Directory, phone: &str) -> Option<i64> {
    directory.snapshot().agent_of(phone).map(Agent::id)
}

on_both! {
    async fn two_proxies_see_each_others_changes(place: &Place) {
        let ((one, _stop), (two, _stop_too)) = (open(&place.url, NEVER), open(&place.url, NEVER));
        loaded(&one).await;
        loaded(&two).await;
        for (n, (writer, reader)) in [(&one, &two), (&two, &one), (&one, &one)].into_iter().enumerate() {
            let id = format!("d{n}");
            let new = device(&id, "");
            change!(writer.store(), tx => tx.put_device(&new)).expect("written");
            until(reader, SOON, "a new device", |directory| is_known(directory, &id)).await;
        }
        let revision = one.snapshot().revision();
        in_time(SOON, "the same revision", two.shows(revision)).await;
    }
}

on_both! {
    async fn every_kind_of_change_is_seen(place: &Place) {
        let ((writer, _stop), (reader, _stop_too)) = (open(&place.url, NEVER), open(&place.url, NEVER));
        loaded(&reader).await;
        let store = writer.store();
        change!(store, tx => tx.put_device(&device("1", "alias"))).expect("written");
        change!(store, tx => tx.put_location(&Location { id: 3, name: "n".into(), site: "north".into() })).expect("written");
        change!(store, tx => tx.replace_station(&station("pc", "1", 3))).expect("written");
        let fields = UserFields { sys_user: text("ann"), phones: Some(vec!["1".into()]), ..UserFields::default() };
        let ann = change!(store, tx => tx.add_user(&fields)).expect("written");
        let bob = change!(store, tx => tx.add_user(&UserFields::default())).expect("written");
        until(&reader, SOON, "a user's phone", |d| owner(d, "1") == Some(ann)).await;
        until(&reader, SOON, "a site by station", |d| d.snapshot().device("1").and_then(crate::directory::snapshot::Device::site) == Some("north")).await;

        store.write(by("TEST"), move |tx| Box::pin(async move {
            tx.remove_phone(ann, "1").await?;
            tx.add_phone(bob, "1").await
        })).await.expect("written");
        until(&reader, SOON, "free seating by phone", |d| owner(d, "1") == Some(bob)).await;
        change!(store, tx => tx.replace_station(&station("pc", "2", 3))).expect("written");
        until(&reader, SOON, "free seating by station", |d| {
            d.snapshot().device_by_station("PC").one().is_some_and(|device| device.id() == "2")
        }).await;
        change!(store, tx => tx.delete_user(ann)).expect("written");
        until(&reader, SOON, "a deleted user", |d| d.snapshot().agent(Key::SysUser, "ann").one().is_none()).await;
        change!(store, tx => tx.delete_device("1")).expect("written");
        until(&reader, SOON, "a deleted device", |d| d.snapshot().device_by_alias("alias").one().is_none()).await;
        change!(store, tx => tx.replace_station(&station("pc-2", "2", 3))).expect("written");
        until(&reader, SOON, "a replaced station", |d| d.snapshot().device_by_station("pc").one().is_none()).await;
        change!(store, tx => tx.put_location(&Location { id: 3, name: "n".into(), site: "south".into() })).expect("written");
        until(&reader, SOON, "a location's site", |d| d.snapshot().device("2").and_then(crate::directory::snapshot::Device::site) == Some("south")).await;
        let rows = reader.snapshot();
        assert_eq!((rows.devices(), rows.agents(), rows.stations()), (0, 1, 1));
    }
}

on_both! {
    async fn what_was_there_before_is_loaded(place: &Place) {
        let store = place.store();
        let users: Vec<_> = (1..=300)
            .map(|id| User { id, phones: vec![format!("{id}a"), format!("{id}b")], ..User::default() })
            .collect();
        change!(store, tx => tx.import_users(&users)).expect("imported");
        change!(store, tx => tx.delete_user(7)).expect("deleted");
        let (directory, _stop) = open(&place.url, NEVER);
        assert_eq!(directory.snapshot().revision(), 0, "it does not wait for the database");
        loaded(&directory).await;
        let snapshot = directory.snapshot();
        assert_eq!(snapshot.agents(), 299);
        for id in [1, 6, 8, 300] {
            let agent = snapshot.agent_by_id(id).expect("there");
            assert_eq!(agent.phones().collect::<Vec<_>>(), [format!("{id}a"), format!("{id}b")]);
        }
        assert!(snapshot.agent_by_id(7).is_none() && owner(&directory, "7a").is_none());
        assert!(directory.age() < PATIENCE);
    }
}

on_both! {
    async fn who_was_away_too_long_for_the_tombstones_loads_everything(place: &Place) {
        let store = place.store();
        for id in ["1", "2"] {
            change!(store, tx => tx.put_device(&device(id, ""))).expect("put");
        }
        let Ok(Fresh::Everything(cursor, delta)) = store.fresh(Cursor::default()).await else { panic!("loaded") };
        assert_eq!(delta.revision, 2);
        change!(store, tx => tx.delete_device("1")).expect("deleted");
        assert!(matches!(store.fresh(cursor).await, Ok(Fresh::Changes(..))));
        change!(store, tx => tx.prune(i64::MAX)).expect("pruned");
        assert!(matches!(store.fresh(cursor).await, Ok(Fresh::Changes(..))), "nothing was noted, so nothing was done");
        let pruned = store.write(by("TEST"), |tx| Box::pin(async move {
            tx.prune(i64::MAX).await?;
            tx.put_device(&device("3", "")).await
        }));
        pruned.await.expect("pruned");
        assert!(matches!(store.fresh(cursor).await, Ok(Fresh::Everything(..))));
    }
}

on_both! {
    async fn a_cancelled_directory_keeps_its_snapshot_and_follows_no_more(place: &Place) {
        let (directory, stop) = open(&place.url, NEVER);
        loaded(&directory).await;
        drop(stop);
        let mut reports = directory.reports();
        while in_time(PATIENCE, "the end of the reports", reports.changed()).await.is_ok() {}
        change!(directory.store(), tx => tx.put_device(&device("1", ""))).expect("the store still works");
        assert!(!is_known(&directory, "1"));
    }
}

/// PostgreSQL behind a network that can be cut. The timer is off: recovery must come by itself.
#[tokio::test]
async fn a_database_that_was_lost_is_found_again() {
    let Some(place) = Place::postgres().await else { return };
    let mut relay = Relay::start(&place.url).await;
    let (directory, _stop) = open(&relay.url, NEVER);
    loaded(&directory).await;
    change!(directory.store(), tx => tx.put_device(&device("1", ""))).expect("written");
    until(&directory, SOON, "a device", |directory| is_known(directory, "1")).await;

    relay.cut();
    let lost = change!(directory.store(), tx => tx.put_device(&device("2", "")));
    assert!(matches!(&lost, Err(error) if error.is_database()), "{lost:?}");
    assert!(is_known(&directory, "1"), "the last snapshot stays");
    change!(place.store(), tx => tx.put_device(&device("3", ""))).expect("others write meanwhile");

    relay.mend().await;
    until(&directory, PATIENCE, "what others wrote meanwhile", |directory| is_known(directory, "3")).await;
    change!(directory.store(), tx => tx.put_device(&device("4", ""))).expect("written");
    until(&directory, SOON, "a device", |directory| is_known(directory, "4")).await;
    place.drop_database().await;
}

#[tokio::test]
async fn a_database_that_is_down_from_the_beginning_is_tried_until_it_is_there() {
    let Some(place) = Place::postgres().await else { return };
    let mut relay = Relay::start(&place.url).await;
    relay.cut();
    let (directory, _stop) = open(&relay.url, NEVER);
    until(&directory, PATIENCE, "a failure", |d| d.status().error.is_some()).await;
    let State { is_connected, is_loaded, .. } = directory.status();
    assert!(!is_connected && !is_loaded && directory.snapshot().devices() == 0);
    relay.mend().await;
    loaded(&directory).await;
    assert!(directory.status().is_connected && directory.status().error.is_none());
    place.drop_database().await;
}

#[tokio::test]
async fn a_file_whose_folder_is_missing_is_tried_until_it_is_there() {
    let place = Place::sqlite();
    let path = place.url.trim_start_matches("sqlite://").replace("directory.db", "later");
    let (directory, _stop) = open(&format!("sqlite://{path}/directory.db"), NEVER);
    until(&directory, PATIENCE, "a failure", |d| d.status().error.is_some()).await;
    std::fs::create_dir(&path).expect("a folder");
    loaded(&directory).await;
    change!(directory.store(), tx => tx.put_device(&device("1", ""))).expect("written");
    until(&directory, SOON, "a device", |directory| is_known(directory, "1")).await;
}

#[tokio::test]
async fn a_file_that_was_put_in_the_place_of_another_is_loaded_anew() {
    let store = Place::sqlite();
    let other = Place::sqlite();
    let put = |place: &Place, id: &'static str| {
        let store = place.store();
        async move { change!(store, tx => tx.put_device(&device(id, ""))).expect("put") }
    };
    put(&store, "old").await;
    put(&other, "new").await;
    let Ok(Fresh::Everything(cursor, _)) = store.store().fresh(Cursor::default()).await else {
        panic!("loaded")
    };
    let Ok(fresh) = other.store().fresh(cursor).await else { panic!("read") };
    assert!(matches!(fresh, Fresh::Everything(..)), "the same revision of another database: {fresh:?}");
}

#[tokio::test]
async fn a_database_in_memory_is_followed_too() {
    let (directory, _stop) = open("sqlite::memory:", NEVER);
    loaded(&directory).await;
    change!(directory.store(), tx => tx.put_device(&device("1", ""))).expect("written");
    until(&directory, SOON, "a device", |directory| is_known(directory, "1")).await;
}
