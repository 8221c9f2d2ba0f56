//! The table: adding rows, and reading them page by page, so that a ledger of any length is never held whole.

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::row::{COLUMNS, Row, columns};
use crate::database::{Database, Insert, Lane, Session, StoreError};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Rows of one page.
const PAGE: usize = 1000;
/// How long the database may take to write rows.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to read a page. One of a span of time of which a large ledger has little may walk far.
const READ_LIMIT: Duration = Duration::from_mins(1);

/// In what order rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Chain by chain.
    Chain,
    /// As was asked.
    Asked,
}

static SELECT: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!("SELECT {} FROM ledger", names.join(", "))
});

/// Adds rows of one writer, in one transaction. Doing so again adds nothing.
///
/// # Errors
/// Those of the database, where it may have been done all the same; [`StoreError::Failed`] where other rows stand in
/// their places, which nobody but a forger can have written.
pub(super) async fn write(database: &Database, rows: Arc<[Row]>) -> Result<()> {
    database
        .transact(Lane::Write, WRITE_LIMIT, |session| Box::pin(async move { add(session, &rows).await }))
        .await
}

async fn add(session: &mut Session, rows: &[Row]) -> Result<()> {
    let into =
        Insert { table: "ledger", columns: &COLUMNS, conflict: "ON CONFLICT (writer, seq) DO NOTHING" };
    session.insert(&into, &columns(rows)).await?;
    let Some(last) = rows.last() else { return Ok(()) };
    let sql = "SELECT hash FROM ledger WHERE writer = $1 AND seq = $2";
    let stored = session.row(sql, &[(&last.writer).into(), last.seq.into()], |row| row.string(0)).await?;
    if stored.as_ref() == Some(&last.hash) {
        return Ok(());
    }
    Err(StoreError::Failed(format!("entry {} of {} was written by somebody else", last.seq, last.writer)))
}

/// Hands over all rows that were asked for in a span of UNIX milliseconds.
///
/// # Errors
/// Those of the database.
pub(super) async fn each(
    database: &Database,
    order: Order,
    span: Range<i64>,
    mut each: impl FnMut(Row),
) -> Result<()> {
    let mut page = page(database.clone(), order, span.clone(), (span.start, String::new(), 0)).await?;
    while let Some(last) = page.last() {
        let after = (last.asked, last.writer.clone(), last.seq);
        // The next page is read while this one is looked at.
        let next =
            AbortOnDropHandle::new(tokio::spawn(self::page(database.clone(), order, span.clone(), after)));
        page.into_iter().for_each(&mut each);
        page = next.await.map_err(|error| StoreError::Failed(error.to_string()))??;
    }
    Ok(())
}

async fn page(
    database: Database,
    order: Order,
    span: Range<i64>,
    after: (i64, String, i64),
) -> Result<Vec<Row>> {
    database.transact(Lane::Read, READ_LIMIT, move |s| Box::pin(read_page(s, order, span, after))).await
}

async fn read_page(
    session: &mut Session,
    order: Order,
    span: Range<i64>,
    (asked, writer, seq): (i64, String, i64),
) -> Result<Vec<Row>> {
    let select = &*SELECT;
    let (sql, values) = match order {
        Order::Chain => (
            format!(
                "{select} WHERE (writer, seq) > ($1, $2) AND asked >= $3 AND asked < $4 \
                 ORDER BY writer, seq LIMIT {PAGE}"
            ),
            [writer.into(), seq.into(), span.start.into(), span.end.into()],
        ),
        Order::Asked => (
            format!(
                "{select} WHERE (asked, writer, seq) > ($1, $2, $3) AND asked < $4 \
                 ORDER BY asked, writer, seq LIMIT {PAGE}"
            ),
            [asked.into(), writer.into(), seq.into(), span.end.into()],
        ),
    };
    session.rows(&sql, &values, Row::read).await
}
