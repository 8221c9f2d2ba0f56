//! A load from its beginning to its end.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::sync::watch;

use super::cpu;
use super::drive::Driver;
use super::render::Renderer;
use super::schedule::Schedule;
use super::tally::Tally;

/// How often the progress line is written.
const PROGRESS: Duration = Duration::from_millis(250);

/// A load on one address.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub address: SocketAddr,
    pub renderer: Renderer,
    /// Requests a second, or as many as are answered.
    pub rate: Option<f64>,
    pub connections: usize,
    pub pipeline: usize,
    pub threads: usize,
    pub warm_up: Duration,
    pub duration: Duration,
    pub timeout: Duration,
    /// The processes whose CPU time is told.
    pub cpu_of: Vec<u32>,
}

/// What was measured of a load.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub tally: Tally,
    /// What the processes spent on a request, in microseconds.
    pub cpu: Option<f64>,
}

impl Load {
    /// Puts the load on, and measures.
    ///
    /// # Errors
    /// Nobody listens at the address, or the system has no thread or timer to give.
    pub fn measure(&self) -> io::Result<Measured> {
        TcpStream::connect_timeout(&self.address, self.timeout)?;
        let answered = Arc::<AtomicU64>::default();
        let (is_ready, ready) = mpsc::channel();
        let (begin, schedule) = watch::channel(None);
        let spawn = |thread| {
            let (load, answered, is_ready) = (self.clone(), answered.clone(), is_ready.clone());
            let driver = Driver { load, thread, answered, is_ready, begin: schedule.clone() };
            thread::Builder::new().name(format!("bench-{thread}")).spawn(|| driver.run())
        };
        let threads = (0..self.threads).map(spawn).collect::<io::Result<Vec<_>>>()?;
        drop(is_ready);
        ready.iter().take(self.threads).for_each(drop);
        let schedule = self.schedule();
        begin.send_replace(Some(schedule));
        let cpu = self.watch(&schedule, &answered);
        let mut tally = Tally::new();
        for thread in threads {
            tally.add(&thread.join().map_err(|_| io::Error::other("a thread of the load has panicked"))??);
        }
        Ok(Measured { tally, cpu })
    }

    fn schedule(&self) -> Schedule {
        let begins = Instant::now() + Duration::from_millis(10);
        let measured_from = begins + self.warm_up;
        Schedule {
            begins,
            measured_from,
            ends: measured_from + self.duration,
            connections: self.connections,
            rate: self.rate,
        }
    }

    /// Waits for the end, and tells on a terminal how far it is; what the processes spent on a request meanwhile.
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    fn watch(&self, schedule: &Schedule, answered: &AtomicU64) -> Option<f64> {
        let bar = ProgressBar::new_spinner();
        let tell = |what: &str, at: Instant| {
            while let left @ 1.. = at.saturating_duration_since(Instant::now()).as_nanos() {
                let answered = answered.load(Ordering::Relaxed);
                bar.set_message(format!("{}: {what}, {answered} answered", self.address));
                bar.tick();
                thread::sleep(Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)).min(PROGRESS));
            }
        };
        let now = || (cpu::spent(&self.cpu_of), answered.load(Ordering::Relaxed));
        tell("warming up", schedule.measured_from);
        let before = now();
        tell("measuring", schedule.ends);
        let after = now();
        bar.finish_and_clear();
        let (spent, requests) = (after.0.checked_sub(before.0)?, after.1 - before.1);
        let is_known = !self.cpu_of.is_empty() && !after.0.is_zero() && requests > 0;
        is_known.then(|| spent.as_secs_f64() * 1e6 / requests as f64)
    }
}
