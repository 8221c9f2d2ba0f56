//! The work behind late delivery: committing what is owed, knowing what is owed, delivering it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Gauge};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::store::{End, Seen, Store};
use super::told::{AllMissed, Told};
use super::{Debts, LateDelivery, Obligation, Waiting};
use crate::command::{Function, function};
use crate::database::StoreError;
use crate::ledger::{Entry, Event, Ledger, Leg};
use crate::metrics::{
    Metrics, OBLIGATIONS, OBLIGATIONS_ENDED, OBLIGATIONS_LATE, OBLIGATIONS_OLDEST, PerCore,
};
use crate::model::{CoreId, Outcome};
use crate::protocol::codes::Codes;

/// Calls whose obligations are committed together.
const BATCH: usize = 256;

/// How often it is looked for what is too old.
const EXPIRY: Duration = Duration::from_secs(1);

/// What the tasks of late delivery share.
#[derive(Debug)]
pub struct Books {
    pub(super) store: Store,
    pub(super) debts: Arc<Debts>,
    pub(super) settings: LateDelivery,
    pub(super) codes: Codes,
    ledger: Ledger,
    series: PerCore<Series>,
}

/// One core's series in the metrics.
#[derive(Debug)]
struct Series {
    pending: Gauge,
    oldest: Gauge,
    ended: [Counter; End::ALL.len()],
    late: metrics::Histogram,
}

impl Series {
    fn of(core: CoreId, metrics: &Metrics) -> Self {
        let id = core.to_string();
        Self {
            pending: metrics.gauge(&OBLIGATIONS, &[&id, "pending"]),
            oldest: metrics.gauge(&OBLIGATIONS_OLDEST, &[&id]),
            ended: End::ALL.map(|end| metrics.counter(&OBLIGATIONS_ENDED, &[&id, end.label()])),
            late: metrics.seconds(&OBLIGATIONS_LATE, &[&id]),
        }
    }
}

/// What other copies may be late with when they look, beside two rounds.
const SLACK: Duration = Duration::from_millis(250);

pub(super) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Books {
    /// The books in this database.
    #[must_use]
    pub fn new(
        store: Store,
        debts: &Arc<Debts>,
        settings: &LateDelivery,
        numbers: &Codes,
        ledger: &Ledger,
    ) -> Arc<Self> {
        let series = PerCore::default();
        let (debts, settings, ledger) = (debts.clone(), settings.clone(), ledger.clone());
        Arc::new(Self { store, debts, settings, codes: numbers.clone(), ledger, series })
    }

    /// Something may be owed to this core from now on.
    pub(super) fn meet(&self, core: CoreId, metrics: &Metrics) {
        self.series.meet(core, || Series::of(core, metrics));
    }

    /// The moment in UNIX milliseconds, by the clock that all copies share.
    pub(super) fn now(&self) -> i64 {
        self.debts.now()
    }

    /// When all copies have seen what is committed now, and have said what they had told its core.
    fn known_to_all(&self) -> i64 {
        self.now().saturating_add(milliseconds(2 * self.settings.poll + SLACK))
    }

    /// Commits what comes in, all that waits in one transaction, until nobody can send any more.
    pub async fn keep_writing(self: Arc<Self>, mut entries: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::new();
        while entries.recv_many(&mut batch, BATCH).await > 0 {
            let obligations =
                batch.iter().flat_map(|entry: &Waiting| entry.obligations.iter().cloned()).collect();
            let written = self.store.commit(obligations, self.now(), self.known_to_all()).await;
            match &written {
                Ok(superseded) => {
                    superseded.iter().for_each(|owed| self.ended(owed, End::Superseded, None, self.now()));
                }
                Err(error) => {
                    tracing::error!(%error, "what is owed to cores cannot be kept: the answers say so")
                }
            }
            for owed in batch.iter().flat_map(|entry| &entry.obligations) {
                self.debts.settle(owed.core, owed.chain);
            }
            batch.drain(..).for_each(|entry| entry.is_kept.send(written.is_ok()).unwrap_or_default());
            self.debts.look();
        }
    }

    /// Knows what is owed, and ends what is too old, for ever.
    pub async fn keep_looking(self: Arc<Self>) {
        let (mut expired, mut was_well, mut newest) = (Instant::now(), true, Newest::default());
        loop {
            let looked = Instant::now();
            let is_time = looked.saturating_duration_since(expired) >= EXPIRY.min(self.settings.expire);
            if is_time {
                expired = looked;
            }
            let done = self.look(looked, is_time, &mut newest).await;
            if let Err(error) = &done
                && was_well
            {
                tracing::warn!(%error, "the database does not say what is owed to cores");
            }
            was_well = done.is_ok();
            // Either may be what wakes it.
            let _ = timeout(self.settings.poll, self.debts.wanted()).await;
            if !was_well {
                sleep(self.settings.poll).await;
            }
        }
    }

    pub(super) async fn look(
        &self,
        looked: Instant,
        expires: bool,
        newest: &mut Newest,
    ) -> Result<(), StoreError> {
        if expires && self.debts.is_any() {
            self.expire().await?;
        }
        let asked = Instant::now();
        let seen = self.store.look(newest.before, self.now()).await?;
        self.debts.time.heard(seen.clock, asked.elapsed());
        self.show(&seen);
        self.debts.replace(seen.chains, looked);
        self.say_again(&seen.missed).await?;
        newest.is(seen.newest);
        Ok(())
    }

    async fn expire(&self) -> Result<(), StoreError> {
        let now = self.now();
        for owed in self.store.expire(now - milliseconds(self.settings.expire), now).await? {
            let (core, command) = (owed.core.0, &owed.command);
            tracing::error!(core, command, "what was owed to a core could not be delivered in time");
            self.ended(&owed, End::Expired, None, now);
        }
        Ok(())
    }

    fn show(&self, seen: &Seen) {
        let now = self.now();
        for (core, series) in self.series.all().iter() {
            let account = seen.accounts.get(core);
            #[allow(clippy::cast_precision_loss, reason = "counts and ages are far below 2^52")]
            let number = |number: i64| number as f64;
            series.pending.set(number(account.map_or(0, |account| account.pending)));
            series.oldest.set(number(account.map_or(0, |account| now - account.oldest)) / 1000.0);
        }
    }

    /// What this copy told cores after what they missed goes behind that.
    async fn say_again(&self, missed: &AllMissed) -> Result<(), StoreError> {
        let newer = self.debts.undone_by(missed);
        if newer.is_empty() {
            return Ok(());
        }
        tracing::info!(
            number = newer.len(),
            "what cores were told goes once more behind what they missed before it"
        );
        let again = newer.iter().map(Told::again).collect();
        let written = self.store.commit_again(again, self.now(), self.known_to_all()).await;
        for told in newer {
            self.debts.settle(told.core, told.chain);
            if written.is_err() {
                self.debts.remembers(told);
            }
        }
        self.debts.look();
        written
    }

    /// An obligation has ended, the core having answered so: for the metrics, and of a blackout for the ledger.
    pub(super) fn ended(&self, owed: &Obligation, end: End, outcome: Option<&Outcome>, now: i64) {
        let took = Duration::from_millis((now - owed.asked).max(0).cast_unsigned());
        if let Some(series) = self.series.get(owed.core) {
            series.ended[end as usize].increment(1);
            if end == End::Delivered {
                series.late.record(took.as_secs_f64());
            }
        }
        if let Some(function) = function(&owed.command).filter(|function| function.is_blackout()) {
            self.ledger.note(entry(owed, function, end, outcome, took));
        }
    }
}

/// The newest obligations' numbers, when this copy looked last and the time before. What it could not see between
/// looks has a number above: also where two copies committed at once, the higher number first.
#[derive(Debug)]
pub(super) struct Newest {
    before: i64,
    last: i64,
}

impl Default for Newest {
    /// Nothing was told before the first look.
    fn default() -> Self {
        Self { before: i64::MAX, last: i64::MAX }
    }
}

impl Newest {
    fn is(&mut self, newest: i64) {
        *self = Self { before: self.last.min(newest), last: newest };
    }
}

/// What the ledger is told of the end of what was owed.
fn entry(
    owed: &Obligation,
    function: &'static Function,
    end: End,
    outcome: Option<&Outcome>,
    took: Duration,
) -> Entry {
    let leg = |outcome| Leg::ended(owed.core, &owed.device, outcome, took, None);
    Entry {
        function: function.name,
        devices: vec![owed.device.clone()],
        verdict: end.label().into(),
        legs: outcome.into_iter().map(leg).collect(),
        note: format!("owed to core {}", owed.core),
        ..Entry::new(Event::Late, Timestamp::from_millisecond(owed.asked).unwrap_or_default())
    }
}
