//! VOX: Dialogic (OKI) ADPCM, two samples a byte, 8000 Hz, without a head.
//!
//! Each sample becomes four bits: how far, and to which side, it lies from the one before, in steps that grow with
//! the sound. The numbers are those of Dialogic's paper "ADPCM Algorithm", in the 16-bit scale that sox uses, so
//! that both give the same bytes.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{StreamExt, stream};

use super::{ByteStream, MediaError};

/// How wide a step is, from quiet to loud, in sixteenths of 12 bit.
const STEPS: [i32; 49] = [
    16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107, 118, 130, 143, 157,
    173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060,
    1166, 1282, 1411, 1552,
];

/// How a code changes the next step's place in [`STEPS`].
const CHANGES: [isize; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

const SIGN: u8 = 8;

/// The bytes that so many bytes of 16-bit sound become.
pub(super) const fn length(sound: u64) -> u64 {
    (sound / 2).div_ceil(2)
}

/// Sound of 16 bit, little-endian, mono, 8000 Hz, as VOX.
pub(super) fn encode(sound: ByteStream) -> ByteStream {
    let pieces = sound.map(Some).chain(stream::iter([None]));
    let encoded = pieces.scan(Encoder::default(), |encoder, piece| {
        let encoded = match piece {
            Some(piece) => piece.map(|piece| encoder.piece(&piece)),
            None => Ok(encoder.end()),
        };
        futures::future::ready(Some(encoded))
    });
    let is_something = |piece: &Result<Bytes, MediaError>| !piece.as_ref().is_ok_and(Bytes::is_empty);
    encoded.filter(move |piece| futures::future::ready(is_something(piece))).boxed()
}

/// What an encoder and a decoder both follow.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    last: i32,
    at: usize,
}

impl State {
    fn step(self) -> i32 {
        STEPS.get(self.at).copied().unwrap_or(STEPS[0]) << 4
    }

    /// The sample that a code stands for.
    fn decode(&mut self, code: u8) -> i32 {
        let far = code & (SIGN - 1);
        let distance = (self.step() * (2 * i32::from(far) + 1)) >> 3 & !15;
        let sample = if code & SIGN == 0 { self.last + distance } else { self.last - distance };
        let change = CHANGES.get(usize::from(far)).copied().unwrap_or(0);
        self.at = self.at.saturating_add_signed(change).min(STEPS.len() - 1);
        self.last = sample.clamp(i16::MIN.into(), i16::MAX.into());
        self.last
    }

    /// The code for a sample.
    fn encode(&mut self, sample: i16) -> u8 {
        let distance = i32::from(sample) - self.last;
        let far = (distance.abs() << 2) / self.step();
        let far = u8::try_from(far).unwrap_or(u8::MAX).min(SIGN - 1);
        let code = if distance < 0 { SIGN | far } else { far };
        self.decode(code);
        code
    }
}

/// An encoder between two pieces, which end where they like.
#[derive(Debug, Default)]
struct Encoder {
    state: State,
    /// The first byte of a sample.
    byte: Option<u8>,
    /// The first code of a byte.
    code: Option<u8>,
}

impl Encoder {
    fn piece(&mut self, piece: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(piece.len() / 4 + 1);
        for byte in piece {
            if let Some(low) = self.byte.take() {
                self.sample(i16::from_le_bytes([low, *byte]), &mut out);
            } else {
                self.byte = Some(*byte);
            }
        }
        out.freeze()
    }

    fn sample(&mut self, sample: i16, out: &mut BytesMut) {
        let code = self.state.encode(sample);
        match self.code.take() {
            Some(first) => out.put_u8(first << 4 | code),
            None => self.code = Some(code),
        }
    }

    /// A last sample without a second one in its byte.
    fn end(&mut self) -> Bytes {
        self.code.take().map_or_else(Bytes::new, |first| Bytes::copy_from_slice(&[first << 4]))
    }
}

#[cfg(test)]
mod tests;
