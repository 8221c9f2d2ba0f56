//! A simulated recorder core: it answers the API socket's dialect from memory, and misbehaves on demand.
//!
//! It shares `protocol` and `command` with the proxy and nothing else, so it cannot hide the proxy's
//! faults. [`state`] is what it remembers, [`dispatch`] what it answers, `server` its sockets.

mod control;
mod desk;
pub mod dispatch;
mod fault;
pub mod host;
pub mod recorder;
mod server;
mod snapshot;
pub mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use desk::Received;
pub use fault::{Fault, UnknownFault};
pub use snapshot::{BlackoutView, CallView, ChatView, DeviceView, Snapshot};

use crate::model::CoreId;
use crate::protocol::codes::Codes;
use server::Server;

/// How a simulated core is set up.
#[derive(Clone, Debug)]
pub struct CtiSettings {
    /// COREIDENT.
    pub id: CoreId,
    /// Where its API socket listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Where its control address listens, if it has one.
    pub control: Option<SocketAddr>,
    /// What it does wrong from the start.
    pub fault: Fault,
    /// How long a blackout lasts whose stop never arrives.
    pub max_blackout: Duration,
    /// The numbers of the result types.
    pub codes: Codes,
}

impl Default for CtiSettings {
    fn default() -> Self {
        Self {
            id: CoreId(1),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            control: None,
            fault: Fault::None,
            max_blackout: Duration::from_mins(15),
            codes: Codes::default(),
        }
    }
}

/// A simulated core at work. Dropping it stops it.
#[derive(Debug)]
pub struct CtiCore {
    server: Arc<Server>,
    control: Option<SocketAddr>,
}

impl CtiCore {
    /// Starts a core on the runtime that this is called on.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn start(settings: CtiSettings) -> io::Result<Self> {
        let control = match settings.control {
            Some(address) => Some(tokio::net::TcpListener::bind(address).await?),
            None => None,
        };
        let server = Server::start(&settings)?;
        let address = control.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
        if let Some(listener) = control {
            control::start(&server, listener);
        }
        Ok(Self { server, control: address })
    }

    /// Where its API socket listens, under [`Fault::Refuse`] where it will again.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where its control address listens, if it has one.
    #[must_use]
    pub const fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// COREIDENT.
    #[must_use]
    pub fn id(&self) -> CoreId {
        self.server.desk().id()
    }

    /// Switches the fault. When this returns, it holds for every request that is read from then on, and
    /// connecting is refused, or no longer.
    pub fn set_fault(&self, fault: Fault) {
        if let Err(error) = self.server.set_fault(fault) {
            tracing::error!(core = %self.id(), %error, "the simulated core cannot listen again");
        }
    }

    /// The fault in force.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.server.desk().fault()
    }

    /// The last requests, at most 4096, in the order in which they were read, whatever became of them.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.server.desk().received()
    }

    /// What it remembers at this moment.
    #[must_use]
    pub fn state(&self) -> Snapshot {
        self.server.desk().snapshot()
    }

    /// Closes all that listens and all connections, and waits until they are closed.
    pub async fn stop(self) {
        self.server.stop();
        self.server.stopped().await;
    }
}

impl Drop for CtiCore {
    fn drop(&mut self) {
        self.server.stop();
    }
}
