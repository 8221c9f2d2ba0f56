//! One party's packets: which are new, and where their sound lies.

use std::collections::HashMap;

use super::rtp::{Flow, Rtp};

/// Where a packet's sound may lie from where its capture does, in samples: half a second. Beyond that the sender
/// has begun to count anew, or its clock has drifted away.
pub(super) const TOLERANCE: i64 = 4000;
/// A stream that was not heard for so many samples (ten seconds) may be forgotten.
const IDLE: i64 = 80_000;
/// Streams of one call at once.
const STREAMS: usize = 1024;

/// The streams of a call.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<Flow, Stream>);

/// There are more streams at once than any call has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {STREAMS} RTP streams at once")]
pub(super) struct TooMany;

impl Streams {
    /// Where a packet that was captured at this sample is to be heard; `None` for one that was there before.
    pub fn place(&mut self, rtp: &Rtp<'_>, captured: i64) -> Result<Option<i64>, TooMany> {
        if self.0.len() >= STREAMS && !self.0.contains_key(&rtp.flow) {
            self.0.retain(|_, stream| stream.heard > captured - IDLE);
            if self.0.len() >= STREAMS {
                return Err(TooMany);
            }
        }
        let stream = self.0.entry(rtp.flow).or_insert_with(|| Stream::new(rtp, captured));
        Ok(stream.place(rtp, captured))
    }
}

#[derive(Debug)]
struct Stream {
    /// A sample and the RTP timestamp that lies there.
    anchor: (i64, u32),
    /// The newest sequence number, and which of the 64 up to it were seen.
    newest: u16,
    seen: u64,
    heard: i64,
}

impl Stream {
    fn new(rtp: &Rtp<'_>, captured: i64) -> Self {
        Self { anchor: (captured, rtp.timestamp), newest: rtp.sequence, seen: 0, heard: captured }
    }

    fn place(&mut self, rtp: &Rtp<'_>, captured: i64) -> Option<i64> {
        self.heard = captured;
        if !self.is_new(rtp.sequence) {
            return None;
        }
        let placed = self.anchor.0 + i64::from(rtp.timestamp.wrapping_sub(self.anchor.1).cast_signed());
        let placed = if (placed - captured).abs() > TOLERANCE { captured } else { placed };
        // It moves along, so that timestamps that wrap are compared with near ones.
        self.anchor = (placed, rtp.timestamp);
        Some(placed)
    }

    /// Whether the number was not seen yet; one too far from all others counts as new.
    fn is_new(&mut self, sequence: u16) -> bool {
        let ahead = i32::from(sequence.wrapping_sub(self.newest).cast_signed());
        if ahead > 0 {
            self.seen = self.seen.checked_shl(ahead.unsigned_abs()).unwrap_or(0);
            self.newest = sequence;
        }
        let Some(bit) = 1u64.checked_shl(ahead.min(0).unsigned_abs()) else {
            self.newest = sequence;
            self.seen = 1;
            return true;
        };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests;
