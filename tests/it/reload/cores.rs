//! Cores that come, go and move while calls go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::super::lab::{Answer, ask, get, receive, request, until};
use super::super::process::Serving;
use super::{metric, post};

const TOKEN: &str = "correct-horse-battery";

/// A configuration of these cores, who own every device together.
fn configuration(cores: &[(u16, SocketAddr)]) -> String {
    let core = |(id, address): &(u16, SocketAddr)| {
        format!("[[core]]\nid = {id}\naddress = \"{address}\"\nconnections = 4\npipeline = 8\n")
    };
    format!(
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
         [limits]\ndeadline = \"9s\"\nleg_timeout = \"8s\"\n[access]\nadmin_token = \"{TOKEN}\"\n{}",
        cores.iter().map(core).collect::<String>()
    )
}

async fn core(id: u16, fault: Fault) -> CtiCore {
    let settings = CtiSettings { id: CoreId(id), fault, ..CtiSettings::default() };
    CtiCore::start(settings).await.expect("a core starts on a free port")
}

/// Another address of a core.
struct Relay {
    address: SocketAddr,
    /// How many connections are open.
    open: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(core: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = Self { address: socket.local_addr().expect("an address"), open: Arc::default() };
        let open = relay.open.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = socket.accept().await {
                let open = open.clone();
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::Relaxed);
                    drop(carry(near, core).await);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        relay
    }
}

async fn carry(mut near: TcpStream, core: SocketAddr) -> std::io::Result<()> {
    let mut far = TcpStream::connect(core).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await.map(drop)
}

async fn reload(serving: &Serving, configuration: &str) -> Value {
    serving.write(configuration);
    let (status, answer) = post(serving, "/api/v1/reload", TOKEN).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn shown(serving: &Serving) -> Vec<Value> {
    let (_, cores) = get(serving.admin, "/api/v1/cores").await;
    serde_json::from_str(&cores).expect("JSON")
}

async fn call(serving: &Serving, kind: &str) -> Answer {
    ask(&mut serving.client().await, kind, "<DEVICEID>7001</DEVICEID>").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_come_go_and_move_under_load_and_no_answer_is_worse_for_it() {
    let cores = [core(1, Fault::None).await, core(2, Fault::None).await, core(3, Fault::None).await];
    let [one, two, three] = [0, 1, 2].map(|at: usize| cores[at].address());
    let elsewhere = Relay::to(two).await.address;
    let serving = Serving::start(&configuration(&[(1, one), (2, two)])).await;
    until("both are there", async || call(&serving, "CALLSTART").await.label == "API_OK").await;
    let connections = async || metric(&serving, "corecast_core_connections{core=\"1\"}").await;
    until("all links are there", async || connections().await == 4.0).await;

    let is_over = Arc::new(AtomicBool::new(false));
    let mut talkers = Vec::new();
    for device in 0..8 {
        let (mut client, is_over) = (serving.client().await, is_over.clone());
        talkers.push(tokio::spawn(async move {
            let (device, mut answers) = (format!("<DEVICEID>72{device:02}</DEVICEID>"), 0);
            while !is_over.load(Ordering::Relaxed) {
                for kind in ["CALLSTART", "BLACKOUTSTART", "BLACKOUTSTOP", "CALLSTOP"] {
                    let answer = ask(&mut client, kind, &device).await;
                    assert_eq!(answer.label, "API_OK", "{kind}: {}", answer.text);
                    answers += 1;
                }
            }
            answers
        }));
    }
    for round in 0..20 {
        let next = [
            vec![(1, one), (2, two), (3, three)],
            vec![(1, one), (2, elsewhere)],
            vec![(1, one), (3, three)],
            vec![(1, one), (2, two)],
        ];
        let next = &next[round % next.len()];
        let answer = reload(&serving, &configuration(next)).await;
        assert_eq!(answer, json!({ "changed": ["core"], "needs_restart": [] }));
        let there: Vec<_> = shown(&serving).await.iter().map(|core| core["id"].clone()).collect();
        assert_eq!(there, next.iter().map(|(id, _)| json!(id)).collect::<Vec<_>>());
    }
    is_over.store(true, Ordering::Relaxed);
    for talker in talkers {
        assert!(talker.await.expect("every answer was API_OK") > 0);
    }
    assert_eq!(connections().await, 4.0);
    let most = cores[0].received().iter().map(|received| received.connection).max();
    assert!(most <= Some(4), "core 1 never changed, and kept its links: {most:?}");
    assert_eq!(metric(&serving, "corecast_core_connections{core=\"3\"}").await, 0.0, "it is not in force");
}

fn update(number: usize) -> String {
    request("CALLUPDATE", number, &format!("<DEVICEID>7001</DEVICEID><USER1>{number}</USER1>"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_device_stays_in_order_while_its_core_moves() {
    const ROUNDS: usize = 30;
    const EACH: usize = 40;
    let core = core(1, Fault::None).await;
    let elsewhere = Relay::to(core.address()).await.address;
    let serving = Serving::start(&configuration(&[(1, core.address())])).await;
    until("it is there", async || call(&serving, "CALLSTART").await.label == "API_OK").await;
    let mut client = serving.client().await;
    for round in 0..ROUNDS {
        let next = if round % 2 == 0 { elsewhere } else { core.address() };
        serving.write(&configuration(&[(1, next)]));
        let talk = async {
            for number in round * EACH..(round + 1) * EACH - 1 {
                client.send(update(number).as_bytes()).await.expect("it is sent");
                tokio::task::yield_now().await;
            }
            for _ in 1..EACH {
                assert_eq!(receive(&mut client).await.label, "API_OK");
            }
        };
        let ((), (status, answer)) = tokio::join!(talk, post(&serving, "/api/v1/reload", TOKEN));
        assert_eq!(status, 200, "{answer}");
        // One is sent when it has moved, also where the others were all before or behind.
        client.send(update((round + 1) * EACH - 1).as_bytes()).await.expect("it is sent");
        assert_eq!(receive(&mut client).await.label, "API_OK");
    }
    let received = core.received();
    let numbers = received.iter().filter_map(|received| received.request.get(Param::User1)?.parse().ok());
    assert_eq!(numbers.collect::<Vec<usize>>(), (0..ROUNDS * EACH).collect::<Vec<_>>());
    let connections: std::collections::BTreeSet<_> = received.iter().map(|r| r.connection).collect();
    assert!(connections.len() > ROUNDS, "it has moved each time: {}", connections.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_core_is_asked_when_it_goes_is_still_answered() {
    let slow = Fault::Delay(Duration::from_secs(2));
    let (near, slow) = (core(1, Fault::None).await, core(2, slow).await);
    let relay = Relay::to(slow.address()).await;
    let both = [(1, near.address()), (2, relay.address)];
    let serving = Serving::start(&configuration(&both)).await;
    let mut client = serving.client().await;
    client.send(request("CALLSTART", 1, "<DEVICEID>7001</DEVICEID>").as_bytes()).await.expect("it is sent");
    until("the slow one has it", async || !slow.received().is_empty()).await;
    reload(&serving, &configuration(&both[..1])).await;
    assert_eq!(call(&serving, "CALLSTART").await.message, "CALLSTART sent to all of the following cores: 1");
    let answer = receive(&mut client).await;
    assert_eq!(answer.message, "CALLSTART sent to all of the following cores: 1,2");
    until("its links are closed", async || relay.open.load(Ordering::Relaxed) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_comes_is_delivered_what_it_is_owed_and_one_that_goes_shows_nothing() {
    let (near, new) = (core(1, Fault::None).await, core(2, Fault::Refuse).await);
    let both = [(1, near.address()), (2, new.address())];
    let serving = Serving::start(&configuration(&both[..1])).await;
    assert_eq!(call(&serving, "CALLSTART").await.label, "API_OK");
    reload(&serving, &configuration(&both)).await;
    let shut = "corecast_core_breaker_state{core=\"2\",state=\"shut\"}";
    until("it is found to be down", async || metric(&serving, shut).await == 1.0).await;
    assert_eq!(call(&serving, "BLACKOUTSTART").await.label, "API_PARTIAL_CORE_RESPONSE");
    new.set_fault(Fault::None);
    let has_it = async || new.received().iter().any(|received| received.request.kind() == "BLACKOUTSTART");
    until("it is delivered", has_it).await;

    new.set_fault(Fault::Refuse);
    until("it is down again", async || metric(&serving, shut).await == 1.0).await;
    reload(&serving, &configuration(&both[..1])).await;
    assert_eq!(metric(&serving, shut).await, 0.0, "an alert on it ends");
    assert_eq!(call(&serving, "CALLSTART").await.label, "API_OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_moves_stays_drained_and_one_at_fault_changes_nothing() {
    let (near, far) = (core(1, Fault::None).await, core(1, Fault::None).await);
    let serving = Serving::start(&configuration(&[(1, near.address())])).await;
    assert_eq!(post(&serving, "/api/v1/cores/1/drain", TOKEN).await.0, 200);
    reload(&serving, &configuration(&[(1, far.address())])).await;
    let there = shown(&serving).await;
    assert_eq!(
        (&there[0]["drained"], &there[0]["address"]),
        (&json!(true), &json!(far.address().to_string()))
    );

    let wrong = format!("{}tls = true\nca_file = \"/nowhere.pem\"\n", configuration(&[(1, near.address())]));
    serving.write(&wrong);
    let (status, answer) = post(&serving, "/api/v1/reload", TOKEN).await;
    assert_eq!(status, 422);
    assert!(answer["error"].as_str().is_some_and(|e| e.contains("core 1") && e.contains("/nowhere.pem")));
    assert_eq!(shown(&serving).await[0]["address"], json!(far.address().to_string()));
}
