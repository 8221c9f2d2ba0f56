//! Compensation: what is done about a blackout's start that an owner has not confirmed in time.
//!
//! Late delivery tries such a start again and again. After `safety.exposure_limit` what the configuration says is done
//! besides: somebody is told ([`alarm`]), or the core is told to stop the recording ([`stop`]), since a recording that
//! stops beats a card number recorded. `docs/compensation.md` says when, and what it cannot do.

mod alarm;
mod stop;
mod store;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metrics::Counter;

use super::books::milliseconds;
use super::{Debts, Obligation};
use crate::command::{Function, function};
use crate::database::Database;
use crate::ledger::{Entry, Event, Ledger, Leg};
use crate::metrics::{COMPENSATIONS, Metrics, PerCore};
use crate::model::CoreId;

pub use alarm::Alarms;
pub(super) use stop::Stopper;
pub use store::Result;
use store::Store;
pub use webhook::Webhook;

/// `[safety]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// What is done.
    pub action: Action,
    /// How long after it was asked for a blackout's start may be unconfirmed, from 1 ms to 24 h, and less than
    /// `late_delivery.expire`.
    pub exposure_limit: Duration,
}

impl Default for Safety {
    fn default() -> Self {
        Self { action: Action::Nothing, exposure_limit: Duration::from_secs(10) }
    }
}

/// What is done about a start that was not confirmed in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is tried again, and that is all.
    #[default]
    Nothing,
    /// Somebody is told.
    Webhook(Webhook),
    /// The core is told to stop the recording.
    Stop(Stop),
}

/// How a recording is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// By RECORDSTOP, which the reference has for what RECORDSTART began.
    Recording,
    /// By CALLSTOP, which ends all that is recorded of the call.
    Call,
}

impl Stop {
    /// The function that is sent.
    #[must_use]
    pub const fn function(self) -> &'static str {
        match self {
            Self::Recording => "RECORDSTOP",
            Self::Call => "CALLSTOP",
        }
    }
}

impl Action {
    /// The word in the configuration, in the database and in metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Webhook(_) => "webhook",
            Self::Stop(Stop::Recording) => "recordstop",
            Self::Stop(Stop::Call) => "callstop",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    /// It is done: somebody was told, or the core confirmed the stop.
    Done,
    /// There was nothing to do any more: the start was confirmed meanwhile, or the core records nothing there.
    Needless,
    /// A try failed.
    Failed,
}

impl Went {
    const ALL: [Self; 3] = [Self::Done, Self::Needless, Self::Failed];

    const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Needless => "needless",
            Self::Failed => "failed",
        }
    }
}

/// What all that compensates shares.
#[derive(Debug)]
pub struct Compensation {
    safety: Safety,
    store: Store,
    ledger: Ledger,
    debts: Arc<Debts>,
    counts: PerCore<[Counter; Went::ALL.len()]>,
}

impl Compensation {
    /// What this configuration says, with its rows in the database that all copies share.
    #[must_use]
    pub fn new(safety: &Safety, database: Database, ledger: &Ledger, debts: &Arc<Debts>) -> Arc<Self> {
        let action = safety.action.label();
        let (safety, ledger, debts) = (safety.clone(), ledger.clone(), debts.clone());
        let counts = PerCore::default();
        Arc::new(Self { store: Store::of(database, action), safety, ledger, debts, counts })
    }

    /// Blackouts may be asked of this core from now on. What is switched off has no series.
    pub(super) fn meet(&self, core: CoreId, metrics: &Metrics) {
        if self.is_on() {
            let (id, action) = (core.to_string(), self.safety.action.label());
            let counter = |went: Went| metrics.counter(&COMPENSATIONS, &[&id, action, went.label()]);
            self.counts.meet(core, || Went::ALL.map(counter));
        }
    }

    /// Whether anything is done.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.safety.action != Action::Nothing
    }

    /// A blackout's start was confirmed late. How long that took counts, unless the recording was stopped before: then
    /// that has been counted.
    pub(super) async fn confirmed(&self, owed: &Obligation, now: i64) -> Result<()> {
        let is_start = function(&owed.command).is_some_and(Function::starts_blackout);
        if is_start && !(self.stop().is_some() && self.store.is_done(owed.ident).await?) {
            self.ledger.exposed(owed.core, since(owed.asked, now));
        }
        Ok(())
    }

    /// The moment in UNIX milliseconds.
    fn now(&self) -> i64 {
        self.debts.now()
    }

    const fn stop(&self) -> Option<Stop> {
        match self.safety.action {
            Action::Stop(stop) => Some(stop),
            Action::Nothing | Action::Webhook(_) => None,
        }
    }

    /// What was asked for at this moment or before is unconfirmed for too long.
    fn limit(&self, now: i64) -> i64 {
        now.saturating_sub(milliseconds(self.safety.exposure_limit))
    }

    fn count(&self, core: CoreId, went: Went) {
        self.counts.get(core).iter().for_each(|counts| counts[went as usize].increment(1));
    }

    /// Tells the ledger of a compensation that is over.
    fn note(&self, about: About<'_>, went: Went, leg: Option<Leg>) {
        let About { core, command, device, asked } = about;
        let action = self.safety.action.label();
        self.ledger.note(Entry {
            function: function(command).map_or("", |function| function.name),
            devices: vec![device.to_owned()],
            verdict: format!("{action} {}", went.label()),
            legs: leg.into_iter().collect(),
            note: format!("the start was not confirmed by core {core} in time"),
            ..Entry::new(Event::Compensation, Timestamp::from_millisecond(asked).unwrap_or_default())
        });
    }
}

/// The start that something is done about.
#[derive(Clone, Copy, Debug)]
struct About<'a> {
    core: CoreId,
    command: &'a str,
    device: &'a str,
    asked: i64,
}

/// From one moment in UNIX milliseconds to another.
fn since(asked: i64, now: i64) -> Duration {
    Duration::from_millis(now.saturating_sub(asked).max(0).cast_unsigned())
}
