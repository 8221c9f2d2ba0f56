//! The token that the admin address asks for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::hmac;
use ring::rand::SystemRandom;

use super::files::{FileFault, Files, Live, fault};
use crate::metrics::Metrics;
use crate::secret::Secret;

/// A token shorter than this can be guessed.
pub const MIN_LENGTH: usize = 16;

/// Where the token is from, and what it is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Where it is from.
    pub source: TokenSource,
    /// Whether it is needed for reading too.
    pub for_all: bool,
}

/// Where a token is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A file's first line.
    File(PathBuf),
    /// The configuration itself.
    Given(Secret),
}

/// What is left of a token: enough to know it again, and nothing to read it from.
#[derive(Debug)]
pub struct Fingerprint {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Fingerprint {
    /// # Errors
    /// In words that follow a key's name: too short, or no randomness to be had.
    fn of(token: &str) -> Result<Self, String> {
        if token.len() < MIN_LENGTH || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "the token must be {MIN_LENGTH} characters at least, without spaces; make one with: openssl rand -hex 32"
            ));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "the system gives no randomness".to_owned())?;
        Ok(Self { tag: hmac::sign(&key, token.as_bytes()), key })
    }

    /// Whether a token is the one, in a time that says nothing about how much of it is right.
    #[must_use]
    pub fn fits(&self, token: &str) -> bool {
        hmac::verify(&self.key, token.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// The file of a token.
#[derive(Debug)]
pub struct TokenFile(PathBuf);

const FILE_KEY: &str = "access.admin_token_file";

impl Files for TokenFile {
    type Made = Fingerprint;

    fn paths(&self) -> Vec<(&'static str, &Path)> {
        vec![(FILE_KEY, &self.0)]
    }

    fn make(&self, contents: &[Vec<u8>]) -> Result<Fingerprint, FileFault> {
        let text = contents.first().and_then(|bytes| str::from_utf8(bytes).ok());
        let token = text.and_then(|text| text.lines().next()).unwrap_or("").trim();
        Fingerprint::of(token).map_err(|what| fault(FILE_KEY, &self.0, &what))
    }
}

/// The token in force.
#[derive(Clone, Debug)]
pub struct Token {
    kept: Kept,
    /// Whether it is needed for reading too.
    pub for_all: bool,
}

#[derive(Clone, Debug)]
enum Kept {
    File(Arc<Live<TokenFile>>),
    Given(Arc<Fingerprint>),
}

impl Token {
    /// Reads the token.
    ///
    /// # Errors
    /// [`FileFault`] if it cannot be read or is too short.
    pub fn open(settings: &TokenSettings, metrics: &Metrics) -> Result<Self, FileFault> {
        let kept = match &settings.source {
            TokenSource::File(path) => {
                Kept::File(Live::open(TokenFile(path.clone()), "admin_token", metrics)?)
            }
            TokenSource::Given(token) => {
                let made = Fingerprint::of(token.reveal())
                    .map_err(|e| FileFault(format!("access.admin_token: {e}")))?;
                Kept::Given(Arc::new(made))
            }
        };
        Ok(Self { kept, for_all: settings.for_all })
    }

    /// Its file, to be looked at.
    #[must_use]
    pub fn watched(&self) -> Option<Arc<dyn super::Watched>> {
        match &self.kept {
            Kept::File(live) => Some(live.clone()),
            Kept::Given(_) => None,
        }
    }

    /// Whether a header's value, `Bearer …`, holds it.
    #[must_use]
    pub fn is_in(&self, authorization: &str) -> bool {
        let Some((scheme, token)) = authorization.trim().split_once(' ') else { return false };
        let token = token.trim();
        scheme.eq_ignore_ascii_case("bearer")
            && match &self.kept {
                Kept::File(live) => live.get().fits(token),
                Kept::Given(made) => made.fits(token),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn token(text: &str) -> Result<Token, FileFault> {
        let source = TokenSource::Given(Secret::new(text));
        Token::open(&TokenSettings { source, for_all: false }, &Metrics::default())
    }

    #[test]
    fn only_the_token_as_a_bearer_fits() {
        let token = token(TOKEN).unwrap();
        for good in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef "] {
            assert!(token.is_in(good), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            TOKEN,
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789abcde",
        ] {
            assert!(!token.is_in(bad), "{bad}");
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_and_none_is_shown() {
        for bad in ["", "short", "with a space in it"] {
            let error = token(bad).unwrap_err().to_string();
            assert!(error.contains("openssl rand") && (bad.is_empty() || !error.contains(bad)), "{error}");
        }
        let settings = TokenSettings { source: TokenSource::Given(Secret::new(TOKEN)), for_all: true };
        let shown = format!("{settings:?} {:?}", token(TOKEN).unwrap());
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}
