//! A network between a directory and its PostgreSQL that can be cut.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_util::sync::CancellationToken;

/// Passes connections on to a server until it is cut.
pub(crate) struct Relay {
    /// The database's URL by way of this relay.
    pub(crate) url: String,
    address: SocketAddr,
    server: Server,
    cut: CancellationToken,
}

#[derive(Clone)]
enum Server {
    Socket(PathBuf),
    Tcp(String, u16),
}

/// A connection to the server, by socket or over TCP.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Server {
    fn of(config: &Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first() {
            Some(Host::Unix(folder)) => Self::Socket(folder.join(format!(".s.PGSQL.{port}"))),
            Some(Host::Tcp(name)) => Self::Tcp(name.clone(), port),
            None => panic!("CORECAST_TEST_POSTGRES names no host"),
        }
    }

    async fn connect(&self) -> Box<dyn Stream> {
        match self {
            Self::Socket(path) => Box::new(UnixStream::connect(path).await.expect("the server of the tests")),
            Self::Tcp(name, port) => {
                Box::new(TcpStream::connect((&**name, *port)).await.expect("the server of the tests"))
            }
        }
    }
}

impl Relay {
    /// A relay in front of the database at this URL.
    pub(crate) async fn start(url: &str) -> Self {
        let config: Config = url.parse().expect("a good URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (user, name) = (config.get_user().unwrap_or(""), config.get_dbname().unwrap_or(""));
        let url = format!("postgres://{user}@{address}/{name}");
        let relay = Self { url, address, server: Server::of(&config), cut: CancellationToken::new() };
        relay.serve(listener);
        relay
    }

    fn serve(&self, listener: TcpListener) {
        let (cut, server) = (self.cut.clone(), self.server.clone());
        let accept = async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                let pass = async move {
                    let mut server = server.connect().await;
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                };
                tokio::spawn(cut.clone().run_until_cancelled_owned(pass));
            }
        };
        tokio::spawn(self.cut.clone().run_until_cancelled_owned(accept));
    }

    /// Ends all connections and takes no new ones.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Takes connections again, at the same address.
    pub(crate) async fn mend(&mut self) {
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
