//! From the settings to a store of the `object_store` crate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::http::Connector;
use super::settings::{S3Settings, Secret, VaultSettings};
use crate::media::MediaError;

const FORMS: &str = "write file:///folder or s3://bucket/prefix";

/// A request is tried again so often, as long as its deadline allows.
const RETRIES: usize = 3;

/// A store, which may still have to be made.
pub(super) struct Store {
    /// What the log calls it.
    pub(super) name: String,
    /// How long a request to it may take.
    pub(super) limit: Duration,
    place: Place,
    secrets: Vec<String>,
}

enum Place {
    /// A folder, made when it is first needed.
    Folder(PathBuf, OnceCell<Arc<dyn ObjectStore>>),
    /// A bucket.
    Bucket(Arc<dyn ObjectStore>),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("name", &self.name).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn open(settings: &VaultSettings) -> Result<Self, MediaError> {
        // whatever stands in the URL, a fault of it is told without repeating it
        let (scheme, rest) = settings.url.split_once("://").unwrap_or_default();
        match scheme {
            "file" => Self::folder(rest, settings.timeout),
            "s3" => Self::bucket(rest, settings),
            _ => Err(format!("its URL names no store: {FORMS}")),
        }
        .map_err(|reason| MediaError::Invalid(format!("the store of recordings: {reason}")))
    }

    fn folder(path: &str, limit: Duration) -> Result<Self, String> {
        let path = std::path::absolute(path).map_err(|error| format!("its URL names no folder: {error}"))?;
        Ok(Self {
            name: path.display().to_string(),
            limit,
            place: Place::Folder(path, OnceCell::new()),
            secrets: Vec::new(),
        })
    }

    fn bucket(rest: &str, settings: &VaultSettings) -> Result<Self, String> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() || bucket.contains('@') {
            return Err(format!("its URL names no bucket: {FORMS}"));
        }
        let prefix =
            Path::parse(prefix).map_err(|_| format!("its URL has a prefix that is none: {FORMS}"))?;
        let s3 = with_query(settings.s3.clone(), query)?;
        let builder = builder(&s3, settings)?.with_bucket_name(bucket);
        let secrets = secrets(&builder);
        let store = builder.build().map_err(|error| error.to_string())?;
        Ok(Self {
            name: format!("s3://{place}"),
            limit: settings.timeout,
            place: Place::Bucket(Arc::new(PrefixStore::new(store, prefix))),
            secrets,
        })
    }

    /// Whether it is there, or nothing here could tell: a folder is looked for, a bucket is the service's affair.
    pub(super) fn is_made(&self) -> bool {
        match &self.place {
            Place::Bucket(_) => true,
            Place::Folder(path, _) => path.is_dir(),
        }
    }

    /// The store, its folder made if need be.
    pub(super) async fn ready(&self) -> Result<Arc<dyn ObjectStore>, MediaError> {
        match &self.place {
            Place::Bucket(store) => Ok(store.clone()),
            Place::Folder(path, store) => store.get_or_try_init(|| made(path.clone())).await.cloned(),
        }
    }

    /// A service's words, which may repeat what it was sent.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"))
    }
}

async fn made(path: PathBuf) -> Result<Arc<dyn ObjectStore>, MediaError> {
    let shown = path.display().to_string();
    let make = move || {
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string())
    };
    let store = spawn_blocking(make).await.unwrap_or_else(|lost| Err(lost.to_string()));
    match store {
        // a recording that was put in must outlive a power cut: whoever made it deletes their own copy
        Ok(store) => Ok(Arc::new(store.with_fsync(true))),
        Err(reason) => {
            tracing::warn!(folder = shown, reason, "the folder of recordings cannot be used");
            let advice = "see this process's log for the reason";
            Err(MediaError::Unavailable(format!("the store of recordings cannot be used: {advice}")))
        }
    }
}

/// What the URL says of the service, where the settings say nothing.
fn with_query(mut s3: S3Settings, query: &str) -> Result<S3Settings, String> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "endpoint" => s3.endpoint = s3.endpoint.or_else(|| Some(value.into())),
            "region" => s3.region = s3.region.or_else(|| Some(value.into())),
            "path_style" => {
                let wants = value.parse().map_err(|_| "its URL's path_style is neither true nor false")?;
                s3.path_style = s3.path_style.or(Some(wants));
            }
            _ => {
                let known = "endpoint, region and path_style";
                return Err(format!("its URL has a parameter that is not known: there are {known}"));
            }
        }
    }
    Ok(s3)
}

fn builder(s3: &S3Settings, settings: &VaultSettings) -> Result<AmazonS3Builder, String> {
    let connector = Connector { connect_timeout: settings.connect_timeout, timeout: settings.timeout };
    let is_plain = s3.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: settings.timeout,
        backoff: object_store::BackoffConfig { max_backoff: Duration::from_secs(1), ..Default::default() },
    };
    let mut builder = AmazonS3Builder::from_env()
        .with_http_connector(connector)
        .with_client_options(ClientOptions::new().with_allow_http(is_plain))
        .with_retry(retry);
    let set = |builder: AmazonS3Builder, key, value: Option<String>| match value {
        Some(value) => builder.with_config(key, value),
        None => builder,
    };
    // a service of one's own seldom has a host name per bucket
    let path_style = s3.path_style.or(s3.endpoint.as_ref().map(|_| true));
    builder = set(builder, AmazonS3ConfigKey::Endpoint, s3.endpoint.clone());
    builder = set(builder, AmazonS3ConfigKey::Region, s3.region.clone());
    builder = set(builder, AmazonS3ConfigKey::AccessKeyId, revealed("access_key", s3.access_key.as_ref())?);
    builder =
        set(builder, AmazonS3ConfigKey::SecretAccessKey, revealed("secret_key", s3.secret_key.as_ref())?);
    builder = set(builder, AmazonS3ConfigKey::Token, revealed("session_token", s3.session_token.as_ref())?);
    Ok(match path_style {
        Some(path_style) => builder.with_virtual_hosted_style_request(!path_style),
        None => builder,
    })
}

fn revealed(name: &str, secret: Option<&Secret>) -> Result<Option<String>, String> {
    secret.map(Secret::reveal).transpose().map_err(|reason| format!("its {name} cannot be read: {reason}"))
}

/// What must not be seen in a log: the environment's too.
fn secrets(builder: &AmazonS3Builder) -> Vec<String> {
    let keys = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey, AmazonS3ConfigKey::Token];
    keys.iter().filter_map(|key| builder.get_config_value(key)).filter(|secret| !secret.is_empty()).collect()
}
