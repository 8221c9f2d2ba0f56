//! The addresses that are listened at, and what guards them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use super::StartError;
use crate::access::token::Token;
use crate::access::{FileFault, Gate, Live, Watched};
use crate::config::Settings;
use crate::fanout::Listener;
use crate::listen::{self, Lock};
use crate::metrics::Metrics;
use crate::upstream::Cores;

/// What guards the listeners.
pub(super) struct Guards {
    pub gate: Arc<Gate>,
    pub token: Option<Token>,
    tls: Option<Arc<Live<crate::access::tls::ListenerFiles>>>,
}

impl Guards {
    /// Reads certificates and tokens.
    pub fn open(settings: &Settings, metrics: &Metrics) -> Result<Self, FileFault> {
        let tls = settings.tls.files.clone().map(|files| Live::open(files, "listen", metrics)).transpose()?;
        let token = settings.access.token.as_ref().map(|token| Token::open(token, metrics)).transpose()?;
        Ok(Self { gate: Gate::new(&settings.access, metrics), token, tls })
    }

    /// What is to be looked at for changes, that of the cores included.
    pub fn watched(&self, cores: &Cores) -> Vec<Arc<dyn Watched>> {
        let tls = self.tls.iter().map(|live| live.clone() as Arc<dyn Watched>);
        let cores = cores.iter().filter_map(|core| core.watched());
        tls.chain(self.token.as_ref().and_then(Token::watched)).chain(cores).collect()
    }
}

/// Listening sockets that somebody else has opened: systemd, or the process that served before.
#[derive(Debug, Default)]
pub struct Given(Vec<(Option<String>, StdListener)>);

impl Given {
    /// Sockets with names: one that has a key of `[listen]` for its name is used for that, whatever the key says.
    #[must_use]
    pub fn named(sockets: Vec<(String, StdListener)>) -> Self {
        Self(sockets.into_iter().map(|(name, socket)| (Some(name), socket)).collect())
    }

    /// More of them, each to be used for the key that has its address.
    pub(super) fn add(&mut self, sockets: Vec<StdListener>) {
        self.0.extend(sockets.into_iter().map(|socket| (None, socket)));
    }

    fn take(&mut self, key: &str, address: SocketAddr) -> Vec<StdListener> {
        let suits = |(name, socket): &mut (Option<String>, StdListener)| {
            name.as_deref() == Some(key) || socket.local_addr().is_ok_and(|at| at == address)
        };
        self.0.extract_if(.., suits).map(|(_, socket)| socket).collect()
    }

    /// Those that are left are of no use.
    fn say_what_is_left(&self) {
        for (name, socket) in &self.0 {
            let address = socket.local_addr().map(tracing::field::display).ok();
            tracing::warn!(
                name,
                address,
                "a socket that was given is that of no key of [listen]: it is closed"
            );
        }
    }
}

/// One address that is listened at.
pub(super) struct Entrance {
    key: &'static str,
    /// What is served there; `None` is the admin address.
    pub listener: Option<Listener>,
    pub lock: Option<Lock>,
    address: SocketAddr,
    /// One for each worker thread, or as many as were given.
    sockets: Vec<StdListener>,
}

/// All addresses that are listened at.
pub(super) struct Entrances(Vec<Entrance>);

impl Entrances {
    /// Opens those that are not given.
    pub fn open(
        settings: &Settings,
        mut given: Given,
        guards: &Guards,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let listen = &settings.listen;
        let (api, webapi) = (Some(Listener::Api), Some(Listener::WebApi));
        let plain =
            [("api", api, listen.api), ("webapi", webapi, listen.webapi), ("admin", None, listen.admin)];
        let secured = [
            ("api_tls", api, listen.api_tls),
            ("webapi_tls", webapi, listen.webapi_tls),
            ("admin_tls", None, listen.admin_tls),
        ];
        let lock = |listener: Option<Listener>| {
            let label = listener.map_or("admin", Listener::label);
            guards.tls.as_ref().map(|tls| Lock::new(tls, settings.tls.handshake_timeout, label, metrics))
        };
        let plain = plain.into_iter().map(|(key, listener, address)| (key, listener, address, None));
        let secured =
            secured.into_iter().map(|(key, listener, address)| (key, listener, address, lock(listener)));
        let mut entrance = |(key, listener, address, lock): (_, Option<Listener>, Option<SocketAddr>, _)| {
            let many = if listener.is_some() { settings.threads } else { 1 };
            let given = given.take(key, address?);
            Some(Entrance::open(key, listener, address?, lock, given, many))
        };
        let entrances = plain.chain(secured).filter_map(&mut entrance).collect::<Result<_, _>>().map(Self)?;
        given.say_what_is_left();
        Ok(entrances)
    }

    /// Where the listener of this key is, if it is on.
    pub fn address(&self, key: &str) -> Option<SocketAddr> {
        self.0.iter().find(|entrance| entrance.key == key).map(|entrance| entrance.address)
    }

    /// The same, and port 0 if it is off.
    pub fn address_or_off(&self, key: &str) -> SocketAddr {
        self.address(key).unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// The sockets of one of so many worker threads. Each of a socket's threads, and each socket of a thread: a queue that
    /// nobody looks at would keep its connections for ever.
    pub fn sockets(
        &self,
        worker: usize,
        of: usize,
    ) -> Result<Vec<(Listener, Option<Lock>, StdListener)>, StartError> {
        let of_workers = self.0.iter().filter_map(|entrance| Some((entrance.listener?, entrance)));
        let mut all = Vec::new();
        for (listener, entrance) in of_workers {
            for socket in entrance.of_worker(worker, of)? {
                all.push((listener, entrance.lock.clone(), socket));
            }
        }
        Ok(all)
    }

    /// All of them once more, to be handed over.
    pub fn all(&self) -> Result<Vec<StdListener>, StartError> {
        let all = self.0.iter().flat_map(|entrance| entrance.sockets.iter().map(|s| entrance.copy(s)));
        all.collect()
    }

    /// The sockets of the admin address.
    pub fn admin(self) -> impl Iterator<Item = (Option<Lock>, StdListener)> {
        let of_admin = self.0.into_iter().filter(|entrance| entrance.listener.is_none());
        of_admin.flat_map(|entrance| entrance.sockets.into_iter().map(move |s| (entrance.lock.clone(), s)))
    }
}

impl Entrance {
    fn open(
        key: &'static str,
        listener: Option<Listener>,
        address: SocketAddr,
        lock: Option<Lock>,
        given: Vec<StdListener>,
        many: usize,
    ) -> Result<Self, StartError> {
        let sockets = if given.is_empty() { bind(address, many) } else { usable(given) };
        let opened = sockets.and_then(|sockets| Ok((first(&sockets)?.local_addr()?, sockets)));
        let (address, sockets) = opened.map_err(|error| StartError::Bind { key, address, error })?;
        Ok(Self { key, listener, lock, address, sockets })
    }

    fn of_worker(&self, worker: usize, of: usize) -> Result<Vec<StdListener>, StartError> {
        let many = self.sockets.len();
        (worker..many.max(of)).step_by(of).map(|at| self.copy(&self.sockets[at % many])).collect()
    }

    fn copy(&self, socket: &StdListener) -> Result<StdListener, StartError> {
        socket.try_clone().map_err(|error| StartError::Bind { key: self.key, address: self.address, error })
    }
}

/// So many sockets on one address.
fn bind(address: SocketAddr, many: usize) -> io::Result<Vec<StdListener>> {
    let mut sockets = vec![listen::bind(address)?];
    let address = sockets[0].local_addr()?;
    for _ in 1..many {
        sockets.push(listen::bind(address)?);
    }
    Ok(sockets)
}

/// Whoever opened them may have let them block.
fn usable(given: Vec<StdListener>) -> io::Result<Vec<StdListener>> {
    given.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
    Ok(given)
}

fn first(sockets: &[StdListener]) -> io::Result<&StdListener> {
    sockets.first().ok_or_else(|| io::ErrorKind::NotFound.into())
}
