//! The archive that all copies share: the database of the directory, and the store of recordings.

use std::path::Path;

use futures::future::BoxFuture;

use super::{Archive, Undelivered};
use crate::database::Database;
use crate::media::{Vault, VaultSettings};
use crate::records::{Record, Records};

/// Call records in the database, recordings in the store.
#[derive(Clone, Debug)]
pub struct Shared {
    records: Records,
    vault: Vault,
}

impl Shared {
    /// The archive at these URLs: a database as in `directory.url`, a store as in `media.url`. Both are connected to
    /// with the first delivery.
    ///
    /// # Errors
    /// What is wrong with a URL, without its secrets.
    pub fn open(database: &str, store: &str) -> Result<Self, String> {
        let records = Database::open(database).map(Records::of).map_err(|error| error.to_string())?;
        let settings = VaultSettings { url: store.into(), ..VaultSettings::default() };
        let vault = Vault::open(&settings).map_err(|error| error.to_string())?;
        Ok(Self { records, vault })
    }
}

impl Archive for Shared {
    fn put_records(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), Undelivered>> {
        let undelivered = |error| Undelivered(format!("the database of call records: {error}"));
        Box::pin(async move { self.records.put(records).await.map_err(undelivered) })
    }

    fn put_sound<'a>(&'a self, key: &'a str, file: &'a Path) -> BoxFuture<'a, Result<u64, Undelivered>> {
        Box::pin(async move {
            self.vault.put_file(key, file).await.map_err(|error| Undelivered(error.to_string()))
        })
    }
}
