//! Many phones at once.

use std::collections::{HashMap, HashSet};

use super::super::{Read, Result, Write};
use super::{CHUNK, Imported, no_user};
use crate::database::error::StoreError;
use crate::database::{Column, Kind, Upsert};
use crate::directory::fold::folded;

/// Which agent has which phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentPhone {
    /// AGENTID.
    pub user: i64,
    /// PHONEID, which is a DEVICEID.
    pub phone: String,
}

const PHONES: Upsert = Upsert {
    table: "agent_phones",
    columns: &[
        ("phone_key", Kind::Text),
        ("phone", Kind::Text),
        ("user_id", Kind::Int),
        ("place", Kind::Int),
    ],
    keys: 1,
    marks: 1,
};

/// Phones of one transaction at most, so that their places say in which order they came.
const PLACES: i64 = 1 << 24;

impl Read<'_> {
    /// Those of these USERIDs that are users who are not deleted.
    pub(super) async fn existing(&mut self, users: impl IntoIterator<Item = i64>) -> Result<HashSet<i64>> {
        let asked: HashSet<_> = users.into_iter().collect();
        let sql = "SELECT id FROM users WHERE status <> 'D' AND id = ANY($1)";
        let found = self.rows_for(sql, &Column::Ints(asked.into_iter().collect()), |row| row.int(0)).await?;
        Ok(found.into_iter().collect())
    }

    /// Whose these phones are, by key.
    async fn owners(&mut self, phones: &[String]) -> Result<HashMap<String, i64>> {
        let sql = "SELECT phone_key, user_id FROM agent_phones WHERE phone_key = ANY($1)";
        let keys = Column::texts(phones.iter().map(String::as_str));
        let found = self.rows_for(sql, &keys, |row| Ok((row.string(0)?, row.int(1)?))).await?;
        Ok(found.into_iter().collect())
    }
}

impl Write<'_> {
    /// Gives agents phones. One that another agent has moves; of several lines for one phone the last counts.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn import_phones(&mut self, phones: &[AgentPhone]) -> Result<Imported> {
        let mut imported = Imported::default();
        let users = self.existing(phones.iter().map(|phone| phone.user)).await?;
        let mut last = HashMap::new();
        for (place, AgentPhone { user, phone }) in phones.iter().enumerate() {
            if phone.is_empty() {
                imported.refuse(place, StoreError::Invalid("a phone has no PHONEID".into()));
            } else if users.contains(user) {
                last.insert(folded(phone), (place, *user, phone.as_str()));
            } else {
                imported.refuse(place, no_user());
            }
        }
        let mut last: Vec<_> = last.into_iter().collect();
        last.sort_unstable_by_key(|(_, (place, ..))| *place);
        for chunk in last.chunks(CHUNK) {
            imported.changed += self.move_phones(chunk).await?;
        }
        self.note_many(imported.changed, "phones");
        Ok(imported)
    }

    /// Takes phones, by key, with their place, new owner and number.
    async fn move_phones(&mut self, phones: &[(String, (usize, i64, &str))]) -> Result<u64> {
        let keys: Vec<_> = phones.iter().map(|(key, _)| key.clone()).collect();
        let owners = self.owners(&keys).await?;
        let moved: Vec<_> =
            phones.iter().filter(|(key, (_, user, _))| owners.get(key) != Some(user)).collect();
        let first = self.revision * PLACES;
        let place = |place: usize| first + i64::try_from(place).unwrap_or_default();
        let columns = [
            Column::texts(moved.iter().map(|(key, _)| key.as_str())),
            Column::texts(moved.iter().map(|(_, (_, _, phone))| *phone)),
            Column::Ints(moved.iter().map(|(_, (_, user, _))| *user).collect()),
            Column::Ints(moved.iter().map(|(_, (n, ..))| place(*n)).collect()),
        ];
        let changed = self.session.upsert(&PHONES, &columns).await?;
        let before = moved.iter().filter_map(|(key, _)| owners.get(key).copied());
        let touched: HashSet<_> = before.chain(moved.iter().map(|(_, (_, user, _))| *user)).collect();
        self.touch_all(touched).await?;
        Ok(changed)
    }

    pub(super) async fn touch_all(&mut self, users: HashSet<i64>) -> Result<()> {
        let sql = "UPDATE users SET revision = $2 WHERE id = ANY($1)";
        let revision = self.revision;
        self.session
            .execute_for(sql, &Column::Ints(users.into_iter().collect()), &[revision.into()])
            .await
            .map(drop)
    }
}
