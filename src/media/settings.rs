//! How recordings are kept and handed out, as the configuration says.

use std::time::Duration;

use super::vault::VaultSettings;

/// The configuration's `[media]`. Times are from 1 ms to 24 h.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    /// Where recordings lie.
    pub vault: VaultSettings,
    /// The program that makes MP3 of the WAV file on its standard input, and its arguments; empty for none.
    pub mp3_command: Vec<String>,
    /// The program that makes bare sound, 16 bit little-endian, mono, 8000 Hz, of the WAV file on its standard
    /// input, and its arguments; empty for none.
    pub pcm_command: Vec<String>,
    /// Files that are made at once over the whole process, at least 1.
    pub max_exports: usize,
    /// Files that are made with the help of a program at once over the whole process, at least 1.
    pub max_conversions: usize,
    /// Recordings that one request may name, at least 1.
    pub max_recordings: usize,
    /// How long a request waits for its turn.
    pub patience: Duration,
    /// How long one step may take: the next piece of sound from a program, or a client that does not read on.
    pub timeout: Duration,
    /// How long a file may take from its first byte to its last.
    pub max_time: Duration,
}

impl Default for MediaSettings {
    fn default() -> Self {
        let ffmpeg = |args: &str| {
            let common = "ffmpeg -nostdin -hide_banner -loglevel error -f wav -i pipe:0";
            common.split(' ').chain(args.split(' ')).map(str::to_owned).collect()
        };
        Self {
            vault: VaultSettings::default(),
            mp3_command: ffmpeg("-f mp3 pipe:1"),
            pcm_command: ffmpeg("-ac 1 -ar 8000 -f s16le pipe:1"),
            max_exports: 16,
            max_conversions: 4,
            max_recordings: 100,
            patience: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_time: Duration::from_hours(1),
        }
    }
}
