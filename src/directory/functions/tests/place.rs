//! An empty directory on one of the databases.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

use crate::directory::store::Store;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where a test's directory is.
pub(super) struct Place {
    pub(super) store: Store,
    pub(super) url: String,
    /// The server's URL and the database's name.
    database: Option<(String, String)>,
}

impl Place {
    fn at(url: String, database: Option<(String, String)>) -> Self {
        Self { store: Store::open(&url).expect("a good URL"), url, database }
    }

    pub(super) fn sqlite() -> Self {
        Self::at("sqlite::memory:".into(), None)
    }

    pub(super) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("CORECAST_TEST_POSTGRES") else {
            let is_required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!is_required, "CORECAST_TEST_POSTGRES is not set, and the services are required");
            eprintln!("NOT RUN: CORECAST_TEST_POSTGRES is not set, so nothing was tested on PostgreSQL");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("corecast_functions_{}_{count}", std::process::id());
        run(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Some(Self::at(with_database(&server, &name), Some((server, name))))
    }

    pub(super) async fn drop_database(self) {
        if let Some((server, name)) = &self.database {
            run(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Runs statements behind the store's back.
pub(super) async fn run(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server of the tests");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("a statement of the test");
    drop(client);
    connection.await.expect("no panic").expect("a clean end");
}

/// The server's URL with another database's name.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let host = address.find("://").map_or(0, |at| at + "://".len());
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    format!("{}/{name}?{options}", &address[..end])
}
