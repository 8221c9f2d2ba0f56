//! Telling a client why it cannot stay.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Stream;
use crate::command::Refusal;
use crate::net::TcpStream;
use crate::protocol::codes::ResultType;

/// How long a client that is sent away may take to read why.
pub(in crate::listen) const LINGER: Duration = Duration::from_secs(2);

/// Why a client is sent away before it has asked anything.
#[derive(Clone, Copy)]
pub(in crate::listen) enum Goodbye {
    /// As many are connected as may be.
    Full,
    /// Its address is not on the list.
    Forbidden(IpAddr),
    /// It speaks plain text where TLS is spoken.
    Plain,
}

impl Goodbye {
    /// What it is told.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Full => Refusal::new(
                ResultType::ProcessingMessage,
                "overloaded: as many clients are connected as may be; try again later",
            ),
            Self::Forbidden(address) => {
                let message = format!("not allowed from this address: {address}");
                Refusal::new(ResultType::InvalidRequestType, message)
            }
            Self::Plain => {
                Refusal::new(ResultType::InvalidRequestType, "this port speaks TLS, and this is plain text")
            }
        }
    }

    /// The same in HTTP.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Full => "200 OK",
            Self::Forbidden(_) => "403 Forbidden",
            Self::Plain => "400 Bad Request",
        }
    }
}

/// Tells a client why it is sent away, in a bounded time.
pub(crate) async fn send_away(mut stream: TcpStream, answer: String) {
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        close(&mut stream).await
    };
    drop(timeout(LINGER, told).await);
}

/// Closes in a way that lets the last answer arrive: what the client still sends is read and dropped for a
/// while, since closing on unread bytes would reset the connection and could take the answer with it.
pub(in crate::listen) async fn close<S: Stream>(stream: &mut S) -> std::io::Result<()> {
    let mut rest = [0; 4096];
    let until_closed = async {
        // Over TLS this writes, and so may wait for a client that does not read.
        stream.shutdown().await?;
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, until_closed).await.unwrap_or(Ok(()))
}
