//! The parties' packets: which are new, and where their sound lies.
//!
//! A packet lies where its RTP timestamp says from the packet of its stream that came with the least delay: that one
//! lies where it was captured. So a packet that the network or a busy machine held up is heard where it belongs.

use std::collections::HashMap;

use super::rtp::{Flow, Rtp};

/// The longest delay of a packet, in samples: half a second. With more, the sender has begun to count anew.
pub(super) const TOLERANCE: i64 = 4000;
/// After so many samples, one minute, the delays are measured anew: the sender's clock may run otherwise than ours.
const STRETCH: i64 = 480_000;
/// Streams of one call. Each costs some memory, and whoever can send to the call can make new ones.
const STREAMS: usize = 1024;

/// The streams of a call. They are learnt in a first reading and placed in a second one.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<Flow, Stream>);

/// There are more streams than any call has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call has more than {STREAMS} RTP streams")]
pub(super) struct TooMany;

#[derive(Debug, Default)]
struct Stream {
    stretches: Vec<Stretch>,
    seen: Seen,
}

/// A part of a stream whose timestamps belong together. Delays are counted from the first packet's.
#[derive(Debug)]
struct Stretch {
    captured: i64,
    timestamp: u32,
    least: i64,
    most: i64,
}

impl Streams {
    /// A packet was captured at this sample.
    ///
    /// # Errors
    /// If there are too many streams.
    pub fn learn(&mut self, rtp: &Rtp<'_>, captured: i64) -> Result<(), TooMany> {
        if self.0.len() >= STREAMS && !self.0.contains_key(&rtp.flow) {
            return Err(TooMany);
        }
        let stretches = &mut self.0.entry(rtp.flow).or_default().stretches;
        if !stretches.last_mut().is_some_and(|stretch| stretch.takes(rtp, captured)) {
            stretches.push(Stretch { captured, timestamp: rtp.timestamp, least: 0, most: 0 });
        }
        Ok(())
    }

    /// Where a packet that was captured at this sample is to be heard: not later than there, and at most
    /// [`TOLERANCE`] earlier. `None` for one that was there before.
    pub fn place(&mut self, rtp: &Rtp<'_>, captured: i64) -> Option<i64> {
        let stream = self.0.get_mut(&rtp.flow)?;
        if !stream.seen.is_new(rtp.sequence) {
            return None;
        }
        let begun = stream.stretches.partition_point(|stretch| stretch.captured <= captured);
        let stretch = stream.stretches.get(begun.checked_sub(1)?)?;
        let placed = captured - (stretch.delay(rtp, captured) - stretch.least);
        // Captures that are not quite in order may have been learnt as another stretch's.
        let is_near = (captured - TOLERANCE..=captured).contains(&placed);
        Some(if is_near { placed } else { captured })
    }
}

impl Stretch {
    fn delay(&self, rtp: &Rtp<'_>, captured: i64) -> i64 {
        captured - self.captured - i64::from(rtp.timestamp.wrapping_sub(self.timestamp).cast_signed())
    }

    fn takes(&mut self, rtp: &Rtp<'_>, captured: i64) -> bool {
        let delay = self.delay(rtp, captured);
        let (least, most) = (self.least.min(delay), self.most.max(delay));
        let takes = most - least <= TOLERANCE && captured - self.captured <= STRETCH;
        if takes {
            (self.least, self.most) = (least, most);
        }
        takes
    }
}

/// The newest sequence number, and which of the 64 up to it were seen.
#[derive(Debug, Default)]
struct Seen {
    newest: u16,
    bits: u64,
}

impl Seen {
    /// Whether the number was not seen yet; one that is far from all others counts as new.
    fn is_new(&mut self, sequence: u16) -> bool {
        let ahead = i32::from(sequence.wrapping_sub(self.newest).cast_signed());
        if !(-63..=63).contains(&ahead) {
            *self = Self { newest: sequence, bits: 1 };
            return true;
        }
        if ahead > 0 {
            self.bits <<= ahead;
            self.newest = sequence;
        }
        let bit = 1 << ahead.min(0).unsigned_abs();
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests;
