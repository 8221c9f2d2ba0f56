//! Who records: one small interface, behind which a core's sound comes from.

pub mod rtpengine;
pub mod synthetic;
pub mod wav;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::codes::ResultType;

/// A time from a moment, included, to another, not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment behind it.
    pub to: Timestamp,
}

/// One recording that is to be made: of a whole call, or of the part that RECORDSTART asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its GLOBALID; letters, digits, `-` and `_`.
    pub id: Arc<str>,
    /// DEVICEID.
    pub device: Arc<str>,
    /// CALLID, often blank.
    pub call_id: Arc<str>,
    /// Where its sound is to lie, as WAV: 8000 samples a second, 16 bits, one channel.
    pub file: PathBuf,
    /// When it begins.
    pub started: Timestamp,
    /// Its longest length, by MAXRECORDTIME.
    pub max_length: Option<Duration>,
    /// The longest silence in it, by MAXRECORDSILENCE. A blackout is no silence.
    pub max_silence: Option<Duration>,
    /// What of it was masked before: for a job that goes on after a restart.
    pub masked: Vec<Span>,
}

/// How a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Whether sound is being written.
    pub phase: Phase,
    /// How much there is: from its start to its end, blackouts included.
    pub length: Duration,
    /// The bytes on the disk.
    pub bytes: u64,
}

/// What a recorder does for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the first sound.
    Preparing,
    /// It writes sound.
    Recording,
    /// A mask is on: it writes none.
    Masked,
    /// It has ended, by itself or because it was told to.
    Ended(Timestamp),
}

/// Why a recorder could not do what it was told. The RESULT says so, and never API_OK.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RecorderFault {
    /// RESULTTYPE.
    pub result: ResultType,
    /// What happened, and what to do.
    pub message: String,
}

/// A source of recordings. Calls for one job come one after the other, in order; those for several at once.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Begins a job, or goes on with one that a restart interrupted: then its file is there already.
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), RecorderFault>>;

    /// Silences a span, which may lie in the past, be on now or come later, and may last for ever. When this
    /// returns well, nothing of it can be heard in the file, now or later.
    fn mask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>>;

    /// Takes back a part of what was masked. What was never written in it cannot be heard again.
    fn unmask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>>;

    /// Ends a job at a moment: nothing behind it is recorded. Ending what has ended gives the same again.
    fn stop<'a>(&'a self, id: &'a str, at: Timestamp) -> BoxFuture<'a, Result<JobStatus, RecorderFault>>;

    /// Makes the file of a job that has ended whole. It takes as long as a long recording needs, and nobody waits for
    /// it but the recording. What is masked afterwards is silenced in the file.
    fn finish<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), RecorderFault>>;

    /// How a job stands; `None` for one that it does not know.
    fn status<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<JobStatus>>;
}
