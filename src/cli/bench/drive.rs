//! One thread of a load: its runtime and its share of the connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use super::alarm::Alarm;
use super::connection::{Connection, Share};
use super::load::Load;
use super::schedule::Schedule;
use super::tally::Tally;

/// How often connections are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Requests that are sent before replies are read, where the load is behind its time.
const AT_ONCE: u64 = 16;

/// Where the connections of one thread read into, in bytes.
const SCRATCH: usize = 64 * 1024;

/// One thread.
pub(super) struct Driver {
    pub load: Load,
    /// Which of the load's threads this is, from 0.
    pub thread: usize,
    /// Replies so far, over all threads.
    pub answered: Arc<AtomicU64>,
    /// Told when the connections are up, or have had the time for it.
    pub is_ready: mpsc::Sender<()>,
    /// Tells when to begin.
    pub begin: watch::Receiver<Option<Schedule>>,
}

impl Driver {
    /// Does the whole load; what came of it.
    ///
    /// # Errors
    /// The system has no runtime or no timer to give.
    pub fn run(self) -> io::Result<Tally> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(self.drive())
    }

    async fn drive(mut self) -> io::Result<Tally> {
        let alarm = Alarm::new()?;
        let share = self.share();
        let connections: Rc<[_]> = (self.thread..self.load.connections)
            .step_by(self.load.threads)
            .map(|at| Connection::new(at, share.clone()))
            .collect();
        connections.iter().for_each(|connection| drop(spawn_local(connection.clone().run())));
        self.connect(&share, connections.len()).await;
        let Ok(Some(schedule)) = self.begin.wait_for(Option::is_some).await.map(|begun| *begun) else {
            return Ok(Tally::new());
        };
        share.schedule.set(Some(schedule));
        spawn_local(look_after(connections.clone()));
        pace(&alarm, &connections, &schedule).await?;
        let last = Instant::now() + self.load.timeout;
        while Instant::now() < last && !connections.iter().all(|connection| connection.is_done()) {
            sleep(LOOK).await;
        }
        connections.iter().for_each(|connection| connection.finish());
        Ok(share.tally.replace(Tally::new()))
    }

    fn share(&self) -> Rc<Share> {
        Rc::new(Share {
            address: self.load.address,
            renderer: self.load.renderer.clone(),
            pipeline: self.load.pipeline,
            timeout: self.load.timeout,
            schedule: Cell::new(None),
            tally: RefCell::new(Tally::new()),
            answered: self.answered.clone(),
            up: Cell::new(0),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
        })
    }

    /// Waits until connections are up, and says so; those that take too long are late.
    async fn connect(&self, share: &Share, connections: usize) {
        let last = Instant::now() + self.load.timeout;
        while share.up.get() < connections && Instant::now() < last {
            sleep(LOOK).await;
        }
        self.is_ready.send(()).unwrap_or_default();
    }
}

/// Has each request sent when it is due, and returns at the end of the load.
async fn pace(alarm: &Alarm, connections: &[Rc<Connection>], schedule: &Schedule) -> io::Result<()> {
    alarm.until(schedule.begins).await?;
    let Some(rate) = schedule.rate else {
        connections.iter().for_each(|connection| connection.send());
        return alarm.until(schedule.ends).await;
    };
    let turns = (0..).flat_map(|number| connections.iter().map(move |connection| (connection, number)));
    for (turn, (connection, number)) in (1_u64..).zip(turns) {
        let due = connection.due(schedule, number, rate);
        if due >= schedule.ends {
            break;
        }
        alarm.until(due).await?;
        connection.owe();
        if turn.is_multiple_of(AT_ONCE) {
            yield_now().await;
        }
    }
    alarm.until(schedule.ends).await
}

/// Finds replies that take too long.
async fn look_after(connections: Rc<[Rc<Connection>]>) {
    loop {
        sleep(LOOK).await;
        let now = Instant::now();
        connections.iter().for_each(|connection| connection.check(now));
    }
}
