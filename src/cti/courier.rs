//! How records and finished recordings leave a core: rows to the database while a recording is made and when it has
//! ended, its sound to the store. What cannot be delivered stays on the disk and is tried again, after a restart too;
//! in memory there is never more than one batch.

mod shared;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::clock::Clock;
use super::studio::Studio;
use crate::records::Record;
pub use shared::Shared;

/// How many records travel at once.
const BATCH: usize = 200;
/// How long it waits for news before it looks itself.
const LOOK: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why something could not be delivered. It is tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undelivered(pub String);

/// Where records and recordings go.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Writes call records; one that is there already is replaced.
    fn put_records(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), Undelivered>>;

    /// Puts a file into the store under this key; its size there in bytes.
    fn put_sound<'a>(&'a self, key: &'a str, file: &'a Path) -> BoxFuture<'a, Result<u64, Undelivered>>;
}

/// Brings records and recordings to the archive.
#[derive(Debug)]
pub struct Courier {
    studio: Arc<Studio>,
    archive: Arc<dyn Archive>,
    clock: Clock,
}

impl Courier {
    /// A courier of this studio.
    #[must_use]
    pub fn new(studio: Arc<Studio>, archive: Arc<dyn Archive>, clock: Clock) -> Self {
        Self { studio, archive, clock }
    }

    /// Delivers for ever.
    pub async fn run(self) {
        let mut wait = LOOK;
        let mut is_late = false;
        loop {
            match self.deliver().await {
                Ok(true) => {}
                Ok(false) => {
                    if std::mem::take(&mut is_late) {
                        tracing::info!("records and recordings are delivered again");
                    }
                    wait = LOOK;
                    // News come with every change: they are gathered, so that many make one batch.
                    tokio::select! {
                        () = self.studio.news() => {}
                        () = self.clock.sleep(LOOK) => {}
                    }
                }
                Err(why) => {
                    if !std::mem::replace(&mut is_late, true) {
                        tracing::error!(%why, "records or recordings cannot be delivered: they wait on the disk");
                    }
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// One round; whether there may be more to do.
    async fn deliver(&self) -> Result<bool, Undelivered> {
        let (rows, done) = (self.deliver_rows().await, self.deliver_finished().await);
        Ok(rows? == BATCH || done? == BATCH)
    }

    /// Rows of what is being recorded, where something changed.
    async fn deliver_rows(&self) -> Result<usize, Undelivered> {
        let changed = self.studio.undelivered(BATCH);
        if !changed.is_empty() {
            self.archive.put_records(changed.iter().map(|(record, _)| record.clone()).collect()).await?;
            let versions = changed.iter().map(|(record, version)| (record.global_id.as_str(), *version));
            self.studio.delivered(versions);
        }
        Ok(changed.len())
    }

    /// Finished recordings: first the rows, so that what is delayed by its sound is known already.
    async fn deliver_finished(&self) -> Result<usize, Undelivered> {
        let place = self.studio.shelf().clone();
        let finished = move || place.finished(BATCH);
        let finished = tokio::task::spawn_blocking(finished).await.map_err(unread)?.map_err(unread)?;
        if finished.is_empty() {
            return Ok(0);
        }
        self.archive.put_records(finished.clone()).await?;
        let number = finished.len();
        for record in finished {
            self.deliver_one(record).await?;
        }
        Ok(number)
    }

    async fn deliver_one(&self, record: Record) -> Result<(), Undelivered> {
        let place = self.studio.shelf();
        let sound = place.finished_sound(&record.global_id);
        if !record.file.is_empty() && sound.exists() {
            let bytes = self.archive.put_sound(&record.file, &sound).await?;
            self.archive.put_records(vec![Record { bytes, ..record.clone() }]).await?;
        }
        let (place, id) = (place.clone(), record.global_id);
        tokio::task::spawn_blocking(move || place.drop_finished(&id)).await.map_err(unread)?.map_err(unread)
    }
}

fn unread(error: impl fmt::Display) -> Undelivered {
    Undelivered(format!("the finished recordings cannot be read or removed: {error}"))
}
