//! Between what a core remembers and its recorder: what should be recorded is compared with what the recorder was
//! told, and the difference is sent to it, in order for one recording and for several at once.
//!
//! [`plan`] is pure and says what comes next; `slot` is one recording with what is still to be done for it; a slot
//! with work has a task, one without costs nothing but its memory. Whoever commands waits for the recorder: an answer
//! of API_OK means that it is done.

mod carry;
mod keep;
pub mod plan;
pub mod shelf;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::dispatch::Booth;
use super::recorder::{Phase, Recorder, RecorderFault};
use super::state::take::Take;
use plan::Wanted;
use shelf::Shelf;
use slot::Slot;

/// What becomes of one thing that a command asks of the recorder.
pub type Done = Result<(), RecorderFault>;
/// Who waits for it.
pub type Waiter = oneshot::Receiver<Done>;

/// Who remembers what should be recorded.
pub trait Home: fmt::Debug + Send + Sync {
    /// A recording ended by itself at this moment, or never began.
    fn ended(&self, device: &Arc<str>, take: &Arc<str>, at: Timestamp);

    /// A recording's sound is given out of hand, if `give` says so: nothing is asked of it while that runs, and
    /// nothing is silenced in it after that.
    fn seal(&self, device: &Arc<str>, take: &Arc<str>, give: &mut dyn FnMut() -> bool) -> bool;
}

/// How a studio works.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long the recorder may take for one thing.
    pub deadline: Duration,
    /// How long a finished recording can still be silenced in parts before it is handed over.
    pub hold: Duration,
}

/// All recordings of a core that are not handed over yet.
#[derive(Debug)]
pub struct Studio {
    recorder: Arc<dyn Recorder>,
    shelf: Shelf,
    terms: Terms,
    clock: Clock,
    slots: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
    home: OnceLock<Weak<dyn Home>>,
    /// Told when there is something to hand over.
    news: Notify,
    runtime: Handle,
    tasks: TaskTracker,
    gone: CancellationToken,
}

impl Studio {
    /// A studio without recordings, on the runtime that this is called on. Its tasks are among these, and end when
    /// `gone` is cancelled, each behind the step that it is at.
    pub fn new(
        recorder: Arc<dyn Recorder>,
        shelf: Shelf,
        terms: Terms,
        clock: Clock,
        tasks: TaskTracker,
        gone: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            recorder,
            shelf,
            terms,
            clock,
            slots: Mutex::default(),
            home: OnceLock::new(),
            news: Notify::new(),
            runtime: Handle::current(),
            tasks,
            gone,
        })
    }

    /// Who is told what happens by itself. Once.
    pub fn lives_at(&self, home: Weak<dyn Home>) {
        self.home.set(home).unwrap_or_default();
    }

    fn home(&self) -> Option<Arc<dyn Home>> {
        self.home.get()?.upgrade()
    }

    /// The files of the recordings.
    pub const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Waits for something to hand over.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, id: &str) -> Option<Arc<Slot>> {
        self.slots().get(id).cloned()
    }

    fn all(&self) -> Vec<Arc<Slot>> {
        self.slots().values().cloned().collect()
    }

    /// Takes over what should be recorded by now. With `waits`, whoever commands it waits for what is given back.
    pub fn tell(self: &Arc<Self>, wanted: Vec<Wanted>, waits: bool) -> Vec<Waiter> {
        wanted.into_iter().filter_map(|wanted| self.tell_one(wanted, waits)).collect()
    }

    fn tell_one(self: &Arc<Self>, wanted: Wanted, waits: bool) -> Option<Waiter> {
        let known = self.slot(&wanted.id);
        let slot = known.or_else(|| wanted.end.is_none().then(|| self.open(&wanted, true)))?;
        let waiter = slot.want(wanted, waits);
        self.work_on(slot);
        waiter
    }

    /// Begins a slot. The first to work on it sees to the rest.
    fn open(&self, wanted: &Wanted, is_new: bool) -> Arc<Slot> {
        let slot = Arc::new(Slot::new(wanted, is_new));
        self.slots().insert(Arc::clone(&slot.id), Arc::clone(&slot));
        slot
    }

    /// Works on a slot in a task, unless one does already or there is nothing to do.
    fn work_on(self: &Arc<Self>, slot: Arc<Slot>) {
        if !slot.occupy(self.clock.now()) {
            return;
        }
        let studio = Arc::clone(self);
        self.tasks.spawn_on(async move { studio.carry_out(&slot).await }, &self.runtime);
    }
}

impl Booth for Studio {
    fn path(&self) -> &Path {
        self.shelf.path()
    }

    fn records(&self) -> bool {
        true
    }

    fn phase(&self, take: &Take) -> Option<Phase> {
        self.slot(&take.id).map(|slot| slot.phase())
    }
}

#[cfg(test)]
mod tests;
