//! Recordings as files: where they lie, in which formats they are handed out, and how they are mailed.
//!
//! A recording's way out: [`Vault`] → `sound` (opened and checked, `wav` reads its head) → a format (`wav`, `vox`,
//! `cav`, or a program that `converter` runs) → `zip` if there are several → `pipe`, where the rest of the work goes
//! on while a client reads. [`Studio`] puts these together; [`functions`] answers the reference's requests with it.
//! Every step holds a few pieces of sound, however long the recording is.

pub mod cav;
mod converter;
pub mod functions;
pub mod mail;
mod name;
mod pipe;
mod render;
mod settings;
mod sound;
mod vault;
mod vox;
mod wav;
mod zip;

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "samples are made of waves")]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::command::Refusal;
use crate::protocol::codes::ResultType;
pub use render::Studio;
pub use settings::MediaSettings;
pub use vault::{S3Settings, Secret, Vault, VaultSettings};

/// Sound, or a file made of it, piece by piece; never a whole recording at once.
pub type ByteStream = BoxStream<'static, Result<Bytes, MediaError>>;

/// What can go wrong with a recording's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// There is no such file, or it holds no sound that can be read: API_FILE_NOT_FOUND.
    #[error("{0}")]
    NotFound(String),
    /// The store of recordings, or the program that converts them, cannot be reached, fails or has too much to do:
    /// API_ERROR_PROCESSING_MESSAGE.
    #[error("{0}")]
    Unavailable(String),
    /// It was asked for in a way that cannot be: API_INVALID_MESSAGE_FORMAT.
    #[error("{0}")]
    Invalid(String),
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        let result = match error {
            MediaError::NotFound(_) => ResultType::FileNotFound,
            MediaError::Unavailable(_) => ResultType::ProcessingMessage,
            MediaError::Invalid(_) => ResultType::InvalidMessageFormat,
        };
        Self::new(result, error.to_string())
    }
}

/// A file that is handed out while it is being made.
pub struct Download {
    /// Its media type.
    pub content_type: &'static str,
    /// What it is to be called where it is saved.
    pub file_name: String,
    /// Its size, where that is known beforehand.
    pub length: Option<u64>,
    /// What is in it. An error in it ends the answer early, so that nobody takes the beginning for the whole.
    pub content: ByteStream,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { content_type, file_name, length, .. } = self;
        f.debug_struct("Download")
            .field("content_type", content_type)
            .field("file_name", file_name)
            .field("length", length)
            .finish_non_exhaustive()
    }
}

/// The formats of MEDIA_FORMAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Linear sound in a RIFF file.
    Wav,
    /// MPEG layer 3.
    Mp3,
    /// Dialogic ADPCM, 8 kHz, without a header.
    Vox,
    /// Sound and what is known of it in one file, encrypted on demand: see `docs/cav.md`.
    Cav,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Wav, Self::Mp3, Self::Vox, Self::Cav];

    /// The format of this name, without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(name))
    }

    /// What its files' names end in.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Vox => "vox",
            Self::Cav => "cav",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Vox => "audio/x-vox",
            Self::Cav => "application/vnd.corecast.cav",
        }
    }

    /// A name for a download.
    #[must_use]
    pub fn file_name(self, stem: &str) -> Cow<'static, str> {
        format!("{stem}.{}", self.extension()).into()
    }
}
