//! What has come of a load.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Different RESULTTYPEs that are told; the reference has some forty. Where there are more, all that come after are one.
const MAX_LABELS: usize = 100;

/// Those beyond.
const OTHERS: &str = "(others)";

/// The longest latency that is told from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Counts and latencies of what was measured.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// From when a request was due to its reply, in nanoseconds.
    pub latency: Histogram<u64>,
    /// How many replies had which RESULTTYPE.
    pub labels: Vec<(String, u64)>,
    /// Requests that were sent and not answered in time.
    pub timed_out: u64,
    /// Requests that were sent on a connection that was lost before they were answered.
    pub lost: u64,
    /// Requests that were due and could not be sent.
    pub unsent: u64,
    /// Replies that were to another request than the one whose turn it was.
    pub mistaken: u64,
    /// Bytes sent, those of the warm-up included.
    pub sent_bytes: u64,
    /// Bytes received, those of the warm-up included.
    pub received_bytes: u64,
}

impl Tally {
    pub fn new() -> Self {
        #[allow(clippy::expect_used, reason = "the bounds are constants that it takes")]
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds in order");
        Self {
            latency,
            labels: Vec::new(),
            timed_out: 0,
            lost: 0,
            unsent: 0,
            mistaken: 0,
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    /// A request was answered so.
    pub fn answered(&mut self, label: &str, latency: Duration) {
        self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST));
        self.count(if label.is_empty() { "(no RESULTTYPE)" } else { label }, 1);
    }

    fn count(&mut self, label: &str, count: u64) {
        let label = if self.labels.len() + 1 < MAX_LABELS { label } else { OTHERS };
        match self.labels.iter_mut().find(|(known, _)| known == label) {
            Some((_, known)) => *known += count,
            None => self.labels.push((label.into(), count)),
        }
    }

    /// Adds what another thread or another round has counted.
    pub fn add(&mut self, other: &Self) {
        self.latency += &other.latency;
        other.labels.iter().for_each(|(label, count)| self.count(label, *count));
        self.timed_out += other.timed_out;
        self.lost += other.lost;
        self.unsent += other.unsent;
        self.mistaken += other.mistaken;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
    }

    /// Requests with an answer.
    pub fn answers(&self) -> u64 {
        self.latency.len()
    }

    /// Requests without one.
    pub const fn unanswered(&self) -> u64 {
        self.timed_out + self.lost + self.unsent + self.mistaken
    }

    /// Whether every answer was API_OK.
    pub fn all_ok(&self) -> bool {
        self.labels.iter().all(|(label, _)| label == "API_OK")
    }
}
