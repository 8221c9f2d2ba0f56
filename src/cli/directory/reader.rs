//! A file → batches of checked rows. It is read by a thread of its own, a batch or two ahead of the database, so
//! that a file of a million rows is never held whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::check::Checker;
use super::columns::Kind;
use super::faults::Faults;
use super::rows::{Line, Row, Rows};
use super::{csv_file, json_file};

/// Rows of a batch at most.
const BATCH: usize = 20_000;
/// Batches that wait for the database.
const AHEAD: usize = 1;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Rows of one kind.
    Csv,
    /// What `export` writes: rows of all kinds.
    Json,
}

impl Format {
    /// The format that a file's name tells.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        [("csv", Self::Csv), ("json", Self::Json)]
            .into_iter()
            .find_map(|(name, format)| ending.eq_ignore_ascii_case(name).then_some(format))
    }
}

/// A part of a file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows that are good as far as the file alone tells.
    pub rows: Rows,
    /// What is wrong with others.
    pub faults: Faults,
    /// How many rows were read up to here, and bytes.
    pub read: u64,
    /// How many bytes were read up to here.
    pub bytes: u64,
    /// Whether the file ends here. A reader that stops without it has failed.
    pub is_last: bool,
}

/// Reads a file in the background.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(
    file: File,
    format: Format,
    kind: Option<Kind>,
    checker: Checker,
) -> io::Result<Receiver<Batch>> {
    let (sender, receiver) = sync_channel(AHEAD);
    let mut sink = Sink { checker, batch: Batch::default(), held: 0, sender };
    let read = move || {
        let done = match format {
            Format::Csv => csv_file::read(file, kind, &mut sink),
            Format::Json => json_file::read(file, &mut sink),
        };
        // The other end has gone only if the import has failed already.
        let _ = done.and_then(|()| sink.end());
    };
    std::thread::Builder::new().name("import-file".into()).spawn(read)?;
    Ok(receiver)
}

/// Nobody wants to hear more of the file.
#[derive(Debug)]
pub(super) struct Gone;

/// Where the rows of a file go.
#[derive(Debug)]
pub(super) struct Sink {
    checker: Checker,
    batch: Batch,
    held: usize,
    sender: SyncSender<Batch>,
}

impl Sink {
    /// Takes what a line holds.
    pub fn row(&mut self, line: Line, row: Result<Row, Vec<String>>) -> Result<(), Gone> {
        self.batch.read += 1;
        let row = row.and_then(|row| match self.checker.wrong(line, &row) {
            wrong if wrong.is_empty() => Ok(row),
            wrong => Err(wrong),
        });
        match row {
            Ok(row) => self.batch.rows.push(line, row),
            Err(wrong) => self.batch.faults.add(line, wrong.join("; ")),
        }
        self.held += 1;
        if self.held >= BATCH { self.send() } else { Ok(()) }
    }

    /// Notes what is wrong with the file where it is no row.
    pub fn fault(&mut self, line: Line, message: impl Into<String>) {
        self.batch.faults.add(line, message);
    }

    /// Says how far the file is read.
    pub fn at(&mut self, byte: u64) {
        self.batch.bytes = byte;
    }

    fn send(&mut self) -> Result<(), Gone> {
        let next = Batch { read: self.batch.read, bytes: self.batch.bytes, ..Batch::default() };
        self.held = 0;
        self.sender.send(std::mem::replace(&mut self.batch, next)).map_err(|_| Gone)
    }

    fn end(mut self) -> Result<(), Gone> {
        self.batch.is_last = true;
        self.send()
    }
}

/// Passes over the mark that spreadsheets put at the beginning of UTF-8.
///
/// # Errors
/// Those of the file, and that it is UTF-16.
pub(super) fn without_mark<R: Read>(mut file: R) -> io::Result<impl Read> {
    let mut first = Vec::with_capacity(3);
    file.by_ref().take(3).read_to_end(&mut first)?;
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "is UTF-16: save it as UTF-8"));
    }
    if first == b"\xef\xbb\xbf" {
        first.clear();
    }
    Ok(io::Cursor::new(first).chain(file))
}
