//! What is heard on a device: a sound that repeats for ever.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::path::Path;
use std::sync::Arc;

use crate::cti::recorder::wav::{self, RATE};

/// How loud a tone is.
const LOUDNESS: f64 = 8000.0;

/// Samples that repeat.
pub type Sound = Arc<[i16]>;

/// What is heard on which device. Clones share the sounds.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    by_device: HashMap<String, Sound>,
    tones: Tones,
}

/// Tones that were made, by their frequency.
type Tones = Arc<std::sync::Mutex<HashMap<u32, Sound>>>;

impl Sources {
    /// Sets a device's tone.
    ///
    /// # Errors
    /// For a frequency that cannot be heard at 8000 samples a second.
    pub fn set_tone(&mut self, device: &str, hertz: u32) -> Result<(), String> {
        if !(1..RATE / 2).contains(&hertz) {
            return Err(format!("{hertz} Hz cannot be recorded: use 1 to {}", RATE / 2 - 1));
        }
        let sound = self.tone(hertz);
        self.by_device.insert(device.into(), sound);
        Ok(())
    }

    /// Sets a device's sound: a WAV of 8000 samples a second, 16 bits, one channel.
    ///
    /// # Errors
    /// If the file is none.
    pub fn set_file(&mut self, device: &str, path: &Path) -> Result<(), String> {
        let failed = |why: &str| format!("{}: {why}", path.display());
        let content = std::fs::read(path).map_err(|error| failed(&error.to_string()))?;
        let samples = wav::samples(&content).map_err(failed)?;
        if samples.is_empty() {
            return Err(failed("it holds no sound"));
        }
        self.by_device.insert(device.into(), samples.into());
        Ok(())
    }

    /// What is heard on a device.
    #[must_use]
    pub fn of(&self, device: &str) -> Sound {
        self.by_device.get(device).cloned().unwrap_or_else(|| self.tone(tone_of(device)))
    }

    fn tone(&self, hertz: u32) -> Sound {
        let mut tones = super::lock(&self.tones);
        Arc::clone(tones.entry(hertz).or_insert_with(|| tone(hertz)))
    }
}

/// The frequency that is heard on a device of which nothing else was said: 300 to 3000 Hz, in steps of 10.
#[must_use]
pub fn tone_of(device: &str) -> u32 {
    let fold = |sum: u64, byte: u8| (sum * 10 + u64::from(byte & 0xF)) % 271;
    300 + 10 * u32::try_from(device.bytes().fold(0, fold)).unwrap_or_default()
}

/// One second of a tone, which a whole frequency fills to the sample. No sample of it is zero: zero is silence.
fn tone(hertz: u32) -> Sound {
    let sample = |n: u32| {
        // Below 8000 times 4000, so no number here is too large.
        let turn = f64::from(n * hertz % RATE) / f64::from(RATE);
        #[expect(clippy::cast_possible_truncation, reason = "no tone is that loud")]
        match ((turn * TAU).sin() * LOUDNESS).round() as i16 {
            0 => 1,
            sample => sample,
        }
    };
    (0..RATE).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_frequency_and_no_silence() {
        let second = tone(440);
        assert_eq!(second.len(), 8000);
        assert!(second.iter().all(|sample| *sample != 0 && sample.abs() <= 8000));
        let rising = second.windows(2).filter(|pair| pair[0] < 0 && pair[1] > 0).count();
        assert!((439..=440).contains(&rising), "{rising}");
    }

    #[test]
    fn a_device_has_its_own_tone_unless_told_otherwise() {
        assert_eq!((tone_of("7001"), tone_of("7002")), (2560, 2570));
        let mut sources = Sources::default();
        assert_eq!(sources.of("7001"), tone(2560));
        assert_eq!(sources.set_tone("7001", 440), Ok(()));
        assert_eq!(sources.of("7001"), tone(440));
        assert!(sources.set_tone("7001", 4000).is_err());
    }
}
