//! A file as the answer to a request.
//!
//! It is made on the background runtime, where it may wait for a disk or a converter, and goes to the connection's
//! thread through a channel of a few pieces: a client that reads slowly slows its making down, and costs no memory.

use std::time::Duration;

use futures::StreamExt;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Version};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;

use super::body::Body;
use super::{Response, text};
use crate::media::{ByteStream, Download, MediaError};

/// Pieces that are made ahead of what the client has read.
const PIECES_AHEAD: usize = 2;

/// HTTP/1.0 ends what has no length by closing, so its client could take the beginning for the whole.
const NO_END: &str = "The size of this file is not known before it is made: ask for it over HTTP/1.1.\n";

/// The response that hands this file over. `patience` is how long its making may stand still.
pub(super) fn response(
    download: Download,
    version: Version,
    background: &Handle,
    patience: Duration,
) -> Response {
    if version < Version::HTTP_11 && download.length.is_none() {
        return text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, NO_END);
    }
    let Download { content_type, file_name, length, content } = download;
    let disposition = disposition(&file_name);
    let (to, pieces) = channel(PIECES_AHEAD);
    background.spawn(Pump { file_name, content, length, sent: 0, patience }.run(to));
    let mut response = Response::new(Body::Pieces(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_DISPOSITION, disposition);
    // Nobody between the client and us is to keep what people said.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// What drives a file's making.
struct Pump {
    file_name: String,
    content: ByteStream,
    length: Option<u64>,
    sent: u64,
    patience: Duration,
}

impl Pump {
    /// Hands piece after piece over, until the end, an error, or nobody wants more. The content is dropped with
    /// this, and whatever makes it ends.
    async fn run(mut self, to: Sender<Result<bytes::Bytes, MediaError>>) {
        loop {
            let piece = tokio::select! {
                piece = self.next() => piece,
                () = to.closed() => return self.unwanted(),
            };
            let Some(piece) = piece else { return };
            if let Err(error) = &piece {
                tracing::warn!(file = self.file_name, sent = self.sent, %error, "a download was cut short");
            }
            let is_last = piece.is_err();
            if to.send(piece).await.is_err() {
                return self.unwanted();
            }
            if is_last {
                return;
            }
        }
    }

    /// The next piece; an error if it does not come, or does not fit what was announced.
    async fn next(&mut self) -> Option<Result<bytes::Bytes, MediaError>> {
        let Ok(piece) = timeout(self.patience, self.content.next()).await else {
            let message = format!("nothing more of it came for {:?}", self.patience);
            return Some(Err(MediaError::Unavailable(message)));
        };
        match piece {
            Some(Ok(piece)) => {
                let sent = self.sent + piece.len() as u64;
                let fits = self.length.is_none_or(|length| sent <= length);
                if fits {
                    self.sent = sent;
                }
                Some(if fits { Ok(piece) } else { Err(self.unlike_announced("more")) })
            }
            None if self.length.is_some_and(|length| self.sent < length) => {
                Some(Err(self.unlike_announced("less")))
            }
            end_or_error => end_or_error,
        }
    }

    fn unlike_announced(&self, how_much: &str) -> MediaError {
        let length = self.length.unwrap_or(0);
        MediaError::Unavailable(format!("it holds {how_much} than the {length} bytes that were announced"))
    }

    fn unwanted(self) {
        let Self { file_name, sent, .. } = self;
        tracing::info!(file = file_name, sent, "the client of a download has gone, or stopped reading");
    }
}

/// `Content-Disposition` of RFC 6266: the name in ASCII, and as it is where that is not the same.
fn disposition(file_name: &str) -> HeaderValue {
    let harmless = |c: char| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c };
    let name: String = file_name.chars().map(harmless).collect();
    let plain = |c: char| if c.is_ascii() && !matches!(c, '"' | '%') { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut value = format!("attachment; filename=\"{ascii}\"");
    if ascii != name {
        value.push_str("; filename*=UTF-8''");
        name.bytes().for_each(|byte| push_encoded(&mut value, byte));
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// A byte of an extended value: RFC 8187's `attr-char`, or in percent.
fn push_encoded(out: &mut String, byte: u8) {
    use std::fmt::Write;
    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
        out.push(char::from(byte));
    } else {
        write!(out, "%{byte:02X}").unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_break_no_header() {
        for (name, value) in [
            ("10121967.mp3", "attachment; filename=\"10121967.mp3\""),
            ("", "attachment; filename=\"\""),
            ("a b'(1);x=.wav", "attachment; filename=\"a b'(1);x=.wav\""),
            ("../e\\v/il.wav", "attachment; filename=\".._e_v_il.wav\""),
            ("x\r\nSet-Cookie: a\u{0}.wav", "attachment; filename=\"x__Set-Cookie: a_.wav\""),
            ("a\"b%41.wav", "attachment; filename=\"a_b_41.wav\"; filename*=UTF-8''a%22b%2541.wav"),
            (
                "Gespräch €1 😀.wav",
                "attachment; filename=\"Gespr_ch _1 _.wav\"; \
                 filename*=UTF-8''Gespr%C3%A4ch%20%E2%82%AC1%20%F0%9F%98%80.wav",
            ),
        ] {
            assert_eq!(disposition(name), value, "{name}");
        }
    }
}
