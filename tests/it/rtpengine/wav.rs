//! What a finished recording holds, to the sample.

use std::path::Path;

use jiff::Timestamp;

use super::talk::Sent;

/// How many samples begin within so many nanoseconds.
pub fn samples_of(nanoseconds: i128) -> i128 {
    (nanoseconds + 124_999) / 125_000
}

/// A finished recording.
pub struct Wav {
    pub samples: Vec<i16>,
    started: Timestamp,
}

impl Wav {
    pub fn read(path: &Path, started: Timestamp) -> Self {
        let bytes = std::fs::read(path).expect("the recording");
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize, bytes.len() - 44);
        let samples = bytes[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        Self { samples, started }
    }

    /// The samples of a span: those that lie in it, to the sample.
    fn of(&self, from: Timestamp, to: Timestamp) -> &[i16] {
        let sample = |moment: Timestamp| {
            let behind = (moment.as_nanosecond() - self.started.as_nanosecond()).max(0);
            usize::try_from(samples_of(behind)).unwrap().min(self.samples.len())
        };
        &self.samples[sample(from)..sample(to)]
    }

    pub fn assert_silent(&self, what: &str, from: Timestamp, to: Timestamp) {
        let samples = self.of(from, to);
        assert!(samples.len() > 80, "{what}: {} samples", samples.len());
        let loud = samples.iter().filter(|sample| **sample != 0).count();
        assert_eq!(loud, 0, "{what}: of {} samples", samples.len());
    }

    /// Party A is heard where its packets belong, in most of their samples.
    pub fn assert_loud(&self, what: &str, sent: &[Sent], from: Timestamp, to: Timestamp) {
        let is_in = |moment| from <= moment && moment < to;
        let packets = sent.iter().filter(|sent| is_in(sent.due) && is_in(sent.begun)).count();
        let loud = self.of(from, to).iter().filter(|sample| sample.unsigned_abs() > 4000).count();
        assert!(packets > 0, "{what}: nothing was sent");
        assert!(loud * 10 > packets * 160 * 6, "{what}: {loud} samples of {packets} packets are loud");
    }
}
