//! Frames: the same whatever pieces a stream arrives in.

use bytes::BytesMut;
use corecast::protocol::frame::{Frame, FrameDecoder};
use tokio_util::codec::Decoder;

/// Limits that inputs can and cannot reach.
const LIMITS: [usize; 2] = [64, 4096];

pub fn check(bytes: &[u8]) {
    for limit in LIMITS {
        let whole = frames(bytes, limit, &[usize::MAX]);
        assert_eq!(frames(bytes, limit, &[1]), whole, "byte by byte, at most {limit}");
        let sizes: Vec<_> = bytes.iter().map(|byte| usize::from(byte % 11) + 1).collect();
        assert_eq!(frames(bytes, limit, &sizes), whole, "in uneven pieces, at most {limit}");
        assert!(whole.len() <= bytes.len(), "a frame takes a byte at least");
        check_messages(bytes, &whole, limit);
    }
}

/// The messages stand in the stream one behind the other, within the limit, and each is a message by itself too.
fn check_messages(mut rest: &[u8], frames: &[Frame], limit: usize) {
    for frame in frames {
        let Frame::Message(message) = frame else { continue };
        assert!(message.starts_with(b"<") && message.ends_with(b">") && message.len() <= limit);
        let at = rest.windows(message.len()).position(|window| window == message).expect("it was sent");
        rest = &rest[at + message.len()..];
        assert_eq!(only_message(message, limit), &message[..]);
    }
}

/// The one message that a text is, white space around it apart.
pub fn only_message(text: &[u8], limit: usize) -> Vec<u8> {
    match &frames(text, limit, &[usize::MAX])[..] {
        [Frame::Message(message)] => message.to_vec(),
        other => panic!("one message was expected: {other:?}"),
    }
}

/// The frames of a stream that comes in pieces of these sizes, over and over, up to the end or a fatal fault.
fn frames(mut bytes: &[u8], limit: usize, sizes: &[usize]) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(limit);
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for size in sizes.iter().cycle() {
        let piece = bytes.split_off(..bytes.len().min(*size)).unwrap_or_default();
        buffer.extend_from_slice(piece);
        while let Some(frame) = next(&mut decoder, &mut buffer, bytes.is_empty()) {
            let is_fatal = matches!(&frame, Frame::Fault(fault) if fault.is_fatal());
            found.push(frame);
            if is_fatal {
                return found;
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    found
}

fn next(decoder: &mut FrameDecoder, buffer: &mut BytesMut, is_end: bool) -> Option<Frame> {
    let frame = if is_end { decoder.decode_eof(buffer) } else { decoder.decode(buffer) };
    frame.expect("a buffer in memory can be read")
}
