//! What is in a WAV.

use std::ops::Range;

/// The sound of a file.
#[derive(Debug, Default)]
pub struct Sound {
    samples: Vec<i16>,
    /// The samples that are silent.
    pub silent: Vec<Range<u64>>,
    /// How many samples there are.
    pub length: u64,
}

impl Sound {
    /// Reads a WAV, whose header must be right; nothing is a recording without sound.
    pub fn read(wav: &[u8]) -> Self {
        let Some((header, sound)) = wav.split_at_checked(44) else { return Self::default() };
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let found = (&header[..4], number(4), &header[8..16], number(24), &header[36..40], number(40));
        let bytes = u32::try_from(sound.len()).expect("a short sound");
        assert_eq!(found, (&b"RIFF"[..], 36 + bytes, &b"WAVEfmt "[..], 8000, &b"data"[..], bytes));
        let samples: Vec<_> = sound.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        let mut silent: Vec<Range<u64>> = Vec::new();
        for (n, _) in (0..).zip(&samples).filter(|(_, sample)| **sample == 0) {
            match silent.last_mut() {
                Some(last) if last.end == n => last.end = n + 1,
                _ => silent.push(n..n + 1),
            }
        }
        Self { length: samples.len() as u64, silent, samples }
    }

    /// How often the sound swings in these samples.
    pub fn hertz(&self, range: Range<usize>) -> usize {
        // The last sample before the range may be the low one of the first swing.
        self.samples[range].windows(2).filter(|pair| pair[0] < 0 && pair[1] > 0).count() + 1
    }
}
