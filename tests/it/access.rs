//! TLS, allow-lists, rules, rates and the admin token, over real sockets.

mod certificates;
mod cores;
mod tls;

use std::net::SocketAddr;

use corecast::cti::Fault;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::lab::{Answer, Lab, ask, get, http, metric, receive, request, until, within};
use super::process::{Process, Scratch};
use certificates::{Ca, Certificate, client};

const ONE_THREAD: &str = "[runtime]\nthreads = 1\n";

/// A connection from this address of ours.
async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("loopback is ours");
    socket.connect(to).await.expect("it listens")
}

/// Sends bytes and reads one RESULT, or what comes until the end.
async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes: &[u8],
) -> std::io::Result<String> {
    let talk = async {
        stream.write_all(bytes).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"</RESULT>\r\n") && stream.read_buf(&mut answer).await? > 0 {}
        Ok(String::from_utf8(answer).expect("answers are UTF-8"))
    };
    within("an exchange", talk).await
}

/// What a client at this address of ours is answered.
async fn ask_from(from: &str, to: SocketAddr, kind: &str, params: &str) -> Answer {
    let mut stream = connect_from(from, to).await;
    let answer = exchange(&mut stream, request(kind, 1, params).as_bytes()).await.expect("an answer");
    Answer::read(answer.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_on_a_list_is_told_so_and_counted() {
    let lists = "api = [\"127.0.0.2\"]\nwebapi = [\"127.0.0.3\", \"10.0.0.0/8\"]\nadmin = [\"127.0.0.1\"]\n";
    let lab = Lab::new(&[Fault::None], &format!("{ONE_THREAD}[access]\n{lists}")).await;
    let refused = receive(&mut lab.client().await).await;
    assert_eq!(refused.label, "API_INVALID_REQUEST_TYPE");
    assert_eq!(refused.message, "not allowed from this address: 127.0.0.1");
    assert_eq!(ask_from("127.0.0.2", lab.proxy.api, "TEST", "").await.label, "API_OK");

    let (status, body) = get(lab.proxy.webapi, "/webapi.aspx?type=test&requestid=1").await;
    assert_eq!((status, &*Answer::read(body.as_bytes()).label), (403, "API_INVALID_REQUEST_TYPE"));
    let mut allowed = connect_from("127.0.0.3", lab.proxy.webapi).await;
    let answer =
        exchange(&mut allowed, b"GET /webapi.aspx?type=test&requestid=1 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.expect("an answer").starts_with("HTTP/1.1 200 OK"));

    let mut refused = connect_from("127.0.0.2", lab.proxy.admin).await;
    let answer =
        exchange(&mut refused, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("corecast_"), "{answer}");
    assert_eq!(metric(&lab, "corecast_shed_total{reason=\"address\"}").await, 3.0);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_is_for_those_whom_a_rule_allows_it() {
    let rules = "[access]\ndefault = \"deny\"\n\
        [[access.rule]]\nfrom = [\"127.0.0.2\"]\nfunctions = [\"CALLSTOP\"]\nallow = false\n\
        [[access.rule]]\nfrom = [\"127.0.0.2\", \"127.0.0.3\"]\nfunctions = [\"CALL*\"]\nallow = true\n\
        [[access.rule]]\nfunctions = [\"TEST\"]\nallow = true\n";
    let lab = Lab::new(&[Fault::None], &format!("{ONE_THREAD}{rules}")).await;
    for (from, kind, expected) in [
        ("127.0.0.2", "CALLSTART", "API_OK"),
        ("127.0.0.2", "CALLSTOP", "API_INVALID_REQUEST_TYPE"),
        ("127.0.0.3", "CALLSTOP", "API_OK"),
        ("127.0.0.3", "BLACKOUTSTART", "API_INVALID_REQUEST_TYPE"),
        ("127.0.0.1", "CALLSTART", "API_INVALID_REQUEST_TYPE"),
        ("127.0.0.1", "TEST", "API_OK"),
        ("127.0.0.1", "NOPE", "API_UNKNOWN_MESSAGE_TYPE"),
    ] {
        let answer = ask_from(from, lab.proxy.api, kind, "<DEVICEID>1001</DEVICEID>").await;
        assert_eq!(answer.label, expected, "{from} {kind}: {}", answer.message);
        if expected == "API_INVALID_REQUEST_TYPE" {
            assert_eq!(answer.message, format!("{kind} is not allowed for {from}"));
            assert_eq!(answer.element("REQUESTTYPE"), kind);
        }
    }
    let (_, body) = get(lab.proxy.webapi, "/webapi.aspx?type=callstart&deviceid=1001&requestid=7").await;
    let answer = Answer::read(body.as_bytes());
    assert_eq!((&*answer.label, answer.element("REQUESTID")), ("API_INVALID_REQUEST_TYPE", "7"));
    assert_eq!(metric(&lab, "corecast_access_denied_total{command=\"CALLSTART\"}").await, 2.0);
    assert_eq!(
        metric(&lab, "corecast_legs_total{core=\"1\",outcome=\"ok\"}").await,
        2.0,
        "nothing else was sent"
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_often_is_shed_over_all_connections_and_blackouts_never() {
    let lab = Lab::new(&[Fault::None], "[runtime]\nthreads = 2\n[access]\nrate = 1\nburst = 3\n").await;
    let (mut one, mut two) = (lab.client().await, lab.client().await);
    let device = "<DEVICEID>1001</DEVICEID>";
    let many: String = (0..20).map(|n| request("TEST", n, "")).collect();
    let mut shed = Vec::new();
    for client in [&mut one, &mut two] {
        client.send(many.as_bytes()).await.expect("they are sent");
        for _ in 0..20 {
            let answer = receive(client).await;
            if answer.label != "API_OK" {
                shed.push(answer);
            }
        }
    }
    // A second or two may have passed on a busy machine, twenty have not.
    assert!((20..=37).contains(&shed.len()), "{}", shed.len());
    assert!(shed.iter().all(|answer| answer.label == "API_ERROR_PROCESSING_MESSAGE"));
    assert!(shed[0].message.contains("127.0.0.1 sends more than 1 requests a second"), "{}", shed[0].message);
    for kind in ["CALLSTART", "BLACKOUTSTART", "BLACKOUTSTOP", "CALLSTOP"] {
        let answer = ask(&mut one, kind, device).await;
        let is_shed = answer.label == "API_ERROR_PROCESSING_MESSAGE";
        assert!(!is_shed || kind == "CALLSTART", "{kind}: {}", answer.message);
    }
    assert_eq!(ask_from("127.0.0.2", lab.proxy.api, "TEST", "").await.label, "API_OK", "another client");
    let counted = metric(&lab, "corecast_shed_total{reason=\"rate\"}").await;
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let told = shed.len() as f64;
    assert!((told..=told + 1.0).contains(&counted), "{counted} of {told}");
    drop((one, two));
    lab.end().await;
}

fn with_token(method: &str, path: &str, token: Option<&str>) -> String {
    let header = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_or_everything_need_the_admin_token() {
    const TOKEN: &str = "a-token-of-24-characters";
    let scratch = Scratch::new();
    let file = scratch.file("token", &format!("{TOKEN}\n"));
    for (for_all, reading) in [(false, 200), (true, 401)] {
        let needed = if for_all { "all" } else { "changes" };
        let access = format!("[access]\nadmin_token_file = \"{file}\"\nadmin_token_for = \"{needed}\"\n");
        let lab = Lab::new(&[Fault::None], &format!("{ONE_THREAD}{access}")).await;
        for (method, path, token, expected) in [
            ("GET", "/metrics", None, reading),
            ("GET", "/metrics", Some("a-token-of-24-characterz"), reading),
            ("GET", "/metrics", Some(TOKEN), 200),
            ("GET", "/livez", None, 200),
            ("GET", "/api/v1/cores", None, reading),
            ("POST", "/api/v1/cores", None, 401),
            ("POST", "/api/v1/cores", Some("nonsense"), 401),
            ("DELETE", "/livez", None, 401),
            // It goes on to where it is told that this page takes no POST.
            ("POST", "/api/v1/cores", Some(TOKEN), 405),
        ] {
            let (status, body) = http(lab.proxy.admin, &with_token(method, path, token)).await;
            assert_eq!(status, expected, "{needed} {method} {path} {token:?}: {body}");
        }
        lab.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_admin_token_counts_without_a_restart() {
    let scratch = Scratch::new();
    let file = scratch.file("token", "the-first-token-there-was");
    let more = format!("[tls]\nreload = \"20ms\"\n[access]\nadmin_token_file = \"{file}\"\n");
    let lab = Lab::new(&[Fault::None], &format!("{ONE_THREAD}{more}")).await;
    let status = async |token| http(lab.proxy.admin, &with_token("POST", "/metrics", Some(token))).await.0;
    assert_eq!(status("the-first-token-there-was").await, 405);
    scratch.file("token", "short");
    until("the broken file is noticed", async || {
        metric(&lab, "corecast_files_reload_failed{files=\"admin_token\"}").await == 1.0
    })
    .await;
    assert_eq!(status("the-first-token-there-was").await, 405, "the one before stays in use");
    scratch.file("token", "the-second-token-there-is");
    until("the new token counts", async || status("the-second-token-there-is").await == 405).await;
    assert_eq!(status("the-first-token-there-was").await, 401);
    lab.end().await;
}

/// What `corecast` with these arguments says of a configuration with this in it, and how it ends.
async fn said(command: &str, more: &str) -> (Option<i32>, String) {
    let scratch = Scratch::new();
    let addresses = "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"off\"\nadmin = \"127.0.0.1:0\"\n";
    let core = "[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";
    let file = scratch.file("corecast.toml", &format!("{addresses}{more}{core}"));
    let ended = Process::corecast(&[command, "--config", &file]).end().await;
    (ended.code, ended.out + &ended.err)
}

#[tokio::test]
async fn a_wrong_rule_or_file_refuses_to_start() {
    let scratch = Scratch::new();
    let key = Ca::new("somebody").issue("x").key;
    let files = [scratch.file("cert.pem", "no certificate"), scratch.file("key.pem", &key)];
    let tls = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", files[0], files[1]);
    let rule = "[[access.rule]]\nfunctions = [\"EMIAL\"]\nallow = false\n";
    for (command, more, code, parts) in [
        ("serve", rule, 78, ["corecast.toml:6:", "names no function: \"EMIAL\""]),
        ("check", rule, 78, ["corecast.toml:6:", "names no function"]),
        ("check", &tls, 78, ["tls.certificate = \"", "holds no certificate"]),
        ("serve", &tls, 69, ["tls.certificate = ", "holds no certificate"]),
    ] {
        let (ended, text) = said(command, more).await;
        assert_eq!(ended, Some(code), "{command}: {text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{command} {parts:?}: {text}");
        assert!(!text.contains(key.lines().nth(1).expect("a key has lines")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_in_the_audit_log() {
    let scratch = Scratch::new();
    let text = "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
        [log]\nformat = \"json\"\n[directory]\nurl = \"sqlite::memory:\"\n\
        [access]\nwebapi = [\"127.0.0.2\"]\nadmin_token = \"0123456789abcdef\"\n\
        [[access.rule]]\nfunctions = [\"EMAIL\"]\nallow = false\n\
        [[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";
    let file = scratch.file("corecast.toml", text);
    let mut proxy = Process::corecast(&["serve", "--config", &file]);
    let serving: Value = serde_json::from_str(&proxy.line("serving").await).expect("JSON");
    let address =
        |name: &str| -> SocketAddr { serving[name].as_str().expect(name).parse().expect("an address") };
    ask_from("127.0.0.1", address("api"), "EMAIL", "").await;
    get(address("webapi"), "/webapi.aspx?type=test&requestid=1").await;
    http(address("admin"), &with_token("POST", "/metrics", Some("guess"))).await;
    http(address("admin"), &with_token("POST", "/metrics", Some("0123456789abcdef"))).await;
    for (audit, field, value) in [
        ("function", "function", "EMAIL"),
        ("connection", "listener", "webapi"),
        ("token", "method", "POST"),
        ("change", "method", "POST"),
    ] {
        let text = proxy.line(&format!("\"audit\":\"{audit}\"")).await;
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&line[field], &line["client"]), (&value.into(), &"127.0.0.1".into()), "{text}");
        assert!(!text.contains("guess") && !text.contains("0123456789abcdef"), "{text}");
    }
    proxy.signal("TERM");
    assert_eq!(proxy.end().await.code, Some(0));
}

/// The environment over the laboratory's configuration: all three listeners over TLS as well.
const TLS_TOO: [(&str, &str); 3] = [
    ("CORECAST__LISTEN__API_TLS", "127.0.0.1:0"),
    ("CORECAST__LISTEN__WEBAPI_TLS", "127.0.0.1:0"),
    ("CORECAST__LISTEN__ADMIN_TLS", "127.0.0.1:0"),
];

/// `[tls]` with these files and more keys.
fn tls_section(scratch: &Scratch, certificate: &Certificate, more: &str) -> String {
    let chain = scratch.file("cert.pem", &certificate.chain);
    let key = scratch.file("key.pem", &certificate.key);
    format!("[tls]\ncertificate = \"{chain}\"\nkey = \"{key}\"\nreload = \"20ms\"\n{more}")
}
