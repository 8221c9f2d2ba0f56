//! The conversation with the mail server, step by step, so that what goes wrong can be told from what else might.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::{Instant, timeout, timeout_at};

use super::letter::Letter;
use super::order::one_line;
use super::settings::{Encryption, MailSettings};

/// How long the server may take to say goodbye, which nobody waits for.
const GOODBYE: Duration = Duration::from_secs(5);

/// As much of a server's words as a person reads.
const MANY_CHARS: usize = 300;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Secure,
    LogIn,
    Sender,
    Recipient,
    Content,
}

/// Why a mail was not accepted.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server, or the system on the way to it, said this.
    Said { text: String, code: Option<String>, is_final: bool },
    /// Nothing was said in time.
    Slow,
    /// It cannot take such an address.
    AsciiOnly,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let code = error.status().map(|code| code.to_string());
        let text = code.iter().map(String::as_str).chain([&*words]).collect::<Vec<_>>().join(" ");
        let text = one_line(&text).chars().take(MANY_CHARS).collect();
        Self::Said { text, code, is_final: error.is_permanent() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { text, .. } => f.write_str(text),
            Self::Slow => f.write_str("it did not answer in time"),
            Self::AsciiOnly => f.write_str("it takes no address with letters beyond ASCII"),
        }
    }
}

/// How to reach the server.
pub(super) struct Line {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: TlsParameters,
    hello: ClientId,
    credentials: Option<Credentials>,
}

impl Line {
    pub fn new(settings: &MailSettings) -> Result<Self, Error> {
        let mut tls = TlsParameters::builder(settings.host.clone());
        if let Some(pem) = &settings.authorities {
            tls = tls.certificate_store(CertificateStore::None);
            tls = tls.add_root_certificate(Certificate::from_pem(pem.as_bytes())?);
        }
        let login = settings.login.clone();
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            tls: tls.build_rustls()?,
            hello: ClientId::Domain(settings.hello.clone()),
            credentials: login.map(|login| Credentials::new(login.username, login.password.0)),
        })
    }

    /// Hands a mail over; when this returns without an error the server has accepted it.
    pub async fn deliver(&self, letter: &Letter, deadline: Instant) -> Result<(), (Step, Trouble)> {
        let mut server = within(Step::Connect, deadline, self.connect()).await?;
        if self.encryption == Encryption::StartTls {
            let secured = server.starttls(self.tls.clone(), &self.hello);
            within(Step::Secure, deadline, secured).await?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            within(Step::LogIn, deadline, server.auth(&mechanisms, credentials)).await?;
        }
        let sender = Mail::new(Some(letter.from.email.clone()), parameters(&server, letter)?);
        within(Step::Sender, deadline, server.command(sender)).await?;
        let recipient = Rcpt::new(letter.to.email.clone(), Vec::new());
        within(Step::Recipient, deadline, server.command(recipient)).await?;
        within(Step::Content, deadline, async {
            server.command(Data).await?;
            server.message(&letter.content).await
        })
        .await?;
        tokio::spawn(async move { drop(timeout(GOODBYE, server.quit()).await) });
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let tls = (self.encryption == Encryption::Implicit).then(|| self.tls.clone());
        let server = (self.host.as_str(), self.port);
        AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, tls, None).await
    }
}

async fn within<T>(
    step: Step,
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, (Step, Trouble)> {
    match timeout_at(deadline, work).await {
        Ok(done) => done.map_err(|error| (step, error.into())),
        Err(_) => Err((step, Trouble::Slow)),
    }
}

/// What must be agreed on for addresses that are not ASCII.
fn parameters(server: &AsyncSmtpConnection, letter: &Letter) -> Result<Vec<MailParameter>, (Step, Trouble)> {
    if !letter.needs_utf8() {
        return Ok(Vec::new());
    }
    let info = server.server_info();
    if !info.supports_feature(Extension::SmtpUtfEight) || !info.supports_feature(Extension::EightBitMime) {
        return Err((Step::Recipient, Trouble::AsciiOnly));
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}
