//! Many rows at once, and the whole directory to a file and back.

use super::*;
use crate::model::CoreId;

fn user(id: i64, username: &str, phones: &[&str]) -> User {
    let phones = phones.iter().map(|phone| (*phone).into()).collect();
    User { id, username: username.into(), phones, ..User::default() }
}

on_both! {
    async fn what_is_already_so_is_left_alone(place: &Place) {
        let store = place.store();
        let devices: Vec<_> = (0..25_000).map(|n| device(&n.to_string(), "")).collect();
        let (first, mut second) = (devices.clone(), devices);
        assert_eq!(change!(store, tx => tx.import_devices(&first)).expect("imported").changed, 25_000);
        let unchanged = second.clone();
        assert_eq!(change!(store, tx => tx.import_devices(&unchanged)), Ok(Imported::default()));
        second[7].alias = "seven".into();
        second.push(device("7", "last"));
        second.push(device("", "nameless"));
        let imported = change!(store, tx => tx.import_devices(&second)).expect("imported");
        assert_eq!(imported.refused.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [25_001]);
        assert_eq!(ask!(store, tx => tx.device("7")).expect("there").alias, "last");
        let audit = ask!(store, tx => tx.audit(0, 9)).expect("audit");
        assert_eq!(audit.len(), 2, "importing the same again left no trace");
    }
}

on_both! {
    async fn users_are_found_by_number_or_by_username(place: &Place) {
        let store = place.store();
        let users = vec![user(7, "Ann", &["1", "2"]), user(0, "Bob", &["3"]), user(0, "", &[])];
        let imported = change!(store, tx => tx.import_users(&users)).expect("imported");
        assert_eq!((imported.changed, imported.refused), (6, vec![]));
        let again = vec![
            User { email: "b@x".into(), ..user(0, "BOB", &["2", "3"]) },
            user(9, "ann", &[]),
            user(0, "Cy", &[]),
            user(0, "CY", &[]),
        ];
        let imported = change!(store, tx => tx.import_users(&again)).expect("imported");
        let refused = vec![(1, StoreError::Taken(Subject::Username)), (3, StoreError::Taken(Subject::User))];
        assert_eq!(imported.refused, refused);
        let users = ask!(store, tx => tx.users()).expect("listed");
        let names: Vec<_> = users.iter().map(|u| (u.id, &*u.username, u.phones.join(","))).collect();
        let expected = [(7, "Ann", "1"), (8, "BOB", "2,3"), (9, "", ""), (10, "Cy", "")];
        assert_eq!(names, expected.map(|(id, name, phones)| (id, name, phones.to_owned())), "phone 2 has moved");
        let unchanged = users.clone();
        assert_eq!(change!(store, tx => tx.import_users(&unchanged)), Ok(Imported::default()));
    }
}

on_both! {
    async fn the_name_of_a_deleted_user_is_free_in_a_file_too(place: &Place) {
        let store = place.store();
        let gone = User { status: Status::Deleted, ..user(5, "ann", &[]) };
        let users = vec![gone, user(6, "ann", &["1"]), user(0, "Ann", &["2"])];
        let imported = change!(store, tx => tx.import_users(&users)).expect("imported");
        assert_eq!(imported.refused, [(2, StoreError::Taken(Subject::User))], "only the one who is twice");
        let all = ask!(store, tx => tx.all_users()).expect("listed");
        assert_eq!(all.iter().map(|u| (u.id, u.status)).collect::<Vec<_>>(), [(5, Status::Deleted), (6, Status::Active)]);
        let unchanged = all.clone();
        assert_eq!(change!(store, tx => tx.import_users(&unchanged)), Ok(Imported::default()));
    }
}

on_both! {
    async fn phones_move_and_strangers_are_named(place: &Place) {
        let store = place.store();
        let users = vec![user(1, "a", &["10"]), user(2, "b", &[])];
        change!(store, tx => tx.import_users(&users)).expect("imported");
        let phone = |user, phone: &str| AgentPhone { user, phone: phone.into() };
        let phones = vec![phone(2, "10"), phone(99, "11"), phone(2, ""), phone(1, "12"), phone(2, "12")];
        let imported = change!(store, tx => tx.import_phones(&phones)).expect("imported");
        assert_eq!(imported.changed, 2);
        assert_eq!(imported.refused.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(ask!(store, tx => tx.phones(2)), Ok(vec!["10".into(), "12".into()]));
    }
}

on_both! {
    async fn stations_replace_what_had_their_name_or_device(place: &Place) {
        let store = place.store();
        let first = vec![station("a", "1", 1), station("b", "2", 1), station("c", "3", 1)];
        assert_eq!(change!(store, tx => tx.import_stations(&first)).expect("imported").changed, 3);
        let second = vec![station("A", "2", 1), station("c", "3", 1), station("d", "9", 1), station("e", "9", 1)];
        assert_eq!(change!(store, tx => tx.import_stations(&second)).expect("imported").changed, 2);
        let left = vec![station("A", "2", 1), station("c", "3", 1), station("e", "9", 1)];
        assert_eq!(ask!(store, tx => tx.stations()), Ok(left));
    }
}

on_both! {
    async fn a_rehearsal_says_what_would_be_and_changes_nothing(place: &Place) {
        let store = place.store();
        let work = store.rehearse(by("TEST"), |tx| Box::pin(async move { tx.import_devices(&[device("1", "")]).await }));
        assert_eq!(work.await.expect("rehearsed").changed, 1);
        assert_eq!(ask!(store, tx => tx.export()).expect("exported").devices, vec![]);
        assert_eq!(ask!(store, tx => tx.audit(0, 9)), Ok(vec![]));
    }
}

on_both! {
    async fn an_export_imported_elsewhere_is_the_same_directory(place: &Place) {
        let store = place.store();
        let filled = store.write(by("TEST"), |tx| Box::pin(async move {
            tx.import_users(&[user(5, "ann", &["1"]), user(0, "bob", &[])]).await?;
            tx.delete_user(6).await?;
            tx.put_device(&Device { cores: vec![CoreId(3)], ..device("1", "x") }).await?;
            tx.put_location(&Location { id: 4, name: "n".into(), site: "s".into() }).await?;
            tx.replace_station(&station("pc", "1", 4)).await?;
            let (group, _) = tx.add_group("g").await?;
            tx.add_member(&Member { group: group.id, user: 5, device: "1".into() }).await?;
            let role = tx.add_role("r", "d").await?;
            tx.add_role_group(role, group.id).await?;
            tx.add_permission(role, "P").await?;
            tx.add_user_role(role, 5).await?;
            tx.put_archive_action(&ArchiveAction { id: 2, name: "tape".into() }).await
        }));
        filled.await.expect("filled");
        let export = ask!(store, tx => tx.export()).expect("exported");
        let elsewhere = Store::open("sqlite::memory:").expect("a good URL");
        let copy = export.clone();
        change!(elsewhere, tx => tx.import(&copy)).expect("imported");
        assert_eq!(ask!(elsewhere, tx => tx.export()), Ok(export));
        let next = change!(elsewhere, tx => tx.add_user(&UserFields::default()));
        assert_eq!(next, Ok(7), "numbers go on behind those imported");
    }
}
