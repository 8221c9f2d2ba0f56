//! Call records: one row per recording, in the database that all copies share.
//!
//! Cores write them; CALLLIST, CALLUPDATE with RECORDID, the media functions and `corecast records` read them. They make
//! no revision and no row of audit: no snapshot shows them, and a busy site writes thousands an hour.

mod agents;
mod change;
mod field;
pub mod functions;
pub mod purge;
mod put;
mod record;
mod search;
mod settings;

use std::collections::HashMap;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::database::{Column, Database, Lane, Session, StoreError};
use crate::protocol::param::Param;
pub use change::Changes;
pub use record::{Record, RecordKind};
pub use search::{Filter, Found, UniqueField};
pub use settings::{ArchiveAction, RecordsSettings, Retention, Then};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long a database may look for records. What takes longer is given up: two filters that each have millions of
/// rows and none in common would else keep it busy for minutes.
const SEARCH_LIMIT: Duration = Duration::from_secs(2);
/// How long it may take to write them.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// The call records in a database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Records(Database);

impl Records {
    /// The records in a database that others use too.
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }

    /// Writes records, all or none: at a recording's beginning, while it lasts, at its end, and again by whoever is
    /// not sure that it was done. A newer value takes the place of an older one, a blank one never does. When the
    /// recording has ended, its row is complete: then only FILENAME and the size of its sound can be added.
    ///
    /// The agent's name is looked up in the directory when a row is first written.
    ///
    /// # Errors
    /// Those of the database ([`StoreError::is_database`]; a SQLite file that somebody else is writing to is one): try
    /// again until it is done, for it may or may not have been. [`StoreError::Invalid`] for a record without a GLOBALID.
    pub async fn put(&self, records: Vec<Record>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(|session| Box::pin(put::put(session, records))).await
    }

    /// The records that match, the newest first.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] where it would take longer than two seconds; those of the database.
    pub async fn search(&self, filter: Filter) -> Result<Found> {
        self.read(move |session| Box::pin(async move { search::search(session, &filter).await })).await
    }

    /// The records of these IDENTs, in the order in which they are asked for. Those that there are not are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn by_idents(&self, idents: &[i64]) -> Result<Vec<Record>> {
        let idents = idents.to_vec();
        self.read(|session| Box::pin(by_idents(session, idents))).await
    }

    /// The newest record in which a field has this value, to the letter: EXPORT's "most recent record that contains
    /// matching data".
    ///
    /// # Errors
    /// [`StoreError::TooLong`] for a value that nothing new has, in a field without an index such as `priority`; those
    /// of the database.
    pub async fn latest_by(&self, field: UniqueField, value: &str) -> Result<Option<Record>> {
        let value = value.to_owned();
        self.read(move |session| Box::pin(async move { field.latest(session, &value).await })).await
    }

    /// Changes a record, and notes in it who did and when. Whether there is one.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for what a record does not hold; those of the database.
    pub async fn update(&self, ident: i64, changes: Changes, by: &str) -> Result<bool> {
        let by = by.to_owned();
        self.write(move |session| {
            Box::pin(async move { change::update(session, ident, &changes, &by).await })
        })
        .await
    }

    /// Changes the newest record of the first of these names that has any, and gives its IDENT.
    ///
    /// # Errors
    /// As [`Records::update`].
    pub async fn update_last_of(
        &self,
        names: Vec<(Param, String)>,
        changes: Changes,
        by: &str,
    ) -> Result<Option<i64>> {
        let by = by.to_owned();
        self.write(move |session| {
            Box::pin(async move { change::update_last_of(session, &names, &changes, &by).await })
        })
        .await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.0.transact(Lane::Search, SEARCH_LIMIT, work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.0.transact(Lane::Write, WRITE_LIMIT, work).await
    }
}

async fn by_idents(session: &mut Session, idents: Vec<i64>) -> Result<Vec<Record>> {
    let sql = format!("{} WHERE purged = 0 AND ident = ANY($1)", *field::SELECT);
    let mut once = idents.clone();
    once.sort_unstable();
    once.dedup();
    let found = session.rows_for(&sql, &Column::Ints(once), field::read).await?;
    let found: HashMap<i64, Record> = found.into_iter().map(|record| (record.ident, record)).collect();
    Ok(idents.iter().filter_map(|ident| found.get(ident).cloned()).collect())
}

#[cfg(test)]
mod tests;
