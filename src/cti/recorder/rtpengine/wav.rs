//! WAV: 8000 samples a second, 16 bits, one channel. What is masked is written as silence.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;

use crate::cti::recorder::Span;
use crate::cti::recorder::wav::{HEADER, MOST_SAMPLES, RATE, header};
use crate::cti::spans::Spans;

/// Between a sample and the next.
const NANOSECONDS: i128 = 1_000_000_000 / RATE as i128;
const BYTES: u64 = 2;

/// Where moments lie in a recording that begins at this one. Sample n lies n/8000 s behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ruler(pub Timestamp);

impl Ruler {
    /// The first sample that lies at this moment or later; negative before the beginning.
    pub fn sample(self, moment: Timestamp) -> i64 {
        let nanoseconds = moment.as_nanosecond() - self.0.as_nanosecond();
        let rounded_up = -(-nanoseconds).div_euclid(NANOSECONDS);
        i64::try_from(rounded_up).unwrap_or(i64::MAX)
    }

    /// The samples of a span, of those that a recording of this length has.
    pub fn samples(self, span: &Span, length: u64) -> Range<u64> {
        let within = |moment| u64::try_from(self.sample(moment)).unwrap_or(0).min(length);
        within(span.from)..within(span.to)
    }
}

/// Writes a recording from its beginning to its end.
#[derive(Debug)]
pub(super) struct Writer<W> {
    output: W,
    silent: VecDeque<Range<u64>>,
    at: u64,
    length: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of so many samples.
    ///
    /// # Errors
    /// If writing fails, or if that is more than a WAV file can hold (three days).
    pub fn new(mut output: W, length: u64, ruler: Ruler, masked: &Spans) -> io::Result<Self> {
        if length > MOST_SAMPLES {
            return Err(io::Error::other(format!("{length} samples are too long for a WAV file")));
        }
        output.write_all(&header(length))?;
        let silent = masked.iter().map(|span| ruler.samples(&span, length)).collect();
        Ok(Self { output, silent, at: 0, length })
    }

    /// Writes the next samples; what would lie behind the end is left out.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write(&mut self, samples: impl IntoIterator<Item = i16>) -> io::Result<()> {
        for sample in samples {
            if self.at == self.length {
                break;
            }
            let sample = if self.is_silent() { 0 } else { sample };
            self.output.write_all(&sample.to_le_bytes())?;
            self.at += 1;
        }
        Ok(())
    }

    /// Fills the rest with silence; how many bytes the file has.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.write(std::iter::repeat(0))?;
        self.output.flush()?;
        Ok((self.output, HEADER + BYTES * self.length))
    }

    fn is_silent(&mut self) -> bool {
        while self.silent.front().is_some_and(|range| range.end <= self.at) {
            self.silent.pop_front();
        }
        self.silent.front().is_some_and(|range| range.start <= self.at)
    }
}

/// Silences a span in a recording that is finished and begins at `started`.
///
/// # Errors
/// If the file is not there or cannot be written.
pub(super) fn silence(path: &Path, started: Timestamp, span: &Span) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len().saturating_sub(HEADER) / BYTES;
    let samples = Ruler(started).samples(span, length);
    file.seek(SeekFrom::Start(HEADER + samples.start * BYTES))?;
    let bytes = samples.end.saturating_sub(samples.start) * BYTES;
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
