//! Keeping the snapshot in step with the database.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::Status;
use super::snapshot::{Delta, Snapshot};
use super::store::{Cursor, Fresh, Store};
use crate::database::Backoff;
use crate::database::StoreError;

/// Reads what is new, makes the next snapshot of it and puts it in place.
pub(super) struct Refresher {
    store: Store,
    current: Arc<ArcSwap<Snapshot>>,
    report: watch::Sender<Status>,
    /// The longest time between two looks at a database that says nothing.
    every: Duration,
    shown: Cursor,
    retired: Vec<Arc<Snapshot>>,
    backoff: Backoff,
}

impl Refresher {
    pub(super) fn new(
        store: Store,
        current: Arc<ArcSwap<Snapshot>>,
        report: watch::Sender<Status>,
        every: Duration,
    ) -> Self {
        let (shown, retired, backoff) = (Cursor::default(), Vec::new(), Backoff::default());
        Self { store, current, report, every, shown, retired, backoff }
    }

    /// Never ends.
    pub(super) async fn run(mut self) {
        loop {
            match self.look().await {
                Ok(()) => self.wait().await,
                Err(error) => {
                    self.report_failure(error);
                    sleep(self.backoff.next()).await;
                }
            }
        }
    }

    async fn wait(&mut self) {
        self.backoff = Backoff::default();
        self.release().await;
        // Either may be what wakes it; time running out is no fault.
        let _ = tokio::time::timeout(self.every, self.store.nudge.notified()).await;
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        // What the database holds from here on is not known.
        let looked = Instant::now();
        match self.store.fresh(self.shown).await? {
            Fresh::Nothing => {}
            Fresh::Changes(cursor, delta) => self.show(cursor, delta, self.current.load_full()).await?,
            Fresh::Everything(cursor, delta) => self.show(cursor, delta, Arc::default()).await?,
        }
        self.report_success(looked);
        Ok(())
    }

    /// Puts the snapshot that follows from `before` in place.
    async fn show(&mut self, cursor: Cursor, delta: Delta, before: Arc<Snapshot>) -> Result<(), StoreError> {
        let next = off_the_runtime(move || before.apply(delta)).await?;
        self.put(Arc::new(next));
        self.shown = cursor;
        let shown = self.current.load_full();
        if shown.is_merge_due() {
            let merged = off_the_runtime(move || shown.merged()).await?;
            self.put(Arc::new(merged));
        }
        Ok(())
    }

    fn put(&mut self, next: Arc<Snapshot>) {
        self.retired.push(self.current.swap(next));
    }

    /// Lets go of snapshots that no call looks at any more. Giving back the memory of a large one takes
    /// milliseconds, and would take them from whichever call let go of it last.
    async fn release(&mut self) {
        let (done, used) = self.retired.drain(..).partition(|old| Arc::strong_count(old) == 1);
        self.retired = used;
        let done: Vec<Arc<Snapshot>> = done;
        if !done.is_empty() {
            // Dropping cannot fail; a runtime that is shutting down drops it here.
            let _ = spawn_blocking(move || drop(done)).await;
        }
    }

    fn report_success(&self, looked: Instant) {
        let revision = self.current.load().revision();
        self.report.send_modify(|status| {
            if !status.is_connected {
                tracing::info!(revision, "the directory follows its database");
            }
            *status =
                Status { is_connected: true, is_loaded: true, error: None, revision, in_step: Some(looked) };
        });
    }

    fn report_failure(&self, error: StoreError) {
        self.report.send_modify(|status| {
            if status.is_connected || status.error.is_none() {
                tracing::warn!(%error, "the directory's database fails; the last snapshot stays");
            }
            status.is_connected = false;
            status.error = Some(error);
        });
    }
}

/// Runs work of perhaps seconds where it holds up nothing else.
async fn off_the_runtime<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, StoreError>
where
    T: Send + 'static,
    E: Into<StoreError> + Send + 'static,
{
    let done = spawn_blocking(work).await;
    done.map_err(|e| StoreError::Failed(format!("a snapshot could not be made: {e}")))?.map_err(Into::into)
}
