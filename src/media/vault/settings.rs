//! Where the store of recordings is, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where the store of recordings is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// `file:///folder`, `file://folder` relative to where the process was started, or `s3://bucket/prefix`, with
    /// `?endpoint=…&region=…` behind it if that suits better than [`S3Settings`].
    pub url: String,
    /// What is to be known of an S3 service.
    pub s3: S3Settings,
    /// How long a connection to the service may take until it is made.
    pub connect_timeout: Duration,
    /// How long one request to the store, or one piece of a recording, may take.
    pub timeout: Duration,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            url: "file://recordings".into(),
            s3: S3Settings::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }
}

/// How an S3 service is reached. What is not given here is taken from the environment: AWS_REGION,
/// AWS_ACCESS_KEY_ID and so on, or what the machine is given by its cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// The service's URL, for services other than Amazon's.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` if nothing says otherwise.
    pub region: Option<String>,
    /// Whether the bucket stands in the path, `https://host/bucket/key`, and not in the host's name.
    pub path_style: Option<bool>,
    /// Who asks.
    pub access_key: Option<Secret>,
    /// What proves it.
    pub secret_key: Option<Secret>,
    /// What goes with keys that are valid for a time.
    pub session_token: Option<Secret>,
}

/// What nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// It stands in the configuration.
    Text(String),
    /// It is the content of this file, without the white space around it.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("(hidden)"),
            Self::File(path) => write!(f, "(the content of {})", path.display()),
        }
    }
}

impl Secret {
    /// The secret itself.
    ///
    /// # Errors
    /// That its file cannot be read, or that it is blank.
    pub(super) fn reveal(&self) -> Result<String, String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        let text = text.trim().to_owned();
        if text.is_empty() { Err(format!("{self:?} is blank")) } else { Ok(text) }
    }
}
