//! What is known to be owed, for those who send: a set that is empty nearly always, and then costs one load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::model::CoreId;
use crate::signal::{Signal, Watcher};

/// What is known of one chain.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// How many answers are having something of it committed: the database may not show it yet.
    committing: usize,
    /// When it was last known to be owed.
    seen: Instant,
}

/// What is owed, as far as it is known here: what this copy found, and what the database said last.
#[derive(Debug)]
pub struct Debts {
    is_any: AtomicBool,
    chains: Mutex<HashMap<(CoreId, u64), Mark>>,
    wanted: Notify,
    changed: Signal<()>,
    clock: Clock,
}

impl Default for Debts {
    fn default() -> Self {
        Self {
            is_any: AtomicBool::new(false),
            chains: Mutex::default(),
            wanted: Notify::new(),
            changed: Signal::new(()),
            clock: Clock::default(),
        }
    }
}

impl Debts {
    /// Nothing is owed yet, and when something was asked for this clock says.
    #[must_use]
    pub fn by(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// The moment in UNIX milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.millisecond()
    }

    /// Whether something is owed to this core about this.
    pub fn owes(&self, core: CoreId, chain: u64) -> bool {
        self.is_any.load(Ordering::Acquire) && self.chains().contains_key(&(core, chain))
    }

    /// Whether anything is owed to this core.
    pub fn owes_any(&self, core: CoreId) -> bool {
        self.is_any.load(Ordering::Acquire) && self.chains().keys().any(|(owed, _)| *owed == core)
    }

    /// Whether anything is owed at all.
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// Something is about to be owed: from now on, later commands go behind it.
    pub fn mark(&self, core: CoreId, chain: u64) {
        let now = Instant::now();
        let mut chains = self.chains();
        let mark = chains.entry((core, chain)).or_insert(Mark { committing: 0, seen: now });
        *mark = Mark { committing: mark.committing + 1, seen: now };
        drop(chains);
        self.is_any.store(true, Ordering::Release);
    }

    /// What was marked is committed, or will not be: from now on the database says whether it is owed.
    pub(super) fn settle(&self, core: CoreId, chain: u64) {
        if let Some(mark) = self.chains().get_mut(&(core, chain)) {
            *mark = Mark { committing: mark.committing.saturating_sub(1), seen: Instant::now() };
        }
    }

    /// Something has changed in the database: it is looked at now.
    pub(super) fn look(&self) {
        self.wanted.notify_one();
    }

    /// Ends when it is to be looked at.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// What the database said to a question that was asked at `looked`. What was marked after that may be missing in it.
    pub(super) fn replace(&self, seen: impl IntoIterator<Item = (CoreId, u64)>, looked: Instant) {
        let was_any = self.is_any();
        {
            let mut chains = self.chains();
            chains.retain(|_, mark| mark.committing > 0 || mark.seen >= looked);
            for key in seen {
                chains.entry(key).or_insert(Mark { committing: 0, seen: looked });
            }
            self.is_any.store(!chains.is_empty(), Ordering::Release);
        }
        if was_any || self.is_any() {
            self.changed.set(());
        }
    }

    /// Ends when nothing is owed to this core about this.
    pub async fn cleared(&self, core: CoreId, chain: u64) {
        let mut changes = self.changed.watch();
        while self.owes(core, chain) {
            changes.changed().await;
        }
    }

    pub(super) fn changes(&self) -> Watcher<()> {
        self.changed.watch()
    }

    fn chains(&self) -> MutexGuard<'_, HashMap<(CoreId, u64), Mark>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
