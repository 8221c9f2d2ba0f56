//! How the databases go about it: always by the one index that is meant, never by a sort of all that matches.

use super::super::field::of_param;
use super::super::search::{driver, statement};
use super::*;

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
        for (value, long, expected) in [("rare", false, Some(1)), ("often", false, Some(0)), ("rare", true, Some(0))] {
            let filter = if long { filter(&"x".repeat(501)) } else { filter(value) };
            let led = direct(&records, Lane::Read, move |session| {
                Box::pin(async move { driver(session, &filter).await })
            });
            assert_eq!(led.await, Ok(expected), "{value}");
        }
        assert_eq!(search(&records, filter("rare")).await, ["2000", "1000", "0"]);
    }
}
