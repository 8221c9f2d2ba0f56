//! A mail as it goes over the line.

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};

use super::order::{Order, one_line};

/// A file that is sent along.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub content_type: &'static str,
    pub content: Vec<u8>,
}

/// A mail and its envelope.
#[derive(Debug)]
pub(super) struct Letter {
    /// Where it goes back to.
    pub from: Mailbox,
    /// Where it goes.
    pub to: Mailbox,
    /// Headers and parts.
    pub content: Vec<u8>,
}

impl Letter {
    /// The mail for an order, sent by `ours`. Whom a request names as its author is shown as that, and it is still we
    /// who send it: mail that claims otherwise is often refused.
    pub fn write(order: &Order, ours: &Mailbox, file: File) -> Result<Self, lettre::error::Error> {
        let File { name, content_type, content } = file;
        let name = one_line(&name);
        let recordings = order.recordings();
        let text =
            format!("Attached: {name}, {recordings}.\n\nThis mail was sent by a call recorder on request.\n");
        let content_type = ContentType::parse(content_type).unwrap_or(ContentType::TEXT_PLAIN);
        let parts = MultiPart::mixed()
            .singlepart(SinglePart::plain(text))
            .singlepart(Attachment::new(name).body(content, content_type));
        let author = order.from.as_ref().unwrap_or(ours);
        let mut message = Message::builder().from(author.clone());
        if author.email != ours.email {
            message = message.sender(ours.clone());
        }
        let message = message
            .to(order.to.clone())
            .subject(capital(&recordings))
            .date_now()
            .message_id(Some(message_id(ours)))
            .multipart(parts)?;
        Ok(Self { from: ours.clone(), to: order.to.clone(), content: message.formatted() })
    }

    /// Whether one of its addresses needs SMTPUTF8.
    pub fn needs_utf8(&self) -> bool {
        [&self.from, &self.to].iter().any(|mailbox| !mailbox.email.to_string().is_ascii())
    }
}

fn message_id(ours: &Mailbox) -> String {
    format!("<{:032x}@{}>", fastrand::u128(..), ours.email.domain())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
