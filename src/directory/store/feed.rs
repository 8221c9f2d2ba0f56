//! What changed: the rows of later revisions than the one that a snapshot shows, and nothing else.

use super::devices::parse_cores;
use super::{Read, Result};
use crate::database::error::StoreError;
use crate::database::{Row, Value};
use crate::directory::entity::Status;
use crate::directory::snapshot::{AgentRecord, Builder, Delta, Gone, SnapshotFull};

/// What a snapshot shows: which database, and which revision of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::directory) struct Cursor {
    instance: i64,
    revision: i64,
}

/// What there is to show.
#[derive(Debug)]
pub(in crate::directory) enum Fresh {
    /// Nothing new.
    Nothing,
    /// Changes on top of what is shown.
    Changes(Cursor, Delta),
    /// Everything anew: nothing is shown yet, or it is of another database, or of too long ago.
    Everything(Cursor, Delta),
}

impl From<SnapshotFull> for StoreError {
    fn from(full: SnapshotFull) -> Self {
        Self::Failed(full.to_string())
    }
}

impl Read<'_> {
    /// What the database holds that a snapshot at `shown` does not show.
    pub(in crate::directory) async fn fresh(&mut self, shown: Cursor) -> Result<Fresh> {
        let now = Cursor { instance: self.state("instance").await?, revision: self.state("revision").await? };
        if now == shown {
            return Ok(Fresh::Nothing);
        }
        let is_followed = shown.instance == now.instance && (1..now.revision).contains(&shown.revision);
        if is_followed && shown.revision >= self.state("pruned").await? {
            return Ok(Fresh::Changes(now, self.delta(Some(shown.revision), now.revision).await?));
        }
        Ok(Fresh::Everything(now, self.delta(None, now.revision).await?))
    }

    /// What came after the revision `since`; without one, everything.
    async fn delta(&mut self, since: Option<i64>, revision: i64) -> Result<Delta> {
        let mut delta = Delta { revision, ..Delta::default() };
        let since = since.map(Value::Int);
        let since = since.as_slice();
        self.changed_devices(since, &mut delta.rows).await?;
        self.changed_stations(since, &mut delta.rows).await?;
        self.changed_users(since, &mut delta).await?;
        delta.locations = self.changed_locations(since).await?;
        if !since.is_empty() {
            self.tombstones(since, &mut delta.gone).await?;
        }
        Ok(delta)
    }

    async fn changed_devices(&mut self, since: &[Value<'_>], rows: &mut Builder) -> Result<()> {
        let sql = select("id, alias, site, cores", "devices", since);
        let each = &mut |row: &Row<'_>| {
            Ok(rows.device(row.text(0)?, row.text(1)?, row.text(2)?, &parse_cores(row.text(3)?))?)
        };
        self.session.each(&sql, since, each).await
    }

    async fn changed_stations(&mut self, since: &[Value<'_>], rows: &mut Builder) -> Result<()> {
        let sql = select("name, device, location", "stations", since);
        let each = &mut |row: &Row<'_>| Ok(rows.station(row.text(0)?, row.text(1)?, row.int(2)?)?);
        self.session.each(&sql, since, each).await
    }

    async fn changed_users(&mut self, since: &[Value<'_>], delta: &mut Delta) -> Result<()> {
        let phones = self.changed_phones(since).await?;
        let mut phones = phones.as_slice();
        let columns = "id, username, employee_id, first_name, last_name, sys_user, crm_user, site_id, status";
        let sql = format!("{} ORDER BY id", select(columns, "users", since));
        let each = &mut |row: &Row<'_>| {
            let id = row.int(0)?;
            let own = take_own(&mut phones, id);
            if row.text(8)? == Status::Deleted.letter() {
                delta.gone.agents.push(id);
                return Ok(());
            }
            Ok(delta.rows.agent(&agent(row)?, own.iter().map(|(_, phone)| phone.as_str()))?)
        };
        self.session.each(&sql, since, each).await
    }

    /// Phones of changed users, by USERID and in the order in which they were given.
    async fn changed_phones(&mut self, since: &[Value<'_>]) -> Result<Vec<(i64, String)>> {
        let condition =
            if since.is_empty() { "" } else { "JOIN users u ON u.id = p.user_id AND u.revision > $1" };
        let sql = format!("SELECT p.user_id, p.phone, p.place FROM agent_phones p {condition}");
        let mut phones = self.rows(&sql, since, |row| Ok((row.int(0)?, row.int(2)?, row.string(1)?))).await?;
        phones.sort_unstable();
        Ok(phones.into_iter().map(|(user, _, phone)| (user, phone)).collect())
    }

    async fn changed_locations(&mut self, since: &[Value<'_>]) -> Result<Vec<(i64, String)>> {
        let sql = select("id, site", "locations", since);
        self.rows(&sql, since, |row| Ok((row.int(0)?, row.string(1)?))).await
    }

    async fn tombstones(&mut self, since: &[Value<'_>], gone: &mut Gone) -> Result<()> {
        let each = &mut |row: &Row<'_>| {
            match row.text(0)? {
                "device" => gone.devices.push(row.string(1)?),
                "station" => gone.stations.push(row.string(1)?),
                _ => {}
            }
            Ok(())
        };
        self.session.each(&select("kind, key", "tombstones", since), since, each).await
    }
}

fn select(columns: &str, table: &str, since: &[Value<'_>]) -> String {
    let condition = if since.is_empty() { "" } else { " WHERE revision > $1" };
    format!("SELECT {columns} FROM {table}{condition}")
}

fn agent<'a>(row: &'a Row<'_>) -> Result<AgentRecord<'a>> {
    Ok(AgentRecord {
        id: row.int(0)?,
        username: row.text(1)?,
        employee_id: row.text(2)?,
        first_name: row.text(3)?,
        last_name: row.text(4)?,
        sys_user: row.text(5)?,
        crm_user: row.text(6)?,
        site: row.text(7)?,
        active: row.text(8)? == Status::Active.letter(),
    })
}

/// Takes the phones of one user from the front; both come by USERID.
fn take_own<'p>(phones: &mut &'p [(i64, String)], user: i64) -> &'p [(i64, String)] {
    let before = phones.iter().take_while(|(id, _)| *id < user).count();
    let rest = &phones[before..];
    let (own, rest) = rest.split_at(rest.iter().take_while(|(id, _)| *id == user).count());
    *phones = rest;
    own
}
