//! Writing a file, chunk by chunk.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{iter, try_unfold};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::MAX_ABOUT_BYTES;
use super::guard::{Guard, Seat, TAG_BYTES};
use super::head::{Cost, HEAD_BYTES, Head, Protection};
use super::key::derive;
use crate::media::{ByteStream, MediaError};

/// New files' chunks, in bytes without their tags.
const CHUNK_BYTES: u32 = 64 * 1024;

/// A key takes much memory and time, on purpose: only so many are made at once.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A CAV file of this sound, and its size in bytes.
///
/// `sound` is a whole WAV file of exactly `sound_length` bytes; if it turns out to hold more or less, the file ends
/// with an error. `about` is what is known of the recording. With a password everything but the head is encrypted;
/// making its key takes some tenths of a second on a thread of its own.
///
/// # Errors
/// [`MediaError::Invalid`] for a blank password or more than 1 MiB about the recording; [`MediaError::Unavailable`]
/// where the system has no randomness or no memory for the key, or the sound is larger than a file can be (256 TiB).
pub async fn seal(
    sound: ByteStream,
    sound_length: u64,
    about: Value,
    password: Option<&str>,
) -> Result<(ByteStream, Option<u64>), MediaError> {
    let protection = match password {
        None => Protection::Digest,
        Some(password) if password.trim().is_empty() => {
            return Err(MediaError::Invalid("an encrypted file needs a PASSWORD that is not blank".into()));
        }
        Some(_) => Protection::Password { cost: Cost::NEW, salt: random()?, prefix: random()? },
    };
    let head = Head { chunk_bytes: CHUNK_BYTES, protection };
    seal_under(head, sound, sound_length, &about, password.unwrap_or("")).await
}

/// The same, under a head that is given.
pub(super) async fn seal_under(
    head: Head,
    sound: ByteStream,
    sound_length: u64,
    about: &Value,
    password: &str,
) -> Result<(ByteStream, Option<u64>), MediaError> {
    let about = about.to_string().into_bytes();
    let about_bytes = u32::try_from(about.len()).ok().filter(|_| about.len() <= MAX_ABOUT_BYTES);
    let about_bytes = about_bytes.ok_or_else(|| {
        MediaError::Invalid(format!("more than {MAX_ABOUT_BYTES} bytes are known of the recording"))
    })?;
    let begin = [Bytes::copy_from_slice(&about_bytes.to_be_bytes()), about.into()];
    let left = sound_length.checked_add(4 + u64::from(about_bytes)).ok_or_else(too_large)?;
    let chunks = left.div_ceil(head.chunk_bytes.into());
    u32::try_from(chunks).map_err(|_| too_large())?;
    let sealer = Sealer {
        guard: guard(head, password).await?,
        chunk_bytes: head.chunk_bytes.into(),
        source: iter(begin.map(Ok)).chain(sound).boxed(),
        waiting: BytesMut::new(),
        left,
        number: 0,
    };
    let first = Bytes::copy_from_slice(&head.write());
    let file = iter([Ok(first)]).chain(try_unfold(sealer, Sealer::next)).boxed();
    Ok((file, Some(HEAD_BYTES as u64 + left + chunks * TAG_BYTES as u64)))
}

fn too_large() -> MediaError {
    MediaError::Unavailable("the sound is larger than a CAV file can be".into())
}

fn random<const N: usize>() -> Result<[u8; N], MediaError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn failed(_: Unspecified) -> MediaError {
    MediaError::Unavailable("the system has no randomness, or a chunk could not be encrypted".into())
}

async fn guard(head: Head, password: &str) -> Result<Guard, MediaError> {
    let Protection::Password { cost, salt, prefix } = head.protection else {
        return Ok(Guard::digest(head.write()));
    };
    let no_key =
        || MediaError::Unavailable("no key could be made of the password; is there memory left?".into());
    let _turn = TURNS.acquire().await.map_err(|_| no_key())?;
    let password = password.to_owned();
    let key = tokio::task::spawn_blocking(move || derive(&password, &salt, cost)).await;
    let key = key.map_err(|_| no_key())?.map_err(|_| no_key())?;
    Guard::cipher(head.write(), &key, prefix).map_err(failed)
}

/// A file that is being written.
struct Sealer {
    guard: Guard,
    chunk_bytes: u64,
    source: ByteStream,
    /// What was read and is in no chunk yet.
    waiting: BytesMut,
    /// Bytes that are in no chunk yet.
    left: u64,
    number: u32,
}

impl Sealer {
    /// The next chunk.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, MediaError> {
        if self.left == 0 {
            return Ok(None);
        }
        let size = self.chunk_bytes.min(self.left);
        let is_last = size == self.left;
        self.fill(size, is_last).await?;
        let size = usize::try_from(size).map_err(|_| too_large())?;
        let mut chunk = Vec::with_capacity(size + TAG_BYTES);
        chunk.extend_from_slice(&self.waiting.split_to(size));
        self.guard.seal(Seat { number: self.number, is_last }, &mut chunk).map_err(failed)?;
        self.left -= size as u64;
        self.number = self.number.wrapping_add(1);
        Ok(Some((chunk.into(), self)))
    }

    /// Reads until there is enough for a chunk; before the last one, until the sound's end.
    async fn fill(&mut self, size: u64, is_last: bool) -> Result<(), MediaError> {
        while is_last || (self.waiting.len() as u64) < size {
            let Some(piece) = self.source.next().await else { break };
            self.waiting.extend_from_slice(&piece?);
            if is_last && self.waiting.len() as u64 > size {
                break;
            }
        }
        let got = self.waiting.len() as u64;
        if got < size || is_last && got > size {
            let how = if got < size { "shorter" } else { "longer" };
            return Err(MediaError::Unavailable(format!("the sound is {how} than it was announced to be")));
        }
        Ok(())
    }
}
