//! The tables, and how an older database becomes a newer one.
//!
//! A migration only adds: while copies of the proxy are replaced one by one, older ones go on beside a newer
//! database.

use std::hash::{BuildHasher, RandomState};

use super::error::StoreError;
use super::session::Session;

/// What makes each version out of the one before it. Never change one that was released; add one.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// The version that this program makes.
const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64;

/// The number that copies of the proxy agree on, so that one of them migrates while the others wait.
const LOCK: i64 = 0x0043_6f72_6563_6173;

/// Brings the database to the newest version, all or nothing.
pub(crate) async fn migrate(session: &mut Session) -> Result<(), StoreError> {
    // A look costs nothing; the migration's lock would wait for whoever is writing, perhaps a long import.
    if version(session).await.is_ok_and(|found| found >= NEWEST) {
        return Ok(());
    }
    let begin = if session.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
    session.batch(begin).await?;
    let done = migrate_inside(session).await;
    session.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

async fn migrate_inside(session: &mut Session) -> Result<(), StoreError> {
    if session.is_postgres() {
        session.batch(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    session.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
    let found = version(session).await?;
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let rowless = if session.is_postgres() { "" } else { " WITHOUT ROWID" };
        session.batch(&migration.replace("{rowless}", rowless)).await?;
        session.execute("INSERT INTO schema_version (version) VALUES ($1)", &[number.into()]).await?;
    }
    if found == 0 {
        let name = "INSERT INTO state (name, value) VALUES ('instance', $1)";
        session.execute(name, &[new_instance().into()]).await?;
    }
    Ok(())
}

async fn version(session: &mut Session) -> Result<i64, StoreError> {
    let mut found = 0;
    let sql = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
    session.each(sql, &[], &mut |row| row.int(0).map(|version| found = version)).await?;
    Ok(found)
}

/// A number that no other database has: so a proxy sees that it was put before another one, whose revisions mean
/// something else.
fn new_instance() -> i64 {
    RandomState::new().hash_one("instance").cast_signed() & i64::MAX
}
