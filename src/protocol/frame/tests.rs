use super::*;

/// Decodes `bytes` fed in pieces of `piece`, up to the end or a fatal fault.
fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(1000);
    let mut buf = BytesMut::new();
    let mut found = Vec::new();
    for chunk in bytes.chunks(piece) {
        buf.extend_from_slice(chunk);
        while let Some(frame) = decoder.decode(&mut buf).unwrap() {
            let is_fatal = matches!(&frame, Frame::Fault(fault) if fault.is_fatal());
            found.push(frame);
            if is_fatal {
                return found;
            }
        }
    }
    found.extend(decoder.decode_eof(&mut buf).unwrap());
    found
}

fn message(text: &str) -> Frame {
    Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn the_end_tag_counts_only_where_it_is_one() {
    let messages = [
        "<R>\r\n  <A>1</A>\r\n</R>",
        "<R><!-- </R> --><A/></R>",
        "<R><A><![CDATA[</R>]]></A></R>",
        "<?xml version=\"1.0\"?><?x </R> ?><R></R>",
        "<R a=\"</R>\" b='>'>x</R>",
        "<R><R>inner</R></R>",
        "<R/>",
        "<R><A>broken</B></R>",
        "<R>1 < 2 && x</R >",
        "<R><RA></RA></R>",
    ];
    let stream = messages.join("\r\n");
    let expected: Vec<_> = messages.iter().map(|m| message(m)).collect();
    for piece in [1, 2, 3, 7, 1000] {
        assert_eq!(frames(stream.as_bytes(), piece), expected, "pieces of {piece}");
    }
}

#[test]
fn space_and_byte_order_marks_between_messages_are_nothing() {
    for piece in [1, 100] {
        assert_eq!(frames(b"\r\n\xEF\xBB\xBF <R>1</R>\n\n\xEF\xBB\xBF\r", piece), [message("<R>1</R>")]);
    }
}

#[test]
fn junk_is_told_once_a_line_and_the_next_message_is_read() {
    let junk = |t: &str| Frame::Fault(FrameFault::Junk(t.into()));
    for piece in [1, 5, 100] {
        let found = frames(b"hello\r\nyou<R>1</R></X>\n< R></X><R/>", piece);
        let expected =
            [junk("hello"), junk("you"), message("<R>1</R>"), junk("</X>"), junk("</X>"), message("<R/>")];
        assert_eq!(found, expected, "pieces of {piece}");
    }
}

#[test]
fn what_cannot_be_read_on_is_fatal() {
    let big = format!("<R>{}</R>", "x".repeat(1000));
    let cases: [(&[u8], FrameFault); 5] = [
        (b"<!DOCTYPE R [<!ENTITY a \"b\">]><R/>", FrameFault::Doctype),
        (b"<R><!ELEMENT x></R>", FrameFault::Doctype),
        (big.as_bytes(), FrameFault::TooLarge(1000)),
        (b"<R><A>1</A>", FrameFault::Truncated),
        (b"<R><![CDATA[ ", FrameFault::Truncated),
    ];
    for (bytes, fault) in cases {
        for piece in [1, 64, 5000] {
            let found = frames(bytes, piece);
            assert_eq!(found.first(), Some(&Frame::Fault(fault.clone())), "pieces of {piece}");
            assert!(fault.is_fatal());
        }
    }
}

#[test]
fn nothing_behind_the_limit_decides_what_is_found() {
    let x = "x".repeat(1000);
    let texts = [format!("<R>{x}<!DOCTYPE R>"), format!("</{x}><R/>"), format!("{x}{x}<R/>")];
    for text in texts {
        assert_eq!(frames(text.as_bytes(), 7), frames(text.as_bytes(), 5000), "{text}");
    }
}

#[test]
fn a_message_of_just_the_limit_passes() {
    let exact = format!("<R>{}</R>", "x".repeat(1000 - 7));
    assert_eq!(frames(exact.as_bytes(), 64), [message(&exact)]);
}

proptest::proptest! {
    #[test]
    fn pieces_never_change_what_is_found(text in "[-<>/!?\\[\\]CDAT\"' aR\r\n]{0,80}", piece in 1usize..20) {
        proptest::prop_assert_eq!(frames(text.as_bytes(), piece), frames(text.as_bytes(), 1000));
    }
}
