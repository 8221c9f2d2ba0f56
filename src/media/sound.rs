//! The sound of recordings: found in the store, looked at, and read when its turn comes.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::wav::{self, Head, Layout};
use super::{ByteStream, MediaError, Vault, pipe};
use crate::records::{Record, RecordKind};

/// Recordings that are looked at at once.
const AT_ONCE: usize = 8;

/// A recording whose file is there and begins as it should.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    /// What errors call it.
    name: String,
    file: String,
    pub(super) head: Head,
}

impl Recording {
    /// Looks at the file of a record.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] with the record's number: there is no sound, not yet, no longer, or none that can be
    /// read. [`MediaError::Unavailable`] if the store does not answer.
    pub(super) async fn find(vault: &Vault, record: &Record) -> Result<Self, MediaError> {
        let name = format!("the recording {}", record.ident);
        let file = file(record).map_err(|reason| MediaError::NotFound(format!("{name} {reason}")))?;
        let not_found = |error| match error {
            MediaError::Unavailable(reason) => MediaError::Unavailable(reason),
            MediaError::NotFound(reason) | MediaError::Invalid(reason) => {
                MediaError::NotFound(format!("{name} cannot be read: {reason}"))
            }
        };
        let size = vault.size(file).await.map_err(not_found)?;
        let first = vault.read_range(file, 0..size.min(wav::LONGEST_HEAD)).await.map_err(not_found)?;
        let first: BytesMut = first.try_collect().await.map_err(not_found)?;
        let head = Head::read(&first, size).map_err(|reason| {
            MediaError::NotFound(format!("{name} cannot be read: its file {file} {reason}"))
        })?;
        Ok(Self { name, file: file.to_owned(), head })
    }

    /// Looks at the files of several records, in their order.
    pub(super) async fn find_all(vault: &Vault, records: &[Record]) -> Result<Vec<Self>, MediaError> {
        let finds = records.iter().map(|record| Self::find(vault, record));
        stream::iter(finds.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
    }

    /// Its sound, all of it or an error behind what there is.
    pub(super) fn sound(&self, vault: &Vault) -> Sound {
        let length = self.head.sound.end - self.head.sound.start;
        let (vault, file, range) = (vault.clone(), self.file.clone(), self.head.sound.clone());
        let content = stream::once(async move { vault.read_range(&file, range).await });
        let content = pipe::exactly(self.name.clone(), content.try_flatten().boxed(), length);
        Sound { layout: self.head.layout.clone(), length, content }
    }
}

/// Where a record's sound is.
fn file(record: &Record) -> Result<&str, &'static str> {
    if record.kind == RecordKind::Chat {
        return Err("is of a chat: it has no sound");
    }
    match (&*record.file, record.stopped) {
        (_, None) => Err("is still being made: ask for it when it has ended"),
        ("", Some(_)) => Err("has no sound"),
        (_, Some(_)) if record.bytes == 0 => {
            Err("is not in the store of recordings yet: ask for it a little later")
        }
        (file, Some(_)) => Ok(file),
    }
}

/// Bare sound.
pub(super) struct Sound {
    /// How it is written down.
    pub(super) layout: Layout,
    /// Its size in bytes.
    pub(super) length: u64,
    /// So many bytes, or an error behind them.
    pub(super) content: ByteStream,
}

impl Sound {
    /// It as a WAV file, and the file's size in bytes. Its head comes with the first of the sound: if there is none,
    /// there is no file.
    ///
    /// # Errors
    /// [`MediaError::Invalid`] if it is too long for one.
    pub(super) fn into_wav(self) -> Result<(ByteStream, u64), MediaError> {
        let (head, tail) = wav::frame(&self.layout, self.length)?;
        let length = head.len() as u64 + self.length + tail.len() as u64;
        let tail = (!tail.is_empty()).then(|| Ok(Bytes::from_static(tail)));
        let mut content = self.content;
        let begun = async move {
            let first = content.try_next().await?;
            Ok(stream::iter([Ok(head)]).chain(stream::iter(first.map(Ok))).chain(content))
        };
        let content = stream::once(begun).try_flatten().chain(stream::iter(tail));
        Ok((content.boxed(), length))
    }

    /// The size that it has as plain sound, in bytes.
    pub(super) fn plain_length(layout: &Layout, length: u64) -> u64 {
        if layout.is_plain() {
            return length;
        }
        let frames = u128::from(length / layout.frame()) * 8000 / u128::from(layout.rate());
        u64::try_from(frames * 2).unwrap_or(u64::MAX)
    }
}
