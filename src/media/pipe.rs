//! A file that is made on this runtime while a client, on whatever thread, reads it.
//!
//! Between the two stand a few pieces: who makes the file waits for who reads it. What the work holds (a place among
//! the exports, a program) is let go as soon as it ends, fails, takes too long, or nobody reads any more.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ByteStream, MediaError};

/// Pieces between the work and its reader.
const PIECES: usize = 4;

/// As large as a piece may be, in bytes.
pub(super) const PIECE: usize = 64 << 10;

/// A piece, or that it was the last one. Without that word the work has broken down, and what came is not all.
pub(super) type Piece = Option<Result<Bytes, MediaError>>;

/// How long the work may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until its reader takes the next piece.
    pub(super) piece: Duration,
    /// Altogether.
    pub(super) whole: Duration,
}

/// Goes on with the work, `keep` with it, and gives what comes of it. The first piece is there when this returns: if
/// there is none, that is an error rather than the beginning of a file.
///
/// # Errors
/// Whatever the work fails with before its first piece.
pub(super) async fn run(
    what: String,
    mut work: ByteStream,
    limits: Limits,
    keep: impl Send + 'static,
) -> Result<ByteStream, MediaError> {
    let first = work.try_next().await?;
    let work = stream::iter(first.map(Ok)).chain(work).boxed();
    let (to, from) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let ended = tokio::select! {
            () = to.closed() => Err("nobody reads it any more".to_owned()),
            ended = timeout(limits.whole, feed(work, &to, limits.piece)) => {
                ended.unwrap_or_else(|_| Err(format!("it takes longer than {:?}", limits.whole)))
            }
        };
        drop(keep);
        if let Err(reason) = ended {
            tracing::warn!(file = what, reason, "a file was not handed out to its end");
        }
    });
    Ok(receive(from))
}

/// Sends all pieces and the word that there are no more.
async fn feed(mut work: ByteStream, to: &mpsc::Sender<Piece>, limit: Duration) -> Result<(), String> {
    while let Some(piece) = work.next().await {
        match piece {
            Ok(mut bytes) => {
                while !bytes.is_empty() {
                    let piece = bytes.split_to(bytes.len().min(PIECE));
                    send(Some(Ok(piece)), to, limit).await?;
                }
            }
            Err(error) => {
                let reason = error.to_string();
                return send(Some(Err(error)), to, limit).await.and(Err(reason));
            }
        }
    }
    drop(work);
    send(None, to, limit).await
}

async fn send(piece: Piece, to: &mpsc::Sender<Piece>, limit: Duration) -> Result<(), String> {
    match timeout(limit, to.send(piece)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("nobody reads it any more".into()),
        Err(_) => Err(format!("its reader took nothing for {limit:?}")),
    }
}

/// The pieces that come out of a channel.
pub(super) fn receive(from: mpsc::Receiver<Piece>) -> ByteStream {
    let next = |from: Option<mpsc::Receiver<Piece>>| async move {
        let mut from = from?;
        match from.recv().await {
            Some(Some(Ok(piece))) => Some((Ok(piece), Some(from))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            Some(None) => None,
            None => Some((Err(MediaError::Unavailable("the file was not made to its end".into())), None)),
        }
    };
    stream::unfold(Some(from), next).boxed()
}

/// Exactly so many bytes, or an error behind what there is of them.
pub(super) fn exactly(what: String, content: ByteStream, length: u64) -> ByteStream {
    about(what, content, length, 0)
}

/// So many bytes: what is too much is cut, and up to `tolerance` bytes that are missing are 0. If more are missing,
/// there is an error behind what there is of them.
pub(super) fn about(what: String, content: ByteStream, length: u64, tolerance: u64) -> ByteStream {
    let state = Some((content, length));
    let next = move |state: Option<(ByteStream, u64)>| {
        let what = what.clone();
        async move {
            let (mut content, left) = state.filter(|(_, left)| *left > 0)?;
            match content.next().await {
                Some(Ok(mut piece)) => {
                    piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - piece.len() as u64;
                    Some((Ok(piece), Some((content, left))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                None if left <= tolerance => Some((Ok(silence(left)), None)),
                None => {
                    let reason = format!("{what} ended {left} bytes too early");
                    Some((Err(MediaError::Unavailable(reason)), None))
                }
            }
        }
    };
    stream::unfold(state, next).boxed()
}

fn silence(length: u64) -> Bytes {
    vec![0; usize::try_from(length).unwrap_or(0)].into()
}
