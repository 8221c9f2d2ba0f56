//! Writing: what cores do, and what clients change.

use futures::future::try_join_all;

use super::*;
use crate::directory::entity::UserFields;
use crate::directory::store::By;

/// A record with something in every field.
fn full(value: &str) -> Record {
    let said = FIELDS_SAID.iter().map(|param| (*param, format!("{} {value}", param.name()))).collect();
    Record {
        core: CoreId(9999),
        kind: RecordKind::Partial,
        started: at(0) + SignedDuration::from_millis(7),
        stopped: Some(at(61) + SignedDuration::from_millis(890)),
        blackouts: vec![(at(1), at(2)), (at(5), at(9) + SignedDuration::from_millis(1))],
        bytes: 1 << 40,
        said,
        agent: (value.into(), format!("last {value}")),
        ..record("full", 0, &[])
    }
}

const FIELDS_SAID: [Param; 35] = {
    use Param::*;
    [
        DeviceId,
        DeviceAlias,
        StationName,
        SysUser,
        CrmUser,
        Group,
        Gate,
        Ani,
        Dnis,
        User1,
        User2,
        User3,
        User4,
        User5,
        User6,
        User7,
        User8,
        User9,
        User10,
        User11,
        User12,
        User13,
        User14,
        User15,
        CallId,
        CallInstance,
        CallDirection,
        SessionId,
        Priority,
        MaxRecordTime,
        MaxRecordSilence,
        AgentInitiated,
        CtiInitiated,
        ArchiveAction,
        KeepDays,
    ]
};

on_both! {
    async fn everything_comes_back_as_it_was(place: &Place) {
        let records = records(place);
        let long = AWKWARD.repeat(1000);
        for value in [AWKWARD, &long] {
            let written = Record { global_id: format!("{} long", value.len()), ..full(value) };
            records.put(vec![written.clone()]).await.expect("written");
            let found = records.latest_by(UniqueField::from_name("globalid").expect("it"), &written.global_id).await;
            let found = found.expect("asked").expect("there");
            assert!(found.ident > 0);
            assert_eq!(Record { ident: 0, ..found }, written);
            let by_value = Filter::newest(9).with(Param::User3, format!("USER3 {value}")).expect("a filter");
            assert_eq!(search(&records, by_value).await, [written.global_id]);
        }
    }
}

on_both! {
    async fn a_recording_grows_and_is_then_complete(place: &Place) {
        let records = records(place);
        let open = Record { stopped: None, bytes: 0, file: String::new(), ..record("a", 0, &[(Param::User1, "1")]) };
        records.put(vec![open.clone()]).await.expect("begun");
        let first = only(&records).await;
        assert_eq!(Record { ident: 0, ..first.clone() }, open);
        let said = changes(&[(Param::User1, "2"), (Param::User2, "x")]);
        records.put(vec![Record { said, blackouts: vec![(at(1), at(2))], ..open.clone() }]).await.expect("updated");
        // A form that forgot what it said before wipes out nothing.
        records.put(vec![Record { said: changes(&[(Param::Gate, "g")]), ..open.clone() }]).await.expect("updated");
        let now = only(&records).await;
        assert_eq!(now.said, changes(&[(Param::User1, "2"), (Param::User2, "x"), (Param::Gate, "g")]));
        assert_eq!((now.ident, now.blackouts), (first.ident, vec![]), "the core knows its blackouts");
        let ended = Record { stopped: Some(at(9)), blackouts: vec![(at(3), at(4))], ..open.clone() };
        records.put(vec![ended.clone()]).await.expect("ended");
        records.put(vec![open.clone(), Record { stopped: Some(at(99)), ..ended.clone() }]).await.expect("late repeats");
        let now = only(&records).await;
        assert_eq!((now.stopped, now.seconds()), (Some(at(9)), 9));
        // The sound comes last.
        records.put(vec![Record { file: "a.wav".into(), bytes: 5, said: changes(&[(Param::User1, "3")]), ..ended }])
            .await.expect("stored");
        let now = only(&records).await;
        assert_eq!((&*now.file, now.bytes, &*now.said[&Param::User1]), ("a.wav", 5, "1"), "as the core had it at the end");
        assert_eq!(now.blackouts, [(at(3), at(4))]);
    }
}

on_both! {
    async fn what_a_client_changed_survives_a_cores_late_repeat(place: &Place) {
        let records = records(place);
        let written = record("a", 0, &[(Param::User4, "old"), (Param::User5, "kept")]);
        records.put(vec![written.clone()]).await.expect("written");
        let ident = only(&records).await.ident;
        let new = changes(&[(Param::User4, "Sales Call"), (Param::User5, ""), (Param::DeviceId, AWKWARD)]);
        assert!(records.update(ident, new, "192.0.2.7").await.expect("updated"));
        records.put(vec![written]).await.expect("again");
        let now = only(&records).await;
        let expected = [(Param::DeviceId, AWKWARD), (Param::User4, "Sales Call"), (Param::User5, "kept")];
        assert_eq!(now.said, changes(&expected));
        let sql = "SELECT updated_by FROM records WHERE updated > 1700000000000";
        let by = direct(&records, Lane::Read, move |session| Box::pin(session.rows(sql, &[], |row| row.string(0)))).await;
        assert_eq!(by.expect("asked"), ["192.0.2.7"]);
        assert!(!records.update(ident + 1, changes(&[]), "").await.expect("asked"), "there is no such record");
        let wrong = records.update(ident, changes(&[(Param::Password, "x")]), "").await;
        assert!(matches!(wrong, Err(StoreError::Invalid(_))), "{wrong:?}");
    }
}

on_both! {
    async fn one_batch_may_hold_a_recordings_whole_life_and_is_written_whole_or_not(place: &Place) {
        let records = records(place);
        let open = Record { stopped: None, ..record("a", 0, &[(Param::User1, "1")]) };
        let more = Record { said: changes(&[(Param::User1, "2")]), ..open.clone() };
        let ended = Record { stopped: Some(at(5)), ..open.clone() };
        records.put(vec![open.clone(), more, record("b", 1, &[]), ended]).await.expect("written");
        let found = records.search(Filter::newest(9)).await.expect("searched").records;
        assert_eq!(ids(&found), ["b", "a"]);
        assert_eq!((found[1].stopped, &*found[1].said[&Param::User1]), (Some(at(5)), "1"));
        let nameless = Record { global_id: String::new(), ..open };
        let refused = records.put(vec![record("c", 2, &[]), nameless]).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
        assert_eq!(search(&records, Filter::newest(9)).await.len(), 2);
        records.put(vec![]).await.expect("nothing is done");
    }
}

on_both! {
    async fn a_zero_byte_loses_no_recording(place: &Place) {
        let records = records(place);
        records.put(vec![record("a", 0, &[(Param::User1, "x\0y")])]).await.expect("written");
        assert_eq!(only(&records).await.said[&Param::User1], "x\u{FFFD}y");
    }
}

on_both! {
    async fn many_who_write_the_same_rows_write_them_once(place: &Place) {
        let all: Vec<_> = (0..6).map(|_| records(place)).collect();
        let writes = all.iter().enumerate().map(|(n, records)| async move {
            let mut batch: Vec<_> = (0..50).map(|id| record(&format!("r{id}"), id, &[(Param::DeviceId, "1")])).collect();
            // Each in an order of its own.
            batch.rotate_left(n * 7);
            if n % 2 == 0 {
                batch.reverse();
            }
            for _ in 0..3 {
                records.put(batch.clone()).await?;
            }
            Ok::<_, StoreError>(())
        });
        try_join_all(writes).await.expect("all written");
        let found = all[0].search(Filter::newest(999)).await.expect("searched").records;
        let expected: Vec<_> = (0..50).rev().map(|id| format!("r{id}")).collect();
        assert_eq!(ids(&found), expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn by() -> By {
    By { who: "tester".into(), ..By::default() }
}

on_both! {
    async fn the_agent_is_found_by_any_name_and_stays(place: &Place) {
        let store = place.store();
        for (first, sys_user, crm_user, phones) in
            [("Ann", "ann.1", "crm-a", "7001"), ("Bea", "TWIN", "crm-b", "7002"), ("Cy", "twin", "crm-c", "7003")]
        {
            let text = |text: &str| Some(text.to_owned());
            let fields = UserFields {
                username: text(first), first_name: text(first), last_name: text("Smith"), sys_user: text(sys_user),
                crm_user: text(crm_user), phones: Some(vec![phones.into()]), ..UserFields::default()
            };
            store.write(by(), move |tx| Box::pin(async move { tx.add_user(&fields).await })).await.expect("added");
        }
        let records = Records::of(store.database().clone());
        let cases: [(&[(Param, &str)], &str); 7] = [
            (&[(Param::SysUser, "ANN.1"), (Param::DeviceId, "7002")], "Ann"),
            (&[(Param::SysUser, "twin"), (Param::CrmUser, "CRM-b")], "Bea"),
            (&[(Param::DeviceAlias, "7003"), (Param::DeviceId, "7001")], "Cy"),
            (&[(Param::SysUser, "nobody"), (Param::DeviceId, "7001")], "Ann"),
            (&[(Param::SysUser, "Twin")], ""),
            (&[(Param::DeviceId, "9")], ""),
            (&[], ""),
        ];
        let batch = cases.iter().enumerate().map(|(n, (said, _))| record(&n.to_string(), 0, said)).collect();
        records.put(batch).await.expect("written");
        for (n, (said, first)) in cases.iter().enumerate() {
            let found = records.latest_by(UniqueField::from_name("globalid").expect("it"), &n.to_string()).await;
            let last = if first.is_empty() { "" } else { "Smith" };
            assert_eq!(found.expect("asked").expect("there").agent, ((*first).into(), last.into()), "{said:?}");
        }
        // Who has the phone later did not have the call.
        let open = Record { stopped: None, ..record("open", 0, &[]) };
        records.put(vec![open.clone()]).await.expect("begun");
        let said = changes(&[(Param::DeviceId, "7001")]);
        records.put(vec![Record { said, ..open.clone() }]).await.expect("updated");
        records.put(vec![Record { agent: ("Dee".into(), "Lee".into()), ..open }]).await.expect("updated");
        let found = records.latest_by(UniqueField::from_name("globalid").expect("it"), "open").await;
        assert_eq!(found.expect("asked").expect("there").agent, ("Dee".into(), "Lee".into()), "a core may know better");
    }
}

on_both! {
    async fn no_revision_and_no_row_of_audit_is_made(place: &Place) {
        let store = place.store();
        let records = Records::of(store.database().clone());
        records.put(vec![record("a", 0, &[])]).await.expect("written");
        let ident = only(&records).await.ident;
        records.update(ident, changes(&[(Param::User1, "x")]), "me").await.expect("updated");
        let audit = store.read(|tx| Box::pin(tx.audit(0, 9))).await.expect("asked");
        assert_eq!(audit, []);
        let sql = "SELECT value FROM state WHERE name = 'revision'";
        let revision = direct(&records, Lane::Read, move |session| Box::pin(session.number(sql, &[]))).await;
        assert_eq!(revision.expect("asked"), Some(0));
    }
}

on_both! {
    async fn the_last_recording_of_a_name_is_updated(place: &Place) {
        let records = records(place);
        let of = |id: &str, second, device| record(id, second, &[(Param::DeviceId, device), (Param::SysUser, "ann")]);
        records.put(vec![of("old", 0, "1"), of("new", 9, "1"), of("other", 5, "2")]).await.expect("written");
        let name = |param, value: &str| (param, value.to_owned());
        let said = || changes(&[(Param::User3, "Follow up")]);
        let updated = records.update_last_of(vec![name(Param::DeviceId, "1")], said(), "").await.expect("updated");
        let found = records.search(Filter::newest(9)).await.expect("searched").records;
        assert_eq!(ids(&found), ["new", "other", "old"]);
        assert_eq!(updated, Some(found[0].ident));
        let has: Vec<_> = found.iter().map(|record| record.said.contains_key(&Param::User3)).collect();
        assert_eq!(has, [true, false, false]);
        let names = vec![name(Param::DeviceId, "9"), name(Param::SysUser, "ann")];
        assert_eq!(records.update_last_of(names, said(), "").await, Ok(updated), "a name after the other");
        let nobody = vec![name(Param::DeviceId, "9"), name(Param::SysUser, "")];
        assert_eq!(records.update_last_of(nobody, said(), "").await, Ok(None));
    }
}
