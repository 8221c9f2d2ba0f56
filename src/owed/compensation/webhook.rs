//! Where somebody is told: a URL that takes JSON by POST.

use std::time::Duration;

use crate::post::Poster;
pub use crate::post::Target as Webhook;

/// How long one try may take, from connecting to the head of the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Tells a webhook.
#[derive(Debug)]
pub(super) struct Teller(Poster);

impl Teller {
    pub fn new(hook: Webhook) -> Self {
        Self(Poster::new(hook, PATIENCE))
    }

    /// For logs.
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// Hands over a JSON text. The words are those of an answer that says that it was taken.
    ///
    /// # Errors
    /// Why it was not, without the URL.
    pub async fn tell(&self, json: String) -> Result<String, String> {
        let answer = self.0.post(json.into()).await.map_err(|lost| lost.to_string())?;
        let words = format!("answered {}", answer.status());
        if answer.status().is_success() { Ok(words) } else { Err(words) }
    }
}
