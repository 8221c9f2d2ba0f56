//! Who, what and where: devices, agents, stations, groups and roles, in a database that many proxies share, and a
//! picture of it in memory that the way of a call looks things up in.
//!
//! [`Store`] reads and writes the database. [`Directory`] keeps the current [`Snapshot`] and
//! follows the database in the background: it wakes up when somebody has changed something, looks by itself every
//! so often, reads what is new and swaps the snapshot whole. Without the database the last snapshot stays.

pub mod entity;
pub mod fold;
pub mod functions;
mod refresh;
pub mod snapshot;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use crate::database::StoreError;
use refresh::Refresher;
use snapshot::Snapshot;
pub use store::{By, Store};

/// How the directory stands with its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether the last look at the database went well.
    pub is_connected: bool,
    /// Whether a snapshot was ever loaded: until then the directory is empty.
    pub is_loaded: bool,
    /// Why the last look went wrong.
    pub error: Option<StoreError>,
    /// The revision of the current snapshot.
    pub revision: i64,
    /// When the snapshot was last known to be in step with the database.
    pub in_step: Option<Instant>,
}

/// The current snapshot, and the database that it is a picture of. Clones share both.
#[derive(Clone, Debug)]
pub struct Directory {
    store: Store,
    current: Arc<ArcSwap<Snapshot>>,
    status: watch::Receiver<Status>,
    opened: Instant,
}

impl Directory {
    /// A directory at a URL (see [`Store::open`]), empty until the database has been read. Begins to follow the
    /// database on the current runtime, looking at it at least every `refresh`, until `cancel` is cancelled.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a URL that names no database. A database that cannot be reached is no error: it
    /// is tried again until it can.
    pub fn open(url: &str, refresh: Duration, cancel: CancellationToken) -> Result<Self, StoreError> {
        let store = Store::open(url)?;
        let current = Arc::new(ArcSwap::default());
        let (report, status) = watch::channel(Status::default());
        let refresher = Refresher::new(store.clone(), Arc::clone(&current), report, refresh);
        let watching = store.clone();
        tokio::spawn(async move {
            let follow = async { tokio::join!(refresher.run(), watching.watch()) };
            let _ = cancel.run_until_cancelled(follow).await;
        });
        Ok(Self { store, current, status, opened: Instant::now() })
    }

    /// A directory in this database that nobody follows: it stays empty.
    #[must_use]
    pub fn unfollowed(store: Store) -> Self {
        let status = watch::channel(Status::default()).1;
        Self { store, current: Arc::default(), status, opened: Instant::now() }
    }

    /// The current snapshot: two atomic operations. Take it once per call, so that the call sees one picture.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The current snapshot for one look: cheaper than [`Directory::snapshot`], and not to be kept.
    #[must_use]
    pub fn look(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// How long ago the snapshot was last known to be in step with the database; since opening if never.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.status.borrow().in_step.unwrap_or(self.opened).elapsed()
    }

    /// How the directory stands with its database.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Reports of every look at the database, for those who wait for one.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits until the snapshot shows this revision or a later one of the same database.
    pub async fn shows(&self, revision: i64) {
        // It fails only when the refresh task has been cancelled: then nothing will come.
        let _ = self.status.clone().wait_for(|status| status.revision >= revision).await;
    }
}

#[cfg(test)]
pub(crate) mod tests;
