//! How much of something may be held at once, over all threads.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// What is held of something.
#[derive(Debug, Default)]
pub(crate) struct Room(AtomicUsize);

impl Room {
    /// How much is held.
    pub fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes so much, if no more than `most` is held then. What does not fit is never counted, not even for a moment:
    /// else something large would have something small refused that fits.
    pub fn take(&self, amount: usize, most: usize) -> bool {
        let more = |held: usize| held.checked_add(amount).filter(|held| *held <= most);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives back what was taken.
    pub fn give(&self, amount: usize) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}
