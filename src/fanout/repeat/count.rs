//! Counts of commands, and how many of these are under way, in one word.

use crate::sync::atomic::{AtomicU64, Ordering};

/// How many commands went by, and how many of these are under way.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

/// What a [`Count`] said: above, how many went by; in the lowest 24 bits, how many are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed(u64);

impl Passed {
    const ONE: u64 = 1 << 24;

    pub const fn is_quiet(self) -> bool {
        self.0.is_multiple_of(Self::ONE)
    }

    pub const fn and_one_more(self) -> Self {
        Self(self.0.wrapping_add(Self::ONE))
    }
}

impl Count {
    /// One more is under way; what was counted before it. What those did that had ended has happened by then.
    pub fn begin(&self) -> Passed {
        Passed(self.0.fetch_add(Passed::ONE + 1, Ordering::AcqRel))
    }

    pub fn end(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    pub fn look(&self) -> Passed {
        Passed(self.0.load(Ordering::Acquire))
    }
}
