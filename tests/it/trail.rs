//! What calls leave behind in the log of a real process. Traces are read by others, in tests/traces.py.

use std::io::{BufRead, BufReader, Read, pipe};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use corecast::client::Client;
use serde_json::{Value, json};

use super::lab::{ask, get, receive, request, within};
use super::process::{Scratch, Serving};

/// Nobody is at the core's address.
const CONFIGURATION: &str = "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
     [runtime]\nthreads = 1\n[directory]\nurl = \"sqlite::memory:\"\n\
     [late_delivery]\nenabled = false\n[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_has_a_line_and_what_goes_well_has_none_unless_it_is_asked_for() {
    for (keys, lines) in [
        ("", vec!["CALLSTART", "NONSENSE"]),
        ("access_share = 1", vec!["TEST", "CALLSTART", "NONSENSE"]),
        ("access_share = 1\naccess_failures = false", vec!["TEST"]),
    ] {
        let proxy = Serving::start(&format!("{CONFIGURATION}[log]\nformat = \"json\"\n{keys}")).await;
        let mut client = Client::connect(proxy.api).await.expect("it listens");
        for kind in ["TEST", "CALLSTART", "NONSENSE"] {
            ask(&mut client, kind, "<DEVICEID>4111111111111111</DEVICEID><CALLERID>4222222222222</CALLERID>")
                .await;
        }
        drop(client);
        proxy.process.signal("TERM");
        let ended = proxy.process.end().await;
        let all = ended.err.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line"));
        let access: Vec<Value> = all.filter(|line: &Value| line["message"] == "access").collect();
        assert_eq!(access.iter().map(|line| &line["function"]).collect::<Vec<_>>(), lines, "{keys}");
        assert!(!ended.err.contains("4111") && !ended.err.contains("4222"), "{}", ended.err);
        if let Some(line) = access.iter().find(|line| line["function"] == "CALLSTART") {
            assert_eq!(line["result"], "API_ERROR_RECORDER_NOT_RUNNING");
            assert_eq!((&line["peer"], &line["device"]), (&json!("127.0.0.1"), &json!("************1111")));
            assert!(line["legs"][0]["outcome"].as_str().is_some_and(|o| o.starts_with("not_sent")), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_holds_up_no_answer_and_no_end() {
    let files = Scratch::new();
    let file = files.file("c.toml", &format!("{CONFIGURATION}[log]\nformat = \"json\"\naccess_share = 1"));
    let (reader, writer) = pipe().expect("a pipe");
    let mut proxy = Command::new(env!("CARGO_BIN_EXE_corecast"))
        .args(["serve", "--config", &file])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()
        .expect("it starts");
    let mut reader = BufReader::with_capacity(1024, reader);
    let serving = loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("a JSON object per line");
        if line["message"] == "serving" {
            break line;
        }
    };
    let address = |key: &str| -> SocketAddr { serving[key].as_str().expect(key).parse().expect(key) };
    let mut client = Client::connect(address("api")).await.expect("it listens");
    let test = request("TEST", 1, "");
    let is_full = async || {
        let (_, metrics) = get(address("admin"), "/metrics").await;
        !metrics.contains("corecast_log_lines_left_out_total{reason=\"full\"} 0\n")
    };
    while !is_full().await {
        within("they are sent", client.send(test.repeat(500).as_bytes())).await.expect("they are sent");
        for _ in 0..500 {
            assert_eq!(receive(&mut client).await.label, "API_OK");
        }
    }
    drop(client);
    let kill = Command::new("kill").arg(proxy.id().to_string()).status().expect("kill");
    assert!(kill.success());
    let ended = within("its end", tokio::task::spawn_blocking(move || proxy.wait())).await;
    assert_eq!(ended.expect("no panic").expect("its status").code(), Some(0));
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("what was written");
    assert!(rest.lines().filter(|line| line.contains("\"access\"")).count() > 100, "{rest}");
}
