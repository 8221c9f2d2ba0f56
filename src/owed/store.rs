//! What is owed, in the database that all copies share.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;

use super::Obligation;
use super::books::milliseconds;
use super::told::{AllMissed, Missed, REMEMBERED};
use crate::database::{Database, Lane, Row, Session, StoreError, Value};
use crate::model::CoreId;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long one step may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// How long what has ended is kept, in milliseconds: thirty days.
pub(super) const KEPT: i64 = 30 * 24 * 3_600_000;

pub(super) const COLUMNS: &str =
    "ident, core, chain, command, device, body, asked, meant, forgives, attempts";

/// How many commands that ask for the same are looked through for the oldest.
const ALIKE: usize = 64;

/// The lock of PostgreSQL, with a core's number, of whoever chooses what the core gets.
const CHOOSING: i32 = 77_120;

/// How an obligation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The core confirmed.
    Delivered,
    /// The core refused, and would again.
    Refused,
    /// What was owed before does it as well.
    Superseded,
    /// It was too late.
    Expired,
}

impl End {
    /// All ends.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Refused, Self::Superseded, Self::Expired];

    /// The word in the database and in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }
}

/// An obligation that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its number.
    pub ident: i64,
    /// How.
    pub end: End,
    /// With these words of the core or of ours.
    pub reply: String,
    /// When, in UNIX milliseconds.
    pub at: i64,
}

/// What one core is owed in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// How many commands.
    pub pending: i64,
    /// When the oldest was asked for, in UNIX milliseconds.
    pub oldest: i64,
}

/// What the database says of all that is owed.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each core and chain, once.
    pub chains: Vec<(CoreId, u64)>,
    /// What each core is owed in all.
    pub accounts: BTreeMap<CoreId, Account>,
    /// Of each chain the oldest that waits to be delivered, and what was delivered before this copy could see it.
    pub missed: AllMissed,
    /// The newest obligation's number, whatever became of it.
    pub newest: i64,
    /// PostgreSQL's clock, in UNIX milliseconds; SQLite has the machine's.
    pub clock: Option<i64>,
}

impl Seen {
    fn missed(&mut self, core: CoreId, chain: u64, asked: i64, delivered: i64) {
        self.missed.entry((core, chain)).or_default().push(Missed { asked, delivered });
    }
}

/// The obligations in a database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store(pub(super) Database);

impl Store {
    /// The obligations in a database that others use too.
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }

    /// Writes what is owed, all or nothing; those that end at once, since what is owed already does as well. Nobody
    /// delivers the stop of a blackout before `stops_at`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn commit(
        &self,
        obligations: Vec<Obligation>,
        now: i64,
        stops_at: i64,
    ) -> Result<Vec<Obligation>> {
        self.write(move |session| {
            Box::pin(async move {
                let mut superseded = Vec::new();
                for owed in obligations {
                    if !insert(session, &owed, now, stops_at).await? {
                        superseded.push(owed);
                    }
                }
                Ok(superseded)
            })
        })
        .await
    }

    /// Writes what a core was told and must be told again, but for what waits for its delivery anyway.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn commit_again(&self, obligations: Vec<Obligation>, now: i64, stops_at: i64) -> Result<()> {
        self.write(move |session| {
            Box::pin(async move {
                for owed in obligations {
                    if !waits(session, &owed, now).await? {
                        write(session, &owed, stops_at, ("pending", String::new(), 0)).await?;
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// All that is owed now, and what was delivered meanwhile of those with a number above `since`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn look(&self, since: i64, now: i64) -> Result<Seen> {
        self.0.transact(Lane::Read, LIMIT, move |session| Box::pin(look(session, since, now))).await
    }

    /// Takes the chains that a core is to get next, `count` of them at most, unless somebody else has them: what is in
    /// each, the oldest first. Until `leased` milliseconds from `now` nobody else takes them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim(
        &self,
        core: CoreId,
        count: usize,
        now: i64,
        leased: i64,
    ) -> Result<Vec<Vec<Obligation>>> {
        self.write(move |session| Box::pin(claim(session, core, count, now, leased))).await
    }

    /// Obligations have ended.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end(&self, ends: Vec<Ended>) -> Result<()> {
        if ends.is_empty() {
            return Ok(());
        }
        self.write(move |session| {
            Box::pin(async move {
                let sql = "UPDATE obligations SET state = $2, reply = $3, ended = $4 WHERE ident = $1 AND \
                           state = 'pending'";
                for Ended { ident, end, reply, at } in ends {
                    let values = [ident.into(), end.label().into(), short(&reply).into(), at.into()];
                    session.execute(sql, &values).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// What was taken is not delivered now; others may take it at once.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn give_back(&self, idents: Vec<i64>) -> Result<()> {
        if idents.is_empty() {
            return Ok(());
        }
        self.write(move |session| {
            Box::pin(async move {
                let sql = "UPDATE obligations SET leased = 0 WHERE ident = $1 AND state = 'pending'";
                for ident in idents {
                    session.execute(sql, &[ident.into()]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// A delivery failed with these words; it is tried again at `not_before`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_off(&self, ident: i64, why: &str, not_before: i64) -> Result<()> {
        let why = short(why);
        self.write(move |session| {
            Box::pin(async move {
                let sql = "UPDATE obligations SET attempts = attempts + 1, leased = 0, not_before = $2, reply = $3 \
                           WHERE ident = $1 AND state = 'pending'";
                session.execute(sql, &[ident.into(), not_before.into(), why.into()]).await.map(drop)
            })
        })
        .await
    }

    /// Ends what was asked for before `too_old`, which is given back, and forgets what ended long ago.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn expire(&self, too_old: i64, now: i64) -> Result<Vec<Obligation>> {
        self.write(move |session| Box::pin(expire(session, too_old, now))).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.0.transact(Lane::Write, LIMIT, work).await
    }
}

/// Whether it is to be delivered.
async fn insert(session: &mut Session, owed: &Obligation, now: i64, stops_at: i64) -> Result<bool> {
    let newest = format!(
        "SELECT {COLUMNS} FROM obligations o WHERE o.state = 'pending' AND o.core = $1 AND o.chain = $2 \
         ORDER BY o.asked DESC, o.ident DESC LIMIT {ALIKE}"
    );
    let newest = session.rows(&newest, &[core(owed.core), chain(owed.chain)], read).await?;
    // The oldest of those that ask for the same, with nothing else behind it.
    let earlier = newest.into_iter().take_while(|earlier| owed.asks_for_the_same_as(earlier)).last();
    // Another copy may still have to say what it told the core of a blackout between the two.
    let long_ago = now.saturating_sub(milliseconds(REMEMBERED));
    let does_as_well = |earlier: &Obligation| {
        owed.is_superseded_by(earlier)
            && (!owed.is_blackout() || earlier.asked < long_ago || earlier.asked == owed.asked)
    };
    let earlier = earlier.filter(does_as_well);
    let is_new = earlier.is_none();
    let end = match earlier {
        Some(earlier) => {
            (End::Superseded.label(), format!("the same is owed as {}", earlier.ident), owed.asked)
        }
        None => ("pending", String::new(), 0),
    };
    write(session, owed, stops_at, end).await.map(|()| is_new)
}

/// Whether the same waits to be delivered, and nobody has begun to.
async fn waits(session: &mut Session, owed: &Obligation, now: i64) -> Result<bool> {
    let same = format!(
        "SELECT {COLUMNS} FROM obligations o WHERE o.state = 'pending' AND o.core = $1 AND o.chain = $2 AND \
         o.asked = $3 AND o.command = $4 AND o.body = $5 AND o.leased <= $6 LIMIT 1"
    );
    let (command, body) = ((&owed.command).into(), (&owed.body).into());
    let values = [core(owed.core), chain(owed.chain), owed.asked.into(), command, body, now.into()];
    session.row(&same, &values, read).await.map(|same| same.is_some())
}

async fn write(
    session: &mut Session,
    owed: &Obligation,
    stops_at: i64,
    (state, reply, ended): (&'static str, String, i64),
) -> Result<()> {
    let sql = "INSERT INTO obligations (core, chain, command, device, body, asked, meant, forgives, state, reply, ended, \
               not_before) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = [
        core(owed.core),
        chain(owed.chain),
        (&owed.command).into(),
        (&owed.device).into(),
        (&owed.body).into(),
        owed.asked.into(),
        owed.meant.into(),
        i64::from(owed.forgives).into(),
        state.into(),
        reply.into(),
        ended.into(),
        if owed.is_blackout() && owed.is_stop() { stops_at } else { 0 }.into(),
    ];
    session.execute(sql, &values).await.map(drop)
}

async fn look(session: &mut Session, since: i64, now: i64) -> Result<Seen> {
    let mut seen = Seen::default();
    pending(session, &mut seen, now).await?;
    delivered(session, &mut seen, since).await?;
    let clock =
        if session.is_postgres() { "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT" } else { "0" };
    let newest = format!("SELECT COALESCE(MAX(ident), 0), {clock} FROM obligations");
    let row = &mut |row: &Row<'_>| {
        (seen.newest, seen.clock) = (row.int(0)?, Some(row.int(1)?).filter(|clock| *clock > 0));
        Ok(())
    };
    session.each(&newest, &[], row).await?;
    Ok(seen)
}

/// What is on its way is delivered in order with all that was taken with it.
async fn pending(session: &mut Session, seen: &mut Seen, now: i64) -> Result<()> {
    let sql = "SELECT core, chain, COUNT(*), MIN(asked), COALESCE(MIN(CASE WHEN leased <= $1 THEN asked END), -1) \
               FROM obligations WHERE state = 'pending' GROUP BY core, chain";
    let row = &mut |row: &Row<'_>| {
        let (core, chain) = (core_of(row.int(0)?), row.int(1)?.cast_unsigned());
        let (pending, oldest) = (row.int(2)?, row.int(3)?);
        seen.chains.push((core, chain));
        if row.int(4)? >= 0 {
            seen.missed(core, chain, row.int(4)?, i64::MAX);
        }
        let account = seen.accounts.entry(core).or_insert(Account { pending: 0, oldest });
        *account = Account { pending: account.pending + pending, oldest: account.oldest.min(oldest) };
        Ok(())
    };
    session.each(sql, &[now.into()], row).await
}

/// What was committed and delivered before this copy could see that it is owed.
async fn delivered(session: &mut Session, seen: &mut Seen, since: i64) -> Result<()> {
    let sql = "SELECT core, chain, asked, ended FROM obligations WHERE ident > $1 AND state = 'delivered'";
    let row = &mut |row: &Row<'_>| {
        seen.missed(core_of(row.int(0)?), row.int(1)?.cast_unsigned(), row.int(2)?, row.int(3)?);
        Ok(())
    };
    session.each(sql, &[since.into()], row).await
}

async fn claim(
    session: &mut Session,
    to: CoreId,
    count: usize,
    now: i64,
    leased: i64,
) -> Result<Vec<Vec<Obligation>>> {
    // One copy at a time chooses what a core gets. SQLite has one writer at a time.
    if session.is_postgres() {
        let lock = format!("SELECT pg_advisory_xact_lock({CHOOSING}, $1::BIGINT::INT)");
        session.execute(&lock, &[core(to)]).await?;
    }
    // In one pass over what waits: a join would be left to a plan made without knowing how much that is.
    let sql = format!(
        "UPDATE obligations SET leased = $3 WHERE state = 'pending' AND ident IN (\
           SELECT ident FROM (SELECT ident, DENSE_RANK() OVER (ORDER BY oldest, chain) AS place FROM (\
             SELECT ident, chain, MAX(leased) OVER whole AS leased, MIN(asked) OVER whole AS oldest, \
             MAX(not_before) OVER (PARTITION BY chain ORDER BY asked, ident) AS not_before \
             FROM obligations WHERE state = 'pending' AND core = $1 WINDOW whole AS (PARTITION BY chain)\
           ) AS waiting WHERE leased <= $2 AND not_before <= $2) AS next WHERE place <= {count}) RETURNING {COLUMNS}"
    );
    let values = [core(to), now.into(), now.saturating_add(leased).into()];
    Ok(chains(session.rows(&sql, &values, read).await?))
}

/// Each chain in its order, the one that waits longest first.
fn chains(mut claimed: Vec<Obligation>) -> Vec<Vec<Obligation>> {
    claimed.sort_unstable_by_key(|owed| (owed.chain, owed.asked, owed.ident));
    let mut chains: Vec<_> =
        claimed.chunk_by(|one, next| one.chain == next.chain).map(<[_]>::to_vec).collect();
    chains.sort_by_key(|chain| chain.first().map(|owed| (owed.asked, owed.ident)));
    chains
}

async fn expire(session: &mut Session, too_old: i64, now: i64) -> Result<Vec<Obligation>> {
    let sql = format!(
        "UPDATE obligations SET state = 'expired', ended = $2 WHERE state = 'pending' AND asked < $1 AND leased <= $2 \
         RETURNING {COLUMNS}"
    );
    let expired = session.rows(&sql, &[too_old.into(), now.into()], read).await?;
    let sql = "DELETE FROM obligations WHERE state <> 'pending' AND ended < $1";
    session.execute(sql, &[now.saturating_sub(KEPT).into()]).await?;
    Ok(expired)
}

pub(super) fn read(row: &Row<'_>) -> Result<Obligation> {
    Ok(Obligation {
        ident: row.int(0)?,
        core: core_of(row.int(1)?),
        chain: row.int(2)?.cast_unsigned(),
        command: row.string(3)?,
        device: row.string(4)?,
        body: row.string(5)?,
        asked: row.int(6)?,
        meant: row.int(7)?,
        forgives: row.flag(8)?,
        attempts: row.int(9)?,
    })
}

pub(super) fn core(id: CoreId) -> Value<'static> {
    i64::from(id.0).into()
}

const fn chain(chain: u64) -> Value<'static> {
    Value::Int(chain.cast_signed())
}

pub(super) fn core_of(id: i64) -> CoreId {
    CoreId(u16::try_from(id).unwrap_or(u16::MAX))
}

/// A reply as it is kept: nobody reads more of it, and a database takes no zero byte.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(200).collect()
}
