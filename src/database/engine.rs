//! The two databases: how connections to them are made, kept and watched.

mod backoff;
mod in_place;
mod postgres;
mod sqlite;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;

pub(crate) use backoff::Backoff;
use in_place::InPlace;
pub use in_place::{Moment, Weather};

use super::error::StoreError;
use super::session::Session;
pub(crate) use postgres::CHANNEL;
use postgres::Postgres;
use sqlite::Sqlite;

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Read one state of the database, whatever others write meanwhile.
    Read,
    Write,
    /// [`Lane::Read`] beside the directory's own work, and given up when it takes longer than its limit.
    Search,
}

/// One of the databases.
#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
    InPlace(InPlace),
}

impl Engine {
    /// The database that a URL names. Connects to nothing yet.
    pub(crate) fn open(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Sqlite::open(path.strip_prefix("//").unwrap_or(path)).map(Self::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Postgres::open(url).map(Box::new).map(Self::Postgres);
        }
        Err(StoreError::Invalid("a directory's URL begins with sqlite:// or postgres://".into()))
    }

    /// An empty database in memory, whose work is done on the thread of whoever asks.
    pub(crate) fn in_place(weather: Weather) -> Self {
        Self::InPlace(InPlace::new(weather))
    }

    /// The same database in other weather; none if its work is done on threads of its own.
    pub(crate) fn beside(&self, weather: Weather) -> Option<Self> {
        match self {
            Self::InPlace(in_place) => Some(Self::InPlace(in_place.beside(weather))),
            Self::Sqlite(_) | Self::Postgres(_) => None,
        }
    }

    /// Runs `work` on a connection with a transaction begun, which `work` ends. It must await nothing but the
    /// connection. `limit` is the time that PostgreSQL has for it, and in [`Lane::Search`] SQLite too.
    pub(crate) async fn run<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(lane, limit, work).await,
            Self::Postgres(postgres) => postgres.run(lane, limit, work).await,
            Self::InPlace(in_place) => in_place.run(lane, limit, work).await,
        }
    }

    /// Wakes `nudge` whenever somebody else has changed the database. Never ends.
    pub(crate) async fn watch(&self, nudge: &Notify) {
        match self {
            Self::Sqlite(sqlite) => sqlite.watch(nudge).await,
            Self::Postgres(postgres) => postgres.watch(nudge).await,
            // Whoever follows it looks every so often anyway.
            Self::InPlace(_) => std::future::pending().await,
        }
    }
}
