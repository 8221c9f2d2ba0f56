//! The time that all copies share: the database's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::books::{milliseconds, now};

/// Clocks that differ by less are in step. Nothing is put right then, so that times never go back a little.
const IN_STEP: Duration = Duration::from_millis(100);

/// A clock that goes on whatever becomes of the machine's, and is put right when it is wrong.
#[derive(Debug)]
pub(super) struct SharedTime {
    began: Instant,
    /// The moment `began` in UNIX milliseconds.
    origin: AtomicI64,
}

impl Default for SharedTime {
    /// As the machine's clock has it.
    fn default() -> Self {
        Self { began: Instant::now(), origin: AtomicI64::new(now()) }
    }
}

impl SharedTime {
    /// The moment in UNIX milliseconds.
    pub fn now(&self) -> i64 {
        self.origin.load(Ordering::Relaxed).saturating_add(milliseconds(self.began.elapsed()))
    }

    /// The database's clock said so, to a question that took so long.
    pub fn heard(&self, moment: i64, took: Duration) {
        let ahead = moment.saturating_sub(self.now());
        if ahead.unsigned_abs() > milliseconds(IN_STEP + took).unsigned_abs() {
            self.origin.fetch_add(ahead, Ordering::Relaxed);
            tracing::warn!(ahead_ms = ahead, "the database's clock is not in step with this machine's");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_evenly_and_is_put_right_when_it_is_far_off() {
        let time = SharedTime::default();
        let first = time.now();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(time.now(), first + 2000);
        time.heard(first + 1900, Duration::ZERO);
        time.heard(first + 2300, Duration::from_millis(200));
        assert_eq!(time.now(), first + 2000, "in step, as far as can be told");
        time.heard(first - 5000, Duration::from_millis(200));
        assert_eq!(time.now(), first - 5000);
    }
}
