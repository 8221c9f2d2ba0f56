//! The sockets that everything else uses, in one place, so that a simulated network can take theirs.

pub use tokio::net::{TcpListener, TcpStream};
