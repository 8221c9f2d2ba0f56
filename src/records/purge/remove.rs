//! The three steps of removing recordings, batch by batch.

use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::{Fate, INDEXED, LIMIT, Lot, Sounds};
use crate::database::{Column, Lane, Row, Value};
use crate::media::MediaError;
use crate::records::{Records, Result};

/// Recordings of one batch.
const BATCH: i64 = 500;
/// Sounds that are removed at once.
const AT_ONCE: usize = 8;

/// What another run is just taking is left to it: two that wait for each other's rows would block each other. SQLite
/// has one writer at a time anyway.
const SKIPPING: &str = " FOR UPDATE SKIP LOCKED";

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Recordings removed, sound and row.
    pub recordings: u64,
    /// The sum of their sounds, in bytes.
    pub bytes: u64,
    /// Recordings that are marked, but whose sound could not be removed; the next run tries again.
    pub left: u64,
    /// Why the store of recordings failed, upon which the run ended early.
    pub failure: Option<MediaError>,
}

/// A recording that is marked.
struct Marked {
    ident: i64,
    file: String,
    bytes: u64,
}

impl Marked {
    fn read(row: &Row<'_>) -> Result<Self> {
        let bytes = u64::try_from(row.int(2)?).unwrap_or_default();
        Ok(Self { ident: row.int(0)?, file: row.string(1)?, bytes })
    }
}

/// Removes what earlier runs have marked.
pub(super) async fn begun(records: &Records, sounds: &dyn Sounds) -> Result<Removed> {
    let mut removed = Removed::default();
    let mut last = i64::MIN;
    while removed.failure.is_none() {
        let sql = "SELECT ident, filename, bytes FROM records WHERE purged > 0 AND ident > $1 ORDER BY ident LIMIT $2";
        let batch = rows(records, Lane::Read, sql.into(), vec![last.into(), BATCH.into()]).await?;
        let Some(newest) = batch.last() else { break };
        last = newest.ident;
        finish(records, batch, sounds, &mut removed).await?;
    }
    Ok(removed)
}

/// Removes the recordings of a lot whose time is over.
pub(super) async fn lot(
    records: &Records,
    lot: &Lot,
    now: Timestamp,
    sounds: &dyn Sounds,
    removed: &mut Removed,
) -> Result<()> {
    let Fate::Removed { before } = lot.fate else { return Ok(()) };
    let over =
        format!("{INDEXED} AND archive_action = $1 AND keep_days = $2 AND stopped > 0 AND stopped < $3");
    let sql = format!(
        "UPDATE records SET purged = $4 WHERE purged = 0 AND ident IN (SELECT ident FROM records WHERE {over} AND \
         purged = 0 ORDER BY stopped LIMIT $5{SKIPPING}) RETURNING ident, filename, bytes"
    );
    while removed.failure.is_none() {
        let values = vec![
            lot.archive_action.clone().into(),
            lot.keep_days.clone().into(),
            before.as_millisecond().into(),
            now.as_millisecond().into(),
            BATCH.into(),
        ];
        // Nothing left, or another run has taken just these, and goes on with the rest.
        let batch = rows(records, Lane::Write, sql.clone(), values).await?;
        if batch.is_empty() {
            break;
        }
        finish(records, batch, sounds, removed).await?;
    }
    Ok(())
}

async fn rows(
    records: &Records,
    lane: Lane,
    sql: String,
    values: Vec<Value<'static>>,
) -> Result<Vec<Marked>> {
    let work = records.0.transact(lane, LIMIT, move |session| {
        Box::pin(async move {
            let sql = if session.is_postgres() { sql } else { sql.replace(SKIPPING, "") };
            session.rows(&sql, &values, Marked::read).await
        })
    });
    work.await
}

/// Removes the sounds of a batch, and then the rows whose sounds are gone.
async fn finish(
    records: &Records,
    batch: Vec<Marked>,
    sounds: &dyn Sounds,
    removed: &mut Removed,
) -> Result<()> {
    let done = stream::iter(batch).map(async |marked| {
        let done = if marked.file.is_empty() { Ok(()) } else { sounds.remove(&marked.file).await };
        (marked, done)
    });
    let done: Vec<_> = done.buffer_unordered(AT_ONCE).collect().await;
    let mut gone = Vec::new();
    for (marked, done) in done {
        match done {
            Ok(()) | Err(MediaError::NotFound(_)) => {
                removed.recordings += 1;
                removed.bytes += marked.bytes;
                gone.push(marked.ident);
            }
            Err(failure) => {
                removed.left += 1;
                removed.failure = Some(failure);
            }
        }
    }
    // Two runs that remove the same rows do so in the same order.
    gone.sort_unstable();
    let work = records.0.transact(Lane::Write, LIMIT, move |session| {
        Box::pin(async move {
            let sql = "DELETE FROM records WHERE ident = ANY($1) AND purged > 0";
            session.execute_for(sql, &Column::Ints(gone), &[]).await
        })
    });
    work.await.map(drop)
}
