//! Files over real HTTP connections. A file's pieces come out of a channel whose other end the test holds, so the
//! test sees when the file is not wanted any more.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::*;
use crate::media::{Download, MediaError};
use crate::net::TcpStream;
use crate::protocol::xml::Bounds;

type Pieces = Sender<Result<Bytes, MediaError>>;

const SETTINGS: Settings = Settings {
    max_request_bytes: 4096,
    bounds: Bounds { max_fields: 50, max_depth: 8 },
    max_pipelined: 1,
    idle_timeout: Duration::from_mins(10),
};

/// A connection that is answered with a file.
struct Served<S> {
    client: S,
    drain: CancellationToken,
    tasks: TaskTracker,
}

fn file(length: Option<u64>) -> (Pieces, Download) {
    let (to, mut pieces) = channel(1);
    let content = poll_fn(move |context| pieces.poll_recv(context)).boxed();
    (to, Download { content_type: "audio/wav", file_name: "7 é.wav".into(), length, content })
}

fn serve<S, C>(stream: S, client: C, download: Download) -> Served<C>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (drain, tasks) = (CancellationToken::new(), TaskTracker::new());
    let download = Mutex::new(Some(download));
    let respond = move |request: hyper::Request<Incoming>| {
        let download = download.lock().expect("one thread").take().expect("one request");
        let patience = SETTINGS.idle_timeout;
        let response = download::response(download, request.version(), &Handle::current(), patience);
        std::future::ready(response)
    };
    tasks.spawn(converse(stream, SETTINGS, drain.clone(), respond));
    tasks.close();
    Served { client, drain, tasks }
}

/// Over a socket of this machine.
async fn over_tcp(download: Download) -> Served<TcpStream> {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let client = TcpStream::connect(socket.local_addr().expect("bound")).await.expect("it listens");
    let (stream, _) = socket.accept().await.expect("a connection");
    serve(stream, client, download)
}

/// Through memory, where a paused clock goes on only when nobody can do anything any more.
fn over_memory(download: Download) -> Served<tokio::io::DuplexStream> {
    let (stream, client) = tokio::io::duplex(1024);
    serve(stream, client, download)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Served<S> {
    async fn ask(&mut self, version: &str) {
        let request = format!("GET / {version}\r\nHost: x\r\n\r\n");
        self.client.write_all(request.as_bytes()).await.expect("it is read");
    }

    /// The response's head and body, read to the end of the connection.
    async fn read(&mut self) -> (String, Vec<u8>) {
        let mut all = Vec::new();
        let read = timeout(SETTINGS.idle_timeout * 2, self.client.read_to_end(&mut all)).await;
        // A connection that is cut may end in an error as well.
        drop(read.expect("the connection ends"));
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let body = all.split_off(end);
        (String::from_utf8(all).expect("a head is text").to_lowercase(), body)
    }

    async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.expect("a head"));
        }
        String::from_utf8(head).expect("a head is text").to_lowercase()
    }
}

/// Fails the test rather than let it hang.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(20), future).await.expect("it happens soon")
}

async fn send(to: &Pieces, pieces: &[Result<&'static str, MediaError>]) {
    for piece in pieces {
        to.send(piece.clone().map(Bytes::from)).await.expect("it is wanted");
    }
}

#[tokio::test]
async fn a_file_of_known_length_arrives_whole() {
    let (to, download) = file(Some(6));
    let mut served = over_tcp(download).await;
    served.ask("HTTP/1.1").await;
    send(&to, &[Ok("abc"), Ok(""), Ok("def")]).await;
    drop(to);
    served.drain.cancel();
    let (head, body) = served.read().await;
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for header in [
        "content-type: audio/wav\r\n",
        "content-length: 6\r\n",
        "cache-control: no-store\r\n",
        "content-disposition: attachment; filename=\"7 _.wav\"; filename*=utf-8''7%20%c3%a9.wav\r\n",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert_eq!(body, b"abcdef");
}

#[tokio::test]
async fn a_file_of_unknown_length_arrives_in_chunks_with_an_end() {
    let (to, download) = file(None);
    let mut served = over_tcp(download).await;
    served.ask("HTTP/1.1").await;
    send(&to, &[Ok("abc"), Ok("def")]).await;
    drop(to);
    served.drain.cancel();
    let (head, body) = served.read().await;
    assert!(head.contains("transfer-encoding: chunked\r\n") && !head.contains("content-length"), "{head}");
    assert_eq!(String::from_utf8_lossy(&body), "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
}

#[tokio::test]
async fn nobody_takes_the_beginning_for_the_whole() {
    let failed = || Err(MediaError::Unavailable("the disk".into()));
    for (length, pieces) in [
        (None, [Ok("abc"), failed()]),
        (Some(6), [Ok("abc"), failed()]),
        (Some(6), [Ok("abc"), Ok("de")]),
        (Some(6), [Ok("abc"), Ok("defghi")]),
    ] {
        let (to, download) = file(length);
        let mut served = over_tcp(download).await;
        served.ask("HTTP/1.1").await;
        send(&to, &pieces).await;
        drop(to);
        let (head, body) = served.read().await;
        match length {
            Some(length) => assert!((body.len() as u64) < length, "{head}{body:?}"),
            None => assert!(!body.ends_with(b"0\r\n\r\n"), "{head}{body:?}"),
        }
        soon(served.tasks.wait()).await;
    }
}

#[tokio::test]
async fn over_http_1_0_a_file_needs_a_length() {
    let (to, download) = file(None);
    let mut served = over_tcp(download).await;
    served.ask("HTTP/1.0").await;
    let (head, body) = served.read().await;
    assert!(head.starts_with("http/1.0 505 "), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("HTTP/1.1"));
    soon(to.closed()).await;
    let (to, download) = file(Some(3));
    let mut served = over_tcp(download).await;
    served.ask("HTTP/1.0").await;
    send(&to, &[Ok("abc")]).await;
    drop(to);
    assert_eq!(served.read().await.1, b"abc");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_work() {
    for length in [None, Some(1 << 30)] {
        let (to, download) = file(length);
        let mut served = over_tcp(download).await;
        served.ask("HTTP/1.1").await;
        send(&to, &[Ok("abc")]).await;
        served.read_head().await;
        drop(served.client);
        // Nothing more is sent: that the client has gone is seen all the same.
        soon(to.closed()).await;
        soon(served.tasks.wait()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_a_few_pieces_and_not_for_ever() {
    const PIECE: usize = 16 * 1024;
    let (to, download) = file(None);
    let mut served = over_memory(download);
    served.ask("HTTP/1.1").await;
    let mut taken = 0;
    let began = tokio::time::Instant::now();
    while let Ok(sent) = timeout(Duration::from_secs(1), to.send(Ok(vec![0; PIECE].into()))).await {
        sent.expect("it is wanted");
        taken += PIECE;
    }
    // What hyper puts together for one write, the pieces ahead, and one in every hand on the way.
    assert!((PIECE..=SETTINGS.max_request_bytes + HEAD_BYTES + 6 * PIECE).contains(&taken), "{taken}");
    timeout(SETTINGS.idle_timeout * 2, to.closed()).await.expect("it is given up");
    soon(served.tasks.wait()).await;
    assert!((SETTINGS.idle_timeout..SETTINGS.idle_timeout * 2).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_nobody_goes_on_making_is_given_up() {
    let (to, download) = file(Some(6));
    let mut served = over_memory(download);
    served.ask("HTTP/1.1").await;
    send(&to, &[Ok("abc")]).await;
    let (_, body) = served.read().await;
    assert_eq!(body, b"abc");
    assert!(to.is_closed());
}

#[tokio::test]
async fn a_drain_waits_for_a_file() {
    let (to, download) = file(None);
    let mut served = over_tcp(download).await;
    served.ask("HTTP/1.1").await;
    send(&to, &[Ok("abc")]).await;
    served.read_head().await;
    served.drain.cancel();
    for _ in 0..100 {
        send(&to, &[Ok("def")]).await;
        assert_eq!(served.tasks.len(), 1, "the connection is still there");
    }
    drop(to);
    let mut body = Vec::new();
    soon(served.client.read_to_end(&mut body)).await.expect("the connection ends in order");
    assert!(body.starts_with(b"3\r\nabc\r\n3\r\ndef\r\n") && body.ends_with(b"3\r\ndef\r\n0\r\n\r\n"));
    soon(served.tasks.wait()).await;
}
