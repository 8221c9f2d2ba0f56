//! How the databases go about it: always by the one index that is meant, never by a sort of all that matches.

use super::super::field::{FIELDS, of_param};
use super::super::search::{driver, latest_statement, statement};
use super::*;

/// What the database says it would do to find the newest match of a field.
async fn plan_of_latest(records: &Records, field: &'static str) -> String {
    let explain = direct(records, Lane::Search, move |session| {
        Box::pin(async move {
            let (explain, column) =
                if session.is_postgres() { ("EXPLAIN", 0) } else { ("EXPLAIN QUERY PLAN", 3) };
            let field = FIELDS.iter().find(|known| known.name == field).expect(field);
            let (sql, values) = latest_statement(field, "1").expect("a statement");
            session.rows(&format!("{explain} {sql}"), &values, |row| row.string(column)).await
        })
    });
    explain.await.expect("explained").join("\n")
}

/// What the database says it would do.
async fn plan(records: &Records, filter: Filter, driver: Option<usize>) -> String {
    let explain = direct(records, Lane::Search, move |session| {
        Box::pin(async move {
            let (explain, column) =
                if session.is_postgres() { ("EXPLAIN", 0) } else { ("EXPLAIN QUERY PLAN", 3) };
            let (sql, values) = statement(&filter, driver, 1001);
            session.rows(&format!("{explain} {sql}"), &values, |row| row.string(column)).await
        })
    });
    explain.await.expect("explained").join("\n")
}

/// Enough rows for a planner to have a choice; the oldest tenth is one device's, which is silent since.
async fn filled(place: &Place) -> Records {
    let records = records(place);
    let said = |n: i64| {
        let device = if n < 500 { "silent".to_owned() } else { format!("{}", n % 7) };
        let value = (n % 5).to_string();
        let said = Filter::params().map(|param| (param, value.clone())).chain([(Param::DeviceId, device)]);
        said.collect::<BTreeMap<_, _>>()
    };
    let rows = (0..5000).map(|n| Record { said: said(n), ..record(&n.to_string(), n, &[]) }).collect();
    records.put(rows).await.expect("written");
    direct(&records, Lane::Write, |session| Box::pin(session.batch("ANALYZE records")))
        .await
        .expect("analyzed");
    records
}

on_both! {
    async fn every_filter_goes_by_its_own_index(place: &Place) {
        let records = filled(place).await;
        for param in Filter::params() {
            let column = of_param(param).expect("a column").name;
            let value = if param == Param::DeviceId { "silent" } else { "1" };
            let one = Filter::newest(1000).with(param, value).expect("a filter");
            let other = if param == Param::Gate { Param::Ani } else { Param::Gate };
            let two = one.clone().with(other, "2").expect("a filter");
            for filter in [one.clone(), one.from(at(100)).before(at(4000)), two.clone(), two.from(at(100))] {
                let plan = plan(&records, filter.clone(), Some(0)).await;
                assert!(plan.contains(&format!("records_{column}")), "{filter:?}: {plan}");
                assert!(plan.matches("records_").count() == 1, "one index: {plan}");
                let sorts = plan.contains("TEMP B-TREE") && !plan.contains("LAST TERM");
                assert!(!sorts && !plan.replace("Incremental Sort", "").contains("Sort  "), "{plan}");
            }
        }
    }
}

on_both! {
    async fn without_a_filter_the_time_is_gone_by(place: &Place) {
        let records = filled(place).await;
        for filter in [Filter::newest(100), Filter::newest(1000).from(at(100)).before(at(4000))] {
            let plan = plan(&records, filter, None).await;
            assert!(plan.contains("records_started") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

on_both! {
    async fn the_rarest_filter_leads(place: &Place) {
        let records = records(place);
        let said = |n: i64| {
            let rare = if n % 1000 == 0 { "rare" } else { "often" };
            changes(&[(Param::DeviceId, "1"), (Param::User3, rare)])
        };
        let rows = (0..3000).map(|n| Record { said: said(n), ..record(&n.to_string(), n, &[]) }).collect();
        records.put(rows).await.expect("written");
        let filter = |rare: &str| {
            Filter::newest(9).with(Param::DeviceId, "1").and_then(|f| f.with(Param::User3, rare)).expect("filters")
        };
        for (value, long, expected) in [("rare", false, Some(1)), ("often", false, Some(1)), ("rare", true, Some(0))] {
            let filter = if long { filter(&"x".repeat(501)) } else { filter(value) };
            let led = direct(&records, Lane::Read, move |session| {
                Box::pin(async move { driver(session, &filter).await })
            });
            assert_eq!(led.await, Ok(expected), "{value}");
        }
        assert_eq!(search(&records, filter("rare")).await, ["2000", "1000", "0"]);
    }
}

on_both! {
    async fn the_newest_match_is_looked_up_and_what_has_no_index_is_walked_back(place: &Place) {
        let records = filled(place).await;
        for (field, sqlite, postgres) in [
            ("ident", "INTEGER PRIMARY KEY", "records_pkey"),
            ("global_id", "autoindex_records", "records_global_id_key"),
            ("started", "records_started", "records_started"),
            ("callid", "records_callid", "records_callid"),
            ("filename", "records_filename", "records_filename"),
            ("user3", "records_user3", "records_user3"),
            ("priority", "records_started", "records_started"),
            ("duration", "records_started", "records_started"),
        ] {
            let plan = plan_of_latest(&records, field).await;
            assert!(plan.contains(sqlite) || plan.contains(postgres), "{field}: {plan}");
            let sorts = plan.contains("TEMP B-TREE") && !plan.contains("LAST TERM");
            assert!(!sorts && !plan.replace("Incremental Sort", "").contains("Sort  "), "{field}: {plan}");
        }
    }
}

on_both! {
    async fn of_two_frequent_filters_the_rarer_leads(place: &Place) {
        let records = records(place);
        let said = |n: i64| changes(&[(Param::Group, "g"), (Param::Gate, if n % 2 == 0 { "g" } else { "h" })]);
        let rows = (0..6000).map(|n| Record { said: said(n), ..record(&n.to_string(), n, &[]) }).collect();
        records.put(rows).await.expect("written");
        for (params, expected) in [([Param::Group, Param::Gate], 1), ([Param::Gate, Param::Group], 0)] {
            let filter = params.iter().try_fold(Filter::newest(9), |filter, param| filter.with(*param, "g"));
            let filter = filter.expect("filters");
            let led = direct(&records, Lane::Search, move |session| {
                Box::pin(async move { driver(session, &filter).await })
            });
            assert_eq!(led.await, Ok(Some(expected)), "{params:?}");
        }
    }
}
