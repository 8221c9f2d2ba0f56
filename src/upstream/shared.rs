//! What all threads share of one core.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram};

use super::breaker::{Breaker, BreakerSettings, State};
use super::dial::{Dial, Way};
use crate::access::{Live, Watched};
use crate::metrics as table;
use crate::metrics::Metrics;
use crate::model::{Core, CoreIndex, CoreTls, LegEnd, Outcome};

/// A thread's own handle to a core. Legs count their handles on the thread, so that threads do not contend for
/// one counter.
#[derive(Clone, Debug)]
#[allow(clippy::redundant_allocation, reason = "the inner count is the threads', the outer one the legs'")]
pub(super) struct Local(Rc<Arc<CoreShared>>);

impl Local {
    pub(super) fn of(core: &Arc<CoreShared>) -> Self {
        Self(Rc::new(core.clone()))
    }

    /// Whether this is a handle to it.
    pub(super) fn is(&self, core: &Arc<CoreShared>) -> bool {
        Arc::ptr_eq(&self.0, core)
    }

    /// The core, for others than legs.
    pub(super) fn shared(&self) -> Arc<CoreShared> {
        (*self.0).clone()
    }
}

impl std::ops::Deref for Local {
    type Target = CoreShared;

    fn deref(&self) -> &CoreShared {
        &self.0
    }
}

/// Which of a core's counts a gauge shows.
type Count = fn(&CoreShared) -> &AtomicI64;

/// One core as all threads see it.
pub struct CoreShared {
    /// Its configuration.
    pub core: Core,
    /// Where its links are.
    pub place: CoreIndex,
    /// Whether it is worth sending to.
    pub breaker: Breaker,
    is_drained: AtomicBool,
    pub(super) connections: AtomicI64,
    losses: AtomicU64,
    pub(super) in_flight: AtomicI64,
    pub(super) queued: AtomicI64,
    pub(super) late: Counter,
    pub(super) stray: Counter,
    legs: [Counter; Outcome::LABELS.len()],
    seconds: Histogram,
    gauges: [(Gauge, Count); 3],
    states: [(State, Gauge); 3],
    drained: Gauge,
    last_error: Mutex<String>,
    reached: Mutex<Option<SocketAddr>>,
    /// It is not in force any more. Held while gauges are set, so that none is set behind its end.
    has_left: Mutex<bool>,
    pub(super) way: Way,
}

impl std::fmt::Debug for CoreShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreShared")
            .field("core", &self.core)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl CoreShared {
    /// A core with its series in the metrics, all at zero.
    #[must_use]
    pub fn new(core: Core, place: CoreIndex, breaker: BreakerSettings, metrics: &Metrics) -> Self {
        let id = core.id.to_string();
        Self {
            breaker: Breaker::new(breaker),
            is_drained: AtomicBool::new(false),
            connections: AtomicI64::new(0),
            losses: AtomicU64::new(0),
            in_flight: AtomicI64::new(0),
            queued: AtomicI64::new(0),
            late: metrics.counter(&table::CORE_LATE_REPLIES, &[&id]),
            stray: metrics.counter(&table::CORE_STRAY_REPLIES, &[&id]),
            legs: Outcome::LABELS.map(|outcome| metrics.counter(&table::LEGS, &[&id, outcome])),
            seconds: metrics.seconds(&table::LEG_SECONDS, &[&id]),
            gauges: [
                (metrics.gauge(&table::CORE_CONNECTIONS, &[&id]), |core| &core.connections),
                (metrics.gauge(&table::CORE_IN_FLIGHT, &[&id]), |core| &core.in_flight),
                (metrics.gauge(&table::CORE_QUEUE_DEPTH, &[&id]), |core| &core.queued),
            ],
            states: State::ALL
                .map(|(s, label)| (s, metrics.gauge(&table::CORE_BREAKER_STATE, &[&id, label]))),
            drained: metrics.gauge(&table::CORE_DRAINED, &[&id]),
            last_error: Mutex::default(),
            reached: Mutex::default(),
            has_left: Mutex::default(),
            way: Way::Tcp,
            core,
            place,
        }
    }

    /// The same, reached over TLS.
    #[must_use]
    pub fn over_tls(self, tls: Option<Arc<Live<CoreTls>>>) -> Self {
        Self { way: tls.map_or(Way::Tcp, Way::Tls), ..self }
    }

    /// The same, reached in another way than over the system's network.
    #[must_use]
    pub fn over(self, way: Arc<dyn Dial>) -> Self {
        Self { way: Way::Other(way), ..self }
    }

    /// The same, in the stead of another of its number: drained if that was, and with other connections.
    #[must_use]
    pub fn instead_of(self, before: &Self) -> Self {
        self.is_drained.store(before.is_drained(), Ordering::Relaxed);
        // More than could be lost meanwhile, so that nobody takes it for the one before.
        self.losses.store(before.losses() + (1 << 32), Ordering::Release);
        self
    }

    /// It is not in force any more: its gauges show nothing.
    pub fn leave(&self) {
        let mut has_left = self.has_left.lock().unwrap_or_else(PoisonError::into_inner);
        *has_left = true;
        let states = self.states.iter().map(|(_, gauge)| gauge);
        let counts = self.gauges.iter().map(|(gauge, _)| gauge);
        states.chain(counts).chain([&self.drained]).for_each(|gauge| gauge.set(0.0));
    }

    /// Whether nothing that was sent, or waits to be, is without its answer, over all threads.
    pub(super) fn is_at_rest(&self) -> bool {
        self.queued() <= 0 && self.in_flight() <= 0
    }

    /// Its certificate files, to be looked at for changes.
    #[must_use]
    pub fn watched(&self) -> Option<Arc<dyn Watched>> {
        match &self.way {
            Way::Tls(live) => Some(live.clone()),
            Way::Tcp | Way::Other(_) => None,
        }
    }

    /// Counts the end of a leg.
    pub(super) fn record(&self, end: &LegEnd) {
        self.legs[end.outcome.kind()].increment(1);
        if !matches!(end.outcome, Outcome::NotSent(_)) {
            self.seconds.record(end.elapsed.as_secs_f64());
        }
    }

    /// Brings the gauges up to date; called before they are read.
    pub fn publish(&self) {
        let has_left = self.has_left.lock().unwrap_or_else(PoisonError::into_inner);
        if *has_left {
            return;
        }
        for (gauge, value) in &self.gauges {
            #[allow(clippy::cast_precision_loss, reason = "a number of connections is far below 2^52")]
            gauge.set(value(self).load(Ordering::Relaxed) as f64);
        }
        let state = self.breaker.state();
        for (s, gauge) in &self.states {
            gauge.set(f64::from(u8::from(*s == state)));
        }
        self.drained.set(f64::from(u8::from(self.is_drained())));
    }

    /// From now on nothing begins there, or all does again; whether that is a change. What is there already goes on: its
    /// stops, blackouts and updates are sent as ever.
    pub fn drain(&self, is_drained: bool) -> bool {
        self.is_drained.swap(is_drained, Ordering::Relaxed) != is_drained
    }

    /// Whether an operator keeps what begins from it.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_drained.load(Ordering::Relaxed)
    }

    /// Notes what went wrong, and says so in the log where it differs from what was said last.
    pub(super) fn note_error(&self, error: String) {
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != error {
            tracing::warn!(
                core = self.core.id.0,
                name = self.core.name,
                address = self.core.address,
                "{error}"
            );
            *last = error;
        }
    }

    /// What went wrong last; empty while nothing has.
    #[must_use]
    pub fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection was made to this address.
    pub(super) fn note_reached(&self, at: SocketAddr) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Where a connection was made to last, if one was.
    #[must_use]
    pub fn reached(&self) -> Option<SocketAddr> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections open to it, over all threads.
    #[must_use]
    pub fn connections(&self) -> i64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// A connection to it was lost.
    pub(crate) fn lose(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
    }

    /// How often a connection to it was lost, over all threads: with it may be lost what the core had confirmed.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    /// Requests sent and not answered yet, over all threads.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Legs that wait for a turn, over all threads.
    #[must_use]
    pub fn queued(&self) -> i64 {
        self.queued.load(Ordering::Relaxed)
    }
}
