//! The one task of a process that writes: it takes all that waits, and commits it together.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::entry::{Entry, Event};
use super::row::{Row, Tip};
use super::{Gauges, store};
use crate::database::{Backoff, Database, StoreError};

/// Rows of one transaction at most.
const BATCH: usize = 500;
/// How long one try may take, whatever the database does. SQLite waits for others that write for 5 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// An entry on its way.
#[derive(Debug)]
pub(super) struct Item {
    pub entry: Entry,
    /// How many before it were lost.
    pub lost: u64,
    /// Who waits for it to be written.
    pub told: Option<oneshot::Sender<()>>,
}

/// Writes entries, in the order in which they were given.
#[derive(Debug)]
pub struct Writer {
    pub(super) database: Database,
    pub(super) inbox: mpsc::Receiver<Item>,
    pub(super) tip: Tip,
    pub(super) gauges: Arc<Gauges>,
}

impl Writer {
    /// Writes until the entry that says that the process ends.
    pub async fn run(mut self) {
        let mut items = Vec::with_capacity(BATCH);
        while self.inbox.recv_many(&mut items, BATCH).await > 0 {
            let is_last = items.iter().any(|item| item.entry.event == Event::Ended);
            self.commit(&mut items).await;
            if is_last {
                return;
            }
        }
    }

    /// Commits items, however long the database is down: the others wait behind them, in order.
    async fn commit(&mut self, items: &mut Vec<Item>) {
        let now = Timestamp::now().as_millisecond();
        let rows: Arc<[Row]> = items.iter().map(|item| self.tip.add(&item.entry, item.lost, now)).collect();
        let mut told: Vec<_> = items.drain(..).filter_map(|item| item.told).collect();
        let mut backoff = Backoff::default();
        while let Err(error) = self.attempt(&rows).await {
            self.gauges.fails(&error);
            // Nobody waits for a database that is down. The entries do.
            told.clear();
            sleep(backoff.next()).await;
        }
        self.gauges.wrote(rows.len());
        // Who has stopped waiting does not hear it.
        told.into_iter().for_each(|told| told.send(()).unwrap_or_default());
    }

    async fn attempt(&self, rows: &Arc<[Row]>) -> Result<(), StoreError> {
        let too_late = |_| Err(StoreError::Unavailable(format!("no answer within {PATIENCE:?}")));
        timeout(PATIENCE, store::write(&self.database, rows.clone())).await.unwrap_or_else(too_late)
    }
}
