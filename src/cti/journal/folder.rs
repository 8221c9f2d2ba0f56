//! The folder of a journal: which files there are, and what stands in them.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::cti::state::State;

const SNAPSHOT: &str = "snapshot.json";

/// Why a folder cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another core works in it.
    #[error("another core works in {0}: give each core a folder of its own, or stop the other one")]
    InUse(PathBuf),
    /// It belongs to another core.
    #[error(
        "{folder} holds the state of core {found}, and this is core {wanted}: give each a folder of its own"
    )]
    OfAnotherCore {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        found: crate::model::CoreId,
        /// Who wants it.
        wanted: crate::model::CoreId,
    },
    /// It, or a file in it, cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The snapshot cannot be understood.
    #[error(
        "{0} cannot be understood: {1}. If it is lost, move the folder away and start anew; \
         recordings in it are handed over when the core is started with them in a new folder's recordings/"
    )]
    Snapshot(PathBuf, serde_json::Error),
}

/// A folder that nobody else works in. Clones share it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Arc<File>,
}

#[derive(Deserialize)]
struct Snapshot {
    last: u64,
    state: State,
}

#[derive(Serialize)]
struct SnapshotOf<'a> {
    last: u64,
    state: &'a State,
}

impl Folder {
    /// Takes a folder, and makes it where it is missing.
    ///
    /// # Errors
    /// If it cannot be made, or another core has it.
    pub fn take(path: &Path) -> Result<Self, JournalError> {
        let failed = |error| JournalError::File(path.into(), error);
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.into())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The state that was saved last, and the last entry that it holds.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn saved(&self) -> Result<Option<(u64, State)>, JournalError> {
        let path = self.path.join(SNAPSHOT);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::File(path, error)),
        };
        let snapshot: Snapshot =
            serde_json::from_slice(&text).map_err(|error| JournalError::Snapshot(path, error))?;
        Ok(Some((snapshot.last, snapshot.state)))
    }

    /// Plays the entries behind the one of this number; the number of the last.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn play(&self, saved: u64, mut entry: impl FnMut(Entry)) -> Result<u64, JournalError> {
        let mut last = saved;
        let files = self.files().map_err(|error| JournalError::File(self.path.clone(), error))?;
        for (_, path) in files {
            let file = File::open(&path).map_err(|error| JournalError::File(path.clone(), error))?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(|error| JournalError::File(path.clone(), error))?;
                let read = str::from_utf8(&line).ok().and_then(Entry::of_line);
                match read {
                    Some(read) if read.number > last => {
                        last = read.number;
                        entry(read);
                    }
                    Some(_) => {}
                    None if line.is_empty() => {}
                    None => tracing::warn!(
                        file = %path.display(), behind = last,
                        "an entry of the journal is torn and is dropped: whoever sent it got no answer"
                    ),
                }
            }
        }
        Ok(last)
    }

    /// A new file for entries from this number on. If there is one, no entry in it is whole.
    pub fn new_file(&self, first: u64) -> io::Result<File> {
        let path = self.path.join(format!("journal-{first:020}.log"));
        let file = File::options().append(true).create(true).open(path)?;
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// Saves a state that holds all entries up to this one, and drops the files that are not needed any more.
    pub fn save(&self, last: u64, state: &State) -> io::Result<()> {
        write_whole(&self.path.join(SNAPSHOT), &serde_json::to_vec(&SnapshotOf { last, state })?)?;
        for (first, path) in self.files()? {
            if first <= last {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The files of the journal with the numbers in their names, in order.
    pub(super) fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let number = |path: &Path| {
            path.file_name()?.to_str()?.strip_prefix("journal-")?.strip_suffix(".log")?.parse().ok()
        };
        let items = fs::read_dir(&self.path)?.filter_map(Result::ok);
        let paths =
            items.filter(|item| item.file_type().is_ok_and(|kind| kind.is_file())).map(|item| item.path());
        let mut files: Vec<_> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
        files.sort_unstable();
        Ok(files)
    }
}

/// Writes a file so that at every moment either the old one or the new one is there, whole.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
