//! A fan-out as one would first write it: a connection to each core for each client.
//!
//! `cargo run --release --example bare_connection -- LISTEN CORE…` sends every request to all cores as it came, waits for
//! all replies and answers with the last. One thread, no XML but for where a message ends, no deadlines, no errors, no
//! metrics: see `bare_pipelined.rs`.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "an example that is surprised stops"
)]

mod wire;

use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use wire::{Messages, REQUEST_END, RESULT_END};

struct Core {
    replies: Messages<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Core {
    async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { replies: Messages::new(reader, RESULT_END), writer })
    }
}

async fn serve(stream: TcpStream, addresses: Rc<[String]>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut cores = Vec::new();
    for address in &*addresses {
        cores.push(Core::connect(address).await?);
    }
    let (reader, mut writer) = stream.into_split();
    let mut requests = Messages::new(reader, REQUEST_END);
    let mut line = Vec::new();
    loop {
        put(&mut line, requests.next().await?);
        for core in &mut cores {
            core.writer.write_all(&line).await?;
        }
        for core in &mut cores {
            put(&mut line, core.replies.next().await?);
        }
        writer.write_all(&line).await?;
    }
}

/// A message as a line.
fn put(line: &mut Vec<u8>, message: &[u8]) {
    line.clear();
    line.extend_from_slice(message);
    line.extend_from_slice(b"\r\n");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().expect("LISTEN CORE…");
    let cores: Rc<[String]> = arguments.collect();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind(listen).await.expect("the address is free");
        println!("listens on {}", listener.local_addr().expect("an address"));
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream, cores.clone()));
        }
    });
}
