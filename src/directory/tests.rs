//! One suite for both databases.
//!
//! PostgreSQL's half needs a server: `CORECAST_TEST_POSTGRES` is the URL of one, as a user who may make databases.
//! Each test makes its own and drops it. Without the variable that half says that it did not run, and fails if
//! `CORECAST_TEST_REQUIRE_SERVICES=1` is set.

mod follow;
mod groups;
mod import;
pub(crate) mod place;
pub(crate) mod relay;
mod schema;
mod stations;
mod users;

use std::time::Duration;

use tokio::time::timeout;

use super::entity::*;
use super::store::*;
use crate::database::error::{StoreError, Subject};
use place::{Place, on_both};

/// What nobody's name should be, and what every field must give back unchanged.
const AWKWARD: &str = "O'Brien \"x\"; DROP TABLE users; -- $1 ?1 %_\\ <b>&amp; éß 日本 😀\u{202e}\r\n\t";

/// How soon a change must be seen.
const SOON: Duration = Duration::from_secs(2);
/// How long a test waits for what must come, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

fn by(function: &str) -> By {
    By { who: "tester".into(), from: "127.0.0.1".into(), function: function.into() }
}

/// A write in one line: `change!(store, tx => tx.add_group("x"))`.
macro_rules! change {
    ($store:expr, $tx:ident => $work:expr) => {
        $store.write(by("TEST"), move |$tx| Box::pin(async move { $work.await })).await
    };
}
use change;

/// A read in one line.
macro_rules! ask {
    ($store:expr, $tx:ident => $work:expr) => {
        $store.read(move |$tx| Box::pin(async move { $work.await })).await
    };
}
use ask;

#[allow(clippy::unnecessary_wraps, reason = "it makes the fields of a user, which may be absent")]
fn text(text: &str) -> Option<String> {
    Some(text.into())
}

fn device(id: &str, alias: &str) -> Device {
    Device { id: id.into(), alias: alias.into(), ..Device::default() }
}

fn station(name: &str, device: &str, location: i64) -> Station {
    Station { name: name.into(), device: device.into(), location }
}

async fn in_time<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> T {
    timeout(limit, work).await.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"))
}
