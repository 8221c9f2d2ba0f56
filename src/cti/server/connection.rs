//! One connection to a core: frames in, answers out, in order, and neither waits for the other.

use std::io;

use bytes::Bytes;
use futures::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::FramedRead;

use crate::cti::desk::{Desk, Fate, Later};
use crate::protocol::frame::FrameDecoder;

/// Wider than a proxy's bound, so that a core is not the first to complain.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Answers of one connection that may wait until they are due.
const MOST_WAITING: usize = 16 * 1024;

/// An answer, and when it is due.
type Due = (Instant, Answer);

enum Answer {
    /// This is it.
    Known(Bytes),
    /// It waits for the recorder.
    Later(Box<Later>),
}

/// Serves a connection until either side closes it.
pub async fn serve(desk: &Desk, number: u64, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (answers, waiting) = mpsc::channel(MOST_WAITING);
    tokio::try_join!(take_requests(desk, number, read, answers), give_answers(desk, write, waiting))?;
    Ok(())
}

/// Ends when the client closes or the core wants to. `answers` is dropped then, and that ends
/// [`give_answers`] once the last one is written.
async fn take_requests(
    desk: &Desk,
    number: u64,
    read: OwnedReadHalf,
    answers: mpsc::Sender<Due>,
) -> io::Result<()> {
    let mut frames = FramedRead::new(read, FrameDecoder::new(MAX_REQUEST_BYTES));
    while let Some(frame) = frames.next().await {
        let (answer, after, is_last) = match desk.take(number, frame?) {
            Fate::Answer(bytes, after) => (Answer::Known(bytes), after, false),
            Fate::Later(later, after) => (Answer::Later(later), after, false),
            Fate::Close(bytes) => (Answer::Known(bytes), std::time::Duration::ZERO, true),
            Fate::Silence => continue,
        };
        let is_gone = answers.send((Instant::now() + after, answer)).await.is_err();
        if is_last || is_gone {
            break;
        }
    }
    Ok(())
}

/// Each answer is one write, at its time; a later one that is due earlier waits for it.
async fn give_answers(
    desk: &Desk,
    mut write: impl AsyncWrite + Unpin,
    mut waiting: mpsc::Receiver<Due>,
) -> io::Result<()> {
    while let Some((due, answer)) = waiting.recv().await {
        let bytes = match answer {
            Answer::Known(bytes) => bytes,
            Answer::Later(later) => later.bytes(desk.codes()).await,
        };
        sleep_until(due).await;
        write.write_all(&bytes).await?;
    }
    Ok(())
}
