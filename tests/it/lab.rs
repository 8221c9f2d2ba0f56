//! A proxy with simulated cores behind it, all in this process and on free ports.

use std::net::SocketAddr;
use std::time::Duration;

use corecast::app::Proxy;
use corecast::client::Client;
use corecast::config::Settings;
use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use corecast::protocol::result::ReplyHead;
use tokio::time::timeout;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time-outs that tests can wait for, and that a machine which stalls for a second does not miss.
pub const LEG_TIMEOUT: Duration = Duration::from_millis(2500);
pub const DEADLINE: Duration = Duration::from_millis(3000);
const TIME_OUTS: &str = "deadline = \"3s\"\nleg_timeout = \"2500ms\"\nconnect_timeout = \"2s\"\n";

pub struct Lab {
    pub cores: Vec<CtiCore>,
    pub proxy: Proxy,
}

/// A directory of the proxy's own.
const MEMORY: &str = "sqlite::memory:";

/// Devices 7000-7999 belong to all cores, 1xxx to core 1 alone, 2xxx to core 2 and so on.
fn configuration(cores: &[CtiCore], directory: &str, limits: &str, more: &str) -> String {
    let ids: Vec<_> = cores.iter().map(|core| core.id().to_string()).collect();
    let rule = |devices: String, cores: &str| {
        format!("[[route.rule]]\ndevices = \"{devices}\"\ncores = [{cores}]\n")
    };
    let own: String = ids.iter().map(|id| rule(format!("{id}000-{id}999"), id)).collect();
    let core = |core: &CtiCore| {
        format!(
            "[[core]]\nid = {}\naddress = \"{}\"\nconnections = 2\npipeline = 16\n",
            core.id(),
            core.address()
        )
    };
    format!(
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [directory]\nurl = \"{directory}\"\n[limits]\n{TIME_OUTS}{limits}{}{}{}{more}",
        rule("7000-7999".into(), &ids.join(",")),
        own,
        cores.iter().map(core).collect::<String>(),
    )
}

/// Cores 1, 2, 3… with these faults.
async fn healthy_but_for(faults: &[Fault]) -> Vec<CtiCore> {
    let mut cores = Vec::new();
    for (id, fault) in (1..).zip(faults) {
        let settings = CtiSettings { id: CoreId(id), fault: *fault, ..CtiSettings::default() };
        cores.push(CtiCore::start(settings).await.expect("a core starts on a free port"));
    }
    cores
}

impl Lab {
    /// Cores 1, 2, 3… with these faults, and a proxy on one thread.
    pub async fn with_faults(faults: &[Fault]) -> Self {
        Self::start(faults, MEMORY, "", "[runtime]\nthreads = 1\n").await
    }

    /// Three healthy cores, and a proxy whose directory is at this URL.
    pub async fn on(directory: &str) -> Self {
        Self::start(&[Fault::None; 3], directory, "", "[runtime]\nthreads = 1\n").await
    }

    /// One healthy core, and a proxy on one thread whose directory is at this URL, with `more` of a configuration.
    pub async fn on_with(directory: &str, more: &str) -> Self {
        Self::start(&[Fault::None], directory, "", &format!("[runtime]\nthreads = 1\n{more}")).await
    }

    /// One healthy core, and a proxy on one thread with these keys of `[limits]`.
    pub async fn limited(limits: &str) -> Self {
        Self::start(&[Fault::None], MEMORY, limits, "[runtime]\nthreads = 1\n").await
    }

    /// Cores with these faults, and a proxy with `more` of a configuration.
    pub async fn new(faults: &[Fault], more: &str) -> Self {
        Self::start(faults, MEMORY, "", more).await
    }

    /// The same, with variables of the environment over it.
    pub async fn overlaid(faults: &[Fault], more: &str, variables: &[(&str, &str)]) -> Self {
        Self::of(healthy_but_for(faults).await, MEMORY, "", more, variables)
    }

    /// Cores with these faults, and a proxy whose directory is at this URL, with `more` of a configuration.
    pub async fn at(faults: &[Fault], directory: &str, more: &str) -> Self {
        Self::start(faults, directory, "", more).await
    }

    async fn start(faults: &[Fault], directory: &str, limits: &str, more: &str) -> Self {
        Self::of(healthy_but_for(faults).await, directory, limits, more, &[])
    }

    /// These cores, and a proxy whose directory is at this URL, with keys of `[limits]`, `more` of a configuration, and
    /// variables of the environment over it.
    pub fn of(
        cores: Vec<CtiCore>,
        directory: &str,
        limits: &str,
        more: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let text = configuration(&cores, directory, limits, more);
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::parse(&text, "the lab", variables).unwrap_or_else(|f| panic!("{f}"));
        let proxy = Proxy::start(settings).expect("the proxy starts on free ports");
        Self { cores, proxy }
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.proxy.api).await.expect("the API socket is open")
    }

    /// Sends a request on a connection of its own.
    pub async fn ask(&self, kind: &str, params: &str) -> Answer {
        ask(&mut self.client().await, kind, params).await
    }

    /// Ends the lab in order, so that a test also sees that draining works.
    pub async fn end(self) {
        within("the drain", self.proxy.drain()).await;
        for core in self.cores {
            core.stop().await;
        }
    }
}

/// An answer, read.
#[derive(Debug, Default)]
pub struct Answer {
    pub label: String,
    pub message: String,
    pub text: String,
}

impl Answer {
    pub fn read(text: &[u8]) -> Self {
        let head =
            ReplyHead::read(text).unwrap_or_else(|| panic!("no RESULT: {}", String::from_utf8_lossy(text)));
        let (label, message) = (head.label.into_owned(), head.message.into_owned());
        Self { label, message, text: String::from_utf8_lossy(text).into_owned() }
    }

    /// The first element of this name.
    pub fn element(&self, name: &str) -> &str {
        let after = self.text.split_once(&format!("<{name}>")).map_or("", |(_, after)| after);
        after.split('<').next().unwrap_or("")
    }
}

/// A request of this type; `params` is XML.
pub fn request(kind: &str, id: usize, params: &str) -> String {
    format!("<REQUEST><TYPE>{kind}</TYPE><REQUESTID>{id}</REQUESTID>{params}</REQUEST>\r\n")
}

pub async fn ask(client: &mut Client, kind: &str, params: &str) -> Answer {
    let answer = within(kind, client.ask(request(kind, 1, params).as_bytes())).await;
    Answer::read(&answer.expect("an answer"))
}

pub async fn receive(client: &mut Client) -> Answer {
    Answer::read(&within("an answer", client.receive()).await.expect("an answer"))
}

/// Fails the test rather than let it hang.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took over {PATIENCE:?}"))
}

/// A GET of the admin address or the WebAPI: status and body.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    http(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

/// One HTTP exchange on a connection of its own.
pub async fn http(address: SocketAddr, request: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok::<_, std::io::Error>(response)
    };
    let response = within("HTTP", exchange).await.expect("a response");
    let status = response.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, response.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
}

/// The value of a series in the metrics, 0 where there is none.
pub async fn metric(lab: &Lab, series: &str) -> f64 {
    let (_, text) = get(lab.proxy.admin, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

/// Asks again and again until it is so; for what happens in the background and says so nowhere else.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    within(what, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
