//! Faults that were, each named after what went wrong.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use corecast::client::Client;
use serde_json::Value;

use super::lab::{ask, within};
use super::process::Scratch;

/// A log line to a closed pipe ended the whole proxy: `corecast serve 2>&1 | head -1`.
#[tokio::test]
async fn a_reader_of_the_log_who_goes_away_takes_nothing_along() {
    let scratch = Scratch::new();
    // Nobody listens at the core's address, so every command makes the log speak.
    let config = scratch.file(
        "corecast.toml",
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n[log]\nformat = \"json\"\nlevel = \"trace\"\n\
         [[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
    let mut proxy =
        command.args(["serve", "--config", &config]).stderr(Stdio::piped()).spawn().expect("it starts");
    let log = BufReader::new(proxy.stderr.take().expect("a log"));
    let address = log.lines().map_while(Result::ok).find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        line["api"].as_str()?.parse().ok()
    });
    let address = address.expect("the log says where it serves");
    for _ in 0..20 {
        let mut client =
            within("connecting", Client::connect(address)).await.expect("the proxy is still there");
        assert_eq!(
            ask(&mut client, "CALLSTART", "<DEVICEID>1</DEVICEID>").await.label,
            "API_ERROR_RECORDER_NOT_RUNNING"
        );
    }
    assert_eq!(proxy.try_wait().expect("it can be asked for"), None, "the proxy runs");
    proxy.kill().expect("it can be killed");
    proxy.wait().expect("it ends");
}
