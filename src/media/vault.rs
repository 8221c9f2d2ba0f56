//! The store of recordings: a folder of this machine, or a bucket of a service that speaks S3.
//!
//! A recording is put in whole or not at all, and never changed afterwards. Every request to the store has a
//! deadline. What the store says goes to the log: it may name hosts and accounts.

mod http;
mod key;
mod put;
mod settings;
mod store;

#[cfg(test)]
pub(in crate::media) mod tests;

use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::time::timeout;

use super::{ByteStream, MediaError};
pub use settings::{S3Settings, Secret, VaultSettings};
use store::Store;

/// The store of recordings. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Store>);

impl Vault {
    /// The store that the settings name. Nothing is connected to or made yet: that happens with the first use.
    ///
    /// # Errors
    /// [`MediaError::Invalid`] for a URL that names no store, or a file of a secret that cannot be read.
    pub fn open(settings: &VaultSettings) -> Result<Self, MediaError> {
        Store::open(settings).map(|store| Self(Arc::new(store)))
    }

    /// Puts a file of this machine under this key, and gives its size in bytes. It appears whole or not at all, and
    /// takes the place of what had the key before.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if there is no such file here, [`MediaError::Unavailable`] if the store does not take
    /// it in time, [`MediaError::Invalid`] for a key that is none.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<u64, MediaError> {
        let key = key::parse(key)?;
        let store = self.store().await?;
        put::file(&*store, &key, path, self.limit()).await.map_err(|error| self.explain(&key, "put", &error))
    }

    /// The size of what is under this key, in bytes.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if nothing is, [`MediaError::Unavailable`], [`MediaError::Invalid`].
    pub async fn size(&self, key: &str) -> Result<u64, MediaError> {
        let key = key::parse(key)?;
        let store = self.store().await?;
        let head = within(self.limit(), store.head(&key)).await;
        head.map(|meta| meta.size).map_err(|error| self.explain(&key, "look for", &error))
    }

    /// What is under this key.
    ///
    /// # Errors
    /// As for [`Vault::size`]; [`MediaError::Unavailable`] within the stream if the store fails later.
    pub async fn read(&self, key: &str) -> Result<ByteStream, MediaError> {
        self.get(key, None).await
    }

    /// A part of what is under this key, in bytes from its beginning; less of it if it ends before.
    ///
    /// # Errors
    /// As for [`Vault::read`]; [`MediaError::Unavailable`] if it ends before the range begins.
    pub async fn read_range(&self, key: &str, range: Range<u64>) -> Result<ByteStream, MediaError> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        self.get(key, Some(GetRange::Bounded(range))).await
    }

    /// Removes what is under this key; nothing there is as good.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`] if it may still be there, [`MediaError::Invalid`].
    pub async fn delete(&self, key: &str) -> Result<(), MediaError> {
        let key = key::parse(key)?;
        let store = self.store().await?;
        match within(self.limit(), store.delete(&key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain(&key, "delete", &error)),
        }
    }

    /// Makes sure that the store is there: its folder or its bucket. Else everything in it would look removed.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`] if it is not, or cannot be asked.
    pub async fn look(&self) -> Result<(), MediaError> {
        if !self.0.is_made() {
            return Err(MediaError::Unavailable(format!(
                "there is no store of recordings at {}",
                self.0.name
            )));
        }
        let store = self.store().await?;
        let first = within(self.limit(), async { store.list(None).next().await.transpose() }).await;
        first.map(drop).map_err(|error| self.explain(&object_store::path::Path::ROOT, "list", &error))
    }

    async fn get(&self, key: &str, range: Option<GetRange>) -> Result<ByteStream, MediaError> {
        let key = key::parse(key)?;
        let options = GetOptions { range, ..GetOptions::default() };
        let store = self.store().await?;
        let got = within(self.limit(), store.get_opts(&key, options)).await;
        let pieces = got.map_err(|error| self.explain(&key, "read", &error))?.into_stream();
        let vault = self.clone();
        let next = move |mut pieces: stream::BoxStream<'static, _>| {
            let (vault, key) = (vault.clone(), key.clone());
            async move {
                let piece = within(vault.limit(), async { pieces.next().await.transpose() }).await;
                let piece = piece.map_err(|error| vault.explain(&key, "read on", &error)).transpose()?;
                Some((piece, pieces))
            }
        };
        Ok(ending_with_an_error(stream::unfold(pieces, next)))
    }

    async fn store(&self) -> Result<Arc<dyn ObjectStore>, MediaError> {
        self.0.ready().await
    }

    fn limit(&self) -> Duration {
        self.0.limit
    }

    /// The store's words for the log, and ours for whoever asked.
    fn explain(&self, key: &object_store::path::Path, what: &str, error: &object_store::Error) -> MediaError {
        if let object_store::Error::NotFound { .. } = error {
            return MediaError::NotFound(format!("{key} is not in the store of recordings"));
        }
        let reason = self.0.without_secrets(&with_causes(error));
        tracing::warn!(store = %self.0.name, %key, %reason, "the store of recordings could not {what} a recording");
        MediaError::Unavailable(format!(
            "the store of recordings could not {what} {key}: see this process's log for the reason"
        ))
    }
}

/// Nothing comes behind an error.
fn ending_with_an_error(
    pieces: impl stream::Stream<Item = Result<bytes::Bytes, MediaError>> + Send + 'static,
) -> ByteStream {
    let until = |failed: &mut bool, piece: Result<bytes::Bytes, MediaError>| {
        let piece = (!*failed).then(|| piece.inspect_err(|_| *failed = true));
        futures::future::ready(piece)
    };
    pieces.scan(false, until).boxed()
}

/// An answer of the store, or that it took too long.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(late(limit)))
}

fn late(limit: Duration) -> object_store::Error {
    object_store::Error::Generic { store: "any", source: format!("no answer within {limit:?}").into() }
}

/// An error with all that it comes from.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
