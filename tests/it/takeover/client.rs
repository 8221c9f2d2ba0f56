//! Clients that send one request after the other, each with a number of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use corecast::client::Client;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::super::lab::{Answer, get, request};

/// How a client goes about it.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A connection for each request.
    Once,
    /// The same over HTTP.
    OnceHttp,
    /// One connection, one request after the other.
    Kept,
    /// The same over HTTP.
    KeptHttp,
    /// One connection, several requests at once.
    Pipelined,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Once, Self::OnceHttp, Self::Kept, Self::KeptHttp, Self::Pipelined];
}

const AT_ONCE: usize = 4;

/// What all clients share.
#[derive(Clone)]
pub struct Load {
    pub api: SocketAddr,
    pub webapi: SocketAddr,
    pub is_over: Arc<AtomicBool>,
    pub answered: Arc<AtomicUsize>,
    /// Sent again, since a connection was ended before the answer.
    pub again: Arc<AtomicUsize>,
}

impl Load {
    /// Sends until it is over; the numbers of all requests, each of which was answered once.
    pub async fn run(self, kind: Kind, number: usize) -> Vec<usize> {
        let mut tags = (number * 1_000_000..).take_while(|_| !self.is_over.load(Ordering::Relaxed));
        match kind {
            Kind::Once => self.once(&mut tags).await,
            Kind::OnceHttp => self.once_http(&mut tags).await,
            Kind::Kept => self.kept(&mut tags, 1).await,
            Kind::Pipelined => self.kept(&mut tags, AT_ONCE).await,
            Kind::KeptHttp => self.kept_http(&mut tags).await,
        }
    }

    async fn once(&self, tags: &mut impl Iterator<Item = usize>) -> Vec<usize> {
        let mut sent = Vec::new();
        for tag in tags {
            let mut client = Client::connect(self.api).await.expect("never refused");
            let answer = client.ask(xml(tag).as_bytes()).await.expect("whoever has connected is answered");
            self.answered(tag, &answer);
            sent.push(tag);
        }
        sent
    }

    async fn once_http(&self, tags: &mut impl Iterator<Item = usize>) -> Vec<usize> {
        let mut sent = Vec::new();
        for tag in tags {
            let (status, body) = get(self.webapi, &path(tag)).await;
            assert_eq!(status, 200, "{body}");
            self.answered(tag, body.as_bytes());
            sent.push(tag);
        }
        sent
    }

    async fn kept(&self, tags: &mut impl Iterator<Item = usize>, at_once: usize) -> Vec<usize> {
        let (mut sent, mut open) = (Vec::new(), VecDeque::new());
        while !(open.is_empty() && self.is_over.load(Ordering::Relaxed)) {
            let mut client = Client::connect(self.api).await.expect("never refused");
            for tag in &open {
                self.again.fetch_add(1, Ordering::Relaxed);
                drop(client.send(xml(*tag).as_bytes()).await);
            }
            loop {
                while open.len() < at_once
                    && let Some(tag) = tags.next()
                {
                    open.push_back(tag);
                    sent.push(tag);
                    drop(client.send(xml(tag).as_bytes()).await);
                }
                let Some(tag) = open.front() else { break };
                match client.receive().await {
                    Ok(answer) => self.answered(*tag, &answer),
                    // The end, and not a reset: then nobody would know what was done.
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                    Err(error) => panic!("request {tag}: {error}"),
                }
                open.pop_front();
            }
        }
        sent
    }

    async fn kept_http(&self, tags: &mut impl Iterator<Item = usize>) -> Vec<usize> {
        let mut sent = Vec::new();
        let mut stream = self.http().await;
        for tag in tags {
            sent.push(tag);
            let head = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path(tag));
            loop {
                drop(stream.write_all(head.as_bytes()).await);
                let response =
                    read_response(&mut stream).await.unwrap_or_else(|e| panic!("request {tag}: {e}"));
                let Some((body, is_last)) = response else {
                    self.again.fetch_add(1, Ordering::Relaxed);
                    stream = self.http().await;
                    continue;
                };
                self.answered(tag, &body);
                if is_last {
                    stream = self.http().await;
                }
                break;
            }
        }
        sent
    }

    async fn http(&self) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect(self.webapi).await.expect("never refused"))
    }

    fn answered(&self, tag: usize, answer: &[u8]) {
        let answer = Answer::read(answer);
        assert_eq!(
            (answer.label.as_str(), answer.element("REQUESTID")),
            ("API_OK", &*tag.to_string()),
            "{}",
            answer.text
        );
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn xml(tag: usize) -> String {
    request("CALLSTART", tag, &format!("<DEVICEID>7{:03}</DEVICEID><TAG>{tag}</TAG>", tag % 1000))
}

fn path(tag: usize) -> String {
    format!("/webapi.aspx?type=callstart&requestid={tag}&deviceid=7{:03}&tag={tag}", tag % 1000)
}

/// The body, and whether the connection ends behind it; nothing if it ended before the first byte.
async fn read_response(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let (mut length, mut is_last, mut line) = (0, false, String::new());
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    while line.trim() != "" {
        line.clear();
        stream.read_line(&mut line).await?;
        let header = line.trim().to_ascii_lowercase();
        is_last |= header == "connection: close";
        length = header.strip_prefix("content-length: ").and_then(|n| n.parse().ok()).unwrap_or(length);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((body, is_last)))
}
