//! What a core takes its time from.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// A clock: the system's, or one that stands still until it is told to go on, with which a test plays a whole day.
/// Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<watch::Sender<Timestamp>>);

impl Clock {
    /// A clock that stands at this moment.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Some(watch::Sender::new(at)))
    }

    /// What it says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |manual| *manual.borrow())
    }

    /// Puts a manual clock on. The system's stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            manual.send_modify(|now| *now = later(*now, by));
        }
    }

    /// Waits until it says this much more than now.
    pub async fn sleep(&self, time: Duration) {
        match &self.0 {
            None => tokio::time::sleep(time).await,
            Some(manual) => {
                let end = later(*manual.borrow(), time);
                // It ends only when the clock is gone, and then nobody waits for it.
                manual.subscribe().wait_for(|now| *now >= end).await.map(drop).unwrap_or_default();
            }
        }
    }
}

/// A moment and a time behind it, up to the end of time.
#[must_use]
pub fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_manual_clock_goes_on_when_it_is_told_to_and_wakes_who_sleeps() {
        let start = Timestamp::UNIX_EPOCH;
        let clock = Clock::manual(start);
        let mut sleep = std::pin::pin!(clock.sleep(Duration::from_hours(1)));
        assert_eq!(sleep.as_mut().now_or_never(), None);
        clock.clone().advance(Duration::from_mins(59));
        assert_eq!(sleep.as_mut().now_or_never(), None);
        clock.advance(Duration::from_mins(2));
        sleep.await;
        assert_eq!(clock.now(), later(start, Duration::from_mins(61)));
    }
}
