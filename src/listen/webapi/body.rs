//! What answers a request over HTTP: a RESULT, which is there as a whole, or a file that is still being made.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use crate::media::MediaError;

/// A response's body.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Full<Bytes>),
    /// What comes out of the other runtime, piece by piece. Dropping it tells the other end to stop.
    Pieces(Receiver<Result<Bytes, MediaError>>),
}

impl From<Bytes> for Body {
    fn from(text: Bytes) -> Self {
        Self::Whole(Full::new(text))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Whole(text.into())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = MediaError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MediaError>>> {
        match self.get_mut() {
            Self::Whole(whole) => {
                Pin::new(whole).poll_frame(context).map_err(|never: std::convert::Infallible| match never {})
            }
            Self::Pieces(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|p| p.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
