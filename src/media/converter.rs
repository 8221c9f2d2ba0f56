//! Formats that a program makes: MP3, and sound of another rate or with several channels.
//!
//! The program reads a WAV file from its standard input and writes to its standard output. Both go on at the same
//! time, so neither side can wait for the other for ever.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::pipe::PIECE;
use super::{ByteStream, MediaError};

/// How much of what a program complains of is kept, in bytes: the end of it.
const COMPLAINT: usize = 2048;

/// Who runs programs. Clones share the number of places.
#[derive(Clone, Debug)]
pub(super) struct Converter {
    seats: Arc<Semaphore>,
    patience: Duration,
    limit: Duration,
}

/// The right to run a program, and for files of several recordings one after the other.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    _place: Arc<OwnedSemaphorePermit>,
    limit: Duration,
}

impl Converter {
    /// `limit` is how long a program may take for its next piece.
    pub(super) fn new(max: usize, patience: Duration, limit: Duration) -> Self {
        Self { seats: Arc::new(Semaphore::new(max)), patience, limit }
    }

    /// A place among those who run a program, when there is one.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`] if there is none for too long.
    pub(super) async fn seat(&self) -> Result<Seat, MediaError> {
        match timeout(self.patience, self.seats.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Seat { _place: Arc::new(place), limit: self.limit }),
            _ => Err(MediaError::Unavailable(format!(
                "as many recordings are being converted as may be, and none was done within {:?}: try again later",
                self.patience
            ))),
        }
    }
}

impl Seat {
    /// What a program makes of a WAV file. Its first bytes are there when this returns; it is killed when the stream
    /// is dropped. `key` is where the configuration names it.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`] if it cannot be started, fails, or gives nothing for too long; whatever the sound
    /// fails with.
    pub(super) async fn run(
        &self,
        key: &'static str,
        command: &[String],
        sound: ByteStream,
    ) -> Result<ByteStream, MediaError> {
        let mut program = Program::start(key, command, sound, self.clone())?;
        let Some(first) = program.next().await? else {
            return Err(program.failed("it wrote nothing", ""));
        };
        let rest = stream::unfold(Some(program), |program| async move {
            let mut program = program?;
            let next = program.next().await.transpose()?;
            let program = next.is_ok().then_some(program);
            Some((next, program))
        });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }
}

/// A program at work; dropping it kills it.
struct Program {
    key: &'static str,
    child: Child,
    out: ChildStdout,
    feeder: AbortOnDropHandle<Result<(), Unfed>>,
    complaint: AbortOnDropHandle<String>,
    seat: Seat,
}

/// Why a program did not get all of its input.
enum Unfed {
    /// There was no more.
    Sound(MediaError),
    /// It did not take it.
    Pipe(io::Error),
}

impl Program {
    fn start(
        key: &'static str,
        command: &[String],
        sound: ByteStream,
        seat: Seat,
    ) -> Result<Self, MediaError> {
        let (name, args) = command.split_first().ok_or_else(|| {
            MediaError::Unavailable(format!("this needs a program to convert sound, and {key} names none"))
        })?;
        let cannot = |error: io::Error| {
            let reason = format!("{name:?}, which {key} names, cannot be started: {error}");
            tracing::warn!("{reason}");
            MediaError::Unavailable(reason)
        };
        let mut child = prepared(name, args).spawn().map_err(cannot)?;
        let gone = || cannot(io::ErrorKind::BrokenPipe.into());
        let stdin = child.stdin.take().ok_or_else(gone)?;
        let out = child.stdout.take().ok_or_else(gone)?;
        let stderr = child.stderr.take().ok_or_else(gone)?;
        let feeder = AbortOnDropHandle::new(tokio::spawn(feed(sound, stdin)));
        let complaint = AbortOnDropHandle::new(tokio::spawn(tail(stderr)));
        Ok(Self { key, child, out, feeder, complaint, seat })
    }

    /// The next of what it writes; `None` when it has ended well and had all of its input.
    async fn next(&mut self) -> Result<Option<Bytes>, MediaError> {
        let limit = self.seat.limit;
        let mut piece = BytesMut::with_capacity(PIECE);
        match timeout(limit, self.out.read_buf(&mut piece)).await {
            Ok(Ok(0)) => {
                let ended = timeout(limit, self.end()).await;
                ended.unwrap_or_else(|_| Err(self.failed("it does not end", ""))).map(|()| None)
            }
            Ok(Ok(_)) => Ok(Some(piece.freeze())),
            Ok(Err(error)) => Err(self.failed(&format!("it cannot be read: {error}"), "")),
            Err(_) => Err(self.failed(&format!("it wrote nothing for {limit:?}"), "")),
        }
    }

    async fn end(&mut self) -> Result<(), MediaError> {
        let fed = (&mut self.feeder).await;
        if let Ok(Err(Unfed::Sound(error))) = fed {
            return Err(error);
        }
        let status = self.child.wait().await;
        let complaint = (&mut self.complaint).await.unwrap_or_default();
        match (status, fed) {
            (Ok(status), _) if !status.success() => Err(self.failed(&status.to_string(), &complaint)),
            (Ok(_), Ok(Ok(()))) => Ok(()),
            (Ok(_), Ok(Err(Unfed::Pipe(error)))) => {
                Err(self.failed(&format!("it did not read all of the sound: {error}"), &complaint))
            }
            (Err(error), _) => Err(self.failed(&error.to_string(), &complaint)),
            (Ok(_), _) => Err(self.failed("its input was lost", &complaint)),
        }
    }

    fn failed(&self, reason: &str, complaint: &str) -> MediaError {
        tracing::warn!(key = self.key, reason, complaint, "a program that converts recordings failed");
        let advice = "see this process's log";
        MediaError::Unavailable(format!("the program that {} names failed: {reason}; {advice}", self.key))
    }
}

fn prepared(name: &str, args: &[String]) -> Command {
    let mut command = Command::new(OsStr::new(name));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn feed(mut sound: ByteStream, mut stdin: ChildStdin) -> Result<(), Unfed> {
    while let Some(piece) = sound.next().await {
        let piece = piece.map_err(Unfed::Sound)?;
        stdin.write_all(&piece).await.map_err(Unfed::Pipe)?;
    }
    stdin.shutdown().await.map_err(Unfed::Pipe)
}

/// The last of what is said.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut said = BytesMut::with_capacity(2 * COMPLAINT);
    while from.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
        let too_much = said.len().saturating_sub(COMPLAINT);
        drop(said.split_to(too_much));
        said.reserve(COMPLAINT);
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests;
