//! A file of this machine into the store.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, Result};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::within;

/// What is sent at once, in bytes: S3 takes no smaller parts, and some of its kin only parts of one size.
const PART: usize = 5 << 20;

/// How much of the file is read at once, in bytes.
const READ: usize = 64 << 10;

/// Sends a small file at once and a larger one in parts, each within the limit; gives its size.
pub(super) async fn file(store: &dyn ObjectStore, key: &Key, path: &Path, limit: Duration) -> Result<u64> {
    let mut file = File::open(path).await.map_err(|error| unreadable(path, error))?;
    let first = next_part(&mut file, path).await?;
    if first.len() < PART {
        let size = first.len() as u64;
        return within(limit, store.put(key, first.into())).await.map(|_| size);
    }
    let mut upload = within(limit, store.put_multipart(key)).await?;
    let sent = parts(&mut *upload, first, &mut file, path, limit).await;
    if sent.is_err() {
        // the parts that are there would be paid for, and never be seen
        let aborted = within(limit, upload.abort()).await;
        aborted.unwrap_or_else(|error| tracing::warn!(%key, %error, "an upload could not be taken back"));
    }
    sent
}

async fn parts(
    upload: &mut dyn MultipartUpload,
    first: Bytes,
    file: &mut File,
    path: &Path,
    limit: Duration,
) -> Result<u64> {
    let (mut part, mut size) = (first, 0);
    while !part.is_empty() {
        size += part.len() as u64;
        within(limit, upload.put_part(part.into())).await?;
        part = next_part(file, path).await?;
    }
    within(limit, upload.complete()).await.map(|_| size)
}

/// The next part of the file; a short or empty one is its last.
async fn next_part(file: &mut File, path: &Path) -> Result<Bytes> {
    let mut part = BytesMut::new();
    while part.len() < PART {
        part.reserve(READ.min(PART - part.len()));
        let room = PART - part.len();
        let read = (&mut *file).take(room as u64).read_buf(&mut part).await;
        if read.map_err(|error| unreadable(path, error))? == 0 {
            break;
        }
    }
    Ok(part.freeze())
}

fn unreadable(path: &Path, error: std::io::Error) -> object_store::Error {
    let path = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound => object_store::Error::NotFound { path, source: error.into() },
        _ => object_store::Error::Generic {
            store: "this machine's files",
            source: format!("{path}: {error}").into(),
        },
    }
}
