//! The least that a fan-out can cost: what Corecast is measured against.
//!
//! `cargo run --release --example bare_pipelined -- LISTEN CORE…` sends every request to all cores as it came, over one
//! link per core that all clients share, and answers with the last reply. One thread, no XML but for where a message ends,
//! no deadlines, no errors, no metrics, and the last core's word for all: nothing that one could run.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "an example that is surprised stops"
)]

mod wire;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use wire::{Messages, REQUEST_END, RESULT_END};

/// What is to be written to a socket; all that gathers before its task runs goes in one write.
#[derive(Default)]
struct Outbox {
    bytes: RefCell<Vec<u8>>,
    filled: Notify,
}

impl Outbox {
    fn put(&self, message: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend_from_slice(message);
        bytes.extend_from_slice(b"\r\n");
        self.filled.notify_one();
    }

    async fn keep_writing(self: Rc<Self>, mut socket: OwnedWriteHalf) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            self.filled.notified().await;
            std::mem::swap(&mut bytes, &mut self.bytes.borrow_mut());
            socket.write_all(&bytes).await?;
            bytes.clear();
        }
    }
}

/// A request under way.
struct Call {
    /// Cores that have not answered.
    open: Cell<usize>,
    client: Rc<Outbox>,
}

/// A core's link. Cores answer in order, so the first call that waits is the one that is answered.
#[derive(Default)]
struct Link {
    outbox: Rc<Outbox>,
    waiting: RefCell<VecDeque<Rc<Call>>>,
}

impl Link {
    async fn open(core: &str) -> Rc<Self> {
        let (reader, writer) = split(TcpStream::connect(core).await.expect("the core listens"));
        let link = Rc::new(Self::default());
        spawn_local(link.outbox.clone().keep_writing(writer));
        spawn_local(link.clone().keep_reading(reader));
        link
    }

    fn send(&self, request: &[u8], call: &Rc<Call>) {
        self.outbox.put(request);
        self.waiting.borrow_mut().push_back(call.clone());
    }

    async fn keep_reading(self: Rc<Self>, socket: OwnedReadHalf) -> io::Result<()> {
        let mut replies = Messages::new(socket, RESULT_END);
        loop {
            let reply = replies.next().await?;
            let call = self.waiting.borrow_mut().pop_front().expect("a reply to something");
            call.open.set(call.open.get() - 1);
            if call.open.get() == 0 {
                call.client.put(reply);
            }
        }
    }
}

async fn serve(stream: TcpStream, links: Rc<[Rc<Link>]>) -> io::Result<()> {
    let (reader, writer) = split(stream);
    let client = Rc::<Outbox>::default();
    let writing = spawn_local(client.clone().keep_writing(writer));
    let mut requests = Messages::new(reader, REQUEST_END);
    while let Ok(request) = requests.next().await {
        let call = Rc::new(Call { open: Cell::new(links.len()), client: client.clone() });
        links.iter().for_each(|link| link.send(request, &call));
    }
    writing.abort();
    Ok(())
}

fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    stream.set_nodelay(true).expect("a socket");
    stream.into_split()
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().expect("LISTEN CORE…");
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(async {
        let links = futures::future::join_all(arguments.map(async |core| Link::open(&core).await)).await;
        let links: Rc<[_]> = links.into();
        let listener = TcpListener::bind(listen).await.expect("the address is free");
        println!("listens on {}", listener.local_addr().expect("an address"));
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream, links.clone()));
        }
    });
}
