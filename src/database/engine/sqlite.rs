//! SQLite: one thread that writes, one that reads and one that searches, each with its own connection. A load of a
//! million rows then holds up no write, a long search holds up neither, and none ever blocks a thread of the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::Lane;
use crate::database::error::StoreError;
use crate::database::schema;
use crate::database::session::Session;

pub(super) const MEMORY: &str = ":memory:";
/// How long a connection waits for others that write.
const BUSY: Duration = Duration::from_secs(5);
/// Jobs that wait for a thread; those who bring more wait too.
const QUEUE: usize = 64;
/// How long a search waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the file is looked at for changes that other processes made. It costs a few microseconds.
const LOOK: Duration = Duration::from_millis(200);

/// Steps of a statement, of which a million take some milliseconds, between two looks at the clock.
const STEPS: i32 = 10_000;

type Job = Box<dyn FnOnce(&mut Option<Session>) + Send>;

#[derive(Debug)]
pub(crate) struct Sqlite {
    path: String,
    writer: mpsc::Sender<Job>,
    reader: mpsc::Sender<Job>,
    searcher: mpsc::Sender<Job>,
}

impl Sqlite {
    pub(super) fn open(path: &str) -> Result<Self, StoreError> {
        if path.is_empty() {
            return Err(StoreError::Invalid(
                "a SQLite directory's URL names a file: sqlite://corecast.db".into(),
            ));
        }
        let writer = thread("directory-write")?;
        // A database in memory is its connection's own.
        let other = |name| if path == MEMORY { Ok(writer.clone()) } else { thread(name) };
        let (reader, searcher) = (other("directory-read")?, other("records-search")?);
        Ok(Self { path: path.into(), writer, reader, searcher })
    }

    pub(super) async fn run<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'static,
    {
        let path = self.path.clone();
        let (answer, answered) = oneshot::channel();
        let job = move |slot: &mut Option<Session>| {
            if lane == Lane::Search && answer.is_closed() {
                return;
            }
            // Whoever asked may be gone; the work is done all the same.
            let _ = answer.send(run_here(slot, &path, lane, limit, work));
        };
        let thread = match lane {
            Lane::Write => &self.writer,
            Lane::Read => &self.reader,
            Lane::Search => &self.searcher,
        };
        let lost = || StoreError::Unavailable("the database thread has ended".into());
        let done = async {
            thread.send(Box::new(job)).await.map_err(|_| lost())?;
            answered.await.map_err(|_| StoreError::Failed("the work on the database panicked".into()))?
        };
        if lane != Lane::Search {
            return done.await;
        }
        let too_late = |_| Err(StoreError::Unavailable("too many searches wait for their turn".into()));
        timeout(limit + PATIENCE, done).await.unwrap_or_else(too_late)
    }

    pub(super) async fn watch(&self, nudge: &Notify) {
        let mut seen = None;
        loop {
            let version = self.run(Lane::Read, LOOK, |session| Box::pin(data_version(session))).await.ok();
            if version.is_some() && version != seen {
                seen = version;
                nudge.notify_one();
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A number that changes when another connection has changed the file.
async fn data_version(session: &mut Session) -> Result<i64, StoreError> {
    let mut version = 0;
    // It is asked outside a transaction, which would hold it still.
    session.batch("ROLLBACK").await?;
    session.each("PRAGMA data_version", &[], &mut |row| row.int(0).map(|n| version = n)).await?;
    Ok(version)
}

fn thread(name: &str) -> Result<mpsc::Sender<Job>, StoreError> {
    let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE);
    let run = move || {
        let mut slot = None;
        while let Some(job) = inbox.blocking_recv() {
            if catch_unwind(AssertUnwindSafe(|| job(&mut slot))).is_err() {
                slot = None;
            }
        }
    };
    let started = std::thread::Builder::new().name(name.into()).spawn(run);
    started.map(|_| jobs).map_err(|e| StoreError::Unavailable(format!("no thread for the database: {e}")))
}

/// Runs `work` on the thread's connection, which is made if there is none, and forgotten if it fails.
pub(super) fn run_here<T, F>(
    slot: &mut Option<Session>,
    path: &str,
    lane: Lane,
    limit: Duration,
    work: F,
) -> Result<T, StoreError>
where
    F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>>,
{
    let mut session = match slot.take() {
        Some(session) => session,
        None => connect(path)?,
    };
    let begin = if lane == Lane::Write { "BEGIN IMMEDIATE" } else { "BEGIN" };
    give_up_after(&mut session, (lane == Lane::Search).then_some(limit))?;
    let done = at_once(session.batch(begin)).and_then(|()| at_once(work(&mut session)));
    end(&mut session);
    if !matches!(done, Err(StoreError::Unavailable(_))) || path == MEMORY {
        *slot = Some(session);
    }
    done
}

/// Lets statements fail from then on; or never.
fn give_up_after(session: &mut Session, limit: Option<Duration>) -> Result<(), StoreError> {
    let Session::Sqlite(connection) = session else { return Ok(()) };
    let handler = limit.map(|limit| {
        let end = Instant::now() + limit;
        move || Instant::now() >= end
    });
    Ok(connection.progress_handler(STEPS, handler)?)
}

/// Work that did not end its transaction has done nothing.
fn end(session: &mut Session) {
    if let Session::Sqlite(connection) = session
        && !connection.is_autocommit()
    {
        connection.execute_batch("ROLLBACK").unwrap_or_default();
    }
}

/// The result of a future that waits for nothing, as SQLite's are.
fn at_once<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let waited = || Err(StoreError::Unavailable("work on the database waited for something else".into()));
    work.now_or_never().unwrap_or_else(waited)
}

fn connect(path: &str) -> Result<Session, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    keep_a_log(&connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -32000; PRAGMA mmap_size = 1000000000;",
    )?;
    let mut session = Session::Sqlite(connection);
    at_once(schema::migrate(&mut session))?;
    Ok(session)
}

/// Readers and writers do not block each other with a log. Of several who find a new file at the same moment SQLite
/// lets one begin it, and tells the others that the database is locked, without waiting as it does elsewhere.
fn keep_a_log(connection: &Connection) -> rusqlite::Result<()> {
    let end = Instant::now() + BUSY;
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error) if is_busy(&error) && Instant::now() < end => std::thread::sleep(BUSY / 500),
            done => return done,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn all_who_find_a_new_file_at_the_same_moment_can_use_it() {
        for round in 0..40 {
            let name = format!("corecast-new-{}-{round}.db", std::process::id());
            let path = std::env::temp_dir().join(name).display().to_string();
            let (start, places) = (Barrier::new(8), [(); 8]);
            let connect = || {
                start.wait();
                connect(&path).map(drop)
            };
            let done: Vec<_> = std::thread::scope(|scope| {
                let threads = places.map(|()| scope.spawn(connect));
                threads.map(|thread| thread.join().expect("no panic")).to_vec()
            });
            for suffix in ["", "-wal", "-shm"] {
                std::fs::remove_file(format!("{path}{suffix}")).unwrap_or_default();
            }
            assert!(done.iter().all(Result::is_ok), "{done:?}");
        }
    }
}
