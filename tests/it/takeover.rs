//! A new process takes over from the old one under load, again and again: no request without an answer, none that a core
//! got twice.
//!
//! What a client is promised: a connection that it has made is taken, and its first request is answered. On a connection
//! that the proxy ends, what was not answered before the end was sent to no core, and may be sent again. So clients that
//! connect for each request try nothing twice here, and the others only what such an end left without an answer.

mod client;
mod core;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::lab::{ask, get, until, within};
use super::process::{Scratch, Serving};
use client::{Kind, Load};
use core::Counting;

/// How often it is taken over.
const TIMES: usize = 20;

/// Answers between one takeover and the next.
const ANSWERS: usize = 100;

fn configuration(listen: [String; 3], threads: usize, files: &Scratch, cores: &[Counting]) -> String {
    let [api, webapi, admin] = listen;
    let place = files.path().display();
    let core = |(id, core): (usize, &Counting)| {
        format!("[[core]]\nid = {id}\naddress = \"{}\"\npipeline = 16\n", core.address)
    };
    format!(
        "[listen]\napi = \"{api}\"\nwebapi = \"{webapi}\"\nadmin = \"{admin}\"\nhandover = \"{place}/handover\"\n\
         [directory]\nurl = \"sqlite://{place}/corecast.db\"\n[runtime]\nthreads = {threads}\n[log]\nformat = \"json\"\n\
         [limits]\ndeadline = \"9s\"\nleg_timeout = \"8s\"\nconnect_timeout = \"4s\"\n\
         [[route.rule]]\ndevices = \"7000-7999\"\ncores = [1,2]\n{}",
        (1..).zip(cores).map(core).collect::<String>()
    )
}

struct Place {
    files: Scratch,
    cores: [Counting; 2],
}

impl Place {
    async fn new() -> Self {
        Self { files: Scratch::new(), cores: [Counting::start().await, Counting::start().await] }
    }

    async fn serve(&self, listen: [String; 3], threads: usize) -> Serving {
        Serving::start(&configuration(listen, threads, &self.files, &self.cores)).await
    }

    /// Each of these requests has reached each core once.
    fn judge(&self, tags: &[usize]) {
        for core in &self.cores {
            let counts = core.counts();
            let wrong: Vec<_> = tags
                .iter()
                .map(|tag| (tag, counts.get(tag).copied().unwrap_or(0)))
                .filter(|(_, n)| *n != 1)
                .collect();
            assert!(wrong.is_empty(), "requests and how often a core got them: {wrong:?}");
            assert_eq!(counts.len(), tags.len(), "and no others");
        }
    }
}

fn same(serving: &Serving) -> [String; 3] {
    [serving.api, serving.webapi, serving.admin].map(|address| address.to_string())
}

fn start_load(api: SocketAddr, webapi: SocketAddr) -> (Load, JoinSet<Vec<usize>>) {
    let load = Load {
        api,
        webapi,
        is_over: Arc::<AtomicBool>::default(),
        answered: Arc::<AtomicUsize>::default(),
        again: Arc::<AtomicUsize>::default(),
    };
    let mut clients = JoinSet::new();
    for (number, kind) in Kind::ALL.into_iter().flat_map(|kind| [kind; 3]).enumerate() {
        clients.spawn(load.clone().run(kind, number));
    }
    (load, clients)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_takes_over_and_not_one_request_is_lost_or_sent_twice() {
    let place = Place::new().await;
    let mut serving = place.serve(["127.0.0.1:0"; 3].map(Into::into), 2).await;
    let (load, mut clients) = start_load(serving.api, serving.webapi);
    for round in 0..TIMES {
        let before = load.answered.load(Ordering::Relaxed);
        until("clients are answered", async || load.answered.load(Ordering::Relaxed) >= before + ANSWERS)
            .await;
        // As many threads as before, more, fewer: each queue of connections is served all the same.
        let new = place.serve(same(&serving), [2, 3, 1][round % 3]).await;
        let old = std::mem::replace(&mut serving, new);
        assert_eq!(same(&serving), same(&old));
        let ended = within("the end of the old one", old.process.end()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("a new version has taken over"), "{}", ended.err);
        assert!(!ended.err.contains("connections are cut"), "{}", ended.err);
        assert_eq!(get(serving.admin, "/readyz").await.0, 200, "only the new one is asked");
    }
    load.is_over.store(true, Ordering::Relaxed);
    let mut tags = Vec::new();
    while let Some(sent) = within("the clients", clients.join_next()).await {
        tags.extend(sent.expect("every request was answered"));
    }
    place.judge(&tags);
    let again = load.again.load(Ordering::Relaxed);
    eprintln!(
        "{TIMES} takeovers, {} requests, {again} of them sent again after the end of a connection",
        tags.len()
    );
    serving.process.signal("TERM");
    assert_eq!(serving.process.end().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_that_cannot_serve_leaves_the_old_one_serving() {
    let place = Place::new().await;
    let serving = place.serve(["127.0.0.1:0"; 3].map(Into::into), 2).await;
    let (load, mut clients) = start_load(serving.api, serving.webapi);
    // A new one that dies in the middle of taking over: it has the sockets, and never says that it serves.
    let asked =
        tokio::net::UnixStream::connect(place.files.path().join("handover")).await.expect("it is there");
    until("it has the sockets", async || asked.readable().await.is_ok()).await;
    drop(asked);
    let before = load.answered.load(Ordering::Relaxed);
    until("clients are answered", async || load.answered.load(Ordering::Relaxed) >= before + ANSWERS).await;
    load.is_over.store(true, Ordering::Relaxed);
    let mut tags = Vec::new();
    while let Some(sent) = within("the clients", clients.join_next()).await {
        tags.extend(sent.expect("every request was answered"));
    }
    place.judge(&tags);
    assert_eq!(load.again.load(Ordering::Relaxed), 0, "no connection was ended");
    serving.process.signal("TERM");
    assert_eq!(serving.process.end().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_connected_before_the_drain_is_heard_once() {
    let place = Place::new().await;
    let serving = place.serve(["127.0.0.1:0"; 3].map(Into::into), 1).await;
    let mut client = serving.client().await;
    let mut web = TcpStream::connect(serving.webapi).await.expect("it is open");
    until("both are taken in", async || {
        let (_, text) = get(serving.admin, "/metrics").await;
        let is_in = |listener| text.contains(&format!("corecast_connections{{listener=\"{listener}\"}} 1"));
        is_in("api") && is_in("webapi")
    })
    .await;
    serving.process.signal("TERM");
    until("it drains", async || get(serving.admin, "/readyz").await.0 == 503).await;
    let answer = ask(&mut client, "CALLSTART", "<DEVICEID>7001</DEVICEID><TAG>1</TAG>").await;
    assert_eq!(answer.label, "API_OK", "{}", answer.text);
    web.write_all(b"GET /webapi.aspx?type=test&requestid=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("it is sent");
    let mut response = String::new();
    within("a response", web.read_to_string(&mut response)).await.expect("and the end, no reset");
    assert!(response.contains("API_OK"), "{response}");
    assert!(client.receive().await.is_err(), "then it is closed");
    drop((client, web));
    assert_eq!(serving.process.end().await.code, Some(0));
    place.judge(&[1]);
}
