//! Waiting longer after each failure, and never in step with the other copies of the proxy.

use std::time::Duration;

/// Doubling delays between two bounds, each shortened at random by up to half.
#[derive(Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// The first delay is at most `min`, none is over `max`.
    #[must_use]
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The next delay.
    pub fn next(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.max);
        full.mul_f64(1.0 - fastrand::f64() / 2.0)
    }

    /// Things went well: begin again.
    pub const fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_bound_and_jitter_only_shortens() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        for full in [100, 200, 400, 500, 500] {
            let (delay, full) = (backoff.next(), Duration::from_millis(full));
            assert!(delay <= full && delay >= full / 2, "{delay:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
