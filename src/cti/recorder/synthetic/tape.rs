//! One recording of the synthetic recorder. Sample n is what is heard at its start + n/8000 s.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::{Job, JobStatus, Phase, RecorderFault, Span};
use super::source::Sound;
use crate::cti::recorder::wav::{self, HEADER, MOST_SAMPLES};
use crate::cti::spans::Spans;
use crate::protocol::codes::ResultType;

const SAMPLE_NANOSECONDS: i128 = 125_000;
/// What is no louder than this is silence.
const QUIET: u16 = 32;
/// Samples that are made and written at once.
const PIECE: u64 = 16 * 1024;
/// A recording that is begun later than this behind its start has missed what was before.
const LATE: SignedDuration = SignedDuration::from_secs(10);

/// One recording. Its file is open only while something is written: thousands of them need no descriptors.
#[derive(Debug)]
pub(super) struct Tape {
    path: PathBuf,
    sound: Sound,
    started: Timestamp,
    /// How many samples the file holds.
    written: u64,
    masks: Spans,
    /// Samples that nobody heard: the core was down.
    gaps: Vec<(u64, u64)>,
    most: u64,
    max_silence: Option<u64>,
    /// How many samples were quiet in a row.
    quiet: u64,
    ended: Option<Timestamp>,
    is_failing: bool,
}

impl Tape {
    /// Begins a recording, or goes on with one whose file is there.
    pub(super) fn start(job: &Job, sound: Sound, now: Timestamp) -> Result<Self, RecorderFault> {
        let samples = |time: Duration| u64::try_from(time.as_nanos() / 125_000).unwrap_or(u64::MAX);
        let mut tape = Self {
            path: job.file.clone(),
            sound,
            started: job.started,
            written: 0,
            masks: Spans::union(job.masked.iter().copied()),
            gaps: Vec::new(),
            most: job.max_length.map_or(MOST_SAMPLES, samples).min(MOST_SAMPLES),
            max_silence: job.max_silence.map(samples),
            quiet: 0,
            ended: None,
            is_failing: false,
        };
        tape.open_first(now).map_err(|error| fault(&tape.path, &error))?;
        Ok(tape)
    }

    fn open_first(&mut self, now: Timestamp) -> io::Result<()> {
        let file = File::options().write(true).create(true).truncate(false).open(&self.path)?;
        let length = file.metadata()?.len();
        self.written = (length.saturating_sub(HEADER) / 2).min(self.most);
        if length >= HEADER || now.duration_since(self.started) > LATE {
            self.go_on(now)?;
        }
        file.write_all_at(&wav::header(self.written), 0)
    }

    /// What was masked is masked again, should the core have died before that; what nobody heard stays silent.
    fn go_on(&mut self, now: Timestamp) -> io::Result<()> {
        self.gaps = read_gaps(&self.gaps_path())?;
        let missed = self.written..self.number(now).min(self.most);
        if !missed.is_empty() {
            let seconds = (missed.end - missed.start) / u64::from(wav::RATE);
            tracing::warn!(file = %self.path.display(), seconds, "a recording goes on behind a gap of silence");
            self.gaps.push((missed.start, missed.end));
            fs::write(self.gaps_path(), serde_json::to_vec(&self.gaps)?)?;
        }
        let masks: Vec<_> = self.masks.iter().collect();
        masks.into_iter().try_for_each(|span| self.write_again(span))
    }

    fn gaps_path(&self) -> PathBuf {
        self.path.with_extension("gaps")
    }

    /// How many samples lie before a moment; so it is the number of the first sample that does not.
    fn number(&self, at: Timestamp) -> u64 {
        let nanoseconds = at.as_nanosecond() - self.started.as_nanosecond();
        u64::try_from((nanoseconds + SAMPLE_NANOSECONDS - 1) / SAMPLE_NANOSECONDS).unwrap_or(0)
    }

    /// When a sample is heard.
    fn moment(&self, number: u64) -> Timestamp {
        let nanoseconds = self.started.as_nanosecond() + i128::from(number) * SAMPLE_NANOSECONDS;
        Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::MAX)
    }

    fn numbers(&self, span: Span) -> Range<u64> {
        self.number(span.from)..self.number(span.to)
    }

    /// The samples of a range as they are to be: its sound, and silence where there is to be none.
    fn samples(&self, range: &Range<u64>) -> Vec<i16> {
        let length = self.sound.len() as u64;
        let heard = |n: u64| self.sound.get(index(n % length)).copied().unwrap_or(0);
        let mut samples: Vec<_> = range.clone().map(heard).collect();
        for silent in self.silent(range) {
            if let Some(part) = samples.get_mut(silent) {
                part.fill(0);
            }
        }
        samples
    }

    /// The parts of a range that are masked or were missed, counted from its beginning.
    fn silent(&self, range: &Range<u64>) -> Vec<Range<usize>> {
        let masked = self.masks.iter().map(|span| self.numbers(span));
        let missed = self.gaps.iter().map(|(from, to)| *from..*to);
        let inside = |part: Range<u64>| {
            let (from, to) = (part.start.max(range.start), part.end.min(range.end));
            (from < to).then(|| index(from - range.start)..index(to - range.start))
        };
        masked.chain(missed).filter_map(inside).collect()
    }

    /// Writes what was heard until now.
    pub(super) fn pump(&mut self, now: Timestamp) {
        if self.ended.is_some() {
            return;
        }
        match self.write_until(self.number(now)) {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                tracing::error!(file = %self.path.display(), %error, "a recording cannot be written");
                self.is_failing = true;
            }
            Err(_) => {}
        }
    }

    /// Writes up to this sample, or to where the recording ends by itself.
    fn write_until(&mut self, target: u64) -> io::Result<()> {
        let target = target.min(self.most);
        if self.written < target {
            let file = self.open()?;
            let written = self.write_pieces(&file, target);
            file.write_all_at(&wav::header(self.written), 0)?;
            written?;
        }
        if self.written == self.most {
            self.ended = Some(self.moment(self.most));
        }
        Ok(())
    }

    fn write_pieces(&mut self, file: &File, target: u64) -> io::Result<()> {
        while self.written < target && self.ended.is_none() {
            let range = self.written..target.min(self.written + PIECE);
            let mut samples = self.samples(&range);
            if let Some(end) = self.end_of_patience(&range, &samples) {
                samples.truncate(end);
                self.ended = Some(self.moment(range.start + end as u64));
            }
            write(file, range.start, &samples)?;
            self.written += samples.len() as u64;
        }
        Ok(())
    }

    /// How many of these samples are recorded before it was silent for too long. A blackout is no silence.
    fn end_of_patience(&mut self, range: &Range<u64>, samples: &[i16]) -> Option<usize> {
        let most = self.max_silence?;
        let silent = self.silent(range);
        for (at, sample) in samples.iter().enumerate() {
            let is_quiet = sample.unsigned_abs() <= QUIET && !silent.iter().any(|part| part.contains(&at));
            self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
            if self.quiet >= most {
                return Some(at + 1);
            }
        }
        None
    }

    /// Writes a span again, as far as it was written before.
    fn write_again(&self, span: Span) -> io::Result<()> {
        let numbers = self.numbers(span);
        let (mut from, to) = (numbers.start, numbers.end.min(self.written));
        if from >= to {
            return Ok(());
        }
        let file = self.open()?;
        while from < to {
            let piece = from..to.min(from + PIECE);
            write(&file, piece.start, &self.samples(&piece))?;
            from = piece.end;
        }
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        File::options().write(true).open(&self.path)
    }

    pub(super) fn mask(&mut self, span: Span) -> Result<(), RecorderFault> {
        self.masks = self.masks.with(span);
        self.write_again(span).map_err(|error| fault(&self.path, &error))
    }

    pub(super) fn unmask(&mut self, span: Span) -> Result<(), RecorderFault> {
        self.masks = self.masks.without(span);
        self.write_again(span).map_err(|error| fault(&self.path, &error))
    }

    /// Ends it. Where the rest cannot be written, it ends with what there is, and that is told once.
    pub(super) fn stop(&mut self, at: Timestamp, now: Timestamp) -> Result<JobStatus, RecorderFault> {
        if self.ended.is_none() {
            let ended = self.end(at);
            if let Err(error) = ended {
                self.cut_off();
                self.ended.get_or_insert(self.moment(self.written));
                return Err(fault(&self.path, &error));
            }
            self.ended.get_or_insert(at.max(self.started));
        }
        Ok(self.status(now))
    }

    fn end(&mut self, at: Timestamp) -> io::Result<()> {
        let last = self.number(at);
        if last >= self.written {
            self.write_until(last)?;
        } else {
            self.written = last;
            self.cut()?;
        }
        self.open()?.sync_all()
    }

    /// Makes the file as long as it is said to be.
    fn cut(&self) -> io::Result<()> {
        let file = self.open()?;
        file.set_len(HEADER + 2 * self.written)?;
        file.write_all_at(&wav::header(self.written), 0)
    }

    /// The same where something has gone wrong already.
    fn cut_off(&self) {
        if let Err(error) = self.cut() {
            tracing::error!(file = %self.path.display(), %error, "a recording that could not be ended well has a wrong length");
        }
    }

    pub(super) fn status(&self, now: Timestamp) -> JobStatus {
        let is_masked = self.masks.iter().any(|span| span.from <= now && now < span.to);
        let phase = match self.ended {
            Some(at) => Phase::Ended(at),
            None if is_masked => Phase::Masked,
            None => Phase::Recording,
        };
        JobStatus {
            phase,
            length: Duration::from_micros(self.written.saturating_mul(125)),
            bytes: HEADER + 2 * self.written,
        }
    }

    /// Whether it has ended, and its file was taken away.
    pub(super) fn is_gone(&self) -> bool {
        let is_gone = self.ended.is_some() && !self.path.exists();
        if is_gone && !self.gaps.is_empty() {
            fs::remove_file(self.gaps_path()).unwrap_or_default();
        }
        is_gone
    }
}

/// A number of a sample in memory, where few are at once.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn write(file: &File, first: u64, samples: &[i16]) -> io::Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    file.write_all_at(&bytes, HEADER + 2 * first)
}

fn read_gaps(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn fault(path: &Path, error: &io::Error) -> RecorderFault {
    let message = format!("{} cannot be written: {error}", path.display());
    RecorderFault { result: ResultType::OutOfDiskSpace, message }
}
