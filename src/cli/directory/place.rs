//! Where the directory is kept, as people may see it: without the password that its URL may hold.

use std::fmt;
use std::path::PathBuf;

/// Where the directory is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    /// In this process's memory.
    Memory,
    /// In a file of SQLite's.
    File(PathBuf),
    /// On a server of PostgreSQL's.
    Server(String),
}

impl Place {
    /// The place that a URL names.
    pub fn of(url: &str) -> Self {
        match url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) {
            Some(":memory:") => Self::Memory,
            // A file that is named from here is not where one would look who stands elsewhere.
            Some(path) => Self::File(std::path::absolute(path).unwrap_or_else(|_| path.into())),
            None => Self::Server(server(url)),
        }
    }

    /// Whether there is no directory yet: with SQLite the first write makes it.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Memory => true,
            Self::File(path) => matches!(path.try_exists(), Ok(false)),
            Self::Server(_) => false,
        }
    }
}

/// A server's URL without user, password and parameters.
fn server(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{}", host.split('?').next().unwrap_or_default())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("(memory)"),
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let shown = |url: &str| Place::of(url).to_string();
        assert_eq!(
            shown("postgres://u:s3@cret@db.example/corecast?password=x"),
            "postgres://db.example/corecast"
        );
        assert_eq!(shown("sqlite:///var/lib/corecast.db"), "/var/lib/corecast.db");
    }

    #[test]
    fn a_file_is_named_from_the_root() {
        assert!(Place::of("sqlite://corecast.db").to_string().starts_with('/'));
        assert!(Place::of("sqlite:///nowhere/corecast.db").is_missing());
    }
}
