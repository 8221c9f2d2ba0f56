//! Finding: filters, periods, bounds, the order, and what takes too long.

use std::time::Duration;

use super::*;

/// What requests said of a recording.
type Said = &'static [(Param, &'static str)];

async fn filled(place: &Place) -> Records {
    use Param::{Ani, DeviceId, Group, User1};
    let records = records(place);
    let rows = [
        record("a", 1, &[(DeviceId, "1111"), (Group, "Sales"), (User1, "x")]),
        record("b", 2, &[(DeviceId, "1111"), (Group, "sales"), (User1, "x"), (Ani, "614")]),
        record("c", 3, &[(DeviceId, "2222"), (Group, "Sales"), (User1, "x")]),
        record("d", 4, &[(DeviceId, "1111"), (Group, "Sales"), (User1, "y")]),
        record("e", 5, &[]),
    ];
    records.put(rows.to_vec()).await.expect("written");
    records
}

fn with(pairs: &[(Param, &str)]) -> Filter {
    pairs
        .iter()
        .fold(Filter::newest(9), |filter, (param, value)| filter.with(*param, *value).expect("a filter"))
}

on_both! {
    async fn filters_are_all_to_match_to_the_letter(place: &Place) {
        use Param::{Ani, DeviceId, Group, User1};
        let records = filled(place).await;
        let cases: [(Said, &[&str]); 9] = [
            (&[], &["e", "d", "c", "b", "a"]),
            (&[(DeviceId, "1111")], &["d", "b", "a"]),
            (&[(Group, "Sales")], &["d", "c", "a"]),
            (&[(Group, "SALES")], &[]),
            (&[(DeviceId, "1111"), (Group, "Sales")], &["d", "a"]),
            (&[(User1, "x"), (Group, "Sales"), (DeviceId, "1111")], &["a"]),
            (&[(DeviceId, "2222"), (Ani, "614")], &[]),
            (&[(DeviceId, "%")], &[]),
            (&[(Group, " Sales")], &[]),
        ];
        for (filter, expected) in cases {
            assert_eq!(search(&records, with(filter)).await, expected, "{filter:?}");
        }
        for param in [Param::KeepDays, Param::CallId, Param::Password] {
            assert!(matches!(Filter::newest(1).with(param, "x"), Err(StoreError::Invalid(_))), "{param:?}");
        }
    }
}

on_both! {
    async fn a_period_has_its_first_moment_and_not_its_last(place: &Place) {
        let records = filled(place).await;
        let device = with(&[(Param::DeviceId, "1111")]);
        for (filter, expected) in [
            (Filter::newest(9).from(at(2)).before(at(4)), vec!["c", "b"]),
            (device.clone().from(at(2)).before(at(4)), vec!["b"]),
            (device.clone().from(at(2)), vec!["d", "b"]),
            (device.before(at(2)), vec!["a"]),
            (Filter::newest(9).from(at(4)).before(at(4)), vec![]),
        ] {
            assert_eq!(search(&records, filter.clone()).await, expected, "{filter:?}");
        }
    }
}

on_both! {
    async fn a_bound_is_kept_and_told(place: &Place) {
        let records = filled(place).await;
        for (limit, expected, is_more) in
            [(2, vec!["e", "d"], true), (5, vec!["e", "d", "c", "b", "a"], false), (0, vec![], true)]
        {
            let found = records.search(Filter::newest(limit)).await.expect("searched");
            assert_eq!((ids(&found.records), found.is_more), (expected, is_more));
        }
        assert_eq!(search(&records, Filter::newest(usize::MAX)).await.len(), 5);
    }
}

on_both! {
    async fn of_one_moment_the_later_number_is_the_newer(place: &Place) {
        let records = records(place);
        let rows: Vec<_> = ["a", "b", "c"].iter().map(|id| record(id, 0, &[(Param::DeviceId, "1")])).collect();
        records.put(rows).await.expect("written");
        assert_eq!(search(&records, Filter::newest(9)).await, ["c", "b", "a"]);
        assert_eq!(search(&records, with(&[(Param::DeviceId, "1")])).await, ["c", "b", "a"]);
    }
}

on_both! {
    async fn the_newest_match_of_a_field_is_found(place: &Place) {
        let records = filled(place).await;
        let call = record("call", 9, &[
            (Param::CallId, "c-1"), (Param::CallDirection, "I"), (Param::KeepDays, "7"), (Param::User2, AWKWARD),
        ]);
        records.put(vec![call]).await.expect("written");
        let ident = records.search(Filter::newest(1)).await.expect("searched").records[0].ident.to_string();
        let time = at(9).as_second().to_string();
        for (field, value, expected) in [
            ("device_id", "1111", Some("d")),
            ("group", "Sales", Some("d")),
            ("ani", "614", Some("b")),
            ("callid", "c-1", Some("call")),
            ("call_direction", "I", Some("call")),
            ("keepdays", "7", Some("call")),
            ("user2", AWKWARD, Some("call")),
            ("globalid", "c", Some("c")),
            ("filename", "c.wav", Some("c")),
            ("ident", &*ident, Some("call")),
            ("recording_time", &*time, Some("call")),
            ("duration", "60", Some("call")),
            ("core", "1", Some("call")),
            ("ident", "0", None),
            ("ident", "many", None),
            ("recording_time", "9223372036854775807", None),
            ("duration", "61", None),
            ("globalid", "C", None),
            ("user15", "", None),
            ("user2", "x", None),
        ] {
            let found = records.latest_by(UniqueField::from_name(field).expect(field), value).await.expect("asked");
            assert_eq!(found.as_ref().map(|record| &*record.global_id), expected, "{field} {value}");
        }
    }
}

on_both! {
    async fn numbers_are_answered_in_the_order_of_asking(place: &Place) {
        let records = filled(place).await;
        let all = records.search(Filter::newest(9)).await.expect("searched").records;
        let [e, d, c] = [0, 1, 2].map(|n| all[n].ident);
        let found = records.by_idents(&[d, 0, e, c, d, i64::MAX]).await.expect("asked");
        assert_eq!(ids(&found), ["d", "e", "c", "d"]);
        assert_eq!(records.by_idents(&[c]).await.expect("asked")[0].global_id, "c");
        assert_eq!(records.by_idents(&[-1]).await, Ok(vec![]));
        assert_eq!(records.by_idents(&[]).await, Ok(vec![]));
    }
}

on_both! {
    async fn a_search_that_takes_too_long_is_given_up_and_harms_nothing(place: &Place) {
        let records = filled(place).await;
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1::BIGINT UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";
        for _ in 0..2 {
            let limit = Duration::from_millis(50);
            let work = records.0.transact(Lane::Search, limit, move |session| {
                let sql = if session.is_postgres() { endless.to_owned() } else { endless.replace("::BIGINT", "") };
                Box::pin(async move { session.number(&sql, &[]).await })
            });
            assert_eq!(work.await, Err(StoreError::TooLong));
            assert_eq!(search(&records, Filter::newest(1)).await, ["e"]);
        }
    }
}
