//! Bytes that are held for clients, over all threads, and how many there may be.

use std::sync::Arc;

use metrics::Counter;

use crate::command::Urgency;
use crate::metrics::{Metrics, SHED};
use crate::room::Room;

/// How many bytes may be held.
pub struct Budget {
    held: Room,
    max: usize,
    shed: Counter,
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("held", &self.held).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Budget {
    /// Room for `max` bytes. What it refuses is counted under this reason.
    #[must_use]
    pub fn new(max: usize, reason: &'static str, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self { held: Room::default(), max, shed: metrics.counter(&SHED, &[reason]) })
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.held()
    }

    /// A part of it, of no bytes yet.
    #[must_use]
    pub fn part(self: &Arc<Self>) -> Part {
        Part { budget: self.clone(), bytes: 0 }
    }

    fn take(&self, bytes: usize, urgency: Urgency) -> bool {
        let fits = self.held.take(bytes, urgency.room(self.max));
        if !fits {
            self.shed.increment(1);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.held.give(bytes);
    }
}

/// What somebody holds of a budget; dropping it gives it back.
#[derive(Debug)]
pub struct Part {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Part {
    /// How many bytes it is.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it this large; whether there was room. If there was not, it stays as it is.
    pub fn resize(&mut self, bytes: usize, urgency: Urgency) -> bool {
        if bytes > self.bytes && !self.budget.take(bytes - self.bytes, urgency) {
            return false;
        }
        self.budget.give(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
        true
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_what_there_is_and_give_it_back() {
        let budget = Budget::new(100, "test", &Metrics::default());
        let (mut one, mut other) = (budget.part(), budget.part());
        assert!(one.resize(60, Urgency::Normal) && other.resize(40, Urgency::Normal));
        assert!(!other.resize(41, Urgency::Normal), "it is full");
        assert!(other.resize(65, Urgency::Urgent), "but for what is urgent there is a quarter more");
        assert!(!other.resize(66, Urgency::Urgent), "which is a bound too");
        assert_eq!((other.bytes(), budget.held()), (65, 125));
        assert!(other.resize(10, Urgency::Normal), "to hold less is always possible");
        drop(one);
        assert_eq!(budget.held(), 10);
    }
}
