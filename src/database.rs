//! The two databases, and all that is known of them: how connections are made, kept and watched, how statements
//! are spoken, which tables there are. [`directory`](crate::directory) and [`records`](crate::records) say what
//! stands in them.

mod engine;
pub mod error;
mod schema;
mod session;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;

use engine::Engine;
pub(crate) use engine::{Backoff, CHANNEL, Lane};
pub use engine::{Moment, Weather};
pub use error::StoreError;
pub(crate) use session::{Column, Insert, Kind, Row, Session, Upsert, Value};

/// A database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database(Arc<Engine>);

impl Database {
    /// The database that a URL names: `sqlite://corecast.db`, `sqlite::memory:`, `postgres://user@host/name`.
    /// Connects with the first work, and makes the tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a URL that names no database.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Engine::open(url).map(|engine| Self(Arc::new(engine)))
    }

    /// An empty database in memory, whose work is done on the thread of whoever asks and takes no time but what `weather`
    /// takes: for simulations, where time is not the system's.
    #[must_use]
    pub fn in_place(weather: Weather) -> Self {
        Self(Arc::new(Engine::in_place(weather)))
    }

    /// The same database as somebody else sees it; none if it was not made by [`Database::in_place`].
    #[must_use]
    pub fn beside(&self, weather: Weather) -> Option<Self> {
        self.0.beside(weather).map(|engine| Self(Arc::new(engine)))
    }

    /// Runs `work` on a connection with a transaction begun, which `work` ends. It must await nothing but the
    /// connection. `limit` is the time that PostgreSQL has for it, and in [`Lane::Search`] SQLite too.
    pub(crate) async fn run<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'static,
    {
        self.0.run(lane, limit, work).await
    }

    /// [`Database::run`] for work that does not end its transaction: that is committed if it is one of
    /// [`Lane::Write`] and went well.
    pub(crate) async fn transact<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'static,
    {
        self.run(lane, limit, move |session| Box::pin(within(session, lane, work))).await
    }

    /// Wakes `nudge` whenever somebody else has changed the directory in it. Never ends.
    pub(crate) async fn watch(&self, nudge: &Notify) {
        self.0.watch(nudge).await;
    }
}

/// Does work and ends its transaction.
async fn within<T, F>(session: &mut Session, lane: Lane, work: F) -> Result<T, StoreError>
where
    F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>>,
{
    let done = work(session).await;
    session.batch(if lane == Lane::Write && done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}
