//! Which chains have something owed, and beside them, under the same lock, what was told of others: so a command is
//! either behind what is owed, or remembered before that was known.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of one chain.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// How many answers are having something of it committed: the database may not show it yet.
    committing: usize,
    /// When it was last known to be owed.
    seen: Instant,
}

#[derive(Debug, Default)]
struct Known<K, M> {
    marks: HashMap<K, Mark>,
    memory: M,
}

/// A set of chains that is empty nearly always, and then costs one load; `M` remembers what was told.
#[derive(Debug)]
pub(super) struct Chains<K, M> {
    is_any: AtomicBool,
    known: Mutex<Known<K, M>>,
}

impl<K: Eq + Hash, M> Chains<K, M> {
    pub fn new(memory: M) -> Self {
        Self { is_any: AtomicBool::new(false), known: Mutex::new(Known { marks: HashMap::new(), memory }) }
    }

    /// Whether any of them has something owed.
    pub fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// Whether this one has.
    pub fn has(&self, chain: &K) -> bool {
        self.is_any() && self.known().marks.contains_key(chain)
    }

    /// Whether one of these has.
    pub fn has_any(&self, is_meant: impl Fn(&K) -> bool) -> bool {
        self.is_any() && self.known().marks.keys().any(is_meant)
    }

    /// Whether this one has nothing owed; then what is told of it is remembered.
    pub fn is_free(&self, chain: &K, remember: impl FnOnce(&mut M)) -> bool {
        let mut known = self.known();
        let is_free = !known.marks.contains_key(chain);
        if is_free {
            remember(&mut known.memory);
        }
        is_free
    }

    /// Remembers what is told in its turn.
    pub fn remember(&self, remember: impl FnOnce(&mut M)) {
        remember(&mut self.known().memory);
    }

    /// Takes out of the memory what is about to be owed, and marks its chains.
    pub fn recall<T>(&self, take: impl FnOnce(&mut M) -> Vec<T>, chain: impl Fn(&T) -> K) -> Vec<T> {
        let mut known = self.known();
        let taken = take(&mut known.memory);
        taken.iter().for_each(|taken| self.mark_in(&mut known, chain(taken)));
        taken
    }

    /// Something is about to be owed.
    pub fn mark(&self, chain: K) {
        self.mark_in(&mut self.known(), chain);
    }

    fn mark_in(&self, known: &mut Known<K, M>, chain: K) {
        let now = Instant::now();
        let mark = known.marks.entry(chain).or_insert(Mark { committing: 0, seen: now });
        *mark = Mark { committing: mark.committing + 1, seen: now };
        self.is_any.store(true, Ordering::Release);
    }

    /// What was marked is committed, or will not be.
    pub fn settle(&self, chain: &K) {
        if let Some(mark) = self.known().marks.get_mut(chain) {
            *mark = Mark { committing: mark.committing.saturating_sub(1), seen: Instant::now() };
        }
    }

    /// What the database said to a question that was asked at `looked`; whether anything was or is owed. What was marked
    /// after that may be missing in it.
    pub fn replace(&self, seen: impl IntoIterator<Item = K>, looked: Instant) -> bool {
        let mut known = self.known();
        let was_any = self.is_any();
        known.marks.retain(|_, mark| mark.committing > 0 || mark.seen >= looked);
        for chain in seen {
            known.marks.entry(chain).or_insert(Mark { committing: 0, seen: looked });
        }
        let is_any = !known.marks.is_empty();
        self.is_any.store(is_any, Ordering::Release);
        was_any || is_any
    }

    fn known(&self) -> MutexGuard<'_, Known<K, M>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
