//! When each request is due.

use std::time::{Duration, Instant};

/// The times of one load: fixed before it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// When the first request is due.
    pub begins: Instant,
    /// From when on what is due is measured.
    pub measured_from: Instant,
    /// Nothing is due from here on.
    pub ends: Instant,
    /// How many connections share the rate.
    pub connections: usize,
    /// Requests a second over all connections; `None` if each answer is followed by the next request.
    pub rate: Option<f64>,
}

impl Schedule {
    /// When the request of this number of a connection is due, both from 0: connections take turns.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact to nanoseconds over months"
    )]
    pub fn due(&self, connection: usize, number: u64, rate: f64) -> Instant {
        let turn = number * self.connections as u64 + connection as u64;
        self.begins + Duration::from_nanos((turn as f64 * 1e9 / rate) as u64)
    }

    /// Whether a request that is due at this time is measured.
    pub fn measures(&self, due: Instant) -> bool {
        due >= self.measured_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_turns_at_the_rate() {
        let begins = Instant::now();
        let ends = begins + Duration::from_secs(1);
        let schedule = Schedule { begins, measured_from: begins, ends, connections: 4, rate: Some(1000.0) };
        for (connection, number, milliseconds) in [(0, 0, 0), (3, 0, 3), (0, 1, 4), (2, 1_000_000, 4_000_002)]
        {
            let due = schedule.due(connection, number, 1000.0);
            assert_eq!(due - begins, Duration::from_millis(milliseconds), "{connection} {number}");
        }
    }
}
