//! The audit trail: who changed what, from where, and when.

use super::{By, Read, Result, Write};
use crate::database::CHANNEL;
use crate::directory::entity::AuditEntry;

/// Tombstones are kept for a week: a proxy that was away for longer loads everything.
const KEEP_TOMBSTONES: i64 = 7 * 24 * 3600;
/// How many writes there are between two looks for tombstones that are too old.
const PRUNE_EVERY: i64 = 256;

impl Read<'_> {
    /// The newest `limit` transactions after revision `after`, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit(&mut self, after: i64, limit: u32) -> Result<Vec<AuditEntry>> {
        let sql = "SELECT revision, at, who, source, function, what FROM audit WHERE revision > $1 \
                   ORDER BY revision DESC LIMIT $2";
        let mut entries = self
            .rows(sql, &[after.into(), i64::from(limit).into()], |row| {
                Ok(AuditEntry {
                    revision: row.int(0)?,
                    at: row.int(1)?,
                    who: row.string(2)?,
                    from: row.string(3)?,
                    function: row.string(4)?,
                    what: row.string(5)?,
                })
            })
            .await?;
        entries.reverse();
        Ok(entries)
    }
}

impl Write<'_> {
    /// Writes this transaction's row, and tells the other proxies, who hear it when it is committed.
    pub(super) async fn record(&mut self, by: &By) -> Result<()> {
        let now = jiff::Timestamp::now();
        let what = self.what().to_owned();
        let sql =
            "INSERT INTO audit (revision, at, who, source, function, what) VALUES ($1, $2, $3, $4, $5, $6)";
        let values = [
            self.revision.into(),
            now.as_millisecond().into(),
            (&by.who).into(),
            (&by.from).into(),
            (&by.function).into(),
            what.into(),
        ];
        self.execute(sql, &values).await?;
        if self.revision % PRUNE_EVERY == 0 {
            self.prune(now.as_second() - KEEP_TOMBSTONES).await?;
        }
        if self.session.is_postgres() {
            self.session.batch(&format!("NOTIFY {CHANNEL}")).await?;
        }
        Ok(())
    }

    /// Forgets tombstones from before this UNIX time.
    pub(in crate::directory) async fn prune(&mut self, before: i64) -> Result<()> {
        let newest = "SELECT COALESCE(MAX(revision), 0) FROM tombstones WHERE at < $1";
        let newest = self.number(newest, &[before.into()]).await?.unwrap_or_default();
        self.execute("DELETE FROM tombstones WHERE at < $1", &[before.into()]).await?;
        self.raise("pruned", newest).await
    }

    /// Remembers that a row is gone.
    pub(super) async fn bury(&mut self, kind: &'static str, key: &str) -> Result<()> {
        let sql = "INSERT INTO tombstones (kind, key, revision, at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (kind, key) DO UPDATE SET revision = excluded.revision, at = excluded.at";
        let now = jiff::Timestamp::now().as_second();
        self.execute(sql, &[kind.into(), key.into(), self.revision.into(), now.into()]).await.map(drop)
    }
}
