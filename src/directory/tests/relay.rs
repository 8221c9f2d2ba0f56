//! A network between a directory and its PostgreSQL that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Passes connections on to a server until it is cut.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    server: String,
    cut: CancellationToken,
}

impl Relay {
    /// A relay in front of `server`, `host:port`.
    pub(super) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let relay = Self { address, server: server.into(), cut: CancellationToken::new() };
        relay.serve(listener);
        relay
    }

    fn serve(&self, listener: TcpListener) {
        let (cut, server) = (self.cut.clone(), self.server.clone());
        let accept = async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                let pass = async move {
                    let mut server = TcpStream::connect(server).await.expect("the server of the tests");
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                };
                tokio::spawn(cut.clone().run_until_cancelled_owned(pass));
            }
        };
        tokio::spawn(self.cut.clone().run_until_cancelled_owned(accept));
    }

    /// Ends all connections and takes no new ones.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Takes connections again, at the same address.
    pub(super) async fn mend(&mut self) {
        self.cut = CancellationToken::new();
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                // The old listener is closed by its task, when that gets its turn.
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.serve(listener);
    }
}
