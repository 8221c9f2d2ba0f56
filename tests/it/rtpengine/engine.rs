//! A real rtpengine of a test's own, on loopback and ports that were free.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::lab::until;

static COUNT: AtomicU32 = AtomicU32::new(0);
const PROGRAM: &str = "/usr/bin/rtpengine";
/// One for NG, the rest for RTP: a call takes four.
const PORTS: u16 = 40;

/// What every packet of a test's call has in it, before its party's letter and its number.
pub const MARK: &[u8; 8] = b"CORECAST";

pub struct Engine {
    child: Child,
    pub ng: SocketAddr,
    pub spool: PathBuf,
}

impl Engine {
    /// A running one; nothing where none is installed, unless the services are required.
    pub async fn start() -> Option<Self> {
        Self::start_by(Command::new(PROGRAM)).await
    }

    /// One whose files do not grow beyond so many bytes: as on a full disk, writing fails from there on.
    pub async fn start_with_files_of(bytes: u32) -> Option<Self> {
        let mut command = Command::new("sh");
        // In blocks of 512 bytes. The signal would end it.
        let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        command.args(["-c", script, &(bytes / 512).to_string(), PROGRAM]);
        Self::start_by(command).await
    }

    async fn start_by(mut command: Command) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "rtpengine is not installed, and the services are required");
            eprintln!("NOT RUN: rtpengine is not installed");
            return None;
        }
        let name = format!("corecast-rtp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let spool = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&spool).expect("a folder for the spool");
        let ng = SocketAddr::from(([127, 0, 0, 1], free_ports()));
        let child = command
            // Not the machine's own configuration, which has ports.
            .args([
                "--config-file=none",
                "--foreground",
                "--log-stderr",
                "--log-level=4",
                "--table=-1",
                "--interface=127.0.0.1",
            ])
            .args(["--recording-method=pcap", "--num-threads=2"])
            .arg(format!("--listen-ng={ng}"))
            .arg(format!("--recording-dir={}", spool.display()))
            .arg(format!("--pidfile={}", spool.join("pid").display()))
            .arg(format!("--port-min={}", ng.port() + 1))
            .arg(format!("--port-max={}", ng.port() + PORTS - 1))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(spool.join("log")).expect("a log"))
            .spawn()
            .expect("rtpengine starts");
        let mut engine = Self { child, ng, spool };
        until("rtpengine is up", || {
            let is_up = engine.is_up();
            async move { is_up }
        })
        .await;
        Some(engine)
    }

    fn is_up(&mut self) -> bool {
        let ended = self.child.try_wait().expect("it is our child");
        let log = || fs::read_to_string(self.spool.join("log")).unwrap_or_default();
        assert!(ended.is_none(), "rtpengine has ended: {}", log());
        self.ask(&json!({"command": "ping"})).is_some()
    }

    /// One request, by a client that has nothing of the recorder's.
    pub fn ask(&self, request: &Value) -> Option<Value> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(self.ng).expect("loopback");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let cookie = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        socket.send(format!("{cookie} {request}").as_bytes()).ok()?;
        let mut buffer = vec![0; 1 << 16];
        let length = socket.recv(&mut buffer).ok()?;
        let reply = std::str::from_utf8(&buffer[..length]).expect("text");
        serde_json::from_str(reply.strip_prefix(&cookie).expect("our cookie")).ok()
    }

    /// The packets of the party of whom the fewest were counted.
    pub fn counted(&self, call: &str) -> u32 {
        let reply = self.ask(&json!({"command": "query", "call-id": call})).expect("an answer");
        let tags = reply["tags"].as_object().expect("two parties").values();
        let packets = tags.map(|tag| tag["medias"][0]["streams"][0]["stats"]["packets"].as_u64());
        packets.map(|packets| packets.expect("a counter")).min().expect("a party").try_into().expect("a few")
    }

    /// Whose packets, and which, lie anywhere in the spool: by their marks, whatever the files are.
    pub fn found(&self) -> BTreeSet<(char, u32)> {
        files(&self.spool).iter().flat_map(|file| marks(&fs::read(file).unwrap_or_default())).collect()
    }

    /// How many captures there are.
    pub fn captures(&self) -> usize {
        files(&self.spool).iter().filter(|file| file.extension().is_some_and(|end| end == "pcap")).count()
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
        fs::remove_dir_all(&self.spool).unwrap_or_default();
    }
}

/// The first of a row of ports that were free just now, below those that the system gives out by itself, and
/// another row each time.
fn free_ports() -> u16 {
    static ROW: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: u16| UdpSocket::bind(("127.0.0.1", port)).is_ok();
    let row = || u16::try_from((std::process::id() * 7 + ROW.fetch_add(1, Ordering::Relaxed)) % 250);
    let mut rows = std::iter::repeat_with(|| 20_000 + PORTS * row().expect("below 250"));
    rows.find(|first| (*first..first + PORTS).all(is_free)).expect("endless")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the spool").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn marks(bytes: &[u8]) -> Vec<(char, u32)> {
    let windows = bytes.windows(MARK.len() + 5).filter(|window| window.starts_with(MARK));
    windows
        .map(|window| {
            let number = window[MARK.len() + 1..].try_into().expect("four bytes");
            (char::from(window[MARK.len()]), u32::from_be_bytes(number))
        })
        .collect()
}
