//! An empty directory on one of the databases.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

use crate::directory::Store;

static SAID: Once = Once::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where a test's directory is.
pub(crate) struct Place {
    pub(crate) url: String,
    files: Option<PathBuf>,
    database: Option<(String, String)>,
}

fn unique() -> String {
    format!("corecast_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(unique());
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let url = format!("sqlite://{}", folder.join("directory.db").display());
        Self { url, files: Some(folder), database: None }
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("CORECAST_TEST_POSTGRES") else {
            let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "CORECAST_TEST_POSTGRES is not set, and the services are required");
            SAID.call_once(say_not_run);
            return None;
        };
        let name = unique();
        administer(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        administer(&server, &format!("CREATE DATABASE {name}")).await;
        Some(Self { url: with_database(&server, &name), files: None, database: Some((server, name)) })
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.url).expect("a good URL")
    }

    pub(crate) async fn drop_database(self) {
        if let Some((server, name)) = &self.database {
            administer(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = &self.files {
            std::fs::remove_dir_all(folder).unwrap_or_default();
        }
    }
}

/// Past the test harness, which keeps what a test that passes prints to itself.
fn say_not_run() {
    let text = "\nNOT RUN: CORECAST_TEST_POSTGRES is not set, so the database was not tested on PostgreSQL\n";
    std::io::stderr().write_all(text.as_bytes()).unwrap_or_default();
}

async fn administer(server: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("the server of the tests");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("a database for the test");
    drop(client);
    connection.await.expect("no panic").expect("a clean end");
}

/// The server's URL with another database's name.
pub(super) fn with_database(server: &str, name: &str) -> String {
    let (address, options) =
        server.split_once('?').map_or((server, ""), |(address, options)| (address, options));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    format!("{}/{name}?{options}", &address[..end])
}

/// Defines a test that runs once per database. It gets a [`Place`] with an empty directory.
macro_rules! on_both {
    ($(#[$attribute:meta])* async fn $name:ident($place:ident: &Place) $body:block) => {
        mod $name {
            #[allow(clippy::wildcard_imports, reason = "a test's own words")]
            use super::*;

            async fn run($place: &Place) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn sqlite() {
                run(&$crate::directory::tests::place::Place::sqlite()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn postgres() {
                let Some(place) = $crate::directory::tests::place::Place::postgres().await else { return };
                run(&place).await;
                place.drop_database().await;
            }
        }
    };
}
pub(crate) use on_both;
