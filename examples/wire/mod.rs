//! What the examples share: where a message ends, and nothing else of XML.

use std::io;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How requests end.
pub const REQUEST_END: &[u8] = b"</REQUEST>";
/// How replies end.
#[allow(dead_code, reason = "not every example reads them")]
pub const RESULT_END: &[u8] = b"</RESULT>";

/// Messages that end so, out of a socket.
pub struct Messages<S> {
    socket: S,
    end: &'static [u8],
    input: BytesMut,
    /// How long the message is that was handed out last.
    taken: usize,
}

impl<S: AsyncRead + Unpin> Messages<S> {
    /// None so far.
    pub fn new(socket: S, end: &'static [u8]) -> Self {
        Self { socket, end, input: BytesMut::new(), taken: 0 }
    }

    /// The next message; an error at the end of the connection.
    pub async fn next(&mut self) -> io::Result<&[u8]> {
        loop {
            self.input.advance(std::mem::take(&mut self.taken));
            if let Some(at) = memmem::find(&self.input, self.end) {
                self.taken = at + self.end.len();
                return Ok(self.input[..self.taken].trim_ascii_start());
            }
            self.input.reserve(16 * 1024);
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether another one has been read already.
    #[allow(dead_code, reason = "not every example asks")]
    pub fn has_more(&self) -> bool {
        memmem::find(&self.input[self.taken..], self.end).is_some()
    }
}
