//! What people are used to of programs in a terminal: completions, man pages, colours there and JSON elsewhere.

use std::path::Path;
use std::process::{Command, Stdio};

use corecast::cti::Fault;
use serde_json::{Value, json};

use super::lab::Lab;
use super::process::{Ended, Process, Scratch};

async fn corecast(args: &[&str]) -> Ended {
    Process::corecast(args).end().await
}

async fn shell(script: &str, args: &[&str]) -> Ended {
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_corecast")]).args(args);
    Process::start(command, Stdio::null(), Stdio::piped()).end().await
}

/// On a terminal: `script` gives it one.
async fn on_terminal(args: &str, no_colour: &str) -> String {
    let script = format!("export NO_COLOR={no_colour}; script -qec \"$0 {args}\" /dev/null");
    shell(&script, &[]).await.out
}

/// What a program prints as JSON, and its status.
async fn told(args: &[&str], code: i32) -> Value {
    let ended = corecast(args).await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[tokio::test]
async fn bash_completes_commands_and_flags() {
    let complete = "source <(\"$0\" completions bash) && COMP_WORDS=(corecast $1) && COMP_CWORD=$# && \
                    _corecast corecast \"${@: -1}\" \"\" && echo \"${COMPREPLY[*]}\"";
    let ended = shell(complete, &["ca"]).await;
    assert_eq!(ended.out, "call cav\n", "{ended:?}");
    for name in ["zsh", "fish"] {
        let ended = corecast(&["completions", name]).await;
        assert!(ended.code == Some(0) && ended.out.contains("expect-ok"), "{name}: {ended:?}");
    }
    assert_eq!(corecast(&["completions", "cmd"]).await.code, Some(2));
}

#[tokio::test]
async fn every_command_has_a_man_page() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("man/man1");
    let written = corecast(&["man", folder.to_str().expect("UTF-8")]).await;
    assert_eq!((written.code, &*written.out, &*written.err), (Some(0), "", ""));
    let page =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let help = corecast(&["--help"]).await.out;
    let commands =
        help.split_once("Commands:\n").and_then(|(_, rest)| rest.split_once("\n\n")).expect("commands").0;
    let names = commands.lines().filter(|line| !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        assert!(page(&format!("corecast-{name}.1")).contains(".SH NAME"), "{name}");
    }
    assert!(page("corecast-audit-verify.1").contains("json"));
    assert!(page("corecast.1").contains("API_PARTIAL_CORE_RESPONSE"), "the exit codes are missing");

    let file = scratch.file("a-file", "");
    assert_eq!(corecast(&["man", &file]).await.code, Some(1));
}

#[tokio::test]
async fn colours_are_for_terminals_and_for_those_who_want_them() {
    let files = Scratch::new();
    let faulty = files.file("faulty.toml", "[limits]\nspeed = 9\n");
    let check = format!("check --config {faulty}");
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/lab.toml");
    let show = format!("directory show 7001 --config {}", lab.display());
    for args in ["functions", "functions CALLSTART", &check, &show] {
        assert!(on_terminal(args, "").await.contains("\x1b["), "{args}: no colours on a terminal");
        assert!(!on_terminal(args, "1").await.contains("\x1b["), "{args}: colours in spite of NO_COLOR");
        let ended = corecast(&args.split(' ').collect::<Vec<_>>()).await;
        assert!(!format!("{}{}", ended.out, ended.err).contains('\x1b'), "{args}: colours in a pipe");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_prints_json() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let api = lab.proxy.api.to_string();
    let told = told(&["call", &api, "CALLSTART", "DEVICEID=7001", "DETAIL=Y", "--json"], 0).await;
    assert_eq!((&told["RESULTTYPE"], &told["RESULTCODE"]), (&json!("API_OK"), &json!("20")), "{told}");
    assert_eq!(told["CORES"][0]["CORE"][1]["OUTCOME"], "OK", "{told}");
    lab.end().await;
}

#[tokio::test]
async fn check_and_route_print_json() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/lab.toml");
    let lab = lab.to_str().expect("UTF-8");
    let good = told(&["check", "--config", lab, "--json"], 0).await;
    assert_eq!(
        (&good["good"], &good["cores"], &good["faults"]),
        (&json!(true), &json!(3), &json!([])),
        "{good}"
    );
    let files = Scratch::new();
    let faulty =
        files.file("faulty.toml", "[limits]\nspeed = 9\n[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n");
    let faulty = told(&["check", "--config", &faulty, "--json"], 78).await;
    assert_eq!((&faulty["good"], &faulty["faults"][0]["line"]), (&json!(false), &json!(2)), "{faulty}");
    let way = told(&["route", "--config", lab, "--json", "CALLSTART", "DEVICEID=7001"], 0).await;
    assert_eq!(way["cores"], json!([1, 2]), "{way}");
    assert!(way["because"].as_array().is_some_and(|steps| steps.len() > 2), "{way}");
}
