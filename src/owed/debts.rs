//! What is known to be owed, for those who send.

use tokio::sync::Notify;
use tokio::time::Instant;

use super::chains::Chains;
use super::time::SharedTime;
use super::told::{AllMissed, Memory, Told};
use crate::clock::Clock;
use crate::model::CoreId;
use crate::signal::{Signal, Watcher};

/// Chains that are looked through while those who send wait for it.
const AT_ONCE: usize = 256;

/// What is owed, as far as it is known here: what this copy found, and what the database said last.
#[derive(Debug)]
pub struct Debts {
    pub(super) time: SharedTime,
    chains: Chains<(CoreId, u64), Memory>,
    wanted: Notify,
    changed: Signal<()>,
}

impl Default for Debts {
    fn default() -> Self {
        Self {
            time: SharedTime::default(),
            chains: Chains::new(Memory::default()),
            wanted: Notify::new(),
            changed: Signal::new(()),
        }
    }
}

impl Debts {
    /// Nothing is owed yet, and this clock says when something was asked for.
    #[must_use]
    pub fn by(clock: Clock) -> Self {
        Self { time: SharedTime::by(clock), ..Self::default() }
    }

    /// The moment in UNIX milliseconds, by the clock that all copies share.
    pub(super) fn now(&self) -> i64 {
        self.time.now()
    }

    /// Whether something is owed to this core about this.
    pub fn owes(&self, core: CoreId, chain: u64) -> bool {
        self.chains.has(&(core, chain))
    }

    /// Whether anything is owed to this core.
    pub fn owes_any(&self, core: CoreId) -> bool {
        self.chains.has_any(|(owed, _)| *owed == core)
    }

    /// Whether anything is owed at all.
    pub(super) fn is_any(&self) -> bool {
        self.chains.is_any()
    }

    /// Whether this may be sent now, since nothing is known to be owed before it; then it is remembered.
    pub(super) fn tells(&self, told: Told) -> bool {
        self.chains.is_free(&(told.core, told.chain), |memory| memory.note(told))
    }

    /// This is sent, being next, or is remembered again.
    pub(super) fn remembers(&self, told: Told) {
        self.chains.remember(|memory| memory.note(told));
    }

    /// What was told before something that was asked for earlier, and must be told again. It is marked.
    pub(super) fn undone_by(&self, missed: &AllMissed) -> Vec<Told> {
        let missed: Vec<_> = missed.iter().collect();
        let recall =
            |some| self.chains.recall(|memory| memory.take_undone(some), |told| (told.core, told.chain));
        missed.chunks(AT_ONCE).flat_map(recall).collect()
    }

    /// Something is about to be owed: from now on, later commands go behind it.
    pub fn mark(&self, core: CoreId, chain: u64) {
        self.chains.mark((core, chain));
    }

    /// What was marked is committed, or will not be: from now on the database says whether it is owed.
    pub(super) fn settle(&self, core: CoreId, chain: u64) {
        self.chains.settle(&(core, chain));
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
        if self.chains.replace(seen, looked) {
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
}
