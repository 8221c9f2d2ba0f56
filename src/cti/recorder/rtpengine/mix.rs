//! Sums the parties' sound into one, in a window that moves along with the captures.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::stream::TOLERANCE;
use super::wav::Writer;

/// How far behind the newest capture the window ends, in samples: what comes later than that is lost. A packet may
/// be placed [`TOLERANCE`] before its capture, and as much is for captures that are not quite in order.
const BEHIND: i64 = 2 * TOLERANCE;

/// A recording that is being mixed. Its memory is a second or so of sound, and one packet.
#[derive(Debug)]
pub(super) struct Mixer<W> {
    writer: Writer<W>,
    /// The sample that the window begins with: all before it is written.
    begins: i64,
    window: VecDeque<i32>,
}

impl<W: Write> Mixer<W> {
    pub const fn new(writer: Writer<W>) -> Self {
        Self { writer, begins: 0, window: VecDeque::new() }
    }

    /// Adds sound from this sample on.
    pub fn add(&mut self, at: i64, sound: impl Iterator<Item = i16>) {
        for (sample, place) in sound.zip(at - self.begins..) {
            let Ok(place) = usize::try_from(place) else { continue };
            if place >= self.window.len() {
                self.window.resize(place + 1, 0);
            }
            if let Some(sum) = self.window.get_mut(place) {
                *sum = sum.saturating_add(sample.into());
            }
        }
    }

    /// Captures have come to this sample: writes what nothing can be added to any more.
    ///
    /// # Errors
    /// If writing fails.
    pub fn advance(&mut self, captured: i64) -> io::Result<()> {
        let until = captured.saturating_sub(BEHIND);
        let Ok(count) = usize::try_from(until - self.begins) else {
            return Ok(());
        };
        let sound = self.window.drain(..count.min(self.window.len()));
        let silence = std::iter::repeat(0);
        self.writer.write(sound.chain(silence).take(count).map(clamp))?;
        self.begins = until;
        Ok(())
    }

    /// Writes the rest; how many bytes the file has.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.writer.write(self.window.into_iter().map(clamp))?;
        self.writer.finish()
    }
}

fn clamp(sum: i32) -> i16 {
    i16::try_from(sum).unwrap_or(if sum < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests;
