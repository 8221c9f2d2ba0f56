//! Cores for measuring: they remember nothing and confirm everything at once, so that what is measured is the proxy.
//!
//! `cargo run --release --example echo_cores -- COUNT [hang=N] [delay=MILLISECONDS]` starts COUNT of them in one process,
//! on free ports, and prints their addresses, a line each. With hang, the Nth (from 1) reads everything and says nothing.
//! With delay, each answer comes that much later.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "an example that is surprised stops"
)]

mod wire;

use std::io;
use std::time::Duration;

use memchr::memmem;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;
use wire::{Messages, REQUEST_END};

#[derive(Clone, Copy)]
struct Manner {
    hangs: bool,
    delay: Duration,
}

/// Confirms what is asked; answers to requests that came together go together.
async fn serve(stream: TcpStream, manner: Manner) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut requests = Messages::new(reader, REQUEST_END);
    let mut out = Vec::new();
    loop {
        let request = requests.next().await?;
        if manner.hangs {
            continue;
        }
        confirm(request, &mut out);
        if requests.has_more() {
            continue;
        }
        if !manner.delay.is_zero() {
            sleep(manner.delay).await;
        }
        writer.write_all(&out).await?;
        out.clear();
    }
}

fn confirm(request: &[u8], out: &mut Vec<u8>) {
    for piece in [
        &b"<RESULT><REQUESTTYPE>"[..],
        value(request, b"<TYPE>"),
        b"</REQUESTTYPE><REQUESTID>",
        value(request, b"<REQUESTID>"),
        b"</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE><RESULTCODE>20</RESULTCODE><RESULTMSG>done</RESULTMSG></RESULT>\r\n",
    ] {
        out.extend_from_slice(piece);
    }
}

/// The value of an element.
fn value<'r>(request: &'r [u8], open: &[u8]) -> &'r [u8] {
    let Some(at) = memmem::find(request, open) else { return b"" };
    let rest = &request[at + open.len()..];
    &rest[..memchr::memchr(b'<', rest).unwrap_or(rest.len())]
}

async fn listen(manner: Manner) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream, manner));
        }
    });
}

/// The number of an argument NAME=NUMBER, or 0.
fn option(name: &str) -> u64 {
    let value = std::env::args().find_map(|text| text.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    value.unwrap_or(0)
}

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("COUNT");
    let (hanging, delay) = (option("hang"), Duration::from_millis(option("delay")));
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(async {
        for number in 1..=count {
            listen(Manner { hangs: number == hanging, delay }).await;
        }
        std::future::pending::<()>().await;
    });
}
