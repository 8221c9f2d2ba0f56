//! A real proxy with small limits, each of them reached: what is too much is refused at once with the reason, a
//! blackout to a healthy core goes through all the while, and memory stays under the sum of `docs/bounds.md`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use corecast::client::Client;
use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::lab::{Answer, ask, get, receive, request, until, within};
use super::process::Serving;

/// Long before a leg times out, with room for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(700);

const CONNECTIONS: usize = 60;
const PIPELINED: usize = 8;
const IN_FLIGHT: usize = 12;
const MIB: usize = 1 << 20;
const REPLY: usize = 64 << 10;

/// Core 1 is well. Core 2 hangs and its queue is long; core 3 hangs and its queue is short.
fn configuration(cores: &[CtiCore]) -> String {
    let [one, two, three] = [0, 1, 2].map(|at| cores[at].address());
    format!(
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
         [limits]\ndeadline = \"3500ms\"\nleg_timeout = \"3s\"\nmax_connections = {CONNECTIONS}\n\
         max_pipelined = {PIPELINED}\nmax_in_flight = {IN_FLIGHT}\nmax_in_flight_bytes = {MIB}\n\
         max_buffered_bytes = {MIB}\nmax_reply_bytes = {REPLY}\n[breaker]\nfailures = 1000\n\
         [[route.rule]]\ndevices = \"1*\"\ncores = [1]\n[[route.rule]]\ndevices = \"2*\"\ncores = [2]\n\
         [[route.rule]]\ndevices = \"3*\"\ncores = [3]\n\
         [[core]]\nid = 1\naddress = \"{one}\"\nconnections = 2\npipeline = 16\n\
         [[core]]\nid = 2\naddress = \"{two}\"\nconnections = 2\n\
         [[core]]\nid = 3\naddress = \"{three}\"\nconnections = 2\nqueue = 1\n"
    )
}

/// The sum of `docs/bounds.md` for this configuration, in KiB, without the process itself.
fn sum_of_bounds() -> usize {
    let connections = CONNECTIONS * 64 + 128 * 16;
    let calls = IN_FLIGHT * 5 / 4 * 16;
    let bytes = (MIB * 5 / 4 + 2 * MIB) / 1024;
    let cores = 3 * 2 * (2 * REPLY + 2 * (64 << 10)) / 1024;
    let (repeats, told) = (9 * 1024, 32 * 1024);
    connections + calls + bytes + cores + repeats + told
}

struct Saturated {
    cores: Vec<CtiCore>,
    proxy: Serving,
}

impl Saturated {
    async fn start() -> Self {
        let mut cores = Vec::new();
        for (id, fault) in (1..).zip([Fault::None, Fault::Hang, Fault::Hang]) {
            let settings = CtiSettings { id: CoreId(id), fault, ..CtiSettings::default() };
            cores.push(CtiCore::start(settings).await.expect("a core starts on a free port"));
        }
        let proxy = Serving::start(&configuration(&cores)).await;
        Self { cores, proxy }
    }

    async fn metric(&self, series: &str) -> f64 {
        let (_, text) = get(self.proxy.admin, "/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    }

    async fn shed(&self, reason: &str) -> f64 {
        self.metric(&format!("corecast_shed_total{{reason=\"{reason}\"}}")).await
    }

    async fn in_flight(&self) -> usize {
        let (_, text) = get(self.proxy.admin, "/readyz?verbose").await;
        let count = text.split("calls in flight: ").nth(1).and_then(|rest| rest.lines().next());
        count.and_then(|count| count.trim().parse().ok()).expect("it says how many")
    }

    /// The most memory that the process ever had, in KiB.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.proxy.process.id()));
        let status = status.expect("it runs");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        most.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends requests for a hung core, whose answers nobody waits for.
    async fn burden(&self, many: usize, params: &str) -> Client {
        let mut client = self.proxy.client().await;
        let all: String = (0..many).map(|id| request("CALLSTART", id, params)).collect();
        client.send(all.as_bytes()).await.expect("they are sent");
        client
    }

    /// Asks on a connection of its own, and is refused at once in these words.
    async fn is_refused(&self, params: &str, words: &str) {
        let mut client = self.proxy.client().await;
        let asked = Instant::now();
        let answer = ask(&mut client, "CALLSTART", params).await;
        assert_eq!(answer.label, "API_ERROR_PROCESSING_MESSAGE", "{}", answer.text);
        assert!(answer.message.contains(words), "{}", answer.message);
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    }
}

/// Blacks a device of the healthy core out and in until told to stop; how often that was confirmed.
fn keep_blacking_out(api: SocketAddr, is_over: Arc<AtomicBool>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut client = Client::connect(api).await.expect("the API socket is open");
        ask(&mut client, "CALLSTART", "<DEVICEID>1001</DEVICEID>").await;
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            for kind in ["BLACKOUTSTART", "BLACKOUTSTOP"] {
                let asked = Instant::now();
                let answer = ask(&mut client, kind, "<DEVICEID>1001</DEVICEID>").await;
                assert_eq!(answer.label, "API_OK", "{kind} {count}: {}", answer.text);
                assert!(asked.elapsed() < AT_ONCE, "{kind} {count} took {:?}", asked.elapsed());
                count += 1;
            }
        }
        count
    })
}

async fn a_full_queue(lab: &Saturated) {
    let mut clients = Vec::new();
    let asked = Instant::now();
    for _ in 0..6 {
        clients.push(lab.burden(1, "<DEVICEID>3001</DEVICEID><DETAIL>Y</DETAIL>").await);
    }
    let mut full = 0;
    for client in &mut clients {
        // One is at the core and one waits, on each of two threads; at least two find no place.
        if let Ok(answer) = timeout(AT_ONCE.saturating_sub(asked.elapsed()), client.receive()).await {
            let answer = Answer::read(&answer.expect("an answer"));
            assert_eq!(answer.element("REASON"), "the core's queue is full");
            full += 1;
        }
    }
    assert!((2..=4).contains(&full), "{full}");
    until("the others have timed out", async || lab.in_flight().await < 3).await;
}

async fn too_many_calls(lab: &Saturated) {
    let one = lab.burden(PIPELINED, "<DEVICEID>2001</DEVICEID>").await;
    let other = lab.burden(PIPELINED, "<DEVICEID>2001</DEVICEID>").await;
    // A blackout may have been one of them when the last was let in: then there is room for one more.
    until("as many are in flight as may be, and a blackout", async || {
        drop(lab.burden(1, "<DEVICEID>2001</DEVICEID>").await);
        lab.in_flight().await > IN_FLIGHT
    })
    .await;
    lab.is_refused("<DEVICEID>1002</DEVICEID>", "overloaded: 12 calls are under way").await;
    drop((one, other));
    until("they have timed out", async || lab.in_flight().await < 3).await;
}

async fn too_many_bytes_of_requests(lab: &Saturated) {
    let large = format!("<DEVICEID>2001</DEVICEID><USER1>{}</USER1>", "x".repeat(60_000));
    let one = lab.burden(5, &large).await;
    let other = lab.burden(5, &large).await;
    until("there is no room for one more", async || lab.shed("in_flight_bytes").await > 0.0).await;
    lab.is_refused(&large, "the requests under way have as many bytes as they may").await;
    drop((one, other));
    until("they have timed out", async || lab.in_flight().await < 3).await;
}

/// Asks for large answers and reads none, until it is cut off.
async fn never_read(api: SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small one");
    let mut greedy = socket.connect(api).await.expect("the API socket is open");
    let many = request("TEST", 1, &format!("<USER1>{}</USER1>", "x".repeat(30_000))).repeat(20);
    while greedy.write_all(many.as_bytes()).await.is_ok() {}
}

async fn clients_that_do_not_read(lab: &Saturated) -> JoinSet<()> {
    let mut greedy = JoinSet::new();
    (0..8).for_each(|_| drop(greedy.spawn(never_read(lab.proxy.api))));
    until("there is no room left", async || lab.shed("buffered_bytes").await > 0.0).await;
    within("the first to be cut off", greedy.join_next()).await.expect("one").expect("it does not panic");
    greedy
}

async fn too_many_connections(lab: &Saturated) {
    let mut idle = Vec::new();
    while lab.shed("connections").await == 0.0 {
        assert!(idle.len() <= CONNECTIONS, "it takes more than it may");
        idle.push(lab.proxy.client().await);
    }
    let asked = Instant::now();
    let mut late = lab.proxy.client().await;
    let answer = receive(&mut late).await;
    assert_eq!(answer.label, "API_ERROR_PROCESSING_MESSAGE");
    assert!(answer.message.contains("as many clients are connected as may be"), "{}", answer.message);
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bound_is_kept_said_at_once_and_costs_no_blackout() {
    let lab = Saturated::start().await;
    let before = lab.memory();
    let is_over = Arc::new(AtomicBool::new(false));
    let blackouts = keep_blacking_out(lab.proxy.api, is_over.clone());

    a_full_queue(&lab).await;
    too_many_calls(&lab).await;
    too_many_bytes_of_requests(&lab).await;
    let greedy = clients_that_do_not_read(&lab).await;
    too_many_connections(&lab).await;
    drop(greedy);

    is_over.store(true, Ordering::Relaxed);
    let count = within("the blackouts", blackouts).await.expect("each was confirmed at once");
    let (grown, allowed) = (lab.memory() - before, sum_of_bounds());
    assert!(count > 20, "{count}");
    assert!(grown < allowed, "memory grew by {grown} KiB, and the bounds allow {allowed} KiB");
    for core in lab.cores {
        core.stop().await;
    }
}
