//! `corecast top`: what it says of a real proxy and its cores, in a pipe, as JSON, and on a terminal.

use std::io::{PipeWriter, Write};
use std::process::{Command, Stdio};

use corecast::cti::Fault;
use serde_json::Value;

use super::lab::{Lab, get, until};
use super::process::{Ended, Process, Scratch};

async fn corecast(args: &[&str]) -> Ended {
    Process::corecast(args).end().await
}

/// Two cores of which the second is down, and both copies of its number; commands are answered while it is looked.
async fn lab() -> (Lab, String) {
    let lab = Lab::with_faults(&[Fault::None, Fault::Refuse]).await;
    let admin = lab.proxy.admin.to_string();
    until("core 2 is known to be down", async || {
        get(lab.proxy.admin, "/api/v1/cores").await.1.contains("\"shut\"")
    })
    .await;
    (lab, admin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_is_down_and_what_it_is_owed_are_shown() {
    let (lab, admin) = lab().await;
    let answer = lab.ask("CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(answer.label, "API_PARTIAL_CORE_RESPONSE");
    let answer = lab.ask("BLACKOUTSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(answer.label, "API_PARTIAL_CORE_RESPONSE");
    until("it is owed", async || {
        let metrics = get(lab.proxy.admin, "/metrics").await.1;
        metrics.contains("corecast_obligations{core=\"2\",state=\"pending\"} 1\n")
    })
    .await;
    let ended = corecast(&["top", &admin, "--json", "--every", "100ms"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.out).expect("JSON");
    let [one, two] = [0, 1].map(|at| &told["cores"][at]);
    assert_eq!((&one["state"], one["owed"].as_f64()), (&"pass".into(), Some(0.0)), "{told}");
    assert!(two["state"] != "pass" && two["owed"].as_f64() == Some(1.0), "{told}");
    assert!(two["last_error"].as_str().is_some_and(|error| error.contains("could not connect")), "{told}");
    assert_eq!(told["copies"][0]["version"], env!("CARGO_PKG_VERSION"), "{told}");

    // The same copy twice is two copies: what each counts adds up, what is owed does not.
    let ended = corecast(&["top", &admin, &format!("http://{admin}/"), "--every", "100ms"]).await;
    assert!(ended.code == Some(0) && !ended.out.contains('\x1b'), "{ended:?}");
    let lines: Vec<Vec<&str>> = ended.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        (lines.len(), &lines[0][..2], lines[4][0]),
        (7, &["COPY", "VERSION"][..], "CORE"),
        "{ended:?}"
    );
    assert_eq!((lines[5][0], lines[6][0], lines[6][10]), ("1", "2", "1"), "{ended:?}");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_silent_is_told_apart() {
    let (lab, admin) = lab().await;
    let nobody = "http://127.0.0.1:1";
    let ended = corecast(&["top", nobody, &admin, "--every", "100ms"]).await;
    assert!(ended.code == Some(0) && ended.out.contains("127.0.0.1:1  "), "{ended:?}");
    let ended = corecast(&["top", nobody, "--every", "100ms"]).await;
    assert!(ended.code == Some(69) && ended.out.contains("refused"), "{ended:?}");
    assert_eq!(corecast(&["top", "ftp://127.0.0.1"]).await.code, Some(2));
    lab.end().await;
}

/// On a terminal of its own, whose name is in `tty`; and how something is typed there.
fn on_terminal(command: &str, files: &Scratch) -> (Process, PipeWriter) {
    let tty = files.path().join("tty");
    let inside = format!(
        "tty >{}; stty cols 100 rows 20; NO_COLOR=1 {command}; echo status $?; stty -a",
        tty.display()
    );
    let (keys, typed) = std::io::pipe().expect("a pipe");
    let mut script = Command::new("script");
    script.args(["-qec", &inside, "/dev/null"]).env("SHELL", "/bin/bash");
    (Process::start(script, keys.into(), Stdio::piped()), typed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_watched_on_a_terminal_that_is_resized_until_q_is_typed() {
    let (lab, admin) = lab().await;
    let files = Scratch::new();
    let (mut top, mut typed) =
        on_terminal(&format!("{} top {admin} --every 1h", env!("CARGO_BIN_EXE_corecast")), &files);
    top.line("1 copy, 2 cores").await;
    let head = top.line("BREAKER").await;
    assert!(head.starts_with("CORE  NAME") && head.contains("MISSED/S"), "{head:?}");
    // The next look is in an hour: only the new size can make it draw.
    let tty = std::fs::read_to_string(files.path().join("tty")).expect("the terminal's name");
    let resized = Command::new("stty").args(["-F", tty.trim(), "cols", "10"]).status().expect("stty");
    assert!(resized.success());
    top.line(&format!("{}\x1b[K", &head[..10])).await;
    typed.write_all(b"xq").expect("it reads");
    top.line("status 0").await;
    let modes = top.line("icanon").await;
    assert!(!modes.contains("-icanon"), "{modes}");
    let modes = top.line("echo").await;
    assert!(!modes.contains("-echo "), "{modes}");
    drop(typed);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_it_and_the_terminal_is_as_before() {
    let (lab, admin) = lab().await;
    let files = Scratch::new();
    let (mut top, mut typed) =
        on_terminal(&format!("{} top {admin}", env!("CARGO_BIN_EXE_corecast")), &files);
    top.line("BREAKER").await;
    typed.write_all(b"\x03").expect("it reads");
    assert!(top.line("status 0").await.contains("\x1b[?1049l"));
    assert!(!top.line("icanon").await.contains("-icanon"));
    lab.end().await;
}
