//! What a blackout waits for when everything else is saturated.
//!
//! `cargo bench --bench urgency` puts a proxy before a core that takes a while for each command and reads no further
//! meanwhile, as the vendor's does. It times blackouts alone, and again while more CALLUPDATEs than the core can take
//! wait for it. The bound is twice the idle time: the command that the core is working on, and the blackout itself.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench that is surprised stops"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use corecast::app::Proxy;
use corecast::client::Client;
use corecast::config::Settings;
use hdrhistogram::Histogram;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the core takes for a command.
const WORK: Duration = Duration::from_millis(5);
/// Clients that saturate it, and what each has under way.
const CLIENTS: usize = 16;
const AT_ONCE: usize = 16;
/// Blackouts that are timed.
const BLACKOUTS: usize = 400;

#[tokio::main]
async fn main() {
    let core = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = core.local_addr().expect("an address");
    tokio::spawn(serve(core));
    let proxy = Proxy::start(settings(address)).expect("a proxy");
    let idle = blackouts(proxy.api).await;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut load = JoinSet::new();
    for client in 0..CLIENTS {
        load.spawn(saturate(proxy.api, client, over.clone(), done.clone()));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = (Instant::now(), done.load(Ordering::Relaxed));
    let busy = blackouts(proxy.api).await;
    let rate = (done.load(Ordering::Relaxed) - before.1) as f64 / before.0.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = load.join_next().await {
        ended.expect("no panic").expect("the proxy answers");
    }
    tell("idle", &idle);
    tell("saturated", &busy);
    let ratio = busy.value_at_quantile(0.99) as f64 / idle.value_at_quantile(0.99) as f64;
    println!(
        "p99 is {ratio:.2} times that of idle (bound: 2), with {} other commands under way and {rate:.0} answered a second",
        CLIENTS * AT_ONCE
    );
    proxy.drain().await;
}

/// One connection to the core, so that everything goes through one queue.
fn settings(core: SocketAddr) -> Settings {
    let text = format!(
        "[runtime]\nthreads = 1\n[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [limits]\ndeadline = \"20s\"\nleg_timeout = \"20s\"\n[directory]\nurl = \"sqlite::memory:\"\n\
         [[core]]\nid = 1\naddress = \"{core}\"\nconnections = 1\npipeline = 1\n"
    );
    Settings::parse(&text, "the bench", std::iter::empty()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A core that confirms everything, one command after the other.
async fn serve(core: TcpListener) {
    while let Ok((stream, _)) = core.accept().await {
        tokio::spawn(converse(stream));
    }
}

async fn converse(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        tokio::time::sleep(WORK).await;
        let number = line.split("<REQUESTID>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or("");
        let result = format!(
            "<RESULT><REQUESTTYPE>X</REQUESTTYPE><REQUESTID>{number}</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
             <RESULTCODE>20</RESULTCODE><RESULTMSG>done</RESULTMSG></RESULT>\r\n"
        );
        write.write_all(result.as_bytes()).await?;
    }
    Ok(())
}

/// Times one blackout after the other, in microseconds.
async fn blackouts(api: SocketAddr) -> Histogram<u64> {
    let mut client = Client::connect(api).await.expect("the proxy listens");
    let mut times = Histogram::new(3).expect("a histogram");
    for _ in 0..BLACKOUTS {
        let request =
            b"<REQUEST><TYPE>BLACKOUTSTART</TYPE><REQUESTID>1</REQUESTID><DEVICEID>7001</DEVICEID></REQUEST>\r\n";
        let asked = Instant::now();
        let answer = client.ask(request).await.expect("an answer");
        times.record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX)).expect("in range");
        assert!(answer.windows(6).any(|six| six == b"API_OK"), "{}", String::from_utf8_lossy(&answer));
    }
    times
}

/// Keeps commands about other devices waiting.
async fn saturate(
    api: SocketAddr,
    client: usize,
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> io::Result<()> {
    let mut connection = Client::connect(api).await?;
    let request = format!(
        "<REQUEST><TYPE>CALLUPDATE</TYPE><REQUESTID>1</REQUESTID><DEVICEID>8{client:03}</DEVICEID></REQUEST>\r\n"
    );
    for _ in 0..AT_ONCE {
        connection.send(request.as_bytes()).await?;
    }
    while !over.load(Ordering::Relaxed) {
        connection.receive().await?;
        done.fetch_add(1, Ordering::Relaxed);
        connection.send(request.as_bytes()).await?;
    }
    Ok(())
}

fn tell(name: &str, times: &Histogram<u64>) {
    let [p50, p99] = [0.5, 0.99].map(|quantile| times.value_at_quantile(quantile) as f64 / 1000.0);
    println!("{name:>10}: p50 {p50:.1} ms, p99 {p99:.1} ms, over {BLACKOUTS} blackouts");
}
