//! The command line as people and scripts meet it, and the pages that are made from it.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use corecast::command::{FUNCTIONS, Identifiers};
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

    // Whoever is quicker in a pipe: here the reader is.
    for args in [&["functions"][..], &["functions", "--json"], &["--help"], &["demo", "--once"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
        command.args(args);
        let ended = unread(command).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{args:?}: {ended:?}");
    }
}

/// How a command ends whose reader is gone before the first word.
async fn unread(command: Command) -> Ended {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Process::start(command, Stdio::null(), writer.into()).end().await
}

/// Nobody tells it to stop, so it is the missing reader that ends it.
#[tokio::test]
async fn the_demo_is_over_and_tidied_up_when_nobody_watches() {
    let temporary = Scratch::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
    command.arg("demo").env("TMPDIR", temporary.path());
    let ended = unread(command).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
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
        "all three cores kept both blackouts",
        "Every answer and every recording was the expected one.",
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

/// `CORECAST_BLESS=1 cargo test functions_page` writes the tables anew.
#[tokio::test]
async fn the_functions_page_is_what_the_program_says() {
    let json = corecast(&["functions", "--json"]).await.out;
    let functions: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    let tables = tables(&functions);
    let page = page("docs/functions.md");
    let (begin, end) = ("<!-- tables: begin -->\n", "<!-- tables: end -->");
    let (before, rest) = page.split_once(begin).expect("where the tables begin");
    let (shown, after) = rest.split_once(end).expect("where the tables end");
    if std::env::var_os("CORECAST_BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
        std::fs::write(path, format!("{before}{begin}{tables}{end}{after}")).expect("it can be written");
    } else {
        assert_eq!(shown, tables, "write it anew with CORECAST_BLESS=1");
    }
}

/// One table per chapter of the reference.
fn tables(functions: &[Value]) -> String {
    let mut out = String::new();
    let mut chapters: Vec<&str> = functions.iter().map(|f| text(f, "family")).collect();
    chapters.dedup();
    chapters.sort_by_key(|chapter| functions.iter().position(|f| text(f, "family") == *chapter));
    chapters.dedup();
    for chapter in chapters {
        let head = "| function | needs | may have | goes to | verdict | priority | repeatable |";
        write!(out, "\n## {chapter}\n\n{head}\n|---|---|---|---|---|---|---|\n").expect("text");
        for function in functions.iter().filter(|f| text(f, "family") == chapter) {
            out.push_str(&row(function));
        }
    }
    out.push('\n');
    out
}

fn text<'a>(function: &'a Value, key: &str) -> &'a str {
    function[key].as_str().unwrap_or_else(|| panic!("{key} of {function}"))
}

fn list(names: &Value) -> Vec<&str> {
    names.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn row(function: &Value) -> String {
    let parameters = function["parameters"].as_array().expect("a list");
    let mut needs = vec![];
    let identifiers = list(&function["identifiers"]);
    if !identifiers.is_empty() {
        needs.push(format!("{} {}", how_many(text(function, "name")), identifiers.join(", ")));
    }
    let actions = list(&function["actions"]);
    if !actions.is_empty() {
        needs.push(format!("ACTION {}", actions.join(", ")));
    }
    needs.extend(parameters.iter().filter_map(|p| p["required"].as_str()).map(Into::into));
    let one_of = parameters.iter().map(|p| list(&p["one_of"])).filter(|names| !names.is_empty());
    needs.extend(one_of.map(|names| format!("one of {}", names.join(", "))));
    let optional: Vec<_> = parameters.iter().filter_map(|p| p["optional"].as_str()).collect();
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        text(function, "name"),
        needs.join("; "),
        optional.join(", ").replace(&users(), "USER1 to USER15"),
        goes_to(text(function, "scope")),
        verdict(text(function, "policy")),
        text(function, "priority").to_lowercase(),
        if function["repeatable"] == true { "yes" } else { "no" },
    )
}

fn users() -> String {
    (1..=15).map(|n| format!("USER{n}")).collect::<Vec<_>>().join(", ")
}

/// How many of its identifiers a function takes.
fn how_many(name: &str) -> &'static str {
    let function = FUNCTIONS.iter().find(|f| f.name == name).expect("a function");
    match function.identifiers {
        Identifiers::ExactlyOne(_) => "exactly one of",
        _ => "at least one of",
    }
}

fn goes_to(scope: &str) -> &'static str {
    match scope {
        "Device" => "owners of the device",
        "Agent" => "owners of all devices of the agent",
        "Session" => "one core, by SESSIONID",
        "AllCores" => "all cores",
        "Here(Echo)" => "the proxy itself",
        "Here(Directory)" => "the directory",
        "Here(Records)" => "the call records",
        "Here(Media)" => "the recordings",
        "Here(Mail)" => "the recordings and a mail server",
        other => panic!("say what the scope {other} means"),
    }
}

fn verdict(policy: &str) -> &'static str {
    match policy {
        "All" => "every owner must confirm",
        "First" => "the first core that takes it",
        "Any" => "one confirmation is enough",
        "Merge(Devices)" => "merged: all devices",
        "Merge(ActiveDevice)" => "merged: the active call, else the latest",
        "Merge(Recordings)" => "merged: all recordings",
        "Merge(Channels)" => "merged: all channels",
        "Merge(System)" => "merged: one section per core",
        "Merge(FirstKnown)" => "merged: the first core that knows the agent",
        "None" => "",
        other => panic!("say what the policy {other} means"),
    }
}
