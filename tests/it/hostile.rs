//! Clients that send nonsense, half a request, or too much.

use std::time::{Duration, Instant};

use corecast::client::Client;
use corecast::cti::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lab::{Answer, LEG_TIMEOUT, Lab, ask, get, metric, receive, request, until, within};

const SEED: u64 = 20_261_124;

/// More bytes than the buffers between a client and a proxy hold.
const ENDLESS: usize = 1 << 26;

/// Changes some bytes, cuts some out, puts some in, or doubles some.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    const PIECES: [&[u8]; 12] = [
        b"<",
        b">",
        b"&",
        b"</REQUEST>",
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"<?",
        b"\0",
        b"\xFF",
        b"\"",
        b"<!DOCTYPE x>",
    ];
    for _ in 0..random.usize(1..4) {
        if bytes.is_empty() {
            bytes.push(b' ');
        }
        let at = random.usize(0..bytes.len());
        let to = (at + random.usize(1..20)).min(bytes.len());
        match random.u8(0..5) {
            0 => bytes[at] = random.u8(..),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, random.choice(PIECES).unwrap_or(b"").iter().copied())),
            3 => drop(bytes.splice(at..at, bytes[at..to].to_vec())),
            _ => bytes.truncate(to),
        }
    }
}

/// A mutation of a request; it is not empty.
fn mutation(random: &mut fastrand::Rng) -> Vec<u8> {
    let params = "<DEVICEID>7001</DEVICEID><USER1>Jos\u{e9} &amp; co</USER1><CALLINSTANCE>2</CALLINSTANCE>";
    let kind = random.choice(["CALLSTART", "CALLSTOP", "TEST"]).unwrap_or("TEST");
    let mut bytes = request(kind, 5, params).into_bytes();
    mutate(&mut bytes, random);
    if bytes.is_empty() {
        bytes.push(b' ');
    }
    bytes
}

/// Sends bytes, stops sending, and reads all that comes until the proxy closes.
async fn exchange(lab: &Lab, bytes: &[u8]) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(lab.proxy.api).await?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await?;
        Ok::<_, std::io::Error>(answers)
    };
    let answers = within("an exchange", talk).await.expect("the connection is closed in order");
    String::from_utf8(answers).expect("answers are UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_mutations_kill_nothing_leak_nothing_and_hang_nobody() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let mut random = fastrand::Rng::with_seed(SEED);
    for number in 0..3000 {
        let bytes = mutation(&mut random);
        let answers = exchange(&lab, &bytes).await;
        let shown = String::from_utf8_lossy(&bytes);
        // Nothing but white space needs no answer; everything else gets at least one, and all of them whole.
        assert_eq!(answers.is_empty(), bytes.trim_ascii().is_empty(), "{number}: {shown}");
        for answer in answers.split_terminator("\r\n") {
            let answer = Answer::read(answer.as_bytes());
            assert!(
                answer.label.starts_with("API_") && answer.text.ends_with("</RESULT>"),
                "{number}: {shown}"
            );
        }
    }
    assert_eq!(lab.ask("CALLSTART", "<DEVICEID>7001</DEVICEID>").await.label, "API_OK");
    until("every connection is closed", async || {
        metric(&lab, "corecast_connections{listener=\"api\"}").await == 0.0
    })
    .await;
    let (_, verbose) = get(lab.proxy.admin, "/readyz?verbose").await;
    assert!(verbose.contains("calls in flight: 0\n"), "{verbose}");
    assert_eq!(metric(&lab, "corecast_core_in_flight{core=\"1\"}").await, 0.0);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_sent_requests_slow_nobody() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let mut halves = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(lab.proxy.api).await.expect("the API socket is open");
        stream.write_all(b"<REQUEST><TYPE>CALLSTART</TYPE><REQUESTID>1").await.expect("it is sent");
        halves.push(stream);
    }
    let mut client = lab.client().await;
    for _ in 0..50 {
        let asked = Instant::now();
        assert_eq!(ask(&mut client, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await.label, "API_OK");
        assert!(asked.elapsed() < LEG_TIMEOUT, "{:?}", asked.elapsed());
    }
    for mut half in halves {
        half.write_all(b"</REQUESTID></REQUEST>").await.expect("it goes on");
        let mut answer = [0; 512];
        let count = within("an answer", half.read(&mut answer)).await.expect("an answer");
        assert_eq!(Answer::read(&answer[..count]).label, "API_DEVICE_INVALID");
    }
    drop(client);
    lab.end().await;
}

#[tokio::test]
async fn what_is_too_large_or_has_a_dtd_is_told_so_and_the_connection_closes() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let large = request("CALLSTART", 1, &format!("<USER1>{}</USER1>", "x".repeat(200_000)));
    for (bytes, reason) in [
        (large.as_str(), "larger than the limit of 65536 bytes"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><REQUEST/>", "(DTD) is not accepted"),
    ] {
        let answers = exchange(&lab, bytes.as_bytes()).await;
        let answer = Answer::read(answers.as_bytes());
        assert_eq!(answer.label, "API_INVALID_MESSAGE_FORMAT");
        assert!(answer.message.contains(reason), "{}", answer.message);
    }
    let deep = format!("{}{}", "<A>".repeat(30), "</A>".repeat(30));
    let mut client = lab.client().await;
    let answer = ask(&mut client, "CALLSTART", &deep).await;
    assert!(answer.message.contains("more than 16 elements inside each other"), "{}", answer.message);
    assert!(within("the close", client.receive()).await.is_err(), "the connection closes");
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_too_many_is_told_so() {
    let lab = Lab::limited("max_connections = 2\n").await;
    let (mut one, mut two) = (lab.client().await, lab.client().await);
    ask(&mut one, "TEST", "").await;
    ask(&mut two, "TEST", "").await;
    let mut three = lab.client().await;
    let refused = receive(&mut three).await;
    assert_eq!(refused.label, "API_ERROR_PROCESSING_MESSAGE");
    drop(one);
    until("there is room again", async || {
        let mut client = lab.client().await;
        matches!(client.ask(request("TEST", 1, "").as_bytes()).await, Ok(a) if Answer::read(&a).label == "API_OK")
    })
    .await;
    drop(two);
    drop(three);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_at_once_is_refused_at_once() {
    let lab = Lab::limited("max_in_flight = 3\n").await;
    lab.cores[0].set_fault(Fault::Hang);
    let mut client = lab.client().await;
    let all: String = (0..5).map(|n| request("CALLSTART", n, "<DEVICEID>1001</DEVICEID>")).collect();
    client.send(all.as_bytes()).await.expect("they are sent");
    let mut labels = Vec::new();
    for _ in 0..5 {
        labels.push(receive(&mut client).await.label);
    }
    let refused = labels.iter().filter(|label| *label == "API_ERROR_PROCESSING_MESSAGE").count();
    assert_eq!(refused, 2, "{labels:?}");
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_silent_is_let_go_and_told_if_it_was_half_way() {
    let lab = Lab::limited("idle_timeout = \"2s\"\n").await;
    let mut silent = TcpStream::connect(lab.proxy.api).await.expect("the API socket is open");
    let mut rest = Vec::new();
    within("being let go", silent.read_to_end(&mut rest)).await.expect("it is closed in order");
    assert!(rest.is_empty());
    let mut half = Client::connect(lab.proxy.api).await.expect("the API socket is open");
    half.send(b"<REQUEST><TYPE>TEST").await.expect("it is sent");
    let answer = receive(&mut half).await;
    assert!(answer.message.contains("ends before its root element closes"), "{}", answer.message);
    assert!(within("being let go", half.receive()).await.is_err());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_holds_up_nobody() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let mut greedy = TcpStream::connect(lab.proxy.api).await.expect("the API socket is open");
    // The answers are longer than the requests, so the buffers of their way are full first.
    let many = request("TEST", 1, "").repeat(1000);
    let sending = async {
        let mut sent = 0;
        while sent < ENDLESS {
            sent += many.len();
            let is_held_up = timeout(Duration::from_secs(2), greedy.write_all(many.as_bytes()));
            let Ok(written) = is_held_up.await else { return };
            written.expect("the connection stays open");
        }
        panic!("the proxy reads on from a client that does not read");
    };
    sending.await;
    assert_eq!(lab.ask("CALLSTART", "<DEVICEID>1001</DEVICEID>").await.label, "API_OK");
    drop(greedy);
    lab.end().await;
}
