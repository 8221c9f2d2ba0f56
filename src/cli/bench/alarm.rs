//! A timer that goes off when it should: the runtime's own counts in milliseconds, and a request that is sent a
//! millisecond late would measure the timer.

use std::io;
use std::time::Instant;

#[cfg(target_os = "linux")]
pub(super) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::net::unix::pipe;

    use super::{Instant, io};

    /// A timer of the kernel's. It is read like a pipe: eight bytes once it has gone off.
    #[derive(Debug)]
    pub struct Alarm(pipe::Receiver);

    impl Alarm {
        /// An alarm that is not set.
        pub fn new() -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            Ok(Self(pipe::Receiver::from_owned_fd_unchecked(timer)?))
        }

        /// Returns at this time, or at once if it is over.
        pub async fn until(&self, at: Instant) -> io::Result<()> {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let zero = Timespec::default();
            let once = Itimerspec { it_interval: zero, it_value: left.try_into().unwrap_or(zero) };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            while at > Instant::now() {
                self.0.readable().await?;
                // Reading is what makes it wait again.
                drop(self.0.try_read(&mut [0; 8]));
            }
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{Instant, io};

    /// The runtime's timer.
    #[derive(Debug)]
    pub struct Alarm;

    impl Alarm {
        /// An alarm that is not set.
        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Returns at this time or up to a millisecond later, or at once if it is over.
        pub async fn until(&self, at: Instant) -> io::Result<()> {
            if at > Instant::now() {
                tokio::time::sleep_until(at.into()).await;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_goes_off_early_and_can_be_set_again() {
        let alarm = Alarm::new().expect("a timer");
        for wait in [0, 1, 300, 20, 2_500] {
            let at = Instant::now() + Duration::from_micros(wait);
            alarm.until(at).await.expect("it can be set");
            assert!(Instant::now() >= at, "{wait} µs");
        }
    }
}
