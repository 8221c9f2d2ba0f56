//! One suite for both databases; see the directory's own for what PostgreSQL's half needs.

mod chain;
mod keep;

use std::sync::Arc;

use super::*;
use crate::database::{Lane, Value};
use crate::directory::tests::place::{Place, on_both};
use crate::model::{Outcome, Unsent};

/// How long the last words of a ledger may take in a test, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

fn database(place: &Place) -> Database {
    place.store().database().clone()
}

/// A ledger, its metrics, and its writer, which does not run yet.
fn ledger(database: &Database, queue: usize) -> (Ledger, Writer, Metrics) {
    let metrics = Metrics::default();
    let (ledger, writer) = Ledger::open(database.clone(), queue, &metrics);
    [CoreId(1), CoreId(2)].into_iter().for_each(|core| ledger.meet(core, &metrics));
    (ledger, writer, metrics)
}

/// A blackout of a device that core 1 confirmed and core 2 never got.
fn blackout(device: &str) -> Entry {
    let took = Duration::from_micros(2001);
    Entry {
        function: "BLACKOUTSTART",
        devices: vec![device.into()],
        client: "10.0.0.1".into(),
        request_id: "1".into(),
        verdict: "API_PARTIAL_CORE_RESPONSE".into(),
        legs: vec![
            Leg::ended(CoreId(1), "", &Outcome::Ok, took, Some((20, "API_OK"))),
            Leg::ended(CoreId(2), "", &Outcome::NotSent(Unsent::Breaker), Duration::ZERO, None),
        ],
        ..Entry::new(Event::Blackout, Timestamp::now())
    }
}

/// Writes blackouts of these devices as one run of a process.
async fn written(database: &Database, devices: &[&str]) {
    let (ledger, writer, _) = ledger(database, QUEUE);
    let writer = tokio::spawn(writer.run());
    for device in devices {
        ledger.keep(blackout(device)).await.expect("written");
    }
    assert!(ledger.end(PATIENCE).await);
    writer.await.expect("no panic");
}

async fn rows(database: &Database) -> Vec<Row> {
    let mut rows = Vec::new();
    let read = Book::of(database.clone()).read(Order::Chain, i64::MIN..i64::MAX, |row| rows.push(row)).await;
    read.expect("read");
    rows
}

async fn chains(database: &Database) -> Vec<Chain> {
    let mut chains = Vec::new();
    Book::of(database.clone()).verify(|chain| chains.push(chain)).await.expect("read");
    chains
}

/// Does to the table what a ledger never does.
async fn forge(database: &Database, sql: &'static str) {
    let work = database.run(Lane::Write, PATIENCE, move |session| {
        Box::pin(async move {
            session.execute(sql, &[] as &[Value<'_>]).await?;
            session.batch("COMMIT").await
        })
    });
    work.await.expect("forged");
}
