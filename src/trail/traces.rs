//! The way of traces to their collector: a bounded queue, batches, and as many tries as OTLP allows.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Collected as Received, Limited};
use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use metrics::Counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::story::Story;
use super::{Share, otlp};
use crate::metrics::{Metrics, TRACE_SPANS};
use crate::model::{Core, CoreId};
use crate::post::{Poster, Target};
use crate::room::Room;
use crate::upstream::Backoff;

/// Spans that are sent together: no more calls are added to so many.
const BATCH: usize = 1024;
/// How long the first call waits for others at most.
const PERIOD: Duration = Duration::from_secs(2);
/// How often a batch is sent at most.
const TRIES: usize = 6;
/// The pause behind the first try, at most; the next ones are twice as long each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, whatever the collector asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Bytes of an answer that are read at most.
const MAX_ANSWER: usize = 64 * 1024;

/// What becomes of a span, in the words of the metric.
const SENT: &str = "sent";
const DROPPED: &str = "dropped";
const REFUSED: &str = "refused";
const LOST: &str = "lost";

/// Where traces go, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// Where they are posted.
    pub target: Target,
    /// The collector as it was named, without a login.
    pub shown: String,
    /// How many calls are traced of those for which no client has decided.
    pub share: Share,
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`.
    pub instance: String,
    /// Headers of each request: secrets, as a rule.
    pub headers: HeaderMap,
    /// One try, from connecting to the head of the answer; from 1 ms to 24 h.
    pub timeout: Duration,
    /// Spans that may wait to be sent, at least 1.
    pub queue: usize,
}

/// What the spans of a process have in common.
pub(super) struct Service {
    pub name: String,
    pub instance: String,
    pub cores: Cores,
}

/// What is known of a core at this moment.
pub type Cores = Arc<dyn Fn(CoreId) -> Option<Core> + Send + Sync>;

/// Where threads put the stories of traced calls. Clones share it.
#[derive(Clone)]
pub struct Traces {
    pub(super) share: Share,
    queue: mpsc::UnboundedSender<Box<Story>>,
    /// What bounds the queue: the spans in it.
    room: Arc<Room>,
    most: usize,
    dropped: Counter,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("share", &self.share).finish_non_exhaustive()
    }
}

impl Traces {
    /// Puts a story down to be sent. It is dropped if too many wait.
    pub(super) fn put(&self, story: Box<Story>) {
        let spans = story.spans();
        let is_put = self.room.take(spans, self.most) && self.queue.send(story).is_ok();
        if !is_put {
            self.dropped.increment(spans as u64);
        }
    }
}

/// Ends the sending.
#[derive(Debug)]
pub struct Sending {
    hurry: CancellationToken,
    done: JoinHandle<()>,
}

impl Sending {
    /// Sends what waits, once nobody puts anything down any more; without any pause, and no longer than this.
    pub async fn end(self, within: Duration) {
        self.hurry.cancel();
        let abort = self.done.abort_handle();
        if timeout(within, self.done).await.is_err() {
            abort.abort();
            tracing::warn!("the last traces could not be sent in time");
        }
    }
}

/// Begins to send traces, on the runtime that this is called on.
#[must_use]
pub fn start(settings: &TraceSettings, metrics: &Metrics, cores: Cores) -> (Traces, Sending) {
    let (name, instance) = (settings.service.clone(), settings.instance.clone());
    let poster =
        Poster::new(settings.target.clone(), settings.timeout).with_headers(settings.headers.clone());
    let service = Service { name, instance, cores };
    let (traces, exporter) = open(settings, metrics, service, Posted { poster, patience: settings.timeout });
    let hurry = exporter.hurry.clone();
    (traces, Sending { hurry, done: tokio::spawn(exporter.run()) })
}

pub(super) fn open<C: Collector>(
    settings: &TraceSettings,
    metrics: &Metrics,
    service: Service,
    collector: C,
) -> (Traces, Exporter<C>) {
    let (queue, waiting) = mpsc::unbounded_channel();
    let (counts, room) = (Counts::new(metrics), Arc::<Room>::default());
    let (share, most, dropped) = (settings.share, settings.queue, counts.dropped.clone());
    let traces = Traces { share, queue, room: room.clone(), most, dropped };
    let hurry = CancellationToken::new();
    (traces, Exporter { waiting, room, service, collector, hurry, counts, is_well: true })
}

/// Every state is there from the start, at zero.
pub(super) struct Counts {
    sent: Counter,
    dropped: Counter,
    refused: Counter,
    lost: Counter,
}

impl Counts {
    pub fn new(metrics: &Metrics) -> Self {
        let [sent, dropped, refused, lost] =
            [SENT, DROPPED, REFUSED, LOST].map(|state| metrics.counter(&TRACE_SPANS, &[state]));
        Self { sent, dropped, refused, lost }
    }
}

/// What a collector has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Collected {
    /// Spans that it has not.
    pub rejected: u64,
    /// Why, or a warning.
    pub why: String,
}

/// Why a collector has not taken anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotCollected {
    /// It may, if it is asked again; after this time, if it names one.
    Later(String, Option<Duration>),
    /// It will not.
    Never(String),
}

/// Whoever takes the messages.
pub(super) trait Collector: Send + Sync + 'static {
    fn collect(&self, message: Bytes) -> impl Future<Output = Result<Collected, NotCollected>> + Send;
}

/// A collector behind a URL.
pub(super) struct Posted {
    poster: Poster,
    patience: Duration,
}

impl Collector for Posted {
    async fn collect(&self, message: Bytes) -> Result<Collected, NotCollected> {
        let answer = self.poster.post(message).await;
        let answer = answer.map_err(|lost| NotCollected::Later(lost.to_string(), None))?;
        let (head, body) = answer.into_parts();
        judge(head.status, &head.headers)?;
        // It has them, whether the rest of its answer comes or not.
        let body = timeout(self.patience, Limited::new(body, MAX_ANSWER).collect()).await;
        let body = body.ok().and_then(Result::ok).map(Received::to_bytes).unwrap_or_default();
        Ok(otlp::collected(&body))
    }
}

/// Only with these may the same be sent again, says OTLP.
const MAY_BE_SENT_AGAIN: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

pub(super) fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), NotCollected> {
    let why = format!("answered {status}");
    if status.is_success() {
        Ok(())
    } else if MAY_BE_SENT_AGAIN.contains(&status) {
        let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(NotCollected::Later(why, after.map(Duration::from_secs)))
    } else {
        Err(NotCollected::Never(why))
    }
}

/// Sends what threads put down, until none of them is left.
pub(super) struct Exporter<C> {
    waiting: mpsc::UnboundedReceiver<Box<Story>>,
    room: Arc<Room>,
    service: Service,
    collector: C,
    /// It is to end: there is no time for pauses.
    pub hurry: CancellationToken,
    counts: Counts,
    is_well: bool,
}

impl<C: Collector> Exporter<C> {
    pub async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                return;
            }
            let (message, spans) = otlp::message(&self.service, &batch);
            let delivered = self.deliver(message).await;
            self.note(spans, delivered);
        }
    }

    /// The next stories: those with so many spans, or those that come within a time of the first. None at the end.
    async fn gather(&mut self) -> Vec<Box<Story>> {
        let (mut batch, mut spans) = (Vec::new(), 0);
        let mut next = self.waiting.recv().await;
        let until = Instant::now() + PERIOD;
        while let Some(story) = next {
            self.room.give(story.spans());
            spans += story.spans();
            batch.push(story);
            if spans >= BATCH {
                break;
            }
            next = self.next(until).await;
        }
        batch
    }

    /// One more, if one comes in time. At the end what is there is there at once.
    async fn next(&mut self, until: Instant) -> Option<Box<Story>> {
        let next = timeout_at(until, self.waiting.recv());
        tokio::select! {
            biased;
            next = next => next.ok().flatten(),
            () = self.hurry.cancelled() => None,
        }
    }

    async fn deliver(&self, message: Bytes) -> Result<Collected, NotCollected> {
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut tries = 1;
        loop {
            let collected = self.collector.collect(message.clone()).await;
            match &collected {
                Err(NotCollected::Later(_, after)) if tries < TRIES && !self.hurry.is_cancelled() => {
                    let pause = after.unwrap_or_else(|| pauses.next()).min(LONGEST_PAUSE);
                    drop(timeout(pause, self.hurry.cancelled()).await);
                    tries += 1;
                }
                _ => return collected,
            }
        }
    }

    /// Counts, and says once when it goes wrong and once when it is well again.
    fn note(&mut self, spans: u64, delivered: Result<Collected, NotCollected>) {
        let why = match delivered {
            Ok(Collected { rejected, why }) => {
                self.counts.sent.increment(spans.saturating_sub(rejected));
                self.counts.refused.increment(rejected.min(spans));
                (rejected > 0).then_some(why)
            }
            Err(NotCollected::Never(why)) => {
                self.counts.refused.increment(spans);
                Some(why)
            }
            Err(NotCollected::Later(why, _)) => {
                self.counts.lost.increment(spans);
                Some(why)
            }
        };
        match (&why, self.is_well) {
            (Some(why), true) => tracing::warn!(why, spans, "the collector does not take all traces"),
            (None, false) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        self.is_well = why.is_none();
    }
}

#[cfg(test)]
mod tests;
