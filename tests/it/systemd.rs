//! The service manager's side of it: what it is told, and the sockets that it gives.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use corecast::client::Client;
use serde_json::Value;
use tokio::net::UnixDatagram;

use super::lab::{ask, get, receive, request, within};
use super::process::{Process, Scratch};

const CONFIGURATION: &str = "[listen]\napi = \"127.0.0.1:1\"\nwebapi = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:0\"\n\
    [directory]\nurl = \"sqlite::memory:\"\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
    [[core]]\nid = 1\naddress = \"127.0.0.1:9\"\n";

/// Starts it as socket activation does: with the first two sockets at 3 and 4.
fn activate(files: &Scratch, sockets: [&TcpListener; 2], names: &str) -> Process {
    let file = files.file("corecast.toml", CONFIGURATION);
    let [stdin, stdout] =
        sockets.map(|socket| Stdio::from(OwnedFd::from(socket.try_clone().expect("a copy"))));
    let mut command = Command::new("sh");
    let run = "LISTEN_FDS=2 LISTEN_PID=$$ exec \"$@\" 3<&0 4<&1 0</dev/null 1>/dev/null";
    command.args(["-c", run, "sh", env!("CARGO_BIN_EXE_corecast"), "serve", "--config", &file]);
    command.env("LISTEN_FDNAMES", names);
    Process::start(command, stdin, stdout)
}

fn field(line: &str, key: &str) -> SocketAddr {
    let line: Value = serde_json::from_str(line).expect("JSON");
    line[key].as_str().and_then(|address| address.parse().ok()).expect("an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_sockets_that_it_is_given_and_a_restart_loses_no_connection() {
    let files = Scratch::new();
    let [one, two] = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let [api, webapi] = [&one, &two].map(|socket| socket.local_addr().expect("an address"));
    for _ in 0..2 {
        // It comes while nobody serves, and waits in the queue.
        let mut early = Client::connect(api).await.expect("the socket is there");
        early.send(request("TEST", 5, "").as_bytes()).await.expect("it is sent");

        let mut process = activate(&files, [&one, &two], "api:webapi");
        let line = process.line("\"message\":\"serving\"").await;
        assert_eq!((field(&line, "api"), field(&line, "webapi")), (api, webapi), "not what [listen] says");
        assert_eq!(receive(&mut early).await.element("REQUESTID"), "5");
        for _ in 0..8 {
            let mut client = Client::connect(api).await.expect("it is open");
            assert_eq!(ask(&mut client, "TEST", "").await.label, "API_OK");
        }
        assert_eq!(get(webapi, "/webapi.aspx?type=test&requestid=1").await.0, 200);
        drop(early);
        process.signal("TERM");
        assert_eq!(process.end().await.code, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_of_no_key_is_named_and_closed() {
    let files = Scratch::new();
    let [one, two] = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let mut process = activate(&files, [&one, &two], "api:nonsense");
    let line = process.line("is that of no key of [listen]").await;
    assert!(line.contains("nonsense"), "{line}");
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_is_told_that_it_serves_is_well_and_stops() {
    let files = Scratch::new();
    let socket = files.path().join("notify");
    let manager = UnixDatagram::bind(&socket).expect("a socket");
    let listen =
        CONFIGURATION.replace("127.0.0.1:1\"", "127.0.0.1:0\"").replace("127.0.0.1:2\"", "127.0.0.1:0\"");
    let file = files.file("corecast.toml", &listen);
    let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
    command.args(["serve", "--config", &file]).env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
    let process = Process::start(command, Stdio::null(), Stdio::piped());
    let heard = async || {
        let mut bytes = [0; 256];
        let count = within("a word", manager.recv(&mut bytes)).await.expect("a datagram");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert_eq!(heard().await, "READY=1\nSTATUS=serving");
    for _ in 0..3 {
        assert_eq!(heard().await, "WATCHDOG=1");
    }
    process.signal("TERM");
    let mut last = heard().await;
    while last == "WATCHDOG=1" {
        last = heard().await;
    }
    assert_eq!(last, "STOPPING=1\nSTATUS=draining");
    assert_eq!(process.end().await.code, Some(0));
}
