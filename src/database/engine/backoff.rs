//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_millis(1600);

/// Waits that double from 100 ms to 1.6 s, each made up to a quarter longer or shorter by chance, so that many
/// proxies do not all knock at once at a database that has just come back.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LAST);
        wait * fastrand::u32(75..=125) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ_by_a_quarter_at_most() {
        let mut backoff = Backoff::default();
        for expected in [100, 200, 400, 800, 1600, 1600] {
            let wait = backoff.next();
            let expected = Duration::from_millis(expected);
            assert!(wait >= expected * 3 / 4 && wait <= expected * 5 / 4, "{wait:?}");
        }
    }
}
