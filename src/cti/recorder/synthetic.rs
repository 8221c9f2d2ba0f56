//! A recorder that makes its sound itself: a tone or a given WAV for each device, and silence where it is masked, to
//! the sample. What would be heard is a pure function of the sample's number, so that a test can check every one.

mod source;
mod tape;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use source::{Sources, tone_of};
use tape::Tape;

use super::{Job, JobStatus, Recorder, RecorderFault, Span};
use crate::cti::clock::Clock;
use crate::cti::host::Disk;
use crate::protocol::codes::ResultType;

/// How often what was heard meanwhile is written.
const PUMP: Duration = Duration::from_millis(500);

/// How a synthetic recorder is set up.
#[derive(Clone, Debug, Default)]
pub struct SyntheticSettings {
    /// What is heard on which device.
    pub sources: Sources,
    /// With less room than this on the disk nothing new is recorded: megabytes.
    pub min_free: u64,
    /// The folder whose disk is looked at.
    pub folder: PathBuf,
}

/// Tapes by GLOBALID.
type Tapes = HashMap<Arc<str>, Arc<Mutex<Tape>>>;

/// The synthetic recorder.
#[derive(Debug)]
pub struct Synthetic {
    settings: SyntheticSettings,
    clock: Clock,
    tapes: Arc<Mutex<Tapes>>,
}

impl Synthetic {
    /// A recorder without jobs. [`Synthetic::pump`] must run for sound to be written while nothing else happens.
    #[must_use]
    pub fn new(settings: SyntheticSettings, clock: Clock) -> Self {
        Self { settings, clock, tapes: Arc::default() }
    }

    /// Writes what was heard, every so often, until `gone` is cancelled. What is being written then is written.
    pub async fn pump(self: Arc<Self>, gone: CancellationToken) {
        while gone.run_until_cancelled(self.clock.sleep(PUMP)).await.is_some() {
            let recorder = Arc::clone(&self);
            tokio::task::spawn_blocking(move || recorder.write_all()).await.unwrap_or_default();
        }
    }

    fn write_all(&self) {
        let now = self.clock.now();
        let tapes: Vec<_> = lock(&self.tapes).values().cloned().collect();
        for tape in tapes {
            lock(&tape).pump(now);
        }
        lock(&self.tapes).retain(|_, tape| !lock(tape).is_gone());
    }

    fn tape(&self, id: &str) -> Result<Arc<Mutex<Tape>>, RecorderFault> {
        lock(&self.tapes).get(id).cloned().ok_or_else(|| RecorderFault {
            result: ResultType::DeviceNotRecording,
            message: format!("recording {id} is not this recorder's, or it was handed over already"),
        })
    }

    /// Works on a tape where waiting for the disk holds up nobody.
    async fn on_tape<T: Send + 'static>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Tape, Timestamp) -> Result<T, RecorderFault> + Send + 'static,
    ) -> Result<T, RecorderFault> {
        let (tape, clock) = (self.tape(id)?, self.clock.clone());
        off_the_way(move || work(&mut lock(&tape), clock.now())).await
    }

    async fn begin(&self, job: &Job) -> Result<(), RecorderFault> {
        if lock(&self.tapes).contains_key(&job.id) {
            return Ok(());
        }
        let sound = self.settings.sources.of(&job.device);
        let (folder, min_free) = (self.settings.folder.clone(), self.settings.min_free);
        let (tapes, clock, job) = (Arc::clone(&self.tapes), self.clock.clone(), job.clone());
        off_the_way(move || {
            check_room(&folder, min_free)?;
            let tape = Tape::start(&job, sound, clock.now())?;
            lock(&tapes).insert(Arc::clone(&job.id), Arc::new(Mutex::new(tape)));
            Ok(())
        })
        .await
    }
}

fn check_room(folder: &std::path::Path, min_free: u64) -> Result<(), RecorderFault> {
    if min_free == 0 {
        return Ok(());
    }
    let disk = Disk::of(folder);
    if disk.free >= min_free {
        return Ok(());
    }
    let message =
        format!("only {} MB are free on the disk of {}, and {min_free} must be", disk.free, disk.path);
    Err(RecorderFault { result: ResultType::OutOfDiskSpace, message })
}

/// Runs what waits for the disk on a thread of its own.
async fn off_the_way<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecorderFault> + Send + 'static,
) -> Result<T, RecorderFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(RecorderFault {
            result: ResultType::Unknown,
            message: format!("the recorder broke down: {error}"),
        })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder for Synthetic {
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(self.begin(job))
    }

    fn mask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(self.on_tape(id, move |tape, _| tape.mask(span)))
    }

    fn unmask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(self.on_tape(id, move |tape, _| tape.unmask(span)))
    }

    fn stop<'a>(&'a self, id: &'a str, at: Timestamp) -> BoxFuture<'a, Result<JobStatus, RecorderFault>> {
        Box::pin(self.on_tape(id, move |tape, now| tape.stop(at, now)))
    }

    /// It is whole when it has ended.
    fn finish<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(async { Ok(()) })
    }

    fn status<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<JobStatus>> {
        Box::pin(async move {
            let tape = self.tape(id).ok()?;
            let status = lock(&tape).status(self.clock.now());
            Some(status)
        })
    }
}

#[cfg(test)]
mod tests;
