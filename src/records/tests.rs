//! One suite for both databases; see the directory's own for what PostgreSQL's half needs.

mod find;
mod plan;
mod purge;
mod table;
mod write;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::directory::tests::place::{Place, on_both};
use crate::model::CoreId;

/// What no caller's name should be, and what every field must give back unchanged.
const AWKWARD: &str = "O'Brien \"x\"; DROP TABLE records; -- $1 ?1 %_\\ <b>&amp; éß 日本 😀\u{202e}\r\n\t";

fn records(place: &Place) -> Records {
    Records::of(place.store().database().clone())
}

/// A moment so many seconds after the tests' first.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_312_156_800 + seconds).expect("a time")
}

/// A recording that began at `second` and lasted a minute.
fn record(id: &str, second: i64, said: &[(Param, &str)]) -> Record {
    Record {
        ident: 0,
        global_id: id.into(),
        core: CoreId(1),
        kind: RecordKind::Call,
        started: at(second),
        stopped: Some(at(second) + SignedDuration::from_secs(60)),
        file: format!("{id}.wav"),
        bytes: 960_044,
        blackouts: vec![],
        said: said.iter().map(|(param, value)| (*param, (*value).to_owned())).collect(),
        agent: Default::default(),
    }
}

async fn only(records: &Records) -> Record {
    let mut found = records.search(Filter::newest(9)).await.expect("searched").records;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| &*record.global_id).collect()
}

async fn search(records: &Records, filter: Filter) -> Vec<String> {
    let found = records.search(filter).await.expect("searched").records;
    found.into_iter().map(|record| record.global_id).collect()
}

fn changes(pairs: &[(Param, &str)]) -> Changes {
    pairs.iter().map(|(param, value)| (*param, (*value).to_owned())).collect()
}

/// Runs work on the database, past what records can say.
async fn direct<T, F>(records: &Records, lane: Lane, work: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
{
    records.0.transact(lane, WRITE_LIMIT, work).await
}
