//! Which starts of blackouts are unconfirmed for too long, and what was done about each: in the database that all
//! copies share, so that it is done once.

use std::time::Duration;

use futures::future::BoxFuture;

use super::super::Obligation;
use super::super::store::{COLUMNS, KEPT, core, core_of, read, short};
use super::Went;
use crate::database::{Database, Lane, Row, Session, StoreError};
use crate::model::CoreId;

/// What comes of a step.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Starts of blackouts.
const IS_START: &str = "o.command IN ('BLACKOUTSTART', 'AGENTBLACKOUTSTART')";

/// How many stops that belong to a start are owed behind it.
const STOPS: &str = "(SELECT COUNT(*) FROM obligations s WHERE s.state = 'pending' AND s.core = o.core AND s.chain = o.chain AND \
     s.command = REPLACE(o.command, 'START', 'STOP') AND (s.asked > o.asked OR s.asked = o.asked AND s.ident > o.ident))";

/// A start of which somebody is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    /// The start, as it is owed.
    pub obligation: i64,
    /// The core.
    pub core: CoreId,
    /// The function's name.
    pub command: String,
    /// The device or agent.
    pub device: String,
    /// When it was asked for, in UNIX milliseconds.
    pub asked: i64,
    /// What has become of it.
    pub state: String,
    /// The core's last words, or ours.
    pub reply: String,
    /// Whether the blackout's stop is owed too.
    pub is_over: bool,
    /// How often telling it has failed.
    pub attempts: i64,
}

/// The rows of one action. Clones share the database's connections.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
    action: &'static str,
}

impl Store {
    pub const fn of(database: Database, action: &'static str) -> Self {
        Self { database, action }
    }

    /// The oldest start of a blackout that is owed to a core about this, that is still to hold, and about which nothing
    /// was done yet.
    pub async fn open(&self, to: CoreId, chain: u64) -> Result<Option<Obligation>> {
        let action = self.action;
        let sql = format!(
            "SELECT {COLUMNS} FROM obligations o WHERE o.state = 'pending' AND o.core = $1 AND o.chain = $2 AND \
             {IS_START} AND {STOPS} = 0 AND NOT EXISTS (SELECT 1 FROM compensations c WHERE c.obligation = o.ident AND \
             c.action = $3) ORDER BY o.asked, o.ident LIMIT 1"
        );
        let values = [core(to), chain.cast_signed().into(), action.into()];
        self.read(move |session| Box::pin(async move { session.row(&sql, &values, read).await })).await
    }

    /// What was done about a start, once. Whether it was not known before.
    pub async fn settle(&self, obligation: i64, went: Went, reply: &str, now: i64) -> Result<bool> {
        let (action, reply) = (self.action, short(reply));
        self.write(move |session| {
            Box::pin(async move {
                let sql = "INSERT INTO compensations (obligation, action, state, reply, ended) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (obligation, action) DO UPDATE SET \
                           state = excluded.state, reply = excluded.reply, ended = excluded.ended \
                           WHERE compensations.state = 'pending'";
                let values =
                    [obligation.into(), action.into(), went.label().into(), reply.into(), now.into()];
                forget(session, now).await?;
                Ok(session.execute(sql, &values).await? > 0)
            })
        })
        .await
    }

    /// Whether it was done about a start.
    pub async fn is_done(&self, obligation: i64) -> Result<bool> {
        let action = self.action;
        self.read(move |session| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM compensations WHERE obligation = $1 AND action = $2 AND state = 'done'";
                Ok(session.number(sql, &[obligation.into(), action.into()]).await?.is_some_and(|rows| rows > 0))
            })
        })
        .await
    }

    /// Takes starts of which somebody is to be told: those asked for before `limit` that are still owed, and those that
    /// ended unconfirmed since `recent`. No more than `count`; nobody else takes them for `leased` milliseconds.
    pub async fn claim(&self, when: When, count: usize) -> Result<Vec<Alert>> {
        let action = self.action;
        // Nearly always there is nothing: that is not worth a writer.
        if self.read(move |session| Box::pin(is_any(session, action, when))).await? {
            return self.write(move |session| Box::pin(claim(session, action, when, count))).await;
        }
        Ok(Vec::new())
    }

    /// Telling failed with these words; it is tried again at `not_before`.
    pub async fn put_off(&self, obligation: i64, why: &str, not_before: i64) -> Result<()> {
        let (action, why) = (self.action, short(why));
        self.write(move |session| {
            Box::pin(async move {
                let sql = "UPDATE compensations SET attempts = attempts + 1, leased = 0, not_before = $3, reply = $4 \
                           WHERE obligation = $1 AND action = $2 AND state = 'pending'";
                let values = [obligation.into(), action.into(), not_before.into(), why.into()];
                session.execute(sql, &values).await.map(drop)
            })
        })
        .await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.database.transact(Lane::Read, LIMIT, work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.database.transact(Lane::Write, LIMIT, work).await
    }
}

/// The moments that decide what is due, in UNIX milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub now: i64,
    /// What was asked for then or before is unconfirmed for too long.
    pub limit: i64,
    /// What ended unconfirmed since then is told of.
    pub recent: i64,
    /// How long nobody else takes it.
    pub leased: i64,
}

/// Starts that this action is due for and that have no row of it: `$1` is the action, `$2` the limit, `$3` recent.
fn due() -> String {
    format!(
        "FROM obligations o WHERE {IS_START} AND (o.state = 'pending' AND o.asked <= $2 OR \
         o.state <> 'pending' AND o.state IN ('refused', 'expired') AND o.ended >= $3) AND NOT EXISTS \
         (SELECT 1 FROM compensations c WHERE c.obligation = o.ident AND c.action = $1)"
    )
}

async fn is_any(session: &mut Session, action: &'static str, when: When) -> Result<bool> {
    let waiting =
        "SELECT COUNT(*) FROM compensations WHERE state = 'pending' AND action = $1 AND not_before <= $2";
    let waiting = session.number(waiting, &[action.into(), when.now.into()]).await?;
    let new = format!("SELECT COUNT(*) {}", due());
    let new = session.number(&new, &[action.into(), when.limit.into(), when.recent.into()]).await?;
    Ok(waiting.unwrap_or(0) + new.unwrap_or(0) > 0)
}

async fn claim(session: &mut Session, action: &'static str, when: When, count: usize) -> Result<Vec<Alert>> {
    let begin = format!(
        "INSERT INTO compensations (obligation, action, state) SELECT o.ident, '{action}', 'pending' {} \
         ON CONFLICT (obligation, action) DO NOTHING",
        due()
    );
    session.execute(&begin, &[action.into(), when.limit.into(), when.recent.into()]).await?;
    forget(session, when.now).await?;
    let lock = if session.is_postgres() { "FOR UPDATE OF c SKIP LOCKED" } else { "" };
    let take = format!(
        "SELECT o.ident, o.core, o.command, o.device, o.asked, o.state, o.reply, {STOPS}, c.attempts \
         FROM compensations c JOIN obligations o ON o.ident = c.obligation WHERE c.state = 'pending' AND c.action = $1 \
         AND c.not_before <= $2 AND c.leased <= $2 ORDER BY o.asked, o.ident LIMIT {count} {lock}"
    );
    let taken = session.rows(&take, &[action.into(), when.now.into()], alert).await?;
    for alert in &taken {
        let sql = "UPDATE compensations SET leased = $3 WHERE obligation = $1 AND action = $2";
        let until = when.now.saturating_add(when.leased);
        session.execute(sql, &[alert.obligation.into(), action.into(), until.into()]).await?;
    }
    Ok(taken)
}

fn alert(row: &Row<'_>) -> Result<Alert> {
    Ok(Alert {
        obligation: row.int(0)?,
        core: core_of(row.int(1)?),
        command: row.string(2)?,
        device: row.string(3)?,
        asked: row.int(4)?,
        state: row.string(5)?,
        reply: row.string(6)?,
        is_over: row.int(7)? > 0,
        attempts: row.int(8)?,
    })
}

/// What ended long ago goes, as obligations do.
async fn forget(session: &mut Session, now: i64) -> Result<()> {
    let sql = "DELETE FROM compensations WHERE state <> 'pending' AND ended < $1";
    session.execute(sql, &[now.saturating_sub(KEPT).into()]).await.map(drop)
}
