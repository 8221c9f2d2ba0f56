//! A core or a site is drained and enabled while calls go on, and what the live page is told.

use corecast::cti::Fault;
use serde_json::Value;

use super::lab::{Lab, get, http, metric, until};

const THREE: [Fault; 3] = [Fault::None; 3];

/// The status of a change, and what is answered.
async fn change(lab: &Lab, path: &str) -> (u16, Value) {
    let head =
        format!("Host: {}\r\nX-Corecast: yes\r\nContent-Length: 0\r\nConnection: close", lab.proxy.admin);
    let (status, body) = http(lab.proxy.admin, &format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// The result and the message of a command about a device.
async fn ask(lab: &Lab, kind: &str, device: &str) -> (String, String) {
    let answer = lab.ask(kind, &format!("<DEVICEID>{device}</DEVICEID>")).await;
    (answer.label, answer.message)
}

#[tokio::test]
async fn nothing_new_begins_at_a_drained_core_and_no_answer_hides_that() {
    let lab = Lab::with_faults(&THREE).await;
    let (ok, partial, none) = ("API_OK", "API_PARTIAL_CORE_RESPONSE", "API_ERROR_RECORDER_NOT_RUNNING");
    for device in ["7001", "2001"] {
        assert_eq!(ask(&lab, "CALLSTART", device).await.0, ok, "{device}");
    }
    let (status, answer) = change(&lab, "/api/v1/cores/2/drain").await;
    assert_eq!((status, &answer["cores"][0]["changed"]), (200, &true.into()), "{answer}");
    let (_, answer) = change(&lab, "/api/v1/cores/2/drain").await;
    assert_eq!(answer["cores"][0]["changed"], false, "it was drained already");
    for (kind, device, result) in [
        // What is there goes on.
        ("BLACKOUTSTART", "7001", ok),
        ("BLACKOUTSTOP", "7001", ok),
        ("CALLUPDATE", "7001", ok),
        ("CALLSTOP", "7001", ok),
        ("CALLSTOP", "2001", ok),
        ("DEVICELIST", "7001", ok),
        // What is new misses an owner.
        ("CALLSTART", "7002", partial),
        ("CALLSTART", "2002", none),
        // Others notice nothing.
        ("CALLSTART", "1002", ok),
        // It is still an owner, and says itself that it does not have the call.
        ("BLACKOUTSTART", "7002", partial),
    ] {
        let (label, message) = ask(&lab, kind, device).await;
        assert_eq!(label, result, "{kind} {device}: {message}");
        assert_eq!(
            label == partial,
            message.contains("could not be sent to the following cores: 2"),
            "{kind} {device}: {message}"
        );
    }
    assert_eq!(metric(&lab, "corecast_legs_total{core=\"2\",outcome=\"not_sent_draining\"}").await, 2.0);
    assert_eq!(metric(&lab, "corecast_core_drained{core=\"2\"}").await, 1.0);
    change(&lab, "/api/v1/cores/2/enable").await;
    assert_eq!(ask(&lab, "CALLSTART", "7003").await.0, ok);
    assert_eq!(metric(&lab, "corecast_core_drained{core=\"2\"}").await, 0.0);
    lab.end().await;
}

#[tokio::test]
async fn chats_begin_elsewhere_and_end_where_they_began() {
    let lab = Lab::with_faults(&THREE).await;
    let chat = async |kind: &str, session: usize| {
        let answer =
            lab.ask(kind, &format!("<SYS_USER>ann</SYS_USER><SESSIONID>s{session}</SESSIONID>")).await;
        assert_eq!(answer.label, "API_OK", "{kind} {session}: {}", answer.message);
        answer.message
    };
    for session in 0..12 {
        chat("CHATSTART", session).await;
    }
    let begun = lab.cores[1].received().len();
    assert!(begun > 0, "some of twelve sessions are core 2's");
    change(&lab, "/api/v1/cores/2/drain").await;
    for session in 12..24 {
        let message = chat("CHATSTART", session).await;
        assert!(!message.ends_with('2'), "{message}");
    }
    assert_eq!(lab.cores[1].received().len(), begun, "none of the new ones was offered to it");
    for session in 0..24 {
        chat("CHATSTOP", session).await;
    }
    lab.end().await;
}

#[tokio::test]
async fn a_site_is_all_of_its_cores_and_what_is_not_there_is_not_drained() {
    let lab = Lab::with_faults(&THREE).await;
    let (status, answer) = change(&lab, "/api/v1/sites/DEFAULT/drain").await;
    assert_eq!((status, answer["cores"].as_array().map(Vec::len)), (200, Some(3)), "{answer}");
    assert_eq!(ask(&lab, "CALLSTART", "7001").await.0, "API_ERROR_RECORDER_NOT_RUNNING");
    let (_, explained) = get(lab.proxy.admin, "/api/v1/route?type=callstart&deviceid=1001").await;
    assert!(explained.contains("core 1 is drained: CALLSTART is not sent to it"), "{explained}");
    for path in ["/api/v1/sites/nowhere/drain", "/api/v1/cores/9/drain"] {
        let (status, answer) = change(&lab, path).await;
        assert!(status == 404 && answer["error"].is_string(), "{path}: {answer}");
    }
    change(&lab, "/api/v1/sites/default/enable").await;
    assert_eq!(ask(&lab, "CALLSTART", "7001").await.0, "API_OK");
    lab.end().await;
}

#[tokio::test]
async fn a_snapshot_has_what_failed_with_the_device_covered_and_a_configuration_without_secrets() {
    let (secret, card) = ("a-token-of-24-characters", "4111111111111111");
    let more = format!(
        "[access]\nadmin_token = \"{secret}\"\n[mail]\nserver = \"smtp://mail.example\"\n\
        from = \"recorder@example.com\"\nusername = \"recorder\"\npassword = \"{secret}\"\n"
    );
    let lab = Lab::new(&[Fault::Reject(7)], &more).await;
    assert_eq!(
        lab.ask("CALLSTOP", &format!("<DEVICEID>{card}</DEVICEID>")).await.label,
        "API_DEVICE_NOT_IN_CALL"
    );
    let (status, config) = get(lab.proxy.admin, "/api/v1/config").await;
    assert!(status == 200 && !config.contains(secret), "{config}");
    assert!(config.contains("\"leg_timeout\":\"2.5s\"") && config.contains("mail.example:587"), "{config}");
    lab.end().await;

    let lab = Lab::with_faults(&[Fault::Reject(32)]).await;
    lab.ask("CALLSTOP", &format!("<DEVICEID>{card}</DEVICEID>")).await;
    until("the snapshot has it", async || {
        let seen = first_events(&lab).await;
        assert!(!seen.contains(card), "{seen}");
        seen.contains("event: history\ndata: {") && seen.contains("\"device\":\"************1111\"")
    })
    .await;
    lab.end().await;
}

/// The events of the first moments.
async fn first_events(lab: &Lab) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(lab.proxy.admin).await.expect("it listens");
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it reads");
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event: snapshot") {
        assert!(stream.read_buf(&mut seen).await.expect("it writes") > 0, "it goes on");
    }
    // A snapshot may come in pieces: its last words are known.
    while !seen.ends_with(b"\n\n\r\n") {
        assert!(stream.read_buf(&mut seen).await.expect("it writes") > 0, "it goes on");
    }
    String::from_utf8_lossy(&seen).into_owned()
}
