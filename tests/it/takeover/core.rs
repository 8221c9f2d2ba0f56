//! A core that counts how often it gets each request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use corecast::protocol::frame::{Frame, FrameDecoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Decoder;

type Counts = Arc<Mutex<HashMap<usize, usize>>>;

pub struct Counting {
    pub address: SocketAddr,
    counts: Counts,
}

impl Counting {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, counts) = (listener.local_addr().expect("an address"), Counts::default());
        let all = counts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, all.clone()));
            }
        });
        Self { address, counts }
    }

    /// How often each request has come.
    pub fn counts(&self) -> HashMap<usize, usize> {
        self.counts.lock().expect("nobody panics").clone()
    }
}

async fn answer(mut stream: TcpStream, counts: Counts) {
    let (mut decoder, mut input) = (FrameDecoder::new(65536), BytesMut::new());
    loop {
        while let Ok(Some(Frame::Message(request))) = decoder.decode(&mut input) {
            let request = String::from_utf8_lossy(&request).into_owned();
            if let Ok(tag) = element(&request, "TAG").parse() {
                *counts.lock().expect("nobody panics").entry(tag).or_default() += 1;
            }
            let id = element(&request, "REQUESTID");
            let reply = format!(
                "<RESULT><TYPE>CALLSTART</TYPE><REQUESTID>{id}</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
                 <RESULTCODE>0</RESULTCODE><RESULTMSG>x</RESULTMSG></RESULT>\r\n"
            );
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return;
        }
    }
}

pub fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let after = text.split_once(&format!("<{name}>")).map_or("", |(_, after)| after);
    after.split('<').next().unwrap_or("")
}
