//! RIFF WAVE files: their heads, read and written.
//!
//! What is taken, and what is not:
//! - Chunks before the sound other than `fmt ` are skipped, those behind it are left out.
//! - A `data` chunk whose size is 0 or 4294967295, with sound behind it, was written by a program that did not know
//!   the length beforehand: the sound goes to the end of the file.
//! - A `data` chunk of any other size that the file does not hold is a file of which the end is missing.
//! - No sound at all is no recording.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::MediaError;

/// The `data` chunk must begin within so many bytes.
pub(super) const LONGEST_HEAD: u64 = 16 << 10;

/// A file of a size that 32 bits do not hold is no WAV file.
const LARGEST: u64 = u32::MAX as u64;

const RIFF_HEAD: usize = 12;
const CHUNK_HEAD: usize = 8;
const FORMAT_SIZES: Range<usize> = 16..65;
const PCM: u16 = 1;

/// How sound is written down: the content of a `fmt ` chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    raw: Bytes,
}

impl Layout {
    /// PCM of 16 bit, one channel, 8000 Hz: what cores record.
    pub(super) fn plain() -> Self {
        Self::pcm(8000, 1)
    }

    /// PCM of 16 bit.
    pub(super) fn pcm(rate: u32, channels: u16) -> Self {
        let mut raw = BytesMut::with_capacity(FORMAT_SIZES.start);
        raw.put_u16_le(PCM);
        raw.put_u16_le(channels);
        raw.put_u32_le(rate);
        raw.put_u32_le(rate * u32::from(channels) * 2);
        raw.put_u16_le(channels * 2);
        raw.put_u16_le(16);
        Self { raw: raw.freeze() }
    }

    fn of(raw: &[u8]) -> Result<Self, String> {
        if !FORMAT_SIZES.contains(&raw.len()) {
            return Err(format!("its format chunk has {} bytes", raw.len()));
        }
        let layout = Self { raw: Bytes::copy_from_slice(raw) };
        if layout.rate() == 0 || layout.frame() == 0 || layout.u16(2) == 0 {
            return Err("its format chunk says nothing".into());
        }
        Ok(layout)
    }

    /// Whether it is [`Layout::plain`].
    pub(super) fn is_plain(&self) -> bool {
        self.raw.get(..FORMAT_SIZES.start) == Some(&Self::plain().raw[..])
    }

    /// Samples per second, of each channel.
    pub(super) fn rate(&self) -> u32 {
        u32::from(self.u16(4)) | u32::from(self.u16(6)) << 16
    }

    /// Bytes of what sounds at one moment.
    pub(super) fn frame(&self) -> u64 {
        self.u16(12).into()
    }

    fn u16(&self, at: usize) -> u16 {
        self.raw.get(at..at + 2).map_or(0, |bytes| u16::from(bytes[0]) | u16::from(bytes[1]) << 8)
    }
}

/// What the head of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How its sound is written down.
    pub(super) layout: Layout,
    /// Where in the file its sound is, in bytes; never empty, whole frames.
    pub(super) sound: Range<u64>,
}

impl Head {
    /// Reads the head of a file of `size` bytes; `bytes` are its first ones, [`LONGEST_HEAD`] of them if it has so
    /// many.
    ///
    /// # Errors
    /// What is wrong with the file, in words that follow its name.
    pub(super) fn read(bytes: &[u8], size: u64) -> Result<Self, String> {
        match (bytes.get(..4), bytes.get(8..RIFF_HEAD)) {
            (Some(b"RIFF"), Some(b"WAVE")) => {}
            (None, _) => return Err("is empty".into()),
            _ => return Err("is no WAV file".into()),
        }
        let (mut layout, mut at) = (None, RIFF_HEAD);
        while let Some((name, length)) = chunk(bytes, at) {
            let content = at + CHUNK_HEAD;
            match name {
                b"data" => {
                    let layout = layout.ok_or("has sound of which it does not say how to read it")?;
                    return Self::with(layout, content as u64, length.into(), size);
                }
                b"fmt " => {
                    let end = content.saturating_add(length as usize);
                    let raw = bytes.get(content..end).ok_or("ends within its head")?;
                    layout = Some(Layout::of(raw)?);
                }
                _ => {}
            }
            // chunks begin at even places
            at = content.saturating_add(length as usize).saturating_add(length as usize % 2);
        }
        let is_whole = size <= bytes.len() as u64;
        Err(if is_whole { "ends within its head" } else { "has no sound near its beginning" }.into())
    }

    fn with(layout: Layout, begin: u64, said: u64, size: u64) -> Result<Self, String> {
        let there = size.saturating_sub(begin);
        let length = match said {
            0 | LARGEST => there,
            said if said <= there => said,
            said => return Err(format!("ends after {there} of the {said} bytes of its sound")),
        };
        let length = length - length % layout.frame();
        if length == 0 {
            return Err("holds no sound".into());
        }
        Ok(Self { layout, sound: begin..begin + length })
    }
}

/// The name and the length of the chunk that begins here.
fn chunk(bytes: &[u8], at: usize) -> Option<(&[u8], u32)> {
    let head = bytes.get(at..at.checked_add(CHUNK_HEAD)?)?;
    let (name, length) = head.split_at(4);
    Some((name, length.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))))
}

/// What stands before so many bytes of sound, and what behind them.
///
/// # Errors
/// [`MediaError::Invalid`] if that is more than a WAV file can hold.
pub(super) fn frame(layout: &Layout, sound: u64) -> Result<(Bytes, &'static [u8]), MediaError> {
    let too_long = || {
        let advice = "ask for fewer recordings at once";
        MediaError::Invalid(format!("{sound} bytes of sound are more than a WAV file can hold: {advice}"))
    };
    let format = layout.raw.len() + layout.raw.len() % 2;
    let padding: &[u8] = if sound.is_multiple_of(2) { &[] } else { &[0] };
    let head = RIFF_HEAD + CHUNK_HEAD + format + CHUNK_HEAD;
    let whole = u32::try_from(sound + (head - CHUNK_HEAD + padding.len()) as u64).map_err(|_| too_long())?;
    let sound = u32::try_from(sound).map_err(|_| too_long())?;
    let mut out = BytesMut::with_capacity(head);
    out.put_slice(b"RIFF");
    out.put_u32_le(whole);
    out.put_slice(b"WAVEfmt ");
    out.put_u32_le(u32::try_from(layout.raw.len()).map_err(|_| too_long())?);
    out.put_slice(&layout.raw);
    out.put_bytes(0, layout.raw.len() % 2);
    out.put_slice(b"data");
    out.put_u32_le(sound);
    Ok((out.freeze(), padding))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVE".to_vec();
        for (name, length, content) in chunks {
            out.extend_from_slice(*name);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(content);
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Head, String> {
        Head::read(bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (layout, sound) in [(Layout::plain(), 320), (Layout::pcm(44_100, 2), 8)] {
            let (head, padding) = frame(&layout, sound).expect("a head");
            assert_eq!((head.len(), padding.len()), (44, 0));
            let read = Head::read(&head, 44 + sound).expect("a WAV file");
            assert_eq!(read, Head { layout, sound: 44..44 + sound });
        }
        assert!(Layout::plain().is_plain() && !Layout::pcm(8000, 2).is_plain());
        assert!(!Layout::pcm(16_000, 1).is_plain());
    }

    #[test]
    fn other_chunks_are_skipped_with_their_padding() {
        let plain = Layout::plain().raw;
        let bytes = file(&[
            (b"LIST", 3, b"abc\0"),
            (b"fmt ", 16, &plain),
            (b"fact", 4, b"abcd"),
            (b"data", 4, b"1234"),
            (b"LIST", 2, b"xy"),
        ]);
        let head = read(&bytes).expect("a WAV file");
        let at = |place: u64| usize::try_from(place).expect("a small file");
        assert_eq!(&bytes[at(head.sound.start)..at(head.sound.end)], b"1234");
    }

    #[test]
    fn an_unknown_length_goes_to_the_end_in_whole_frames() {
        let plain = Layout::plain().raw;
        for said in [0, u32::MAX] {
            let bytes = file(&[(b"fmt ", 16, &plain), (b"data", said, b"12345")]);
            assert_eq!(read(&bytes).map(|head| head.sound), Ok(44..48));
        }
    }

    #[test]
    fn a_bad_file_says_what_is_wrong() {
        let plain = Layout::plain().raw;
        let silent = [0; 16];
        for (bytes, what) in [
            (Vec::new(), "is empty"),
            (b"OggS\0\0\0\0\0\0\0\0".to_vec(), "is no WAV file"),
            (b"RIFF\0\0".to_vec(), "is no WAV file"),
            (file(&[]), "ends within its head"),
            (file(&[(b"fmt ", 16, &plain)]), "ends within its head"),
            (file(&[(b"fmt ", 16, &plain[..9])]), "ends within its head"),
            (file(&[(b"fmt ", 4, &plain[..4])]), "its format chunk has 4 bytes"),
            (file(&[(b"fmt ", 16, &silent)]), "its format chunk says nothing"),
            (file(&[(b"data", 4, b"1234")]), "does not say how to read it"),
            (file(&[(b"fmt ", 16, &plain), (b"data", 0, b"")]), "holds no sound"),
            (file(&[(b"fmt ", 16, &plain), (b"data", 9, b"1234")]), "ends after 4 of the 9 bytes"),
            (file(&[(b"LIST", u32::MAX, b"abc")]), "ends within its head"),
        ] {
            let said = read(&bytes).expect_err(what);
            assert!(said.contains(what), "{said}, not {what}");
        }
        let far = Head::read(&file(&[(b"LIST", 20_000, b"")]), 1 << 20).expect_err("far");
        assert!(far.contains("near its beginning"), "{far}");
    }

    #[test]
    fn more_than_32_bits_is_no_wav_file() {
        assert!(frame(&Layout::plain(), u64::from(u32::MAX) - 36).is_err());
        assert!(frame(&Layout::plain(), u64::from(u32::MAX) - 37).is_ok());
    }

    #[test]
    fn an_odd_length_is_padded() {
        let (head, padding) = frame(&Layout::plain(), 3).expect("a head");
        assert_eq!((&head[4..8], padding), (&40_u32.to_le_bytes()[..], &[0][..]));
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_leads_out_of_the_file(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
            bytes.extend(tail);
            if let Ok(head) = read(&bytes) {
                prop_assert!(head.sound.start < head.sound.end && head.sound.end <= bytes.len() as u64);
            }
        }
    }
}
