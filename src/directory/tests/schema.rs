//! Migration, the audit trail, and writers at the same time.

use futures::future::{join_all, try_join_all};

use super::*;

on_both! {
    async fn many_copies_that_start_at_once_migrate_once(place: &Place) {
        let stores: Vec<_> = (0..6).map(|_| place.store()).collect();
        let reads = stores.iter().map(|store| async move { ask!(store, tx => tx.terminology()) });
        for terms in join_all(reads).await {
            assert_eq!(terms.expect("migrated").len(), 10);
        }
    }
}

on_both! {
    async fn an_audit_row_says_who_what_and_when(place: &Place) {
        let store = place.store();
        change!(store, tx => tx.put_device(&device("7000", "Desk"))).expect("put");
        let (group, _) = change!(store, tx => tx.add_group("Sales")).expect("added");
        let audit = ask!(store, tx => tx.audit(0, 9)).expect("audit");
        let [first, second] = audit.as_slice() else { panic!("{audit:?}") };
        assert_eq!((&*first.who, &*first.from, &*first.function), ("tester", "127.0.0.1", "TEST"));
        assert!(first.what.contains("device 7000") && first.what.contains("Desk"), "{}", first.what);
        assert_eq!(second.what, format!("group {} added: Sales", group.id));
        assert!(second.revision == first.revision + 1 && second.at >= first.at && first.at > 1_700_000_000_000);
        assert_eq!(ask!(store, tx => tx.audit(1, 9)).expect("audit").len(), 1);
    }
}

on_both! {
    async fn writers_at_the_same_time_take_turns(place: &Place) {
        let stores: Vec<_> = (0..4).map(|_| place.store()).collect();
        let writes = (0..40).map(|n| {
            let store = &stores[n % 4];
            let phones = Some(vec![format!("p{n}")]);
            let fields = UserFields { username: Some(format!("user {n}")), phones, ..UserFields::default() };
            async move { change!(store, tx => tx.add_user(&fields)) }
        });
        let mut ids = try_join_all(writes).await.expect("all written");
        ids.sort_unstable();
        assert_eq!(ids, (1..=40).collect::<Vec<i64>>());
        let audit = ask!(stores[0], tx => tx.audit(0, 99)).expect("audit");
        assert_eq!(audit.iter().map(|entry| entry.revision).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    }
}

on_both! {
    async fn of_writers_who_want_one_name_one_gets_it(place: &Place) {
        let stores: Vec<_> = (0..8).map(|_| place.store()).collect();
        let writes = stores.iter().map(|store| async move {
            let fields = UserFields { username: text("wanted"), ..UserFields::default() };
            change!(store, tx => tx.add_user(&fields))
        });
        let done = join_all(writes).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        let taken = Err(StoreError::Taken(Subject::Username));
        assert_eq!(done.iter().filter(|done| **done == taken).count(), 7, "{done:?}");
    }
}

on_both! {
    async fn a_write_that_fails_late_undoes_what_it_did_early(place: &Place) {
        let store = place.store();
        let work = store.write(by("TEST"), |tx| Box::pin(async move {
            tx.put_device(&device("1", "")).await?;
            Err::<(), _>(StoreError::NotFound(Subject::Role))
        }));
        assert_eq!(work.await, Err(StoreError::NotFound(Subject::Role)));
        assert_eq!(ask!(store, tx => tx.device("1")), Err(StoreError::NotFound(Subject::Device)));
        change!(store, tx => tx.put_device(&device("2", ""))).expect("the connection is as good as new");
    }
}

on_both! {
    async fn work_that_panics_harms_only_itself(place: &Place) {
        let store = place.store();
        let running = store.clone();
        let work = tokio::spawn(async move {
            running.write::<(), _>(by("TEST"), |tx| Box::pin(async move {
                tx.put_device(&device("1", "")).await?;
                panic!("on purpose")
            })).await
        });
        assert!(work.await.map_or(true, |done| done.is_err()));
        change!(store, tx => tx.put_device(&device("2", ""))).expect("written");
        assert!(ask!(store, tx => tx.device("1")).is_err());
    }
}

#[test]
fn urls_that_name_no_database_are_refused() {
    for url in ["", "sqlite:", "mysql://x", "corecast.db", "postgres://host:notaport/x"] {
        assert!(matches!(Store::open(url), Err(StoreError::Invalid(_))), "{url}");
    }
    let secret = Store::open("postgres://user:hunter2@host:notaport/x").expect_err("no port");
    assert!(!secret.to_string().contains("hunter2"), "{secret}");
}
