//! Typed reads and writes, the same on both databases.
//!
//! A write is one transaction, whatever is done in it: it makes one revision and one row of audit, or, where
//! nothing turned out to change, none. Writers take turns: the revision is a row that each locks first. So
//! revisions come in the order of commits, and what a write has looked up stays true until it commits.

mod audit;
mod devices;
mod export;
mod feed;
mod groups;
mod import;
mod phones;
mod read;
mod roles;
mod stations;
mod terminology;
mod users;
mod write;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::database::{Database, Lane, Session, StoreError};
pub use export::Export;
pub(super) use feed::{Cursor, Fresh};
pub use import::{AgentPhone, Imported};
pub use read::Read;
pub use write::{By, Write};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long PostgreSQL has for the work of one function.
const LIMIT: Duration = Duration::from_secs(10);
/// How long it has for an import, an export or a load of everything.
const LONG_LIMIT: Duration = Duration::from_mins(15);

/// The directory's database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    /// Woken when the database may hold something new.
    pub(super) nudge: Arc<Notify>,
}

impl Store {
    /// The database that a URL names: `sqlite://corecast.db`, `sqlite::memory:`, `postgres://user@host/name`.
    /// Connects with the first work, and makes the tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a URL that names no database.
    pub fn open(url: &str) -> Result<Self> {
        Database::open(url).map(Self::of)
    }

    /// The directory in a database that others use too.
    #[must_use]
    pub fn of(database: Database) -> Self {
        Self { database, nudge: Arc::default() }
    }

    /// The database that it is in.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Reads one state of the directory, whatever others write meanwhile. `work` must await nothing but the
    /// [`Read`] it is given.
    ///
    /// # Errors
    /// Those of the work, and of the database.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Read<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.read_within(LIMIT, work).await
    }

    /// [`Store::read`] for work that may take minutes.
    ///
    /// # Errors
    /// Those of the work, and of the database.
    pub async fn read_long<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Read<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.read_within(LONG_LIMIT, work).await
    }

    async fn read_within<T, F>(&self, limit: Duration, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Read<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.database.run(Lane::Read, limit, |session| Box::pin(read::run(session, work))).await
    }

    /// Changes the directory: all that `work` does, or nothing if it fails. `work` must await nothing but the
    /// [`Write`] it is given.
    ///
    /// # Errors
    /// Those of the work, and of the database.
    pub async fn write<T, F>(&self, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.write_within(LIMIT, by, End::Commit, work).await
    }

    /// [`Store::write`] for work that may take minutes.
    ///
    /// # Errors
    /// Those of the work, and of the database.
    pub async fn write_long<T, F>(&self, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.write_within(LONG_LIMIT, by, End::Commit, work).await
    }

    /// What [`Store::write_long`] would give, without changing anything.
    ///
    /// # Errors
    /// Those of the work, and of the database.
    pub async fn rehearse<T, F>(&self, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.write_within(LONG_LIMIT, by, End::Rollback, work).await
    }

    async fn write_within<T, F>(&self, limit: Duration, by: By, end: End, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        let done = self
            .database
            .run(Lane::Write, limit, move |session| Box::pin(write::run(session, by, end, work)));
        let done = done.await?;
        self.nudge.notify_one();
        Ok(done)
    }

    /// Wakes whoever waits for news whenever another process has changed the database. Never ends.
    pub(super) async fn watch(&self) {
        self.database.watch(&self.nudge).await;
    }

    /// What the database holds that a snapshot at `cursor` does not show.
    pub(super) async fn fresh(&self, cursor: Cursor) -> Result<Fresh> {
        self.read_long(move |read| Box::pin(read.fresh(cursor))).await
    }
}

/// How a write ends that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
}

async fn end(session: &mut Session, is_good: bool) -> Result<()> {
    session.batch(if is_good { "COMMIT" } else { "ROLLBACK" }).await
}
