//! One request to an API socket and its answer: what `corecast call`, the demo and the tests speak with.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::Decoder;

use crate::net::TcpStream;
use crate::protocol::frame::{Frame, FrameDecoder};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A connection to an API socket.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    decoder: FrameDecoder,
    input: BytesMut,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, decoder: FrameDecoder::new(MAX_ANSWER), input: BytesMut::new() })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// The next answer.
    ///
    /// # Errors
    /// When the connection is lost, or something else than XML comes.
    pub async fn receive(&mut self) -> io::Result<Bytes> {
        loop {
            match self.decoder.decode(&mut self.input)? {
                Some(Frame::Message(answer)) => return Ok(answer),
                Some(Frame::Fault(fault)) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
                None if self.stream.read_buf(&mut self.input).await? == 0 => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"));
                }
                None => {}
            }
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::receive`].
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Bytes> {
        self.send(request).await?;
        self.receive().await
    }
}
