//! CAV: sound and what is known of it in one file.

use super::{ByteStream, MediaError};

/// Puts a WAV file of `sound_length` bytes and what is known of it into one file; the size of that where it is known.
/// With a password, nobody reads it without.
///
/// # Errors
/// [`MediaError::Unavailable`]: this version does not write CAV files.
pub fn seal(
    _sound: ByteStream,
    _sound_length: u64,
    _about: serde_json::Value,
    _password: Option<&str>,
) -> Result<(ByteStream, Option<u64>), MediaError> {
    Err(MediaError::Unavailable("this version does not write CAV files: ask for WAV, MP3 or VOX".into()))
}
