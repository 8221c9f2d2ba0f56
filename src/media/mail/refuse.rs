//! What goes wrong with a mail, in the reference's errors.

use std::time::Duration;

use super::delivery::{Step, Trouble};
use super::order::Order;
use super::settings::MailSettings;
use crate::command::Refusal;
use crate::media::MediaError;
use crate::protocol::codes::ResultType;

/// "The email server is not configured or cannot be found".
pub(super) fn not_configured() -> Refusal {
    Refusal::new(ResultType::ClientNotFound, "no mail server is configured: set mail.server")
}

fn failed(message: String) -> Refusal {
    Refusal::new(ResultType::ProcessingMessage, message)
}

/// Why the server did not accept a mail.
pub(super) fn undelivered(settings: &MailSettings, order: &Order, step: Step, trouble: &Trouble) -> Refusal {
    let MailSettings { host, port, from, .. } = settings;
    let server = format!("the mail server {host}:{port}");
    let no_server = |message| Refusal::new(ResultType::ClientNotFound, message);
    match step {
        Step::Connect => no_server(format!("{server} cannot be reached: {trouble}")),
        Step::Secure => no_server(format!(
            "{server} and we cannot agree on encryption: {trouble}; see mail.tls and mail.ca_file"
        )),
        Step::LogIn => failed(login_failed(settings, trouble)),
        Step::Sender => failed(format!("{server} takes no mail from {}: {trouble}", from.email)),
        Step::Recipient => recipient_refused(&server, order, trouble),
        Step::Content if matches!(trouble, Trouble::Slow) => failed(format!(
            "{server} has not accepted the mail in time, and may still do so: look before it is sent again"
        )),
        Step::Content => failed(format!("{server} does not accept the mail: {trouble}")),
    }
}

/// Of what a server answers to a password no more than the number is shown: it might repeat what it was sent.
fn login_failed(settings: &MailSettings, trouble: &Trouble) -> String {
    let MailSettings { host, port, login, .. } = settings;
    let user = login.as_ref().map_or("", |login| &login.username);
    let why = match trouble {
        Trouble::Said { code: Some(code), .. } => format!("it said {code}"),
        other => other.to_string(),
    };
    format!(
        "the mail server {host}:{port} does not let {user} log in: {why}; see mail.username and mail.password_file"
    )
}

/// "The email address in the request is incorrect or could not be found"; but what may be otherwise later is no fault
/// of the address.
fn recipient_refused(server: &str, order: &Order, trouble: &Trouble) -> Refusal {
    let is_final = matches!(trouble, Trouble::Said { is_final: true, .. } | Trouble::AsciiOnly);
    let result = if is_final { ResultType::EmailNotValid } else { ResultType::ProcessingMessage };
    Refusal::new(result, format!("{server} takes no mail for {}: {trouble}", order.to.email))
}

/// As many mails as may be are under way, and stay so.
pub(super) fn no_turn(settings: &MailSettings) -> Refusal {
    let MailSettings { max_at_once, timeout, .. } = settings;
    failed(format!(
        "{max_at_once} mails are under way, which is the limit mail.max_at_once, and none was done within {timeout:?}"
    ))
}

/// The attachment was not made in time.
pub(super) fn slow_attachment(order: &Order, timeout: Duration) -> Refusal {
    failed(format!("{} could not be made ready within the {timeout:?} of mail.timeout", order.recordings()))
}

/// The attachment is too large; `size` is what is known of it.
pub(super) fn too_large(name: &str, size: &str, max: usize) -> Refusal {
    failed(format!(
        "the attachment {name} has {size} bytes, and mail.max_bytes is {max}: mail fewer recordings, or as MP3"
    ))
}

/// The mail could not be put together.
pub(super) fn unwritten(why: &str) -> Refusal {
    failed(format!("the mail could not be written: {why}"))
}

/// What is wrong with a recording's file.
pub(super) fn media(error: MediaError) -> Refusal {
    match error {
        MediaError::NotFound(message) => Refusal::new(ResultType::FileNotFound, message),
        MediaError::Unavailable(message) => failed(message),
        MediaError::Invalid(message) => Refusal::new(ResultType::InvalidMessageFormat, message),
    }
}
