//! Devices, stations, locations, terminology.

use super::*;
use crate::model::CoreId;

on_both! {
    async fn devices_are_put_changed_and_deleted(place: &Place) {
        let store = place.store();
        let first = Device { site: "hq".into(), cores: vec![CoreId(2), CoreId(1)], ..device("SIP:A", "Desk") };
        let put = first.clone();
        change!(store, tx => tx.put_device(&put)).expect("put");
        let found = ask!(store, tx => tx.device("sip:a")).expect("found in any case");
        assert_eq!(found, Device { cores: vec![CoreId(1), CoreId(2)], ..first });
        change!(store, tx => tx.put_device(&device("sip:a", ""))).expect("put");
        assert_eq!(ask!(store, tx => tx.device("SIP:A")), Ok(device("sip:a", "")));
        change!(store, tx => tx.delete_device("Sip:A")).expect("deleted");
        let missing = StoreError::NotFound(Subject::Device);
        assert_eq!(ask!(store, tx => tx.device("sip:a")), Err(missing.clone()));
        assert_eq!(change!(store, tx => tx.delete_device("sip:a")), Err(missing));
    }
}

on_both! {
    async fn a_station_replaces_entries_with_its_name_or_its_device(place: &Place) {
        let store = place.store();
        change!(store, tx => tx.replace_station(&station("PC-1", "1", 1))).expect("stored");
        change!(store, tx => tx.replace_station(&station("PC-2", "2", 1))).expect("stored");
        let stored = change!(store, tx => tx.replace_station(&station("pc-1", "2", 7)));
        assert_eq!(stored, Ok(station("pc-1", "2", 7)), "what is stored is given back");
        assert_eq!(ask!(store, tx => tx.stations()), Ok(vec![station("pc-1", "2", 7)]));
        change!(store, tx => tx.delete_station("PC-1")).expect("deleted");
        assert_eq!(change!(store, tx => tx.delete_station("PC-1")), Err(StoreError::NotFound(Subject::Station)));
    }
}

on_both! {
    async fn terminology_begins_as_the_references_example(place: &Place) {
        let store = place.store();
        let terms = ask!(store, tx => tx.terminology()).expect("listed");
        let names: Vec<_> = terms.iter().map(|term| term.name.as_str()).collect();
        let expected = "agent ani callcopygroup devicealias deviceid dnis gate group user1 user2";
        assert_eq!(names, expected.split(' ').collect::<Vec<_>>());
        assert_eq!(terms[1].value, "CallerID ANI");
        let csr = Term { name: "agent".into(), value: "CSR".into() };
        change!(store, tx => tx.put_term(&csr)).expect("put");
        assert_eq!(ask!(store, tx => tx.terminology()).expect("listed")[0].value, "CSR");
    }
}

on_both! {
    async fn every_field_gives_back_what_was_put_in(place: &Place) {
        let store = place.store();
        let odd = || Some(AWKWARD.to_owned());
        let fields = UserFields {
            username: odd(),
            employee_id: odd(),
            first_name: odd(),
            last_name: odd(),
            sys_user: odd(),
            sys_domain: odd(),
            email: odd(),
            crm_user: odd(),
            site_id: odd(),
            phones: Some(vec![AWKWARD.into()]),
            ..UserFields::default()
        };
        let by = By { who: AWKWARD.into(), from: AWKWARD.into(), function: AWKWARD.into() };
        let written = store.write(by, move |tx| Box::pin(async move {
            let user = tx.add_user(&fields).await?;
            tx.put_device(&Device { site: AWKWARD.into(), ..device(AWKWARD, AWKWARD) }).await?;
            tx.put_location(&Location { id: 1, name: AWKWARD.into(), site: AWKWARD.into() }).await?;
            tx.replace_station(&station(AWKWARD, AWKWARD, 1)).await?;
            let (group, _) = tx.add_group(AWKWARD).await?;
            tx.add_member(&Member { group: group.id, user, device: AWKWARD.into() }).await?;
            let role = tx.add_role(AWKWARD, AWKWARD).await?;
            tx.add_permission(role, AWKWARD).await?;
            tx.put_term(&Term { name: AWKWARD.into(), value: AWKWARD.into() }).await?;
            tx.put_archive_action(&ArchiveAction { id: 1, name: AWKWARD.into() }).await
        }));
        written.await.expect("written");
        let export = ask!(store, tx => tx.export()).expect("exported");
        let json = serde_json::to_value(&export).expect("JSON").to_string();
        let one = serde_json::to_string(AWKWARD).expect("JSON");
        // Ten of the user, three of the device, two of the location, two of the station, group, member, two of the
        // role, permission, two of the term, archive action.
        assert_eq!(json.matches(&one).count(), 25, "{json}");
        let audit = ask!(store, tx => tx.audit(0, 1)).expect("audit").remove(0);
        assert_eq!((&*audit.who, &*audit.from, &*audit.function), (AWKWARD, AWKWARD, AWKWARD));
        let nul = change!(store, tx => tx.put_device(&device("a\0b", "")));
        assert!(matches!(nul, Err(StoreError::Invalid(_))), "{nul:?}");
    }
}
