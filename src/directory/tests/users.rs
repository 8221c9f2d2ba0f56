//! IMPORTUSER and IMPORTAGENTPHONE.

use super::*;

fn sally() -> UserFields {
    UserFields {
        username: text("Sally Smith"),
        employee_id: text("5"),
        first_name: text("Sally"),
        last_name: text("Smith"),
        sys_user: text("smith.1"),
        sys_domain: text("Uptivity"),
        email: text("ssmith@uptivity.com"),
        crm_user: text("sallys"),
        site_id: text("1"),
        added: Some(Stamp { seconds: 1_162_242_338, offset: -18_000 }),
        phones: Some(vec!["1123".into(), "3343".into(), "3234".into()]),
        ..UserFields::default()
    }
}

fn named(first: &str, last: &str) -> UserFields {
    UserFields { first_name: text(first), last_name: text(last), ..UserFields::default() }
}

on_both! {
    async fn a_user_comes_back_as_it_was_added(place: &Place) {
        let store = place.store();
        let id = change!(store, tx => tx.add_user(&sally())).expect("added");
        let users = ask!(store, tx => tx.users()).expect("listed");
        let [user] = users.as_slice() else { panic!("{users:?}") };
        assert_eq!((user.id, &*user.username, &*user.employee_id), (id, "Sally Smith", "5"));
        assert_eq!((&*user.sys_domain, &*user.email, &*user.site_id), ("Uptivity", "ssmith@uptivity.com", "1"));
        assert_eq!((user.is_agent, user.status), (true, Status::Active));
        assert_eq!(user.added, Stamp { seconds: 1_162_242_338, offset: -18_000 });
        assert_eq!(user.phones, ["1123", "3343", "3234"]);
    }
}

on_both! {
    async fn a_user_answers_to_every_key_in_any_case(place: &Place) {
        let store = place.store();
        let id = change!(store, tx => tx.add_user(&sally())).expect("added");
        let name = |first: &str, last: &str| UserKey::Name { first: first.into(), last: last.into() };
        for key in [
            UserKey::Id(id),
            UserKey::Username("SALLY smith".into()),
            UserKey::Employee("5".into()),
            UserKey::SysUser("Smith.1".into()),
            UserKey::CrmUser("SallyS".into()),
            UserKey::Phone("3343".into()),
            name("sally", "SMITH"),
            name("", "smith"),
            name("sally", ""),
        ] {
            let asked = key.clone();
            assert_eq!(ask!(store, tx => tx.user_id(&asked)), Ok(id), "{key:?}");
        }
        for key in [UserKey::Id(99), UserKey::Username(String::new()), UserKey::SysUser("x".into()), name("", "")] {
            let asked = key.clone();
            let none = Err(StoreError::NotFound(Subject::User));
            assert_eq!(ask!(store, tx => tx.user_id(&asked)), none, "{key:?}");
        }
    }
}

on_both! {
    async fn a_name_that_two_users_have_is_ambiguous(place: &Place) {
        let store = place.store();
        change!(store, tx => tx.add_user(&named("Ann", "Lee"))).expect("added");
        change!(store, tx => tx.add_user(&named("Bob", "Lee"))).expect("added");
        let lee = UserKey::Name { first: String::new(), last: "lee".into() };
        assert_eq!(ask!(store, tx => tx.user_id(&lee)), Err(StoreError::Ambiguous(Subject::User)));
    }
}

on_both! {
    async fn a_taken_name_changes_nothing(place: &Place) {
        let store = place.store();
        change!(store, tx => tx.add_user(&sally())).expect("added");
        let before = ask!(store, tx => tx.export()).expect("exported");
        let username = UserFields { username: text("SALLY SMITH"), ..named("Other", "One") };
        let phone = UserFields { phones: Some(vec!["1".into(), "3343".into()]), ..named("Third", "One") };
        for (fields, subject) in
            [(username, Subject::Username), (named("SALLY", "smith"), Subject::FullName), (phone, Subject::Phone)]
        {
            assert_eq!(change!(store, tx => tx.add_user(&fields)), Err(StoreError::Taken(subject)));
        }
        assert_eq!(ask!(store, tx => tx.export()), Ok(before));
        assert_eq!(ask!(store, tx => tx.audit(0, 9)).expect("audit").len(), 1, "failed writes leave no trace");
    }
}

on_both! {
    async fn a_modification_changes_what_it_names(place: &Place) {
        let store = place.store();
        let id = change!(store, tx => tx.add_user(&sally())).expect("added");
        let change = UserFields {
            last_name: text("Jones"),
            status: Some(Status::Inactive),
            phones: Some(vec!["3343".into(), "9".into()]),
            modified: Some(Stamp { seconds: 7, offset: 3600 }),
            ..UserFields::default()
        };
        change!(store, tx => tx.modify_user(id, &change)).expect("modified");
        let user = ask!(store, tx => tx.user(&UserKey::Id(id))).expect("there");
        assert_eq!((&*user.first_name, &*user.last_name, user.status), ("Sally", "Jones", Status::Inactive));
        assert_eq!((user.phones, user.modified), (vec!["3343".into(), "9".into()], Stamp { seconds: 7, offset: 3600 }));
        let nobody = change!(store, tx => tx.modify_user(99, &UserFields::default()));
        assert_eq!(nobody, Err(StoreError::NotFound(Subject::User)));
    }
}

on_both! {
    async fn a_deleted_user_frees_its_phones_and_names_and_keeps_its_record(place: &Place) {
        let store = place.store();
        let id = change!(store, tx => tx.add_user(&sally())).expect("added");
        change!(store, tx => tx.delete_user(id)).expect("deleted");
        let missing = Err(StoreError::NotFound(Subject::User));
        assert_eq!(change!(store, tx => tx.delete_user(id)), missing, "only once");
        assert_eq!(ask!(store, tx => tx.users()), Ok(vec![]));
        let all = ask!(store, tx => tx.all_users()).expect("listed");
        assert_eq!((all[0].id, all[0].status, all[0].phones.len()), (id, Status::Deleted, 0));
        let again = change!(store, tx => tx.add_user(&sally())).expect("the name and the phones are free");
        assert_ne!(again, id);
    }
}

on_both! {
    async fn phones_are_given_and_taken(place: &Place) {
        let store = place.store();
        let ann = change!(store, tx => tx.add_user(&named("Ann", "A"))).expect("added");
        let bob = change!(store, tx => tx.add_user(&named("Bob", "B"))).expect("added");
        assert_eq!(change!(store, tx => tx.add_phone(ann, "SIP:7")), Ok(true));
        assert_eq!(change!(store, tx => tx.add_phone(ann, "sip:7")), Ok(false), "she has it");
        assert_eq!(change!(store, tx => tx.add_phone(bob, "sip:7")), Err(StoreError::Taken(Subject::Phone)));
        assert_eq!(change!(store, tx => tx.remove_phone(bob, "sip:7")), Err(StoreError::NotFound(Subject::Phone)));
        assert_eq!(change!(store, tx => tx.remove_phone(ann, "sip:7")), Ok(()));
        assert_eq!(change!(store, tx => tx.add_phone(bob, "sip:7")), Ok(true));
        assert_eq!(ask!(store, tx => tx.phone_owner("sip:7")), Ok(Some(bob)));
        assert!(change!(store, tx => tx.add_phone(99, "8")).is_err(), "nobody");
    }
}

on_both! {
    async fn a_password_is_stored_and_never_shown(place: &Place) {
        let store = place.store();
        let secret = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$hash";
        let fields = UserFields { password: Some(PasswordHash(secret.into())), ..sally() };
        assert!(!format!("{fields:?}").contains("argon2"), "{fields:?}");
        let id = change!(store, tx => tx.add_user(&fields)).expect("added");
        change!(store, tx => tx.modify_user(id, &named("Sal", "Smith"))).expect("modified");
        assert_eq!(ask!(store, tx => tx.password(id)), Ok(PasswordHash(secret.into())));
        let export = ask!(store, tx => tx.export()).expect("exported");
        let audit = ask!(store, tx => tx.audit(0, 9)).expect("audit");
        let shown = format!("{export:?} {audit:?}") + &serde_json::to_string(&export).expect("JSON");
        assert!(!shown.contains("argon2"), "{shown}");
    }
}
