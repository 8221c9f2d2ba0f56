//! What a request wants mailed, and to whom.

use std::str::FromStr;

use lettre::Address;
use lettre::message::Mailbox;

use crate::command::{Call, Command, Refusal};
use crate::media::Format;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

/// One mail that was asked for.
#[derive(Debug)]
pub(super) struct Order {
    /// Whom it goes to.
    pub to: Mailbox,
    /// Whom it is from, where the request says so.
    pub from: Option<Mailbox>,
    /// The recordings.
    pub idents: Vec<i64>,
    /// What they are sent as.
    pub format: Format,
    /// Whether they become one recording; several become a ZIP otherwise.
    pub is_combined: bool,
}

impl Order {
    /// Reads a request of EMAIL or COMBINEDEMAIL.
    pub fn of(call: &Call) -> Result<Self, Refusal> {
        let request = &call.request;
        let is_combined = call.function.command == Command::CombinedEmail;
        let mut order = Self {
            to: mailbox(request, Param::ToAddress, None)?,
            from: None,
            idents: idents(request)?,
            format: format(request)?,
            is_combined,
        };
        if is_combined {
            check_unique_id(request)?;
            order.to = mailbox(request, Param::ToAddress, Some(Param::ToName))?;
            order.from = Some(mailbox(request, Param::FromAddress, Some(Param::FromName))?);
        }
        Ok(order)
    }

    /// The recordings as people read them: a few of them and how many there are.
    pub fn recordings(&self) -> String {
        const FEW: usize = 10;
        let few: Vec<_> = self.idents.iter().take(FEW).map(i64::to_string).collect();
        let plural = if self.idents.len() == 1 { "" } else { "s" };
        let rest = match self.idents.len().saturating_sub(FEW) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("recording{plural} {}{rest}", few.join(", "))
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(ResultType::InvalidMessageFormat, message)
}

/// An address and a name beside it. A name of several lines could become a header of its own, so it becomes one.
fn mailbox(request: &Request, address: Param, name: Option<Param>) -> Result<Mailbox, Refusal> {
    let written = request.get(address).unwrap_or("");
    let bad = || {
        let message = format!("{} {written} is no address: give one like jdoe@example.com", address.name());
        Refusal::new(ResultType::EmailNotValid, message)
    };
    let address = Address::from_str(written).map_err(|_| bad())?;
    let name = name.and_then(|name| request.get(name)).map(one_line).filter(|name| !name.is_empty());
    Ok(Mailbox::new(name, address))
}

/// A text without line ends and other control characters.
pub(super) fn one_line(text: &str) -> String {
    text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn idents(request: &Request) -> Result<Vec<i64>, Refusal> {
    let written = request.get(Param::Ident).unwrap_or("");
    let parts = written.split(',').map(str::trim).filter(|part| !part.is_empty());
    let number = |part: &str| part.parse().map_err(|_| invalid(format!("IDENT {part} is not an integer")));
    let idents: Vec<i64> = parts.map(number).collect::<Result<_, _>>()?;
    if idents.is_empty() { Err(invalid("IDENT names no recording".into())) } else { Ok(idents) }
}

/// MEDIA_FORMAT; COMBINEDEMAIL has none in the reference, and is answered with WAV.
fn format(request: &Request) -> Result<Format, Refusal> {
    let Some(name) = request.get(Param::MediaFormat) else { return Ok(Format::Wav) };
    Format::from_name(name)
        .ok_or_else(|| invalid(format!("MEDIA_FORMAT {name} is not one of MP3, WAV, VOX and CAV")))
}

/// UNIQUEID, of which the reference shows no more than the word IDENT. Anything else might mean another column, and
/// what goes out by mail cannot be taken back.
fn check_unique_id(request: &Request) -> Result<(), Refusal> {
    let written = request.get(Param::UniqueId).unwrap_or("");
    if written.eq_ignore_ascii_case("IDENT") || request.get(Param::Ident) == Some(written) {
        return Ok(());
    }
    Err(invalid(format!("UNIQUEID {written} is not IDENT: recordings are mailed by their IDENT only")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_one_line() {
        for (name, line) in [
            ("jane", "jane"),
            ("jane\r\nBcc: evil@example.com", "jane Bcc: evil@example.com"),
            ("\u{0}\t jane \n\n doe\u{85}x", "jane doe x"),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(name), line);
        }
    }
}
