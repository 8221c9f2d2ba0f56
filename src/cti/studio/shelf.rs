//! The files of recordings: `recordings/` holds what is being recorded, `done/` what is to be handed over. Each
//! recording is two files: its sound `<GLOBALID>.wav`, where it has any, and its record `<GLOBALID>.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cti::journal::write_whole;
use crate::cti::recorder::wav::HEADER;
use crate::records::Record;

/// Where recordings lie until they are handed over. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Shelf {
    recordings: PathBuf,
    done: PathBuf,
}

impl Shelf {
    /// The shelf in a core's folder, which is made where it is missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let shelf = Self { recordings: folder.join("recordings"), done: folder.join("done") };
        fs::create_dir_all(&shelf.recordings)?;
        fs::create_dir_all(&shelf.done)?;
        Ok(shelf)
    }

    /// Where what is being recorded lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.recordings
    }

    /// Where a recording's sound lies while it is recorded.
    #[must_use]
    pub fn sound(&self, id: &str) -> PathBuf {
        self.recordings.join(format!("{id}.wav"))
    }

    fn record(&self, id: &str) -> PathBuf {
        self.recordings.join(format!("{id}.json"))
    }

    /// How much sound is in a recording's file.
    #[must_use]
    pub fn written(&self, id: &str) -> Duration {
        let bytes = fs::metadata(self.sound(id)).map_or(0, |file| file.len());
        Duration::from_micros(bytes.saturating_sub(HEADER) / 2 * 125)
    }

    /// Writes the record of what is being recorded.
    ///
    /// # Errors
    /// If it cannot be written: then the old one is still there.
    pub fn save(&self, record: &Record) -> io::Result<()> {
        write_whole(&self.record(&record.global_id), &serde_json::to_vec(record)?)
    }

    /// Drops a recording that never began.
    ///
    /// # Errors
    /// If its record is there and cannot be removed.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.sound(id)).unwrap_or_default();
        if_there(fs::remove_file(self.record(id)))
    }

    /// Every record of what was being recorded, by GLOBALID.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn records(&self) -> io::Result<BTreeMap<String, Record>> {
        let paths = fs::read_dir(&self.recordings)?.filter_map(|item| item.ok().map(|item| item.path()));
        let records = paths.filter(|path| is_record(path)).filter_map(|path| read(&path));
        Ok(records.map(|record| (record.global_id.clone(), record)).collect())
    }

    /// Puts a finished recording where it is handed over from; its sound first, so that one whose record is there
    /// is whole.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn finish(&self, id: &str) -> io::Result<()> {
        if_there(fs::rename(self.sound(id), self.finished_sound(id)))?;
        fs::rename(self.record(id), self.finished_record(id))
    }

    /// Where a finished recording's sound lies.
    #[must_use]
    pub fn finished_sound(&self, id: &str) -> PathBuf {
        self.done.join(format!("{id}.wav"))
    }

    fn finished_record(&self, id: &str) -> PathBuf {
        self.done.join(format!("{id}.json"))
    }

    /// Some of the finished recordings.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn finished(&self, most: usize) -> io::Result<Vec<Record>> {
        let paths = fs::read_dir(&self.done)?.filter_map(|item| item.ok().map(|item| item.path()));
        Ok(paths.filter(|path| is_record(path)).filter_map(|path| read(&path)).take(most).collect())
    }

    /// Drops a recording that was handed over; its sound first, so that no sound is left without a record.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn drop_finished(&self, id: &str) -> io::Result<()> {
        if_there(fs::remove_file(self.finished_sound(id)))?;
        if_there(fs::remove_file(self.finished_record(id)))
    }
}

fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// A record that cannot be read is left where it is, for somebody to look at.
fn read(path: &Path) -> Option<Record> {
    let text = fs::read(path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(record) => Some(record),
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "the record of a recording cannot be read");
            None
        }
    }
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
