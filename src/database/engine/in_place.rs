//! SQLite in memory, on the thread of whoever asks: for a simulation, where everything is on one thread and nothing may
//! take time by itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;

use super::Lane;
use super::sqlite::{MEMORY, run_here};
use crate::database::error::StoreError;
use crate::database::session::Session;

/// When something may happen to work on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is done yet.
    Before,
    /// It is done, and nobody has been told.
    After,
}

/// What happens to work on the database at each [`Moment`]: how long it takes, and whether it fails.
pub type Weather = Arc<dyn Fn(Moment) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// One who uses the database.
pub(crate) struct InPlace {
    slot: Arc<Mutex<Option<Session>>>,
    weather: Weather,
}

impl fmt::Debug for InPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlace").finish_non_exhaustive()
    }
}

impl InPlace {
    pub(super) fn new(weather: Weather) -> Self {
        Self { slot: Arc::default(), weather }
    }

    pub(super) fn beside(&self, weather: Weather) -> Self {
        Self { slot: self.slot.clone(), weather }
    }

    pub(super) async fn run<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>>,
    {
        (self.weather)(Moment::Before).await?;
        let done = self.do_now(lane, limit, work);
        (self.weather)(Moment::After).await?;
        done
    }

    fn do_now<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>>,
    {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        run_here(&mut slot, MEMORY, lane, limit, work)
    }
}
