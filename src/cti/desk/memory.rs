//! What a core remembers, and how it comes back after a restart.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::cti::CtiSettings;
use crate::cti::desk::BOUNDS;
use crate::cti::dispatch::{self, Empty};
use crate::cti::journal::{Entry, Event, Folder, Journal, JournalError, Saved};
use crate::cti::state::{Limits, State};
use crate::protocol::codes::Codes;
use crate::protocol::request::Request;

/// The state, and where it is written down, if it is.
#[derive(Debug)]
pub struct Memory {
    pub state: State,
    pub journal: Option<Journal>,
    /// Whether a snapshot is being written.
    pub is_saving: bool,
}

impl Memory {
    /// A memory with nothing in it that lasts as long as the process.
    #[must_use]
    pub fn fleeting(settings: &CtiSettings) -> Self {
        let mut state = State::new(settings.id, settings.max_blackout, Limits::default());
        state.configure(settings.max_blackout, settings.schedule.clone(), settings.channels);
        Self { state, journal: None, is_saving: false }
    }

    /// The memory that lies in a folder.
    ///
    /// # Errors
    /// If the folder is another core's, or cannot be read.
    pub fn of(folder: &Path, settings: &CtiSettings) -> Result<Self, JournalError> {
        let place = Folder::take(folder)?;
        let (saved, mut state) = place.saved()?.unwrap_or_else(|| (0, Self::fleeting(settings).state));
        if state.core() != settings.id {
            let (found, wanted) = (state.core(), settings.id);
            return Err(JournalError::OfAnotherCore { folder: folder.into(), found, wanted });
        }
        let last = place.play(saved, |entry| play(&mut state, entry))?;
        // What is configured holds from now on; what was before was played as it was meant then.
        state.configure(settings.max_blackout, settings.schedule.clone(), settings.channels);
        let mut journal =
            Journal::begin(place, last).map_err(|error| JournalError::File(folder.into(), error))?;
        if let Err(error) = journal.save_now(&state) {
            tracing::error!(%error, "the state cannot be saved: only blackouts and stops are taken until it can be");
            journal.fall_behind(error.kind());
        }
        Ok(Self { state, journal: Some(journal), is_saving: false })
    }

    /// Writes down what happens, before it does.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&mut self, at: Timestamp, event: impl FnOnce() -> Event) -> io::Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(at, event()))
    }

    /// What happens is not written down, because of this.
    pub const fn fall_behind(&mut self, why: io::ErrorKind) {
        if let Some(journal) = &mut self.journal {
            journal.fall_behind(why);
        }
    }

    /// Saves at once what is not written down, or begins to save what has grown long.
    pub fn tidy(&mut self) -> Option<Saved> {
        let journal = self.journal.as_mut()?;
        if journal.is_behind() {
            match journal.save_now(&self.state) {
                Ok(()) => tracing::info!("the state is written down again"),
                Err(error) => tracing::error!(%error, "the state cannot be saved yet"),
            }
            return None;
        }
        if self.is_saving || !journal.is_long() {
            return None;
        }
        let saved = journal.turn_page(&self.state);
        self.is_saving = saved.is_ok();
        saved.map_err(|error| tracing::error!(%error, "no new page of the journal can be begun yet")).ok()
    }
}

/// Does again what an entry tells of.
fn play(state: &mut State, entry: Entry) {
    match entry.event {
        Event::Command(xml) => match Request::read(xml.as_bytes(), BOUNDS) {
            Ok(request) => {
                let _ = dispatch::answer(state, &Empty, &Codes::default(), &request, entry.at);
            }
            Err(bad) => {
                tracing::error!(number = entry.number, %bad.reason, "a command of the journal is lost")
            }
        },
        Event::Ended { device, take, at } => state.end_take(&device, &take, at),
        Event::Sealed { device, take } => state.seal_take(&device, &take),
    }
}
