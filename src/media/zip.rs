//! Several files in a ZIP archive, which goes out while it is being made.
//!
//! The `zip` crate writes it, on a thread where waiting is allowed; channels of a few pieces lead in and out. Sound is
//! deflated, what is compressed already is stored. An archive that could not be finished has no directory at its end,
//! and no program takes it for a whole one.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::pipe::{PIECE, Piece, receive};
use super::{ByteStream, MediaError};

/// Pieces in each of the channels.
const PIECES: usize = 4;

/// From here on, in bytes, a file is written with room for a size of 64 bits; lower than 32 bits allow, because what
/// is deflated may grow.
const LARGE: u64 = 0xF000_0000;

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name; unique.
    pub(super) name: String,
    /// Its time.
    pub(super) time: Timestamp,
    /// As large as it may become, in bytes.
    pub(super) most: u64,
    /// Whether deflating makes it smaller.
    pub(super) deflate: bool,
}

/// What the writing thread is told.
enum Step {
    Begin(Entry),
    Piece(Bytes),
    /// What was to come cannot be had.
    Fail(MediaError),
    Finish,
}

type Steps = mpsc::Sender<Step>;

/// An archive of these files, each opened when its turn comes. Dropping the stream ends the work.
pub(super) fn archive<F>(files: Vec<Entry>, open: impl FnMut(usize) -> F + Send + 'static) -> ByteStream
where
    F: Future<Output = Result<ByteStream, MediaError>> + Send + 'static,
{
    let (steps, told) = mpsc::channel(PIECES);
    let (to, from) = mpsc::channel(PIECES);
    let feeder = AbortOnDropHandle::new(tokio::spawn(feed(files, open, steps)));
    spawn_blocking(move || write(told, &to));
    // the feeder lives as long as somebody holds the stream
    let pieces = stream::unfold((receive(from), feeder), |(mut pieces, feeder)| async move {
        pieces.next().await.map(|piece| (piece, (pieces, feeder)))
    });
    pieces.boxed()
}

/// Names of which each stands once: a second one gets a number.
pub(super) fn unique(names: impl Iterator<Item = (String, &'static str)>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut name = |(stem, extension): (String, &str)| {
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}.{extension}"));
        let mut candidates = std::iter::once(format!("{stem}.{extension}")).chain(numbered);
        let free = candidates.find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(free.clone());
        free
    };
    names.map(&mut name).collect()
}

async fn feed<F>(files: Vec<Entry>, mut open: impl FnMut(usize) -> F + Send, steps: Steps)
where
    F: Future<Output = Result<ByteStream, MediaError>> + Send,
{
    for (at, entry) in files.into_iter().enumerate() {
        match open(at).await {
            Ok(content) => {
                if !file(entry, content, &steps).await {
                    return;
                }
            }
            Err(error) => return drop(steps.send(Step::Fail(error)).await),
        }
    }
    // whoever is gone by now does not need it
    drop(steps.send(Step::Finish).await);
}

/// Hands over one file; whether that went well.
async fn file(entry: Entry, mut content: ByteStream, steps: &Steps) -> bool {
    let mut step = Step::Begin(entry);
    loop {
        let failed = matches!(step, Step::Fail(_));
        if steps.send(step).await.is_err() || failed {
            return false;
        }
        step = match content.next().await {
            Some(Ok(piece)) => Step::Piece(piece),
            Some(Err(error)) => Step::Fail(error),
            None => return true,
        };
    }
}

/// The writing thread, from the first file to the archive's end.
fn write(mut told: mpsc::Receiver<Step>, to: &mpsc::Sender<Piece>) {
    let is_shut = Arc::new(AtomicBool::new(false));
    let outlet = Outlet { to: to.clone(), buffer: Vec::new(), is_shut: is_shut.clone() };
    let mut archive = ZipWriter::new_stream(outlet);
    let ended = loop {
        let done = match told.blocking_recv() {
            Some(Step::Begin(entry)) => begin(&mut archive, entry),
            Some(Step::Piece(piece)) => archive.write_all(&piece),
            Some(Step::Finish) => break Ok(()),
            Some(Step::Fail(error)) => break Err(error),
            None => break Err(lost("its files were not read to their end")),
        };
        if let Err(error) = done {
            break Err(lost(&error.to_string()));
        }
    };
    let last = match ended {
        Ok(()) => finish(archive),
        Err(error) => {
            // dropping an archive finishes it: nothing of that may go out
            is_shut.store(true, Ordering::Relaxed);
            drop(archive);
            Some(Err(error))
        }
    };
    // whoever is gone by now does not need it
    drop(to.blocking_send(last));
}

fn begin(archive: &mut ZipWriter<StreamWriter<Outlet>>, entry: Entry) -> io::Result<()> {
    let method = if entry.deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .large_file(entry.most >= LARGE)
        .last_modified_time(dos_time(entry.time));
    archive.start_file(entry.name, options).map_err(io::Error::other)
}

fn finish(archive: ZipWriter<StreamWriter<Outlet>>) -> Piece {
    let ended = archive.finish().map_err(io::Error::other);
    match ended.and_then(|outlet| outlet.into_inner().send_rest()) {
        Ok(()) => None,
        Err(error) => Some(Err(lost(&error.to_string()))),
    }
}

fn lost(reason: &str) -> MediaError {
    MediaError::Unavailable(format!("the archive could not be made: {reason}"))
}

/// A time as archives have it, in UTC; the earliest there is for what they cannot say.
fn dos_time(time: Timestamp) -> zip::DateTime {
    let time = TimeZone::UTC.to_datetime(time);
    let small = |part: i8| u8::try_from(part).unwrap_or(0);
    let year = u16::try_from(time.year()).unwrap_or(0);
    let (month, day) = (small(time.month()), small(time.day()));
    zip::DateTime::from_date_and_time(
        year,
        month,
        day,
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
    )
    .unwrap_or_default()
}

/// Where the archive is written to: pieces of a fair size into a channel.
struct Outlet {
    to: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
    is_shut: Arc<AtomicBool>,
}

impl Outlet {
    fn send_rest(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.buffer);
        if piece.is_empty() || self.is_shut.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sent = self.to.blocking_send(Some(Ok(piece.into())));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it any more"))
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.send_rest()?;
        }
        Ok(bytes.len())
    }

    /// The archive flushes behind each little part of it; pieces go out when they are worth it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
