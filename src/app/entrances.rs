//! The addresses that are listened at, and what guards them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use super::StartError;
use crate::access::token::Token;
use crate::access::{FileFault, Gate, Live, Watched};
use crate::config::Settings;
use crate::fanout::Listener;
use crate::listen::{self, Lock};
use crate::metrics::Metrics;
use crate::upstream::CoreShared;

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
    pub fn watched(&self, cores: &[Arc<CoreShared>]) -> Vec<Arc<dyn Watched>> {
        let tls = self.tls.iter().map(|live| live.clone() as Arc<dyn Watched>);
        let cores = cores.iter().filter_map(|core| core.watched());
        tls.chain(self.token.as_ref().and_then(Token::watched)).chain(cores).collect()
    }
}

/// One address that is listened at.
pub(super) struct Entrance {
    key: &'static str,
    /// What is served there; `None` is the admin address.
    pub listener: Option<Listener>,
    pub lock: Option<Lock>,
    address: SocketAddr,
    first: StdListener,
}

/// All addresses that are listened at.
pub(super) struct Entrances(Vec<Entrance>);

impl Entrances {
    /// Opens them.
    pub fn open(settings: &Settings, guards: &Guards, metrics: &Metrics) -> Result<Self, StartError> {
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
        let entrance = |(key, listener, address, lock)| Some(Entrance::open(key, listener, address?, lock));
        plain.chain(secured).filter_map(entrance).collect::<Result<_, _>>().map(Self)
    }

    /// Where the listener of this key is, if it is on.
    pub fn address(&self, key: &str) -> Option<SocketAddr> {
        self.0.iter().find(|entrance| entrance.key == key).map(|entrance| entrance.address)
    }

    /// The same, and port 0 if it is off.
    pub fn address_or_off(&self, key: &str) -> SocketAddr {
        self.address(key).unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// The sockets of one worker thread: each has its own, on the same addresses.
    pub fn sockets(&self, worker: usize) -> Result<Vec<(Listener, Option<Lock>, StdListener)>, StartError> {
        let of_workers = self.0.iter().filter_map(|entrance| Some((entrance.listener?, entrance)));
        let socket = |(listener, entrance): (Listener, &Entrance)| {
            Ok((listener, entrance.lock.clone(), entrance.socket(worker)?))
        };
        of_workers.map(socket).collect()
    }

    /// The sockets of the admin address.
    pub fn admin(self) -> impl Iterator<Item = (Option<Lock>, StdListener)> {
        let of_admin = self.0.into_iter().filter(|entrance| entrance.listener.is_none());
        of_admin.map(|entrance| (entrance.lock, entrance.first))
    }
}

impl Entrance {
    fn open(
        key: &'static str,
        listener: Option<Listener>,
        address: SocketAddr,
        lock: Option<Lock>,
    ) -> Result<Self, StartError> {
        let bound = listen::bind(address).and_then(|first| Ok((first.local_addr()?, first)));
        let (address, first) = bound.map_err(|error| StartError::Bind { key, address, error })?;
        Ok(Self { key, listener, lock, address, first })
    }

    fn socket(&self, worker: usize) -> Result<StdListener, StartError> {
        let socket = if worker == 0 { self.first.try_clone() } else { listen::bind(self.address) };
        socket.map_err(|error| StartError::Bind { key: self.key, address: self.address, error })
    }
}
