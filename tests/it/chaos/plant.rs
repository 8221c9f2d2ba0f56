//! The processes: a PostgreSQL, three proxies and four cores.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use corecast::records::Record;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::OWNERS;
use crate::it::lab::http;
use crate::it::postgres::Postgres;
use crate::it::process::{Process, Scratch, Serving};

pub const PROXIES: usize = 3;
pub const CORES: u16 = 4;

/// How long a core keeps a finished recording for late blackouts; here nothing is owed by then.
const HOLD: &str = "100ms";

/// How long what is owed may take in the end.
const PATIENCE: Duration = Duration::from_secs(120);

/// All of it. It ends when this is dropped.
pub struct Plant {
    pub postgres: Arc<Postgres>,
    pub proxies: Vec<Proxy>,
    pub cores: Vec<Core>,
    configuration: String,
    files: Scratch,
}

/// One command that was owed to one core, and what became of it: what is only read by people stands in a fault.
#[derive(Debug)]
#[allow(dead_code, reason = "it is printed")]
pub struct Obligation {
    pub core: u16,
    pub device: String,
    pub command: String,
    pub asked: Timestamp,
    pub state: String,
    pub ended: Timestamp,
    pub reply: String,
    pub attempts: i64,
}

/// A proxy that is always at the same addresses.
pub struct Proxy {
    pub api: SocketAddr,
    configuration: String,
    serving: Mutex<Option<Serving>>,
}

/// A core that is always at the same addresses and in the same folder.
pub struct Core {
    pub id: u16,
    pub address: SocketAddr,
    control: SocketAddr,
    data: PathBuf,
    process: Mutex<Option<Process>>,
}

impl Plant {
    /// Starts everything; nothing where there is no PostgreSQL.
    pub async fn start() -> Option<Self> {
        let postgres = Arc::new(Postgres::start()?);
        let files = Scratch::new();
        let mut cores = Vec::new();
        for id in 1..=CORES {
            cores.push(Core::start(id, files.path().join(format!("core-{id}"))).await);
        }
        let mut proxies = Vec::new();
        for _ in 0..PROXIES {
            let configuration =
                configuration(["127.0.0.1:0".parse().expect("an address"); 3], &cores, &postgres.url());
            let serving = Serving::start(&configuration).await;
            let listen = [serving.api, serving.webapi, serving.admin];
            let configuration = self::configuration(listen, &cores, &postgres.url());
            proxies.push(Proxy { api: serving.api, configuration, serving: Mutex::new(Some(serving)) });
        }
        let configuration = proxies[0].configuration.clone();
        Some(Self { postgres, proxies, cores, configuration, files })
    }

    async fn database(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.postgres.url(), NoTls).await.expect("the database is there");
        tokio::spawn(connection);
        client
    }

    /// Waits until no row says that something is owed.
    pub async fn until_nothing_is_owed(&self) {
        let client = self.database().await;
        let pending = "SELECT COUNT(*) FROM obligations WHERE state = 'pending'";
        until_at_last("nothing is owed", async || {
            client.query_one(pending, &[]).await.expect("a count").get::<_, i64>(0) == 0
        })
        .await;
    }

    /// What became of all that was ever owed.
    pub async fn obligations(&self) -> Vec<Obligation> {
        let rows = "SELECT core, device, command, asked, state, ended, reply, attempts FROM obligations ORDER BY asked, ident";
        let rows = self.database().await.query(rows, &[]).await.expect("the rows");
        let time = |at| Timestamp::from_millisecond(at).expect("a time in range");
        let read = |row: &tokio_postgres::Row| Obligation {
            core: u16::try_from(row.get::<_, i64>(0)).expect("a core's number"),
            device: row.get(1),
            command: row.get(2),
            asked: time(row.get(3)),
            state: row.get(4),
            ended: time(row.get(5)),
            reply: row.get(6),
            attempts: row.get(7),
        };
        rows.iter().map(read).collect()
    }

    /// What the cores have recorded, once it is so many: where each sound lies, and its record.
    pub async fn recordings(&self, number: usize) -> Vec<(PathBuf, Record)> {
        let finished = || self.cores.iter().flat_map(Core::finished).collect::<Vec<_>>();
        until_at_last("all recordings are finished", async || finished().len() >= number).await;
        finished()
    }

    /// The ledger's rows, which must be sound.
    pub async fn ledger(&self) -> Vec<Value> {
        let file = self.files.file("audit.toml", &self.configuration);
        let verified = Process::corecast(&["audit", "verify", "--config", &file]).end().await;
        assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
        let exported = Process::corecast(&["audit", "export", "--config", &file]).end().await;
        exported.out.lines().map(|line| serde_json::from_str(line).expect("a row in JSON")).collect()
    }
}

/// Asks again and again until it is so, on a machine that may be slow.
async fn until_at_last<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"));
}

/// A proxy's configuration. What is too old while a core is out for long expires, so that this is seen too.
fn configuration([api, webapi, admin]: [SocketAddr; 3], cores: &[Core], database: &str) -> String {
    let rule = |(set, owners): (usize, &&[u16])| {
        format!("[[route.rule]]\ndevices = \"7{set}00-7{set}99\"\ncores = {owners:?}\n")
    };
    let core = |core: &Core| {
        format!(
            "[[core]]\nid = {}\naddress = \"{}\"\nconnections = 2\npipeline = 16\n",
            core.id, core.address
        )
    };
    format!(
        "[listen]\napi = \"{api}\"\nwebapi = \"{webapi}\"\nadmin = \"{admin}\"\n\
         [limits]\ndeadline = \"3s\"\nleg_timeout = \"1s\"\nconnect_timeout = \"500ms\"\n\
         [directory]\nurl = \"{database}\"\n[runtime]\nthreads = 1\n[log]\nformat = \"json\"\n\
         [late_delivery]\nretry = \"200ms\"\nexpire = \"12s\"\n{}{}",
        (1..).zip(&OWNERS).map(rule).collect::<String>(),
        cores.iter().map(core).collect::<String>(),
    )
}

impl Proxy {
    pub async fn kill(&self) {
        let serving = self.serving.lock().await.take();
        serving.expect("it runs").process.kill().await;
    }

    pub async fn start_again(&self) {
        *self.serving.lock().await = Some(Serving::start(&self.configuration).await);
    }
}

impl Core {
    async fn start(id: u16, data: PathBuf) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut core = Self { id, address: any, control: any, data, process: Mutex::new(None) };
        let mut process = core.process();
        let line = process.line("listens on").await;
        core.address = line.rsplit(' ').next().and_then(|a| a.parse().ok()).expect("an address");
        let line = process.line("http://").await;
        let control = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        core.control = control.and_then(|a| a.parse().ok()).expect("an address");
        core.process = Mutex::new(Some(process));
        core
    }

    fn process(&self) -> Process {
        let (id, listen, control) = (self.id.to_string(), self.address.to_string(), self.control.to_string());
        let data = self.data.to_str().expect("a path in UTF-8");
        Process::corecast(&[
            "core",
            "--id",
            &id,
            "--listen",
            &listen,
            "--control",
            &control,
            "--data",
            data,
            "--recorder",
            "synthetic",
            "--hold",
            HOLD,
        ])
    }

    pub async fn kill(&self) {
        let process = self.process.lock().await.take();
        process.expect("it runs").kill().await;
    }

    pub async fn start_again(&self) {
        let mut process = self.process();
        process.line("listens on").await;
        *self.process.lock().await = Some(process);
    }

    /// Stops it in its tracks, or lets it go on.
    pub async fn signal(&self, name: &str) {
        self.process.lock().await.as_ref().expect("it runs").signal(name);
    }

    pub async fn set_fault(&self, fault: &str) {
        let head = "HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close";
        let (status, text) = http(self.control, &format!("POST /fault/{fault} {head}\r\n\r\n")).await;
        assert_eq!(status, 200, "{fault}: {text}");
    }

    fn finished(&self) -> Vec<(PathBuf, Record)> {
        let items = std::fs::read_dir(self.data.join("done")).expect("the folder is there");
        let paths = items.map(|item| item.expect("an item").path());
        let records = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
        let read = |path: PathBuf| {
            let record =
                serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("it is whole");
            (path.with_extension("wav"), record)
        };
        records.map(read).collect()
    }
}
