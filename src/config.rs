//! The configuration, in two stages: as written (`tree`), every value with its place, the environment
//! laid over the file; then checked and turned into [`Settings`], plain data that the rest uses.
//! Between them stands a small typed reader (`section`), which collects every fault rather than
//! stopping at the first.

mod access;
mod cores;
mod fault;
mod kinds;
mod mail;
mod media;
mod near;
mod read;
mod safety;
mod secret;
mod section;
mod shown;
mod traces;
mod tree;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::access::tls::ListenerFiles;
pub use crate::fanout::Compat;
pub use crate::lines::LogFormat;
use crate::media::MediaSettings;
use crate::media::mail::MailSettings;
use crate::model::Core;
use crate::names::{CoreSrv, Dns};
use crate::owed::{LateDelivery, Safety};
use crate::protocol::codes::Codes;
use crate::records::RecordsSettings;
use crate::route::rule::{Rule, UnknownDevice};
use crate::trail::{AccessSettings, TraceSettings};
use crate::upstream::BreakerSettings;

pub use fault::{Fault, Faults};
use fault::{Place, Source};
use section::Report;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where we listen.
    pub listen: Listen,
    /// What TLS listeners are secured with.
    pub tls: Tls,
    /// Who may connect, who may call what, and how often.
    pub access: crate::access::Settings,
    /// How much, how large, how long.
    pub limits: Limits,
    /// Threads that carry calls, at least 1; the configuration's 0 has become the number of CPUs.
    pub threads: usize,
    /// The cores, sorted by id, ids unique; at least one, unless there is one of `core_srv`.
    pub cores: Vec<Core>,
    /// Names that list more cores.
    pub core_srv: Vec<CoreSrv>,
    /// How names of cores are looked up.
    pub dns: Dns,
    /// Where it is kept who, what and where.
    pub directory: DirectorySettings,
    /// How call records are listed, and how long recordings are kept.
    pub records: RecordsSettings,
    /// Which devices belong to which cores, in the order of the file.
    pub rules: Vec<Rule>,
    /// What becomes of a device that nothing owns.
    pub unknown_device: UnknownDevice,
    /// How long a command that was answered PARTIAL is remembered, up to a minute; 0 for not at all.
    pub repeat_window: Duration,
    /// When a core counts as down.
    pub breaker: BreakerSettings,
    /// What becomes of blackouts and stops that a core did not get.
    pub late_delivery: LateDelivery,
    /// What is done about a blackout's start that a core has not confirmed in time.
    pub safety: Safety,
    /// The store of recordings, and what files are made of them.
    pub media: MediaSettings,
    /// The mail server of EMAIL and COMBINEDEMAIL, if there is one.
    pub mail: Option<MailSettings>,
    /// How close answers are to the vendor's.
    pub compat: Compat,
    /// The number of every result type.
    pub codes: Codes,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceSettings>,
    /// Whether it is read anew by itself when the file changes.
    pub watch: bool,
    /// The file that it is from, if it is from one.
    pub path: Option<PathBuf>,
}

/// Where we listen; `None` is nowhere. Port 0 lets the system choose one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The API socket: XML over TCP.
    pub api: Option<SocketAddr>,
    /// The `WebAPI`: the same over HTTP.
    pub webapi: Option<SocketAddr>,
    /// Metrics, health, the live page: for operators only.
    pub admin: Option<SocketAddr>,
    /// The API socket over TLS.
    pub api_tls: Option<SocketAddr>,
    /// The `WebAPI` over TLS: HTTPS.
    pub webapi_tls: Option<SocketAddr>,
    /// The admin address over TLS.
    pub admin_tls: Option<SocketAddr>,
    /// A UNIX socket by which a new version is given the sockets of all these; `None` is not at all.
    pub handover: Option<PathBuf>,
}

/// What TLS listeners are secured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The files; there if a TLS listener is.
    pub files: Option<ListenerFiles>,
    /// How often these, those of the cores and the admin token's are looked at, from 1 ms to 24 h.
    pub reload: Duration,
    /// How long a client may take to get to a secured connection, from 1 ms to 24 h.
    pub handshake_timeout: Duration,
}

impl Default for Tls {
    fn default() -> Self {
        Self { files: None, reload: Duration::from_secs(5), handshake_timeout: Duration::from_secs(5) }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self {
            api: local(5620),
            webapi: local(2012),
            admin: local(9620),
            api_tls: None,
            webapi_tls: None,
            admin_tls: None,
            handover: None,
        }
    }
}

/// The database of devices, agents, stations, groups and roles.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectorySettings {
    /// `sqlite://file` or `postgres://user@host/name`. It may hold a password, so it is never shown.
    pub url: String,
    /// How often the database is looked at if it does not tell of changes by itself.
    pub refresh: Duration,
}

impl DirectorySettings {
    /// Whether several proxies may share it, and so the cores.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.url.starts_with("postgres")
    }
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self { url: "sqlite://corecast.db".into(), refresh: Duration::from_secs(2) }
    }
}

impl std::fmt::Debug for DirectorySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectorySettings").field("refresh", &self.refresh).finish_non_exhaustive()
    }
}

/// How much, how large, how long. Times are from 1 ms to 24 h.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole call, from the request's last byte to the answer.
    pub deadline: Duration,
    /// One core's part of a call; never longer than the deadline.
    pub leg_timeout: Duration,
    /// A connection to a core, until it is made.
    pub connect_timeout: Duration,
    /// A request, in bytes.
    pub max_request_bytes: usize,
    /// Elements within elements in a request.
    pub max_depth: usize,
    /// Parameters in a request.
    pub max_fields: usize,
    /// Client connections at once, over all listeners and threads.
    pub max_connections: usize,
    /// Requests of one client connection that are worked on at once.
    pub max_pipelined: usize,
    /// Calls in flight over the whole process.
    pub max_in_flight: usize,
    /// The bytes of requests under way and of the data for their answers, over the whole process.
    pub max_in_flight_bytes: usize,
    /// The bytes of half-sent requests and unread answers beyond each connection's own 16 KiB.
    pub max_buffered_bytes: usize,
    /// A client connection without a request is closed after this.
    pub idle_timeout: Duration,
    /// How long a drain waits for what is in flight; may be 0.
    pub drain_timeout: Duration,
    /// One core's reply, in bytes.
    pub max_reply_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(2),
            leg_timeout: Duration::from_millis(1500),
            connect_timeout: Duration::from_millis(500),
            max_request_bytes: 64 << 10,
            max_depth: 16,
            max_fields: 256,
            max_connections: 10_000,
            max_pipelined: 64,
            max_in_flight: 20_000,
            max_in_flight_bytes: 256 << 20,
            max_buffered_bytes: 256 << 20,
            idle_timeout: Duration::from_mins(10),
            drain_timeout: Duration::from_secs(10),
            max_reply_bytes: 16 << 20,
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// A level, or levels by module, as tracing's `EnvFilter` reads them; sound.
    pub level: String,
    /// Which commands get a line.
    pub access: AccessSettings,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into(), access: AccessSettings::default() }
    }
}

impl Settings {
    /// Reads a file, with the process's environment laid over it.
    ///
    /// # Errors
    /// Every fault of the file and of the overriding variables at once; or that there is no such file.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let origin = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &origin, environment())
                .map(|settings| Self { path: Some(path.into()), ..settings }),
            Err(error) => Err(unreadable(&origin, &error)),
        }
    }

    /// Reads a text; `origin` is what its faults are shown under, `env` the environment: variables
    /// such as `CORECAST__LISTEN__API` override keys, others are ignored.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse(
        text: &str,
        origin: &str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let (settings, report) = read(text, origin, env);
        match Faults::new(report.into_faults()) {
            faults if faults.len() == 0 => Ok(settings),
            faults => Err(faults),
        }
    }
}

/// Both stages. What is at fault has its default, so that the rest can be checked too.
fn read(text: &str, origin: &str, env: impl Iterator<Item = (String, String)>) -> (Settings, Report) {
    let source = Arc::new(Source { name: origin.into(), text: text.into(), is_variable: false });
    let (mut table, syntax) = tree::parse(&source);
    tree::overlay(&mut table, env);
    let mut report = Report::new(syntax);
    let settings = section::root(&Place::whole(&source), &table, &mut report, read::settings);
    (settings, report)
}

/// The environment as text. What is no Unicode is replaced: it can then be named as a fault.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

fn unreadable(origin: &str, error: &std::io::Error) -> Faults {
    let source = Arc::new(Source { name: origin.into(), text: String::new(), is_variable: false });
    let help = "check the path and who may read it; config/corecast.toml is a file to begin with";
    Faults::new(vec![Fault {
        message: format!("cannot read the configuration: {error}"),
        help: Some(help.into()),
        place: Place::whole(&source),
    }])
}
