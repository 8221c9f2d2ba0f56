//! EMAIL and COMBINEDEMAIL: recordings as attachments, by a mail server that `[mail]` of the configuration names.
//! See `docs/mail.md`.
//!
//! The answer is given when the server has accepted the mail, or has not within `mail.timeout`.

mod delivery;
mod letter;
mod order;
mod refuse;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::functions::Exports;
use super::{Download, Format};
use crate::command::{Call, Refusal};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::result::Reply;
use delivery::Line;
use letter::{File, Letter};
use order::Order;
pub use settings::{Encryption, Login, MailSettings, Secret};

/// Where attachments come from.
pub trait Attachments: Send + Sync {
    /// One recording as a file of this format; several as a ZIP of such files.
    ///
    /// A refusal is given to the client as it is: API_FILE_NOT_FOUND where there is no such recording.
    fn one_or_zip(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>>;

    /// Recordings one behind the other as one file of this format.
    ///
    /// A refusal is given to the client as it is: API_FILE_NOT_FOUND where there is no such recording.
    fn combined(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>>;
}

impl Attachments for Exports {
    fn one_or_zip(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        Box::pin(async move { Self::one_or_zip(self, &idents, format).await })
    }

    fn combined(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        Box::pin(async move { Self::combined(self, &idents, format).await })
    }
}

/// The certificates of `mail.ca_file` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("mail.ca_file: {0}")]
pub struct BadAuthority(String);

/// What mails recordings. Clones share it.
#[derive(Clone, Default)]
pub struct Mail(Option<Arc<Office>>);

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("settings", &self.0.as_ref().map(|office| &office.settings)).finish()
    }
}

struct Office {
    settings: MailSettings,
    attachments: Arc<dyn Attachments>,
    line: Line,
    turns: Semaphore,
}

impl Mail {
    /// Mail by this server; without one every request is refused.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn open(
        settings: Option<MailSettings>,
        attachments: Arc<dyn Attachments>,
    ) -> Result<Self, BadAuthority> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let line = Line::new(&settings).map_err(|error| BadAuthority(error.to_string()))?;
        let turns = Semaphore::new(settings.max_at_once);
        Ok(Self(Some(Arc::new(Office { settings, attachments, line, turns }))))
    }

    /// Answers EMAIL or COMBINEDEMAIL. `from` is the client's address, for the log.
    ///
    /// It takes up to `mail.timeout`, and heeds no deadline of the call: a mail that was cut off would be one of
    /// which nobody knows whether it was sent.
    ///
    /// # Errors
    /// [`Refusal`]: API_EMAIL_NOT_VALID, API_ERROR_CLIENT_NOT_FOUND and API_INVALID_MESSAGE_FORMAT as the reference
    /// documents them, what the [`Attachments`] say, and API_ERROR_PROCESSING_MESSAGE for the rest.
    pub async fn answer(&self, codes: &Codes, call: &Call, from: &str) -> Result<Reply, Refusal> {
        let order = Order::of(call)?;
        let office = self.0.as_deref().ok_or_else(refuse::not_configured)?;
        let function = call.function.name;
        let (to, recordings) = (order.to.email.clone(), order.recordings());
        // Boxed: it is large, and most of what is answered beside it is not.
        match Box::pin(office.send(order)).await {
            Ok(()) => tracing::info!(function, from, %to, recordings, "a mail was accepted"),
            Err(refusal) => {
                tracing::warn!(function, from, %to, recordings, why = refusal.message, "a mail was not sent");
                return Err(refusal);
            }
        }
        Ok(Reply::new(codes, ResultType::Ok, ResultType::Ok.label()))
    }
}

impl Office {
    async fn send(&self, order: Order) -> Result<(), Refusal> {
        let settings = &self.settings;
        let deadline = Instant::now() + settings.timeout;
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| refuse::no_turn(settings))?;
        let file = timeout_at(deadline, self.fetch(&order)).await;
        let file = file.map_err(|_| refuse::slow_attachment(&order, settings.timeout))??;
        let (order, letter) = write(order, settings.from.clone(), file).await?;
        let delivered = self.line.deliver(&letter, deadline).await;
        delivered.map_err(|(step, trouble)| refuse::undelivered(settings, &order, step, &trouble))
    }

    /// The attachment, whole: a mail is not sent piece by piece.
    async fn fetch(&self, order: &Order) -> Result<File, Refusal> {
        let Order { idents, format, is_combined, .. } = order;
        let download = if *is_combined {
            self.attachments.combined(idents.clone(), *format).await?
        } else {
            self.attachments.one_or_zip(idents.clone(), *format).await?
        };
        collect(download, self.settings.max_bytes).await
    }
}

async fn collect(download: Download, max: usize) -> Result<File, Refusal> {
    let Download { content_type, file_name: name, length, content: mut pieces } = download;
    if let Some(length) = length.filter(|length| *length > max as u64) {
        return Err(refuse::too_large(&name, &length.to_string(), max));
    }
    let mut content = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(refuse::media)?;
        if content.len() + piece.len() > max {
            return Err(refuse::too_large(&name, &format!("more than {}", content.len()), max));
        }
        content.extend_from_slice(&piece);
    }
    Ok(File { name, content_type, content })
}

/// Encodes a mail where it holds up nobody: it may be large.
async fn write(order: Order, ours: lettre::message::Mailbox, file: File) -> Result<(Order, Letter), Refusal> {
    let written = tokio::task::spawn_blocking(move || {
        let letter =
            Letter::write(&order, &ours, file).map_err(|error| refuse::unwritten(&error.to_string()));
        letter.map(|letter| (order, letter))
    });
    written.await.unwrap_or_else(|lost| Err(refuse::unwritten(&lost.to_string())))
}
