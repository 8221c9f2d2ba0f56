//! Working on a request: it is written down, applied to the state, and the recorder is told.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Desk, Memory};
use crate::command::{Command, check};
use crate::cti::dispatch::{self, changes_state};
use crate::cti::journal::Event;
use crate::cti::studio::plan::wanted;
use crate::cti::studio::{Home, Waiter};
use crate::protocol::codes::ResultType;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

/// What came of a request, and who in the studio still works on it.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) reply: Reply,
    pub(super) waiters: Vec<Waiter>,
}

impl From<Reply> for Worked {
    fn from(reply: Reply) -> Self {
        Self { reply, waiters: Vec::new() }
    }
}

impl Desk {
    pub(super) fn work(&self, memory: &mut Memory, request: &Request, command: Option<Command>) -> Worked {
        let now = self.clock.now();
        let unwritten = Self::write_down(memory, request, now).err();
        if let (Some(error), false) = (&unwritten, command.is_some_and(must_be_done)) {
            return self.refuse(error, "nothing was done").into();
        }
        let reply = dispatch::answer(&mut memory.state, self.booth(), &self.codes, request, now);
        let waiters = self.tell_studio(memory, command, now);
        let Some(error) = unwritten.filter(|_| reply.is_confirmation()) else {
            return Worked { reply, waiters };
        };
        memory.fall_behind(error.kind());
        Worked { reply: self.refuse(&error, "it is done, but a restart would not know of it"), waiters }
    }

    /// What is refused anyway, whatever the state, needs no writing.
    fn write_down(memory: &mut Memory, request: &Request, now: Timestamp) -> io::Result<()> {
        if memory.journal.is_none() || !changes_state(request) || check(request).is_err() {
            return Ok(());
        }
        memory.note(now, || Event::command(request))
    }

    fn refuse(&self, error: &io::Error, what: &str) -> Reply {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let result = match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => ResultType::OutOfDiskSpace,
            _ => ResultType::ProcessingMessage,
        };
        let message = format!("core {} cannot write its journal ({error}): {what}", self.id);
        Reply::new(&self.codes, result, message)
    }

    fn tell_studio(&self, memory: &mut Memory, command: Option<Command>, now: Timestamp) -> Vec<Waiter> {
        let touched = memory.state.take_touched();
        let Some(studio) = self.studio() else { return Vec::new() };
        // An update changes nothing that can be heard, and waits for nothing.
        let waits = !matches!(command, Some(Command::CallUpdate | Command::ChatUpdate));
        studio.tell(wanted(&memory.state, &touched, now), waits)
    }

    /// Goes on with what a restart found.
    ///
    /// # Errors
    /// If the files of the recordings cannot be read.
    pub async fn resume(&self) -> io::Result<()> {
        let wanted = {
            let mut inner = self.lock();
            inner.memory.state.touch_all();
            let touched = inner.memory.state.take_touched();
            wanted(&inner.memory.state, &touched, self.clock.now())
        };
        match self.studio() {
            Some(studio) => studio.resume(wanted).await,
            None => Ok(()),
        }
    }

    /// Keeps the journal short and on the disk; to be called every second or so.
    pub async fn tidy(self: &Arc<Self>) {
        let (saved, unflushed) = {
            let memory = &mut self.lock().memory;
            (memory.tidy(), memory.journal.as_mut().and_then(crate::cti::journal::Journal::unflushed))
        };
        let desk = Arc::clone(self);
        let work = move || {
            if let Some(Err(error)) = unflushed.map(|file| file.sync_data()) {
                tracing::error!(%error, "the journal cannot be flushed to the disk");
            }
            let Some(saved) = saved else { return };
            if let Err(error) = saved.write() {
                tracing::error!(%error, "the state cannot be saved: the journal goes on growing");
            }
            desk.lock().memory.is_saving = false;
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_default();
    }
}

/// What makes a core record less is done even if it cannot be written down: a blackout that is lost in a crash is
/// better than one that was never on. The answer says so, and is no API_OK.
const fn must_be_done(command: Command) -> bool {
    use Command::{AgentBlackoutStart, BlackoutStart, CallStop, ChatStop, RecordStop};
    matches!(command, BlackoutStart | AgentBlackoutStart | CallStop | RecordStop | ChatStop)
}

impl Home for Desk {
    fn ended(&self, device: &Arc<str>, take: &Arc<str>, at: Timestamp) {
        let memory = &mut self.lock().memory;
        let event = || Event::Ended { device: Arc::clone(device), take: Arc::clone(take), at };
        if let Err(error) = memory.note(self.clock.now(), event) {
            tracing::warn!(recording = %take, %error, "the end of a recording cannot be written down yet");
            memory.fall_behind(error.kind());
        }
        memory.state.end_take(device, take, at);
    }

    fn seal(&self, device: &Arc<str>, take: &Arc<str>, give: &mut dyn FnMut() -> bool) -> bool {
        let memory = &mut self.lock().memory;
        let event = || Event::Sealed { device: Arc::clone(device), take: Arc::clone(take) };
        if !give() {
            return false;
        }
        // If it cannot be written down, a restart finds the recording on the shelf and goes on with it there.
        if let Err(error) = memory.note(self.clock.now(), event) {
            tracing::warn!(recording = %take, %error, "that a recording was put away cannot be written down yet");
            memory.fall_behind(error.kind());
        }
        memory.state.seal_take(device, take);
        true
    }
}
