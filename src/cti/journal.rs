//! What a core must not forget: every command before it is answered, in a file, and now and then the whole state.
//!
//! A folder holds `snapshot.json`, the state up to an entry of the journal, and `journal-N.log` files whose first entry
//! is number N or later. An entry is one line, written by one `write`, with a checksum in front. A restart reads the
//! snapshot and plays the entries behind it. A snapshot is written beside the old one, flushed, and put in its place;
//! only then do the files that it covers go.

mod entry;
mod folder;

use std::fs::File;
use std::io::{self, Write};

use jiff::Timestamp;

pub use entry::{Entry, Event};
pub(crate) use folder::write_whole;
pub use folder::{Folder, JournalError};

use super::state::State;

/// A journal as long as this calls for a snapshot.
const LONG: u64 = 8 << 20;

/// The journal of a core at work.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    file: File,
    /// The number of the last entry.
    last: u64,
    /// The file's length up to the last whole entry.
    length: u64,
    /// Bytes since the last snapshot.
    since_snapshot: u64,
    /// Whether something may stand behind the last whole entry.
    is_torn: bool,
    /// Why the state has changes that stand nowhere, if it has. Only a snapshot mends that.
    is_behind: Option<io::ErrorKind>,
    /// Whether something was written that is not flushed to the disk yet.
    is_unflushed: bool,
}

/// A state that is to be written down, with the last entry that it holds.
#[derive(Debug)]
pub struct Saved {
    folder: Folder,
    last: u64,
    state: State,
}

impl Journal {
    /// Begins a new file of the journal behind the entry of this number.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn begin(folder: Folder, last: u64) -> io::Result<Self> {
        let file = folder.new_file(last + 1)?;
        Ok(Self {
            folder,
            file,
            last,
            length: 0,
            since_snapshot: 0,
            is_torn: false,
            is_behind: None,
            is_unflushed: false,
        })
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// If it is not written: then the journal is as before. Also while the state has changes that stand nowhere.
    pub fn append(&mut self, at: Timestamp, event: Event) -> io::Result<()> {
        if let Some(kind) = self.is_behind {
            return Err(io::Error::new(kind, "what was done before could not be written down yet"));
        }
        self.mend()?;
        let line = Entry { number: self.last + 1, at, event }.line()?;
        self.is_torn = true;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.mend().unwrap_or_default();
            return Err(error);
        }
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        (self.is_torn, self.is_unflushed) = (false, true);
        self.last += 1;
        self.length += bytes;
        self.since_snapshot += bytes;
        Ok(())
    }

    /// Cuts off what stands behind the last whole entry.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn && self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        self.is_torn = false;
        Ok(())
    }

    /// The state was changed by something that could not be written, because of this.
    pub const fn fall_behind(&mut self, why: io::ErrorKind) {
        self.is_behind = Some(why);
    }

    /// Whether the state has changes that stand nowhere.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.is_behind.is_some()
    }

    /// What must be flushed for all to be on the disk, if anything must.
    pub fn unflushed(&mut self) -> Option<File> {
        std::mem::take(&mut self.is_unflushed).then(|| self.file.try_clone().ok()).flatten()
    }

    /// Whether it has grown so much that a snapshot should be taken.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.since_snapshot >= LONG
    }

    /// Begins a new file, so that the state as it stands now can be saved meanwhile.
    ///
    /// # Errors
    /// If the file cannot be made: then all is as before.
    pub fn turn_page(&mut self, state: &State) -> io::Result<Saved> {
        self.mend()?;
        if self.length > 0 {
            self.file = self.folder.new_file(self.last + 1)?;
            self.length = 0;
        }
        self.since_snapshot = 0;
        Ok(Saved { folder: self.folder.clone(), last: self.last, state: state.clone() })
    }

    /// Saves the state as it stands now, and waits for it: the journal is not behind then.
    ///
    /// # Errors
    /// If it cannot be saved.
    pub fn save_now(&mut self, state: &State) -> io::Result<()> {
        self.turn_page(state)?.write()?;
        self.is_behind = None;
        Ok(())
    }
}

impl Saved {
    /// Writes the snapshot, and drops the files that it covers.
    ///
    /// # Errors
    /// If it cannot be written: then the old one and all files are still there.
    pub fn write(&self) -> io::Result<()> {
        self.folder.save(self.last, &self.state)
    }
}

#[cfg(test)]
mod tests;
