//! What is known of the mail server.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;

/// `[mail]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The mail server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said to it is kept from others.
    pub encryption: Encryption,
    /// The certificates, in PEM, of whom we trust to vouch for the server; the system's without.
    pub authorities: Option<String>,
    /// As whom we log in, if we do.
    pub login: Option<Login>,
    /// Who sends the mails, and where those go that cannot be delivered.
    pub from: Mailbox,
    /// What we call ourselves to the server.
    pub hello: String,
    /// A whole mail, from the request to the server's acceptance: waiting for a turn and the making of the
    /// attachment too.
    pub timeout: Duration,
    /// The largest attachment, in bytes.
    pub max_bytes: usize,
    /// Mails under way at once; more wait.
    pub max_at_once: usize,
}

/// How what is said to a mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS, agreed on before anything else is said; nothing is sent without.
    StartTls,
    /// TLS from the first byte on.
    Implicit,
    /// Anybody on the way can read it.
    None,
}

/// As whom we log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// A password. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
