//! TLS at the listeners.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::it::lab::DEADLINE;

const HTTP: &[u8] = b"GET /webapi.aspx?type=test&requestid=1 HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_listeners_speak_tls_beside_plain_text() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let tls = tls_section(&scratch, &ca.issue("localhost"), "");
    let lab = Lab::overlaid(&[Fault::None; 2], &format!("[runtime]\nthreads = 2\n{tls}"), &TLS_TOO).await;
    let (api, webapi, admin) = (lab.proxy.api_tls, lab.proxy.webapi_tls, lab.proxy.admin_tls);
    // So many that each thread gets some.
    for _ in 0..8 {
        let mut stream = client(api.expect("it is on"), &ca, None).await.expect("it is secured");
        for kind in ["CALLSTART", "CALLSTOP"] {
            let asked = request(kind, 1, "<DEVICEID>7001</DEVICEID>");
            let answer = exchange(&mut stream, asked.as_bytes()).await.expect("an answer");
            assert_eq!(Answer::read(answer.as_bytes()).label, "API_OK");
        }
    }
    let mut stream = client(webapi.expect("it is on"), &ca, None).await.expect("it is secured");
    assert!(exchange(&mut stream, HTTP).await.expect("an answer").contains("API_OK"));
    let mut stream = client(admin.expect("it is on"), &ca, None).await.expect("it is secured");
    let scraped = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let metrics = exchange(&mut stream, scraped).await.expect("an answer");
    let expiry = "corecast_tls_certificate_expiry_seconds{certificate=\"listen\"} 67090118400";
    assert!(metrics.contains(expiry), "{metrics}");
    assert_eq!(ask(&mut lab.client().await, "TEST", "").await.label, "API_OK");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_and_many_at_once_arrive_whole() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let tls = tls_section(&scratch, &ca.issue("localhost"), "");
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &TLS_TOO).await;
    let mut stream = client(lab.proxy.api_tls.expect("it is on"), &ca, None).await.expect("it is secured");
    let long = format!("<USER1>{}</USER1>", "x".repeat(60_000));
    let all: String = (0..40).map(|n| request("TEST", n, &long)).collect();
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let sent = async {
        writer.write_all(all.as_bytes()).await.expect("they are sent");
        writer.shutdown().await.expect("that is all");
    };
    let mut answers = Vec::new();
    within("the answers", async { tokio::join!(sent, reader.read_to_end(&mut answers)).1 })
        .await
        .expect("they end in order");
    let answers = String::from_utf8(answers).expect("UTF-8");
    let ids: Vec<_> = answers
        .split_terminator("\r\n")
        .map(|answer| Answer::read(answer.as_bytes()))
        .map(|answer| (answer.element("REQUESTID").to_owned(), answer.element("USER1").len()))
        .collect();
    assert_eq!(ids, (0..40).map(|n| (n.to_string(), 60_000)).collect::<Vec<_>>());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_a_good_certificate_or_none_as_configured() {
    let (scratch, ca, other) = (Scratch::new(), Ca::new("ca"), Ca::new("another ca"));
    let (good, bad) = (ca.issue("client-1"), other.issue("client-1"));
    let ca_file = scratch.file("ca.pem", &ca.pem());
    for (auth, without, with_good, with_bad) in [
        ("client_auth = \"none\"", true, true, true),
        ("client_auth = \"optional\"", true, true, false),
        ("client_auth = \"required\"", false, true, false),
        ("", false, true, false),
    ] {
        let more = format!("client_ca = \"{ca_file}\"\n{auth}\n");
        let tls = tls_section(&scratch, &ca.issue("localhost"), &more);
        let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &TLS_TOO).await;
        for (shown, expected) in [(None, without), (Some(&good), with_good), (Some(&bad), with_bad)] {
            let listeners = [
                (lab.proxy.api_tls, request("TEST", 1, "").into_bytes()),
                (lab.proxy.webapi_tls, HTTP.to_vec()),
                (
                    lab.proxy.admin_tls,
                    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
                ),
            ];
            for (address, bytes) in listeners {
                let answer = async {
                    // A client of TLS 1.3 is only told at its first read that its certificate is not good.
                    let mut stream = client(address.expect("it is on"), &ca, shown).await?;
                    exchange(&mut stream, &bytes).await
                };
                let is_answered = answer.await.is_ok_and(|answer| !answer.is_empty());
                assert_eq!(is_answered, expected, "{auth} {}", shown.is_some());
            }
        }
        let failures = metric(&lab, "corecast_tls_handshake_failures_total{listener=\"api\"}").await;
        let expected: u8 = [without, with_good, with_bad].into_iter().map(|is_good| u8::from(!is_good)).sum();
        assert_eq!(failures, f64::from(expected), "{auth}");
        lab.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_know_a_client_by_its_certificate() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let ca_file = scratch.file("ca.pem", &ca.pem());
    let auth = format!("client_ca = \"{ca_file}\"\nclient_auth = \"optional\"\n");
    let rules = "[access]\ndefault = \"deny\"\n[[access.rule]]\ncertificate = \"*.pay.example\"\n\
        functions = [\"BLACKOUT*\"]\nallow = true\n";
    let tls = tls_section(&scratch, &ca.issue("localhost"), &auth);
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}{rules}"), &TLS_TOO).await;
    for (name, kind, expected) in [
        (Some("a.pay.example"), "BLACKOUTSTART", "could not be"),
        (
            Some("a.pay.example"),
            "CALLSTART",
            "CALLSTART is not allowed for 127.0.0.1 (certificate a.pay.example)",
        ),
        (Some("a.crm.example"), "BLACKOUTSTART", "is not allowed for 127.0.0.1 (certificate a.crm.example)"),
        (None, "BLACKOUTSTART", "BLACKOUTSTART is not allowed for 127.0.0.1"),
    ] {
        let own = name.map(|name| ca.issue(name));
        let mut stream =
            client(lab.proxy.api_tls.expect("it is on"), &ca, own.as_ref()).await.expect("secured");
        let asked = request(kind, 1, "<DEVICEID>1001</DEVICEID>");
        let answer = exchange(&mut stream, asked.as_bytes()).await.expect("an answer");
        let answer = Answer::read(answer.as_bytes());
        if expected == "could not be" {
            assert_ne!(answer.label, "API_INVALID_REQUEST_TYPE", "{}", answer.message);
        } else {
            assert!(answer.message.contains(expected), "{name:?} {kind}: {}", answer.message);
        }
    }
    lab.end().await;
}

/// The certificate that a connection was secured with.
fn shown(stream: &tokio_rustls::client::TlsStream<TcpStream>) -> Vec<u8> {
    let certificates = stream.get_ref().1.peer_certificates().expect("there is one");
    certificates[0].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let (first, second) = (ca.issue("localhost"), ca.issue("localhost"));
    let tls = tls_section(&scratch, &first, "");
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &TLS_TOO).await;
    let address = lab.proxy.api_tls.expect("it is on");
    let connect = async || client(address, &ca, None).await.expect("it is secured");
    let mut old = connect().await;
    assert_eq!(shown(&old), first.chain()[0].to_vec());
    let ask = request("TEST", 1, "");
    exchange(&mut old, ask.as_bytes()).await.expect("an answer");

    // The new certificate alone does not go with the old key.
    scratch.file("cert.pem", &second.chain);
    let failed = async || metric(&lab, "corecast_files_reload_failed{files=\"listen\"}").await;
    until("it is noticed that they do not go together", async || failed().await == 1.0).await;
    assert_eq!(shown(&connect().await), first.chain()[0].to_vec());

    scratch.file("key.pem", &second.key);
    until("the new one is in use", async || shown(&connect().await) == second.chain()[0].to_vec()).await;
    until("all is well", async || failed().await == 0.0).await;
    let answer = exchange(&mut old, ask.as_bytes()).await.expect("the old connection lives");
    assert_eq!(Answer::read(answer.as_bytes()).label, "API_OK");
    drop(old);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_text_where_tls_is_spoken_is_told_so() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let tls = tls_section(&scratch, &ca.issue("localhost"), "");
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &TLS_TOO).await;
    let mut stream = TcpStream::connect(lab.proxy.api_tls.expect("it is on")).await.expect("it listens");
    let answer = exchange(&mut stream, request("TEST", 1, "").as_bytes()).await.expect("an answer");
    assert_eq!(Answer::read(answer.as_bytes()).message, "this port speaks TLS, and this is plain text");
    let mut stream = TcpStream::connect(lab.proxy.webapi_tls.expect("it is on")).await.expect("it listens");
    let answer = exchange(&mut stream, HTTP).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_takes_too_long_is_cut_off_and_was_counted_as_a_connection() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let tls = tls_section(&scratch, &ca.issue("localhost"), "handshake_timeout = \"3s\"\n");
    let limit = [("CORECAST__LIMITS__MAX_CONNECTIONS", "2"), TLS_TOO[0]];
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &limit).await;
    let address = lab.proxy.api_tls.expect("it is on");
    let mut silent = TcpStream::connect(address).await.expect("it listens");
    let mut halfway = TcpStream::connect(address).await.expect("it listens");
    // A record of a handshake that announces more than comes.
    halfway.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("it is sent");
    until("both count", async || metric(&lab, "corecast_connections{listener=\"api\"}").await == 2.0).await;
    let full = receive(&mut lab.client().await).await;
    assert_eq!(full.label, "API_ERROR_PROCESSING_MESSAGE", "{}", full.message);
    for stream in [&mut silent, &mut halfway] {
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        ended.expect("it is cut off").unwrap_or_default();
    }
    until("there is room", async || metric(&lab, "corecast_connections{listener=\"api\"}").await == 0.0)
        .await;
    assert_eq!(metric(&lab, "corecast_tls_handshake_failures_total{listener=\"api\"}").await, 2.0);
    assert_eq!(ask(&mut lab.client().await, "TEST", "").await.label, "API_OK");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_listeners_can_be_off() {
    let (scratch, ca) = (Scratch::new(), Ca::new("ca"));
    let tls = tls_section(&scratch, &ca.issue("localhost"), "");
    let off = [("CORECAST__LISTEN__API", "off"), ("CORECAST__LISTEN__WEBAPI", "off")];
    let variables: Vec<_> = TLS_TOO.into_iter().chain(off).collect();
    let lab = Lab::overlaid(&[Fault::None], &format!("{ONE_THREAD}{tls}"), &variables).await;
    assert_eq!((lab.proxy.api.port(), lab.proxy.webapi.port()), (0, 0));
    let mut stream = client(lab.proxy.api_tls.expect("it is on"), &ca, None).await.expect("it is secured");
    let answer = exchange(&mut stream, request("TEST", 1, "").as_bytes()).await.expect("an answer");
    assert_eq!(Answer::read(answer.as_bytes()).label, "API_OK");
    // A drain answers what has arrived, and says the end in TLS too.
    stream.write_all(request("CALLSTART", 2, "<DEVICEID>1001</DEVICEID>").as_bytes()).await.expect("sent");
    until("it has arrived", async || {
        metric(&lab, "corecast_legs_total{core=\"1\",outcome=\"ok\"}").await == 1.0
    })
    .await;
    let drained = tokio::spawn(lab.end());
    let mut rest = String::new();
    let read = timeout(DEADLINE * 5, stream.read_to_string(&mut rest)).await.expect("it ends");
    read.expect("with a word of TLS");
    assert_eq!(Answer::read(rest.as_bytes()).label, "API_OK");
    drop(stream);
    drained.await.expect("the drain");
}
