//! The time that all copies share: the database's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::books::milliseconds;
use crate::clock::Clock;

/// Clocks that differ by less are in step. Nothing is put right then, so that times never go back a little.
const IN_STEP: Duration = Duration::from_millis(100);

/// A clock that goes on whatever becomes of the machine's, and is put right when it is wrong.
#[derive(Debug)]
pub(super) struct SharedTime {
    /// The machine's.
    clock: Clock,
    began: Instant,
    /// The moment `began` in UNIX milliseconds.
    origin: AtomicI64,
    /// The last moment that was given out, in UNIX microseconds.
    last: AtomicI64,
}

impl Default for SharedTime {
    fn default() -> Self {
        Self::by(Clock::default())
    }
}

impl SharedTime {
    /// As this clock has it.
    pub fn by(clock: Clock) -> Self {
        let origin = AtomicI64::new(clock.millisecond());
        Self { clock, began: Instant::now(), origin, last: AtomicI64::default() }
    }

    /// The moment in UNIX milliseconds.
    pub fn now(&self) -> i64 {
        self.origin.load(Ordering::Relaxed).saturating_add(milliseconds(self.began.elapsed()))
    }

    /// The moment in UNIX microseconds, later than any that was given out here before.
    pub fn stamp(&self) -> i64 {
        let since = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = self.origin.load(Ordering::Relaxed).saturating_mul(1000).saturating_add(since);
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).unwrap_or_default();
        later(last).unwrap_or(now)
    }

    /// The database's clock said so, or the machine's where it has none, to a question that took so long.
    pub fn heard(&self, moment: Option<i64>, took: Duration) {
        let moment = moment.unwrap_or_else(|| self.clock.millisecond());
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
        time.heard(Some(first + 1900), Duration::ZERO);
        time.heard(Some(first + 2300), Duration::from_millis(200));
        assert_eq!(time.now(), first + 2000, "in step, as far as can be told");
        time.heard(Some(first - 5000), Duration::from_millis(200));
        assert_eq!(time.now(), first - 5000);
    }

    #[tokio::test(start_paused = true)]
    async fn no_two_commands_are_stamped_alike_and_time_never_goes_back_for_them() {
        let time = SharedTime::default();
        let stamps = [time.stamp(), time.stamp(), time.stamp()];
        assert!(stamps.is_sorted_by(|one, next| one < next), "{stamps:?}");
        time.heard(Some(time.now() - 60_000), Duration::ZERO);
        assert!(time.stamp() > stamps[2]);
        tokio::time::advance(Duration::from_mins(2)).await;
        assert_eq!(time.stamp() / 1000, time.now());
    }
}
