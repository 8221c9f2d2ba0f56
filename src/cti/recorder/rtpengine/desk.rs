//! Takes in what a recorder is told, finds the call that it concerns, and watches over the calls.

mod known;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::RtpengineSettings;
use super::call::Call;
use super::fault::failed;
use super::ng::Ng;
use super::render::Slice;
use super::spool::Spool;
use super::tape::{Patience, Tape};
use super::wav;
use crate::cti::recorder::{Job, JobStatus, Phase, RecorderFault, Span};
use crate::protocol::codes::ResultType;
use known::{Ended, Handle, Known};

#[derive(Debug)]
pub(super) struct Desk {
    ng: Arc<Ng>,
    settings: RtpengineSettings,
    known: Mutex<Known>,
}

impl Desk {
    pub fn new(address: SocketAddr, settings: RtpengineSettings) -> Self {
        let ng = Arc::new(Ng::new(address, settings.timeout));
        Self { ng, settings, known: Mutex::default() }
    }

    pub async fn start(self: Arc<Self>, job: Job) -> Result<(), RecorderFault> {
        if job.call_id.trim().is_empty() {
            let message = "CALLID is blank: rtpengine knows calls by their SIP Call-ID alone".into();
            return Err(RecorderFault { result: ResultType::BlankRequiredValue, message });
        }
        to_the_end(async move {
            while !self.add(&job).await? {
                // The call ended just now; the next one has the same name.
            }
            Ok(())
        })
        .await
    }

    /// Whether the call was still there.
    async fn add(&self, job: &Job) -> Result<bool, RecorderFault> {
        let (handle, is_new) = self.known().take_in(job, || self.handle(job))?;
        let mut call = handle.call.lock().await;
        if call.is_over {
            self.known().forget(&job.id, true);
            return Ok(false);
        }
        if let Err(fault) = call.add(job, Timestamp::now()).await {
            self.known().forget(&job.id, call.is_over);
            return Err(fault);
        }
        if is_new {
            tokio::spawn(watch(Arc::downgrade(&handle), Arc::clone(&handle.changed), self.settings.watch));
        }
        handle.changed.notify_one();
        Ok(true)
    }

    fn handle(&self, job: &Job) -> Handle {
        let RtpengineSettings { ref spool, verify_within, settle, .. } = self.settings;
        let call_id = Arc::clone(&job.call_id);
        let spool = Spool::of_call(spool, &call_id);
        let tape =
            Tape::new(Arc::clone(&self.ng), Arc::clone(&call_id), spool, Patience { verify_within, settle });
        let call = Call::new(call_id, tape, Timestamp::now());
        Handle { call: call.into(), changed: Arc::new(Notify::new()) }
    }

    pub async fn mask(self: Arc<Self>, id: Arc<str>, span: Span) -> Result<(), RecorderFault> {
        to_the_end(async move {
            let Some(handle) = self.call_of(&id) else {
                return self.mask_ended(&id, span).await;
            };
            let masked = handle.call.lock().await.mask(&id, span, Timestamp::now()).await;
            handle.changed.notify_one();
            masked
        })
        .await
    }

    /// The recording is made: it is silenced where it lies.
    async fn mask_ended(&self, id: &str, span: Span) -> Result<(), RecorderFault> {
        let Ended { file, started, .. } = self.ended(id)?;
        let path = file.clone();
        let silenced = tokio::task::spawn_blocking(move || wav::silence(&path, started, &span)).await;
        let silenced = silenced.map_err(|_| failed("silencing a recording has panicked"))?;
        silenced
            .map_err(|error| failed(format_args!("recording {id} has ended; {}: {error}", file.display())))
    }

    pub async fn unmask(self: Arc<Self>, id: Arc<str>, span: Span) -> Result<(), RecorderFault> {
        to_the_end(async move {
            let Some(handle) = self.call_of(&id) else {
                // What is made stays as it is.
                return self.ended(&id).map(drop);
            };
            let unmasked = handle.call.lock().await.unmask(&id, span, Timestamp::now()).await;
            handle.changed.notify_one();
            unmasked
        })
        .await
    }

    pub async fn stop(self: Arc<Self>, id: Arc<str>, at: Timestamp) -> Result<JobStatus, RecorderFault> {
        to_the_end(async move {
            let Some(handle) = self.call_of(&id) else {
                return self.ended(&id).map(|ended| ended.status);
            };
            let mut call = handle.call.lock().await;
            let ended = call.end(&id, at, Timestamp::now()).await;
            handle.changed.notify_one();
            ended?;
            let status = call.status(&id, Timestamp::now()).await;
            status.ok_or_else(|| failed(format_args!("no recording {id} is known here")))
        })
        .await
    }

    pub async fn finish(self: Arc<Self>, id: Arc<str>) -> Result<(), RecorderFault> {
        to_the_end(async move {
            let Some(handle) = self.call_of(&id) else {
                return self.ended(&id).map(drop);
            };
            let slice = handle.call.lock().await.slice(&id, Timestamp::now()).await?;
            // Not under the lock: a mask of another job must not wait for it.
            let ended = render(id, slice).await?;
            let mut call = handle.call.lock().await;
            call.finish(&ended.id).await;
            let mut known = self.known();
            known.forget(&ended.id, call.is_over);
            known.remember(ended);
            Ok(())
        })
        .await
    }

    pub async fn status(&self, id: &str) -> Option<JobStatus> {
        match self.call_of(id) {
            Some(handle) => handle.call.lock().await.status(id, Timestamp::now()).await,
            None => Some(self.ended(id).ok()?.status),
        }
    }

    fn call_of(&self, job: &str) -> Option<Arc<Handle>> {
        self.known().call_of(job)
    }

    fn ended(&self, job: &str) -> Result<Ended, RecorderFault> {
        let ended = self.known().ended(job);
        ended.ok_or_else(|| failed(format_args!("no recording {job} is known here")))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs it to its end even if the caller goes away: what is half done to a call would be lost.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, RecorderFault>> + Send + 'static,
) -> Result<T, RecorderFault> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(failed("the recorder has panicked; see the log")))
}

async fn render(id: Arc<str>, slice: Slice) -> Result<Ended, RecorderFault> {
    let (file, started, to) = (slice.file.clone(), slice.from, slice.to);
    let rendered = tokio::task::spawn_blocking(move || slice.render()).await;
    let rendered = rendered.map_err(|_| failed("making a recording has panicked; its captures are kept"))?;
    let bytes = rendered.inspect_err(|error| tracing::error!(job = %id, %error, "captures are kept"))?;
    let length = to.duration_since(started).try_into().unwrap_or(Duration::ZERO);
    Ok(Ended { id, file, started, status: JobStatus { phase: Phase::Ended(to), length, bytes } })
}

/// Looks at a call when something is due, when something has changed, and every now and then.
async fn watch(handle: Weak<Handle>, changed: Arc<Notify>, every: Duration) {
    while let Some(pause) = look(&handle, every).await {
        // Whichever comes first.
        timeout(pause, changed.notified()).await.unwrap_or_default();
    }
}

/// How long nothing is due; `None` when the call is over.
async fn look(handle: &Weak<Handle>, every: Duration) -> Option<Duration> {
    let handle = handle.upgrade()?;
    let mut call = handle.call.lock().await;
    if call.is_over {
        return None;
    }
    let now = Timestamp::now();
    call.tick(now).await;
    let until = call.next_event(now).map(|event| event.duration_since(Timestamp::now()));
    let until = until.map_or(every, |until| until.try_into().unwrap_or(Duration::ZERO));
    Some(until.clamp(Duration::from_millis(1), every))
}
