//! Names of cores, and what they stand for: the addresses of a core (A, AAAA), and the cores of a site (SRV).

mod found;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::{join, join_all};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use tokio::time::timeout;

use crate::model::Core;
pub use found::Found;

/// How long one name may take, all servers and tries together.
const PATIENCE: Duration = Duration::from_secs(5);

/// How names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Who is asked; those of `/etc/resolv.conf` if there are none here.
    pub servers: Vec<SocketAddr>,
    /// How often each name is looked up again, from 10 ms to 24 h.
    pub refresh: Duration,
    /// How long a core stays an owner after its SRV name has ceased to list it, from 0 to a year.
    pub forget: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), refresh: Duration::from_secs(30), forget: Duration::from_mins(10) }
    }
}

/// Cores that a SRV name lists: each target is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSrv {
    /// The SRV name, such as `_cti._tcp.recorders.example`.
    pub name: String,
    /// What is added to the number at the end of a target's first label to make its COREIDENT.
    pub first_id: u16,
    /// What they have in common; the number, the name and the address are each one's own.
    pub like: Core,
    /// Whether each shows a certificate with its own host name, and not with one that all have.
    pub has_own_certificate: bool,
}

/// A core in the answer for a SRV name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its host, without the dot at the end.
    pub host: String,
    /// The port of its API socket.
    pub port: u16,
}

/// What names stand for at the moment, or why that is not known.
#[derive(Debug, Default)]
pub struct Answers {
    /// By SRV name.
    pub targets: Vec<(String, Result<Vec<Target>, String>)>,
    /// By `host:port`.
    pub addresses: Vec<(String, Result<Vec<SocketAddr>, String>)>,
}

/// All cores there are now: those that are configured, and those that names list.
///
/// # Errors
/// What cannot be looked up, or what is wrong with an answer; a sentence for each.
pub async fn all_cores(configured: &[Core], lists: &[CoreSrv], dns: &Dns) -> Result<Vec<Core>, Vec<String>> {
    let names: Vec<_> = lists.iter().map(|srv| srv.name.clone()).collect();
    let mut found = Found::default();
    let answers = Names::new(&dns.servers).look_up(&names, &[]).await;
    found.hear(lists, answers, dns.forget).map(|()| found.cores(configured, lists))
}

/// Looks names up.
pub struct Names(Result<TokioResolver, String>);

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names")
    }
}

impl Names {
    /// Somebody who asks these servers. Without any, each look-up says why.
    #[must_use]
    pub fn new(servers: &[SocketAddr]) -> Self {
        Self(resolver(servers).map_err(|error| error.to_string()))
    }

    /// Looks all of them up at once. A name that has not been answered in five seconds is at fault.
    pub async fn look_up(&self, srv: &[String], hosts: &[String]) -> Answers {
        let targets = srv.iter().map(async |name| (name.clone(), self.targets(name).await));
        let addresses = hosts.iter().map(async |name| (name.clone(), self.addresses(name).await));
        let (targets, addresses) = join(join_all(targets), join_all(addresses)).await;
        Answers { targets, addresses }
    }

    async fn targets(&self, name: &str) -> Result<Vec<Target>, String> {
        let found = patiently(self.0.as_ref()?.srv_lookup(name)).await?;
        let target = |data: &RData| match data {
            RData::SRV(srv) => Some(Target {
                host: srv.target.to_ascii().trim_end_matches('.').to_ascii_lowercase(),
                port: srv.port,
            }),
            _ => None,
        };
        // A lone dot means that the service is not to be had there.
        let targets = found.answers().iter().filter_map(|record| target(&record.data));
        let targets: Vec<_> = targets.filter(|target| !target.host.is_empty()).collect();
        if targets.is_empty() { Err("it lists no core".into()) } else { Ok(targets) }
    }

    async fn addresses(&self, address: &str) -> Result<Vec<SocketAddr>, String> {
        let (host, port) = split(address).ok_or("it is no host:port")?;
        let found = patiently(self.0.as_ref()?.lookup_ip(host)).await?;
        let mut addresses: Vec<_> = found.iter().map(|ip: IpAddr| SocketAddr::new(ip, port)).collect();
        addresses.sort_unstable();
        Ok(addresses)
    }
}

fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let config = ResolverConfig::from_parts(None, vec![], servers.iter().map(server).collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    // Whoever asks wants to know how it is now.
    builder.options_mut().cache_size = 0;
    builder.build()
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|connection| connection.port = address.port());
    server
}

async fn patiently<T>(look_up: impl Future<Output = Result<T, NetError>>) -> Result<T, String> {
    match timeout(PATIENCE, look_up).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

/// The host's name and the port of a core's address; nothing of one that is not a name.
#[must_use]
pub fn split(address: &str) -> Option<(&str, u16)> {
    if address.parse::<SocketAddr>().is_ok() {
        return None;
    }
    let (host, port) = address.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
