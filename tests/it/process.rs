//! Real processes: the program as an operator starts it, signals it and kills it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use corecast::client::Client;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::lab::{Answer, ask, get, http, receive, request, until, within};

/// A directory of one test's own, gone when the test is.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("corecast-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file; its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A process and what it says. It is killed when the test ends, however the test ends.
pub struct Process {
    child: Child,
    lines: UnboundedReceiver<Line>,
    heard: Vec<Line>,
    _scratch: Scratch,
}

#[derive(Debug)]
struct Line {
    is_error: bool,
    text: String,
}

/// How a process ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Process {
    /// The program with these arguments.
    pub fn corecast(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
        command.args(args);
        Self::start(command, Stdio::null(), Stdio::piped())
    }

    /// A command in a directory of its own; only what is piped is heard.
    pub fn start(mut command: Command, stdin: Stdio, stdout: Stdio) -> Self {
        let scratch = Scratch::new();
        command.current_dir(&scratch.0).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (said, lines) = unbounded_channel();
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, false, said.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, true, said);
        }
        Self { child, lines, heard: Vec::new(), _scratch: scratch }
    }

    /// The next line with these words in it.
    pub async fn line(&mut self, words: &str) -> String {
        loop {
            let line = within(words, self.lines.recv()).await;
            let line = line.unwrap_or_else(|| panic!("it ended without {words:?}: {:?}", self.heard));
            let text = line.text.contains(words).then(|| line.text.clone());
            self.heard.push(line);
            if let Some(text) = text {
                return text;
            }
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }

    /// Kills it as the system would, without a word.
    pub async fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.status().await;
    }

    async fn status(&mut self) -> ExitStatus {
        let child = std::cell::RefCell::new(&mut self.child);
        let status = || child.borrow_mut().try_wait().expect("it can be asked for");
        until("the process has ended", async || status().is_some()).await;
        status().expect("it has ended")
    }

    /// Waits for its end.
    pub async fn end(mut self) -> Ended {
        let code = self.status().await.code();
        while let Some(line) = within("the last words", self.lines.recv()).await {
            self.heard.push(line);
        }
        let text = |is_error| {
            let lines = self.heard.iter().filter(|line| line.is_error == is_error);
            lines.map(|line| format!("{}\n", line.text)).collect()
        };
        Ended { code, out: text(false), err: text(true) }
    }
}

/// Passes on what is said line by line, on a thread that ends with the process.
fn listen(from: impl std::io::Read + Send + 'static, is_error: bool, to: UnboundedSender<Line>) {
    use std::io::{BufRead, BufReader};
    std::thread::spawn(move || {
        for text in BufReader::new(from).lines().map_while(Result::ok) {
            to.send(Line { is_error, text }).unwrap_or_default();
        }
    });
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

/// `corecast core`, with the addresses that it printed.
pub struct Core {
    pub process: Process,
    pub address: SocketAddr,
    pub control: SocketAddr,
}

impl Core {
    async fn start(id: u16, listen: &str, fault: &str) -> Self {
        Self::with(id, listen, &["--fault", fault]).await
    }

    /// One with more arguments.
    pub async fn with(id: u16, listen: &str, more: &[&str]) -> Self {
        let id = id.to_string();
        let mut args = vec!["core", "--id", &id, "--listen", listen, "--control", "127.0.0.1:0"];
        args.extend(more);
        let mut process = Process::corecast(&args);
        let address = process.line("listens on").await;
        let address = address.rsplit(' ').next().and_then(|a| a.parse().ok()).expect("an address");
        let control = process.line("http://").await;
        let control = control.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        Self { process, address, control: control.and_then(|a| a.parse().ok()).expect("an address") }
    }

    async fn new(id: u16) -> Self {
        Self::start(id, "127.0.0.1:0", "none").await
    }

    /// Switches the fault as `curl -X POST` does.
    async fn switch(&self, fault: &str) -> (u16, String) {
        let head = "HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close";
        http(self.control, &format!("POST /fault/{fault} {head}\r\n\r\n")).await
    }
}

/// `corecast serve`, with the addresses of its log line.
pub struct Serving {
    pub process: Process,
    pub api: SocketAddr,
    pub webapi: SocketAddr,
    pub admin: SocketAddr,
    files: Scratch,
}

/// Devices 7000 to 7999 belong to all of these cores.
fn configuration(listen: [&str; 3], limits: &str, cores: &[&Core]) -> String {
    let [api, webapi, admin] = listen;
    let ids: Vec<_> = (1..=cores.len()).map(|id| id.to_string()).collect();
    let core =
        |(id, core): (&String, &&Core)| format!("[[core]]\nid = {id}\naddress = \"{}\"\n", core.address);
    format!(
        "[listen]\napi = \"{api}\"\nwebapi = \"{webapi}\"\nadmin = \"{admin}\"\n\
         [limits]\n{limits}\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
         [[route.rule]]\ndevices = \"7000-7999\"\ncores = [{}]\n{}",
        ids.join(","),
        ids.iter().zip(cores).map(core).collect::<String>()
    )
}

const ANY_PORT: [&str; 3] = ["127.0.0.1:0"; 3];
const SHORT: &str = "deadline = \"4s\"\nleg_timeout = \"3s\"\nconnect_timeout = \"2s\"";
const LONG: &str = "deadline = \"18s\"\nleg_timeout = \"15s\"\ndrain_timeout = \"18s\"";

impl Serving {
    pub async fn start(configuration: &str) -> Self {
        let files = Scratch::new();
        let mut process =
            Process::corecast(&["serve", "--config", &files.file("corecast.toml", configuration)]);
        let line = process.line("\"message\":\"serving\"").await;
        let line: Value = serde_json::from_str(&line).expect("a JSON object per line");
        let address = |key: &str| line[key].as_str().and_then(|a| a.parse().ok()).expect("an address");
        let (api, webapi, admin) = (address("api"), address("webapi"), address("admin"));
        Self { process, api, webapi, admin, files }
    }

    /// Writes another configuration in the place of its own; it has to be told.
    pub fn write(&self, configuration: &str) {
        self.files.file("corecast.toml", configuration);
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.api).await.expect("the API socket is open")
    }

    async fn ask(&self, kind: &str) -> Answer {
        ask(&mut self.client().await, kind, "<DEVICEID>7001</DEVICEID>").await
    }

    /// Asks until the verdict is this one; how long that took.
    async fn until_verdict(&self, label: &str) -> Duration {
        let started = Instant::now();
        until(label, async || self.ask("CALLSTART").await.label == label).await;
        started.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_answers_what_is_in_flight_and_takes_nothing_new() {
    let core = Core::start(1, "127.0.0.1:0", "delay:4s").await;
    let mut proxy = Serving::start(&configuration(ANY_PORT, LONG, &[&core])).await;
    let mut client = proxy.client().await;
    client.send(request("CALLSTART", 7, "<DEVICEID>7001</DEVICEID>").as_bytes()).await.expect("it is sent");
    until("the request is at the core", async || {
        let (_, cores) = get(proxy.admin, "/api/v1/cores").await;
        serde_json::from_str::<Value>(&cores).expect("JSON")[0]["in_flight"] == 1
    })
    .await;
    until("it is ready", async || get(proxy.admin, "/readyz").await == (200, "ok\n".into())).await;

    proxy.process.signal("TERM");
    until("it says that it drains", async || get(proxy.admin, "/readyz").await.0 == 503).await;
    assert_eq!(get(proxy.admin, "/livez").await.0, 200, "it lives as long as it drains");
    for closed in [proxy.api, proxy.webapi] {
        until("new connections are refused", async || TcpStream::connect(closed).await.is_err()).await;
    }
    let answer = receive(&mut client).await;
    assert_eq!((answer.label.as_str(), answer.element("REQUESTID")), ("API_OK", "7"), "{}", answer.text);
    assert!(within("the end of the connection", client.receive()).await.is_err(), "it is closed");
    drop(client);
    proxy.process.line("\"message\":\"stopped\"").await;
    assert_eq!(proxy.process.end().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_is_killed_is_named_and_is_back_within_seconds_of_its_start() {
    let (one, mut two) = (Core::new(1).await, Core::new(2).await);
    let proxy = Serving::start(&configuration(ANY_PORT, SHORT, &[&one, &two])).await;
    assert_eq!(proxy.ask("CALLSTART").await.label, "API_OK");

    two.process.kill().await;
    let answer = proxy.ask("BLACKOUTSTART").await;
    assert_eq!(answer.label, "API_PARTIAL_CORE_RESPONSE", "{}", answer.text);
    assert_eq!(answer.message, "BLACKOUTSTART could not be sent to the following cores: 2");

    let _two = Core::start(2, &two.address.to_string(), "none").await;
    let took = proxy.until_verdict("API_OK").await;
    assert!(took < Duration::from_secs(6), "a probe comes every two seconds at least: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_switched_while_the_core_runs() {
    let (one, two) = (Core::new(1).await, Core::new(2).await);
    let proxy = Serving::start(&configuration(ANY_PORT, SHORT, &[&one, &two])).await;
    assert_eq!(proxy.ask("CALLSTART").await.label, "API_OK");
    for fault in ["hang", "reject:3", "close", "garbage", "refuse"] {
        assert_eq!(two.switch(fault).await, (200, format!("{fault}\n")));
        let answer = proxy.ask("CALLSTART").await;
        assert_eq!(answer.label, "API_PARTIAL_CORE_RESPONSE", "{fault}: {}", answer.text);
        assert!(answer.message.ends_with("cores: 2"), "{fault}: {}", answer.message);
        let (_, shown) = get(two.control, "/").await;
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON")["fault"], fault);
        assert_eq!(two.switch("none").await.0, 200);
        proxy.until_verdict("API_OK").await;
    }
    let (status, reason) = two.switch("sulk").await;
    assert!(status == 400 && reason.contains("delay:200ms"), "{status} {reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_proxy_starts_beside_the_first_and_serves_on() {
    let core = Core::new(1).await;
    let first = Serving::start(&configuration(ANY_PORT, SHORT, &[&core])).await;
    let same = [first.api, first.webapi, first.admin].map(|address| address.to_string());
    let same = [same[0].as_str(), same[1].as_str(), same[2].as_str()];
    let second = Serving::start(&configuration(same, SHORT, &[&core])).await;
    assert_eq!((second.api, second.webapi, second.admin), (first.api, first.webapi, first.admin));

    first.process.signal("TERM");
    assert_eq!(first.process.end().await.code, Some(0));
    for _ in 0..20 {
        assert_eq!(second.ask("CALLSTART").await.label, "API_OK");
    }
    until("it is ready", async || get(second.admin, "/readyz").await.0 == 200).await;
    let (status, answer) = get(second.webapi, "/webapi.aspx?type=test&requestid=1").await;
    assert!(status == 200 && answer.contains("API_OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_somebody_has_is_named_and_the_status_says_unavailable() {
    let core = Core::new(1).await;
    let owner = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = owner.local_addr().expect("an address").to_string();
    let listen = [taken.as_str(), "127.0.0.1:0", "127.0.0.1:0"];
    let files = Scratch::new();
    let file = files.file("corecast.toml", &configuration(listen, SHORT, &[&core]));
    let ended = Process::corecast(&["serve", "--config", &file]).end().await;
    assert_eq!(ended.code, Some(69), "{}", ended.err);
    assert!(ended.err.contains(&format!("listen.api = \\\"{taken}\\\" cannot be opened")), "{}", ended.err);
    drop(owner);
}
