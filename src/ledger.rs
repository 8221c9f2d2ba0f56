//! The ledger: for each blackout who asked for it and when, and for each core whether it was sent and confirmed. It is
//! what an assessor asks for. Rows are added to a table that all copies share, and never changed; each writer, which is
//! one run of one process, chains its rows by hashes, so that a change shows. `docs/ledger.md` says what that proves.
//!
//! Blackout → [`Entry`] → queue → one task that commits all that waits at once. A call waits for the database only
//! if it says so ([`Ledger::keep`]).

mod chain;
mod clean;
mod entry;
mod row;
mod store;
mod writer;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Gauge};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::database::{Database, StoreError};
use crate::metrics::{BLACKOUT_EXPOSURE, LEDGER_ENTRIES, LEDGER_LATE, LEDGER_WAITING, Metrics, PerCore};
use crate::model::CoreId;
pub use chain::{Break, Chain, Fault};
pub(crate) use clean::clean;
pub use entry::{Entry, Event, Leg};
pub use row::Row;
use row::{Tip, hex};
pub use store::Order;
use writer::Item;
pub use writer::Writer;

/// Entries that wait for the database at most, some hundred bytes each. More are lost, and that is told.
pub const QUEUE: usize = 10_000;

/// Why it is not known that an entry is written. Unless it was lost, it will be if the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// Too many wait: this one is lost.
    #[error("too many entries wait to be written to the ledger: this one is lost")]
    Lost,
    /// The database does not answer: it waits.
    #[error("the ledger's database does not answer: the entry waits")]
    Waits,
}

/// What is told of the ledger while it runs.
#[derive(Debug)]
pub(crate) struct Gauges {
    is_down: AtomicBool,
    written: Counter,
    lost: Counter,
    late: Counter,
    waiting: Gauge,
    exposure: PerCore<Gauge>,
}

impl Gauges {
    fn new(metrics: &Metrics) -> Self {
        Self {
            is_down: AtomicBool::new(false),
            written: metrics.counter(&LEDGER_ENTRIES, &["written"]),
            lost: metrics.counter(&LEDGER_ENTRIES, &["lost"]),
            late: metrics.counter(&LEDGER_LATE, &[]),
            waiting: metrics.gauge(&LEDGER_WAITING, &[]),
            exposure: PerCore::default(),
        }
    }

    /// A try has failed; the log has the first of several.
    fn fails(&self, error: &StoreError) {
        if !self.is_down.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the ledger's database fails: entries wait");
        }
    }

    fn wrote(&self, rows: usize) {
        if self.is_down.swap(false, Ordering::Relaxed) {
            tracing::info!("the ledger's database answers: what waited is written");
        }
        self.written.increment(rows as u64);
        #[allow(clippy::cast_precision_loss, reason = "it is at most a few hundred")]
        self.waiting.decrement(rows as f64);
    }
}

/// Where blackouts are noted. Clones write to the same chain.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: mpsc::Sender<Item>,
    /// How many were lost since the last that was not.
    lost: Arc<AtomicU64>,
    gauges: Arc<Gauges>,
}

impl Ledger {
    /// A new writer in a database: the handle, and what is to run beside the calls. At most `queue` entries wait,
    /// and one transaction's.
    #[must_use]
    pub fn open(database: Database, queue: usize, metrics: &Metrics) -> (Self, Writer) {
        let (sender, inbox) = mpsc::channel(queue.max(1));
        let gauges = Arc::new(Gauges::new(metrics));
        let tip = Tip { writer: new_writer(), seq: 0, hash: String::new() };
        let ledger = Self { queue: sender, lost: Arc::default(), gauges: gauges.clone() };
        let mut begun = Entry::new(Event::Begun, Timestamp::now());
        begun.note = format!("corecast {}", env!("CARGO_PKG_VERSION"));
        ledger.note(begun);
        (ledger, Writer { database, inbox, tip, gauges })
    }

    /// Blackouts may be asked of this core from now on.
    pub fn meet(&self, core: CoreId, metrics: &Metrics) {
        let exposure = || metrics.seconds_total(&BLACKOUT_EXPOSURE, &[&core.to_string()]);
        self.gauges.exposure.meet(core, exposure);
    }

    /// Notes an entry, and waits for nothing. One that is too many is counted as lost, and the next row says how many were.
    pub fn note(&self, entry: Entry) {
        self.put(entry, None).unwrap_or_default();
    }

    /// Notes an entry, and returns when its row is committed. Put a deadline around it: when that comes, the entry
    /// waits on without anybody.
    ///
    /// # Errors
    /// [`Unkept`]: at once if too many wait or the database is known to be down.
    pub async fn keep(&self, entry: Entry) -> Result<(), Unkept> {
        let (tell, told) = oneshot::channel();
        self.put(entry, Some(tell))?;
        if self.gauges.is_down.load(Ordering::Relaxed) {
            return Err(Unkept::Waits);
        }
        told.await.map_err(|_| Unkept::Waits)
    }

    fn put(&self, entry: Entry, told: Option<oneshot::Sender<()>>) -> Result<(), Unkept> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        self.gauges.waiting.increment(1.0);
        if self.queue.try_send(Item { entry, lost, told }).is_ok() {
            return Ok(());
        }
        self.gauges.waiting.decrement(1.0);
        self.gauges.lost.increment(1);
        self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        Err(Unkept::Lost)
    }

    /// An answer other than API_OK was given before it was known that its entry is written.
    pub fn was_late(&self) {
        self.gauges.late.increment(1);
    }

    /// A core has confirmed the start of a blackout so long after it was asked for.
    pub fn exposed(&self, core: CoreId, took: Duration) {
        let gauge = self.gauges.exposure.get(core);
        gauge.iter().for_each(|gauge| gauge.increment(took.as_secs_f64()));
    }

    /// Writes all that waits, and that the process ends; what comes after it is lost. Whether that was done within `limit`.
    pub async fn end(&self, limit: Duration) -> bool {
        let written = async {
            if let Ok(room) = self.queue.reserve().await {
                let lost = self.lost.swap(0, Ordering::Relaxed);
                self.gauges.waiting.increment(1.0);
                room.send(Item { entry: Entry::new(Event::Ended, Timestamp::now()), lost, told: None });
            }
            self.queue.closed().await;
        };
        let is_written = timeout(limit, written).await.is_ok();
        if !is_written {
            tracing::error!(
                "the ledger's database does not answer: entries are lost, and the chain has no end"
            );
        }
        is_written
    }
}

/// A name that no other run of a process has, with the machine's for people.
fn new_writer() -> String {
    let mut random = [0; 16];
    // Without the system's random numbers there is no TLS and no process either; time alone makes a name as well.
    let filled = SystemRandom::new().fill(&mut random);
    if filled.is_err() {
        random[..8].copy_from_slice(&Timestamp::now().as_microsecond().to_be_bytes());
    }
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "unknown".into());
    format!("{}-{}", clean(&host), hex(&random))
}

/// The ledger as it is read.
#[derive(Clone, Debug)]
pub struct Book(Database);

impl Book {
    /// The ledger in a database.
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }

    /// Hands over the rows that were asked for in a span of UNIX milliseconds, in pages: a ledger of any length is never
    /// held whole.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(
        &self,
        order: Order,
        span: Range<i64>,
        each: impl FnMut(Row),
    ) -> Result<(), StoreError> {
        store::each(&self.0, order, span, each).await
    }

    /// Walks every chain, and hands each over at its end.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn verify(&self, mut each: impl FnMut(Chain)) -> Result<(), StoreError> {
        let mut chain: Option<Chain> = None;
        let walk = |row: Row| {
            if let Some(done) = chain.take_if(|chain| chain.writer != row.writer) {
                each(done);
            }
            chain.get_or_insert_with(|| Chain::new(&row.writer)).walk(&row);
        };
        self.read(Order::Chain, i64::MIN..i64::MAX, walk).await?;
        chain.into_iter().for_each(each);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
