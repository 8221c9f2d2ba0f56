//! The command line as people and scripts meet it, and the pages that are made from it.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use corecast::command::{FUNCTIONS, Identifiers, Need};
use corecast::cti::Fault;
use serde_json::Value;

use super::lab::Lab;
use super::process::{Ended, Process, Scratch};

async fn corecast(args: &[&str]) -> Ended {
    Process::corecast(args).end().await
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_ends_with_a_status_by_verdict() {
    let (none, reject, refuse) = (Fault::None, Fault::Reject(3), Fault::Refuse);
    for (faults, status, label) in [
        ([none, none], 0, "API_OK"),
        ([none, refuse], 3, "API_PARTIAL_CORE_RESPONSE"),
        ([reject, reject], 1, "API_ERROR_NO_FREE_CHANNELS"),
        ([refuse, refuse], 69, "API_ERROR_RECORDER_NOT_RUNNING"),
    ] {
        let lab = Lab::with_faults(&faults).await;
        let api = lab.proxy.api.to_string();
        let ended = corecast(&["call", &api, "callstart", "deviceid=7001", "USER1=a <b> & \"c\""]).await;
        assert_eq!(ended.code, Some(status), "{ended:?}");
        assert!(ended.out.contains(label) && ended.err.is_empty(), "{ended:?}");
        lab.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_says_that_nobody_is_there() {
    // A socket that is bound and does not listen: its port is nobody else's, and refuses.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("an address").as_socket().expect("an IP address").to_string();
    let ended = corecast(&["call", &address, "TEST"]).await;
    assert_eq!(ended.code, Some(69), "{ended:?}");
    assert!(ended.err.contains(&format!("no result from {address}")), "{ended:?}");
}

#[tokio::test]
async fn wrong_usage_is_told_from_failure() {
    for args in [
        &["call"][..],
        &["call", "127.0.0.1:1", "TEST", "no-equals-sign"],
        &["route", "TEST", "=x"],
        &["core", "--fault", "sulk"],
        &["frobnicate"],
    ] {
        let ended = corecast(args).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("error:") && ended.out.is_empty(), "{ended:?}");
    }
}

#[tokio::test]
async fn check_tells_every_fault_with_its_line() {
    let files = Scratch::new();
    let file = files.file(
        "faulty.toml",
        "[listen]\napi = \"nowhere\"\n[limits]\ndeadline = \"1s\"\nleg_timeout = \"2s\"\nspeed = 9\n\
         [[core]]\nid = 1\n",
    );
    for args in [["check", "--config", &file], ["serve", "--config", &file]] {
        let ended = corecast(&args).await;
        assert_eq!(ended.code, Some(78), "{ended:?}");
        for (words, line) in [
            ("`listen.api` is no address", 2),
            ("`limits.leg_timeout` is 2s", 5),
            ("unknown key `limits.speed`", 6),
            ("`core.address` is missing", 7),
        ] {
            assert!(ended.err.contains(words), "{words}: {}", ended.err);
            assert!(ended.err.contains(&format!("faulty.toml:{line}:")), "line {line}: {}", ended.err);
        }
        assert!(ended.err.ends_with("4 faults in the configuration\n"), "{}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
    let missing = corecast(&["check", "--config", "no-such-file.toml"]).await;
    assert_eq!(missing.code, Some(78), "{missing:?}");
    assert!(missing.err.contains("no-such-file.toml"), "{missing:?}");
}

#[tokio::test]
async fn the_configurations_of_this_repository_are_good() {
    for name in ["config/corecast.toml", "config/lab.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let ended = corecast(&["check", "--config", path.to_str().expect("UTF-8")]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.contains(": good, with "), "{ended:?}");
    }
}

#[tokio::test]
async fn route_explains_every_step() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/lab.toml");
    let config = path.to_str().expect("UTF-8");
    for (command, params, steps) in [
        ("CALLSTART", "DEVICEID=7001", &["route.rule 1 \"7000-7999\" matches 7001", "cores 1,2 (All)"][..]),
        ("CALLSTART", "DEVICEID=6123", &["route.rule 1 \"7000-7999\" does not match 6123", "cores 3 (All)"]),
        ("CALLSTART", "DEVICEID=9", &["nothing owns it", "cores 1,2,3 (All)"]),
        ("SYSTEMSTATUS", "COREIDENT=2", &["COREIDENT names core 2", "cores 2 (Merge(System))"]),
        ("TEST", "USER1=x", &["needs no core"]),
    ] {
        let ended = corecast(&["route", "--config", config, command, params]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for step in steps {
            assert!(ended.out.contains(step), "{step}: {}", ended.out);
        }
    }
    let refused = corecast(&["route", "--config", config, "CALLSTART"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("API_DEVICE_INVALID"), "{refused:?}");
}

#[tokio::test]
async fn functions_lists_all_of_them() {
    let ended = corecast(&["functions"]).await;
    let listed: Vec<_> = ended.out.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let listed: Vec<_> = listed.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ended.code == Some(0) && listed.len() == FUNCTIONS.len(), "{ended:?}");
    assert!(FUNCTIONS.iter().all(|f| listed.contains(&f.name)), "{listed:?}");

    let one = corecast(&["functions", "blackoutstart"]).await;
    assert!(one.out.contains("exactly one of DEVICEID, DEVICEALIAS, CRM_USER, SYS_USER"), "{one:?}");
    assert_eq!(corecast(&["functions", "NOPE"]).await.code, Some(1));
}

#[tokio::test]
async fn output_that_nobody_reads_is_no_failure() {
    let mut command = Command::new("sh");
    command.args(["-c", "{ \"$0\" functions; echo \"status $?\" >&2; } | head -1"]);
    command.arg(env!("CARGO_BIN_EXE_corecast"));
    let ended = Process::start(command, Stdio::null(), Stdio::piped()).end().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "status 0\n"), "{ended:?}");

    // With the reader gone before the first word, whoever is quicker.
    for args in [&["functions"][..], &["functions", "--json"], &["--help"], &["demo", "--once"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
        command.args(args);
        let ended = Process::start(command, Stdio::null(), writer.into()).end().await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn the_demo_shows_every_verdict_and_ends() {
    let ended = corecast(&["demo", "--once"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in [
        "API_OK: CALLSTART sent to all of the following cores: 1,2,3",
        "API_OK: BLACKOUTSTOP sent to all of the following cores: 1,2,3",
        "API_PARTIAL_CORE_RESPONSE: BLACKOUTSTART could not be sent to the following cores: 2",
        "core 2: OUTCOME TIMED_OUT",
        "Every verdict was the expected one.",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    assert!(!ended.out.contains('✗') && ended.err.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn the_configuration_in_the_readme_works() {
    let readme = page("README.md");
    let block = readme.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```"));
    let (configuration, _) = block.expect("a configuration in README.md");
    let files = Scratch::new();
    let ended = corecast(&["check", "--config", &files.file("corecast.toml", configuration)]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines = configuration.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 10, "it is called short and has {lines} lines");
}

#[tokio::test]
async fn the_readme_names_every_command() {
    let help = corecast(&["--help"]).await.out;
    let commands = help.split_once("Commands:\n").and_then(|(_, rest)| rest.split_once("\n\n"));
    let readme = page("README.md");
    for line in commands.expect("a list of commands").0.lines() {
        let name = line.split_whitespace().next().expect("a command's name");
        assert!(readme.contains(&format!("| `corecast {name}")), "{name} is not in README.md");
    }
}
