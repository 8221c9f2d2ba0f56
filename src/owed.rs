//! Late delivery: what a core did not get is owed to it, and whoever can delivers it when the core is back.
//!
//! A blackout or a stop that an owner did not confirm is committed to the database before the client is told so. From
//! there any copy of the proxy delivers it, with TIMEOFFSET lowered by the delay. What is owed to one core about one
//! device keeps its order, and later commands go behind it. It ends delivered, refused, superseded or expired.

mod books;
mod chains;
mod compensation;
mod courier;
mod debts;
mod obligation;
mod oldest;
mod store;
#[cfg(test)]
mod tests;
mod time;
mod told;

use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

pub use books::Books;
pub use compensation::{Action, Alarms, Compensation, Safety, Stop, Webhook};
pub use courier::Courier;
pub use debts::Debts;
pub use obligation::Obligation;
pub use store::Store;

use crate::metrics::{Metrics, OBLIGATIONS_LOST};
use crate::model::CoreId;
use told::Told;

/// Answers that may wait for their obligations to be committed; more are told at once that nothing is kept.
const QUEUE: usize = 1024;

/// How long an answer waits for the commit, of the time that its call has; cores have the rest.
const RESERVE: Duration = Duration::from_millis(250);

/// `[late_delivery]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateDelivery {
    /// Whether anything is delivered late.
    pub enabled: bool,
    /// How long after a core is back it gets what is owed to it, at most; how often a failed delivery is tried again.
    /// From 1 ms to 24 h.
    pub retry: Duration,
    /// How often the database is asked what others owe, from 1 ms to 24 h.
    pub poll: Duration,
    /// After this it is too late, from 1 ms to 24 h.
    pub expire: Duration,
}

impl Default for LateDelivery {
    fn default() -> Self {
        Self {
            enabled: true,
            retry: Duration::from_secs(1),
            poll: Duration::from_millis(250),
            expire: Duration::from_hours(1),
        }
    }
}

/// Obligations of one call, and where it is told whether they are kept.
#[derive(Debug)]
pub struct Waiting {
    obligations: Vec<Obligation>,
    is_kept: oneshot::Sender<bool>,
}

/// What a desk knows of late delivery. Clones share it.
#[derive(Clone, Debug)]
pub struct Owed {
    debts: Arc<Debts>,
    line: Option<mpsc::Sender<Waiting>>,
    keeps_refusals: bool,
    lost: Counter,
}

impl Owed {
    /// Late delivery that is switched off: nothing is ever owed.
    #[must_use]
    pub fn off(metrics: &Metrics) -> Self {
        let lost = metrics.counter(&OBLIGATIONS_LOST, &[]);
        Self { debts: Arc::default(), line: None, keeps_refusals: false, lost }
    }

    /// Late delivery, and what [`Books::keep_writing`] is to write.
    #[must_use]
    pub fn open(debts: &Arc<Debts>, metrics: &Metrics) -> (Self, mpsc::Receiver<Waiting>) {
        let (line, entries) = mpsc::channel(QUEUE);
        (Self { debts: debts.clone(), line: Some(line), ..Self::off(metrics) }, entries)
    }

    /// The same; with `keeps_refusals` a core that refuses the start of a blackout is owed it too.
    #[must_use]
    pub fn with_refusals(self, keeps_refusals: bool) -> Self {
        Self { keeps_refusals, ..self }
    }

    /// Whether a core that refuses the start of a blackout is owed it.
    #[must_use]
    pub const fn keeps_refusals(&self) -> bool {
        self.keeps_refusals
    }

    /// Whether what is not confirmed is kept for later.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.line.is_some()
    }

    /// When cores must have answered, so that there is time left to keep what they did not.
    #[must_use]
    pub fn reserve(&self, started: Instant, deadline: Instant) -> Instant {
        let whole = deadline.saturating_duration_since(started);
        if self.is_on() { deadline - RESERVE.min(whole / 4) } else { deadline }
    }

    /// When a call was asked for that was read at this moment, in UNIX milliseconds by the clock that copies share.
    #[must_use]
    pub fn asked(&self, started: Instant) -> i64 {
        self.debts.now().saturating_sub(books::milliseconds(started.elapsed()))
    }

    /// When a blackout was asked for that is read now, in UNIX microseconds by that clock; no two are the same.
    #[must_use]
    pub fn stamp(&self) -> i64 {
        self.debts.time.stamp()
    }

    /// Whether a command about a blackout may be sent to this core, since nothing is known to be owed before it. Then it
    /// is remembered: another copy may owe something that was asked for before, and this is told once more behind it.
    #[must_use]
    pub fn tells(&self, core: CoreId, chain: u64, forgives: bool, command: &Arc<Obligation>) -> bool {
        let (command, at) = (command.clone(), self.debts.now());
        self.debts.tells(Told { core, chain, forgives, command, at, is_late: false })
    }

    /// Whether something is owed to this core about this device, agent or chat. Costs nothing while nothing is owed.
    #[must_use]
    pub fn owes(&self, core: CoreId, chain: u64) -> bool {
        self.debts.owes(core, chain)
    }

    /// Waits until nothing is owed to this core about it any more, or the time is up; whether that is so.
    pub async fn cleared(&self, core: CoreId, chain: u64, until: Instant) -> bool {
        timeout_at(until, self.debts.cleared(core, chain)).await.is_ok()
    }

    /// Has obligations committed. Whether they are: if not in time, they may be kept all the same, which nobody can
    /// rely on.
    pub async fn keep(&self, obligations: Vec<Obligation>, until: Instant) -> bool {
        obligations.iter().for_each(|owed| self.debts.mark(owed.core, owed.chain));
        let count = obligations.len() as u64;
        let kept = match &self.line {
            Some(line) => hand_over(line, &self.debts, obligations, until).await,
            None => false,
        };
        if !kept {
            self.lost.increment(count);
        }
        kept
    }
}

async fn hand_over(
    line: &mpsc::Sender<Waiting>,
    debts: &Debts,
    obligations: Vec<Obligation>,
    until: Instant,
) -> bool {
    let (is_kept, answer) = oneshot::channel();
    if let Err(
        TrySendError::Full(Waiting { obligations, .. }) | TrySendError::Closed(Waiting { obligations, .. }),
    ) = line.try_send(Waiting { obligations, is_kept })
    {
        obligations.iter().for_each(|owed| debts.settle(owed.core, owed.chain));
        return false;
    }
    matches!(timeout_at(until, answer).await, Ok(Ok(true)))
}
