//! Cores found by name, with a real name server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};

use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use serde_json::{Value, json};

use super::lab::{ask, get, until};
use super::process::{Process, Scratch, Serving};

const DNSMASQ: &str = "/usr/sbin/dnsmasq";

/// A name server; what it says is exchanged by a new one at its address.
struct NameServer {
    address: SocketAddr,
    process: Option<Process>,
}

impl NameServer {
    /// An address where nobody answers yet; nothing where there is no such program, unless the services are required.
    fn silent() -> Option<Self> {
        if !std::path::Path::new(DNSMASQ).exists() {
            let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "dnsmasq is not installed, and the services are required");
            eprintln!("NOT RUN: dnsmasq is not installed");
            return None;
        }
        // It takes no port 0: one that is free for both.
        let address = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            let address = udp.local_addr().expect("an address");
            if TcpListener::bind(address).is_ok() {
                break address;
            }
        };
        Some(Self { address, process: None })
    }

    /// Says this from now on, as dnsmasq's options have it.
    async fn says(&mut self, records: &[String]) {
        if let Some(mut before) = self.process.take() {
            before.kill().await;
        }
        let mut command = Command::new(DNSMASQ);
        command.args(["--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--local=/test/"]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="]);
        command.arg(format!("--port={}", self.address.port())).args(records);
        let mut process = Process::start(command, Stdio::null(), Stdio::null());
        process.line("started").await;
        self.process = Some(process);
    }

    fn configuration(&self, more: &str) -> String {
        format!(
            "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [directory]\nurl = \"sqlite::memory:\"\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
             [dns]\nservers = [\"{}\"]\nrefresh = \"20ms\"\nforget = \"50ms\"\n{more}",
            self.address
        )
    }
}

fn address(name: &str, at: Ipv4Addr) -> String {
    format!("--host-record={name},{at}")
}

fn lists(core: &CtiCore, name: &str) -> String {
    format!("--srv-host=_cti._tcp.rec.test,{name},{}", core.address().port())
}

async fn core(id: u16, at: &str) -> CtiCore {
    let listen = at.parse().expect("an address");
    let settings = CtiSettings { id: CoreId(id), listen, fault: Fault::None, ..CtiSettings::default() };
    CtiCore::start(settings).await.expect("a core starts")
}

async fn shown(serving: &Serving) -> Vec<Value> {
    let (_, cores) = get(serving.admin, "/api/v1/cores").await;
    serde_json::from_str(&cores).expect("JSON")
}

async fn ids(serving: &Serving) -> Value {
    shown(serving).await.iter().map(|core| core["id"].clone()).collect()
}

async fn failed_names(serving: &Serving) -> String {
    let (_, text) = get(serving.admin, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix("corecast_dns_failed_names "));
    line.unwrap_or_default().to_owned()
}

async fn message(serving: &Serving) -> String {
    ask(&mut serving.client().await, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await.message
}

const LIST: &str = "[[core_srv]]\nname = \"_cti._tcp.rec.test\"\nfirst_id = 1\nsite = \"hq\"\n\
     [[route.rule]]\ndevices = \"7*\"\nsite = \"hq\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_come_and_go_as_their_name_lists_them() {
    let Some(mut dns) = NameServer::silent() else { return };
    let cores = [core(1, "127.0.0.1:0").await, core(2, "127.0.0.1:0").await, core(3, "127.0.0.1:0").await];
    let at = |n: usize| {
        let name = format!("rec-{n}.rec.test");
        [lists(&cores[n], &name), address(&name, Ipv4Addr::LOCALHOST)]
    };
    dns.says(&[at(0), at(1)].concat()).await;
    let configuration = dns.configuration(LIST);
    let serving = Serving::start(&configuration).await;
    assert_eq!(ids(&serving).await, json!([1, 2]), "nothing is served before they are known");
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1,2");
    let first = shown(&serving).await;
    assert_eq!((&first[0]["name"], &first[0]["site"]), (&json!("rec-0"), &json!("hq")));

    dns.says(&[at(0), at(1), at(2)].concat()).await;
    until("one more is there", async || ids(&serving).await == json!([1, 2, 3])).await;
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1,2,3");

    // A name server that knows nothing, and then one that does not answer.
    dns.says(&[]).await;
    until("it is told of", async || failed_names(&serving).await != "0").await;
    assert_eq!(ids(&serving).await, json!([1, 2, 3]));
    dns.process = None;
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1,2,3");

    dns.says(&[at(0), at(2)].concat()).await;
    until("one is forgotten", async || ids(&serving).await == json!([1, 3])).await;
    until("all is well again", async || failed_names(&serving).await == "0").await;
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1,3");
    let (_, shown) = get(serving.admin, "/api/v1/config").await;
    assert!(shown.contains("_cti._tcp.rec.test"), "{shown}");

    let scratch = Scratch::new();
    let file = scratch.file("corecast.toml", &configuration);
    let args = ["route", "--config", &file, "CALLSTART", "DEVICEID=7001", "--json"];
    let explained = Process::corecast(&args).end().await;
    let explained: Value = serde_json::from_str(&explained.out).expect("JSON");
    assert_eq!(explained["cores"], json!([1, 3]), "{explained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_served_until_it_is_known_who_owns_what() {
    let Some(mut dns) = NameServer::silent() else { return };
    let only = core(1, "127.0.0.1:0").await;
    let scratch = Scratch::new();
    let file = scratch.file("corecast.toml", &dns.configuration(LIST));
    let mut proxy = Process::corecast(&["serve", "--config", &file]);
    let line = proxy.line("cannot be looked up").await;
    assert!(line.contains("_cti._tcp.rec.test"), "{line}");
    let name = "rec-0.rec.test";
    dns.says(&[lists(&only, name), address(name, Ipv4Addr::LOCALHOST)]).await;
    let line = proxy.line("\"message\":\"serving\"").await;
    let line: Value = serde_json::from_str(&line).expect("JSON");
    let admin = line["admin"].as_str().and_then(|at| at.parse().ok()).expect("an address");
    assert_eq!(get(admin, "/readyz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_follow_a_core_whose_name_points_elsewhere() {
    let Some(mut dns) = NameServer::silent() else { return };
    let here = core(1, "127.0.0.1:0").await;
    let port = here.address().port();
    let there = core(1, &format!("127.0.0.2:{port}")).await;
    dns.says(&[lists(&here, "rec-0.rec.test"), address("rec-0.rec.test", Ipv4Addr::LOCALHOST)]).await;
    let serving = Serving::start(&dns.configuration(LIST)).await;
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1");
    let reached = async || shown(&serving).await[0]["reached"].clone();
    assert_eq!(reached().await, json!(here.address().to_string()));

    let elsewhere = address("rec-0.rec.test", Ipv4Addr::new(127, 0, 0, 2));
    dns.says(&[lists(&here, "rec-0.rec.test"), elsewhere]).await;
    until("the links are there", async || reached().await == json!(there.address().to_string())).await;
    let before = here.received().len();
    assert_eq!(message(&serving).await, "CALLSTART sent to all of the following cores: 1");
    assert_eq!((here.received().len(), there.received().len()), (before, 1));
}
