//! A CTI core: it remembers calls, records them, and blacks out what must not be kept. Its faults are simulated.
//!
//! It shares with the proxy how requests are read, where call records are written and where recordings are put, and
//! nothing of the way of a call, so it cannot hide the proxy's faults. [`state`] is what it remembers, [`dispatch`]
//! what it answers, `server` its sockets; `journal` is what it must not forget, [`studio`] what it tells its
//! [`recorder`], [`courier`] how finished recordings leave it.

pub mod clock;
mod control;
pub mod courier;
mod desk;
pub mod dispatch;
mod fault;
pub mod host;
mod journal;
mod record;
pub mod recorder;
mod server;
mod snapshot;
pub mod spans;
pub mod state;
pub mod studio;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use clock::Clock;
pub use desk::Received;
pub use fault::{Fault, UnknownFault};
pub use journal::JournalError;
pub use snapshot::{BlackoutView, CallView, ChatView, DeviceView, Snapshot};
pub use state::take::Schedule;

use crate::model::CoreId;
use crate::protocol::codes::Codes;
use courier::{Archive, Courier};
use desk::{Desk, Memory};
use recorder::Recorder;
use recorder::synthetic::{Synthetic, SyntheticSettings};
use server::Server;
use studio::shelf::Shelf;
use studio::{Studio, Terms};

/// How often a core looks after its journal and its recordings.
const UPKEEP: Duration = Duration::from_secs(1);

/// Who records.
#[derive(Clone, Debug, Default)]
pub enum RecorderChoice {
    /// Nobody: what should be recorded is taken for recorded.
    #[default]
    None,
    /// The synthetic recorder.
    Synthetic(SyntheticSettings),
    /// Another one.
    Other(Arc<dyn Recorder>),
}

/// How a core is set up.
#[derive(Clone, Debug)]
pub struct CtiSettings {
    /// COREIDENT.
    pub id: CoreId,
    /// Where its API socket listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Where its control address listens, if it has one.
    pub control: Option<SocketAddr>,
    /// What it does wrong from the start.
    pub fault: Fault,
    /// How long a blackout lasts whose stop never arrives.
    pub max_blackout: Duration,
    /// The numbers of the result types.
    pub codes: Codes,
    /// What it takes its time from.
    pub clock: Clock,
    /// The folder of its journal and its recordings. Without one it forgets all when it stops.
    pub data: Option<PathBuf>,
    /// Who records. A recorder needs a folder.
    pub recorder: RecorderChoice,
    /// Which calls are recorded without being asked to.
    pub schedule: Schedule,
    /// How many recordings are made at once; none for any number.
    pub channels: Option<usize>,
    /// How long the recorder may take for one thing, and how long a finished recording is kept back.
    pub terms: Terms,
    /// Where records and finished recordings go. Without one they stay in the folder.
    pub archive: Option<Arc<dyn Archive>>,
}

impl Default for CtiSettings {
    fn default() -> Self {
        Self {
            id: CoreId(1),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            control: None,
            fault: Fault::None,
            max_blackout: Duration::from_mins(15),
            codes: Codes::default(),
            clock: Clock::default(),
            data: None,
            recorder: RecorderChoice::None,
            schedule: Schedule::All,
            channels: None,
            terms: Terms { deadline: Duration::from_secs(3), hold: Duration::from_secs(10) },
            archive: None,
        }
    }
}

/// Why a core does not start.
#[derive(Debug, thiserror::Error)]
pub enum CtiError {
    /// An address cannot be had.
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, io::Error),
    /// Its folder cannot be worked in.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The files of its recordings cannot be read or written.
    #[error("the recordings in {0} cannot be read or written: {1}")]
    Recordings(PathBuf, io::Error),
    /// It was told to record and not where.
    #[error("a recorder needs a folder for the journal and the recordings: give --data")]
    NoFolder,
}

impl From<CtiError> for io::Error {
    fn from(error: CtiError) -> Self {
        Self::other(error)
    }
}

/// A core at work. Dropping it stops it.
#[derive(Debug)]
pub struct CtiCore {
    server: Arc<Server>,
    control: Option<SocketAddr>,
}

impl CtiCore {
    /// Starts a core on the runtime that this is called on. What its folder remembers is there when this returns, and
    /// recordings that were under way go on.
    ///
    /// # Errors
    /// [`CtiError`], if an address or the folder cannot be had.
    pub async fn start(settings: CtiSettings) -> Result<Self, CtiError> {
        let control = match settings.control {
            Some(address) => {
                Some(TcpListener::bind(address).await.map_err(|e| CtiError::Listen(address, e))?)
            }
            None => None,
        };
        let memory = match &settings.data {
            Some(folder) => Memory::of(folder, &settings)?,
            None => Memory::fleeting(&settings),
        };
        let (desk, tasks, gone) =
            (Desk::new(&settings, memory), TaskTracker::new(), CancellationToken::new());
        open_studio(&settings, &desk, &tasks, &gone).await?;
        let listen = |error| CtiError::Listen(settings.listen, error);
        let server = Server::start(&settings, desk, tasks, gone).map_err(listen)?;
        let core = Self { control: control.as_ref().and_then(|c| c.local_addr().ok()), server };
        if let Some(listener) = control {
            control::start(&core.server, listener);
        }
        if settings.data.is_some() {
            core.keep_journal(settings.clock);
        }
        Ok(core)
    }

    fn keep_journal(&self, clock: Clock) {
        let (desk, gone) = (Arc::clone(self.server.desk()), self.server.gone().clone());
        let keep = async move {
            // What is being saved then is saved: the folder is free when the core has stopped.
            while gone.run_until_cancelled(clock.sleep(UPKEEP)).await.is_some() {
                desk.tidy().await;
            }
        };
        self.server.spawn(keep);
    }

    /// Where its API socket listens, under [`Fault::Refuse`] where it will again.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where its control address listens, if it has one.
    #[must_use]
    pub const fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// COREIDENT.
    #[must_use]
    pub fn id(&self) -> CoreId {
        self.server.desk().id()
    }

    /// Switches the fault. When this returns, it holds for every request that is read from then on, and
    /// connecting is refused, or no longer.
    pub fn set_fault(&self, fault: Fault) {
        if let Err(error) = self.server.set_fault(fault) {
            tracing::error!(core = %self.id(), %error, "the core cannot listen again");
        }
    }

    /// The fault in force.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.server.desk().fault()
    }

    /// The last requests, at most 4096, in the order in which they were read, whatever became of them.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.server.desk().received()
    }

    /// What it remembers at this moment.
    #[must_use]
    pub fn state(&self) -> Snapshot {
        self.server.desk().snapshot()
    }

    /// Closes all that listens and all connections, and waits until they are closed.
    pub async fn stop(self) {
        self.server.stop();
        self.server.stopped().await;
    }
}

impl Drop for CtiCore {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// Opens the studio of a core that records, goes on with what a restart interrupted, and sends the courier off.
async fn open_studio(
    settings: &CtiSettings,
    desk: &Arc<Desk>,
    tasks: &TaskTracker,
    gone: &CancellationToken,
) -> Result<(), CtiError> {
    let spawn = |work: futures::future::BoxFuture<'static, ()>| {
        let gone = gone.clone();
        tasks.spawn(async move { gone.run_until_cancelled(work).await.unwrap_or_default() });
    };
    let recorder: Arc<dyn Recorder> = match &settings.recorder {
        RecorderChoice::None => return Ok(()),
        RecorderChoice::Other(recorder) => Arc::clone(recorder),
        RecorderChoice::Synthetic(synthetic) => {
            let folder = settings.data.clone().ok_or(CtiError::NoFolder)?;
            let synthetic = SyntheticSettings { folder, ..synthetic.clone() };
            let synthetic = Arc::new(Synthetic::new(synthetic, settings.clock.clone()));
            tasks.spawn(Arc::clone(&synthetic).pump(gone.clone()));
            synthetic
        }
    };
    let folder = settings.data.as_ref().ok_or(CtiError::NoFolder)?;
    let failed = |error| CtiError::Recordings(folder.clone(), error);
    let shelf = Shelf::open(folder).map_err(failed)?;
    let (clock, terms) = (settings.clock.clone(), settings.terms);
    let studio = Studio::new(recorder, shelf, terms, clock.clone(), tasks.clone(), gone.clone());
    desk.open_studio(Arc::clone(&studio));
    desk.resume().await.map_err(failed)?;
    spawn(Box::pin(Arc::clone(&studio).keep(UPKEEP)));
    if let Some(archive) = settings.archive.clone() {
        spawn(Box::pin(Courier::new(studio, archive, clock).run()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
