//! Many users at once.

use std::collections::{HashMap, HashSet};

use super::super::{Read, Result, Write};
use super::{AgentPhone, CHUNK, Imported};
use crate::database::error::{StoreError, Subject};
use crate::database::{Column, Kind, Row, Upsert};
use crate::directory::entity::{Stamp, Status, User};
use crate::directory::fold::folded;

/// How a user is written by the functions of the API: whatever differs.
const USERS: Upsert = Upsert {
    table: "users",
    columns: &[
        ("id", Kind::Int),
        ("username", Kind::Text),
        ("username_key", Kind::Text),
        ("employee_id", Kind::Text),
        ("employee_key", Kind::Text),
        ("first_name", Kind::Text),
        ("first_key", Kind::Text),
        ("last_name", Kind::Text),
        ("last_key", Kind::Text),
        ("is_agent", Kind::Int),
        ("status", Kind::Text),
        ("sys_user", Kind::Text),
        ("sys_key", Kind::Text),
        ("sys_domain", Kind::Text),
        ("email", Kind::Text),
        ("crm_user", Kind::Text),
        ("crm_key", Kind::Text),
        ("site_id", Kind::Text),
        ("add_time", Kind::Int),
        ("add_offset", Kind::Int),
        ("mod_time", Kind::Int),
        ("mod_offset", Kind::Int),
        ("revision", Kind::Int),
    ],
    keys: 1,
    marks: 1,
};

/// How a file's users are written: another MOD_TIME alone is no difference.
const FILE_USERS: Upsert = Upsert { marks: 3, ..USERS };

impl Read<'_> {
    async fn usernames(&mut self, users: &[User]) -> Result<HashMap<String, i64>> {
        // In the words of the index, or SQLite would look through all users for each.
        let sql = "SELECT username_key, id FROM users WHERE status <> 'D' AND username_key <> '' \
                   AND username_key = ANY($1)";
        let names: HashSet<_> = users.iter().map(|user| folded(&user.username)).collect();
        let keys = Column::texts(names.into_iter().filter(|name| !name.is_empty()));
        let found = self.rows_for(sql, &keys, |row| Ok((row.string(0)?, row.int(1)?))).await?;
        Ok(found.into_iter().collect())
    }

    async fn add_times(&mut self, users: &[User]) -> Result<HashMap<i64, Stamp>> {
        let sql = "SELECT id, add_time, add_offset FROM users WHERE id = ANY($1)";
        let stamp = |row: &Row<'_>| Ok((row.int(0)?, Stamp { seconds: row.int(1)?, offset: row.int(2)? }));
        Ok(self.rows_for(sql, &ids(users), stamp).await?.into_iter().collect())
    }

    async fn phones_of(&mut self, users: &[User]) -> Result<HashMap<i64, Vec<String>>> {
        let sql = "SELECT user_id, phone FROM agent_phones WHERE user_id = ANY($1) ORDER BY place, phone_key";
        let mut phones: HashMap<_, Vec<_>> = HashMap::new();
        for (user, phone) in self.rows_for(sql, &ids(users), |row| Ok((row.int(0)?, row.string(1)?))).await? {
            phones.entry(user).or_default().push(phone);
        }
        Ok(phones)
    }
}

fn ids(users: &[User]) -> Column<'static> {
    Column::Ints(users.iter().map(|user| user.id).collect())
}

impl Write<'_> {
    /// Adds users, or changes those of the same USERID or, where that is 0, of the same username. Their phones are
    /// those of the file; one that another agent has moves. A username that another user has is refused. Two users
    /// may have one name: that is an error only of IMPORTUSER's ADD.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn import_users(&mut self, users: &[User]) -> Result<Imported> {
        let mut imported = Imported::default();
        for (chunk, part) in users.chunks(CHUNK).enumerate() {
            let taken = self.usernames(part).await?;
            let mut part = distinct(part, taken, chunk * CHUNK, &mut imported);
            self.number_users(&mut part).await?;
            self.date_users(&mut part).await?;
            imported.changed += self.write_users(&FILE_USERS, &part).await?;
            imported.changed += self.replace_phones(&part).await?.changed;
        }
        self.note_many(imported.changed, "users and phones");
        Ok(imported)
    }

    /// Gives those a USERID that have none.
    async fn number_users(&mut self, users: &mut [User]) -> Result<()> {
        let known = users.iter().map(|user| user.id).max().unwrap_or_default();
        self.raise("users", known).await?;
        let new = users.iter().filter(|user| user.id == 0).count();
        let new = i64::try_from(new).unwrap_or(i64::MAX);
        let mut next = self.next_many("users", new).await? - new;
        for user in users.iter_mut().filter(|user| user.id == 0) {
            next += 1;
            user.id = next;
        }
        Ok(())
    }

    async fn date_users(&mut self, users: &mut [User]) -> Result<()> {
        let (now, added) = (Stamp::now(), self.add_times(users).await?);
        for user in users {
            if user.added == Stamp::default() {
                user.added = added.get(&user.id).copied().unwrap_or(now);
            }
            if user.modified == Stamp::default() {
                user.modified = now;
            }
        }
        Ok(())
    }

    async fn replace_phones(&mut self, users: &[User]) -> Result<Imported> {
        let old = self.phones_of(users).await?;
        let none = Vec::new();
        let is_other = |user: &&User| old.get(&user.id).unwrap_or(&none) != &user.phones;
        let changed: Vec<_> = users.iter().filter(is_other).collect();
        let ids: Vec<_> = changed.iter().map(|user| user.id).collect();
        let sql = "DELETE FROM agent_phones WHERE user_id = ANY($1)";
        self.session.execute_for(sql, &Column::Ints(ids.clone()), &[]).await?;
        self.touch_all(ids.into_iter().collect()).await?;
        let phones = changed.iter().flat_map(|user| user.phones.iter().map(|phone| (user.id, phone.clone())));
        let phones: Vec<_> = phones.map(|(user, phone)| AgentPhone { user, phone }).collect();
        self.import_phones(&phones).await
    }

    pub(in crate::directory::store) async fn upsert_users(&mut self, users: &[User]) -> Result<u64> {
        self.write_users(&USERS, users).await
    }

    async fn write_users(&mut self, into: &Upsert, users: &[User]) -> Result<u64> {
        let texts = |of: fn(&User) -> &str| Column::texts(users.iter().map(of));
        let keys = |of: fn(&User) -> &str| Column::texts(users.iter().map(|user| folded(of(user))));
        let numbers = |of: fn(&User) -> i64| Column::Ints(users.iter().map(of).collect());
        let columns = [
            numbers(|user| user.id),
            texts(|user| &user.username),
            keys(|user| &user.username),
            texts(|user| &user.employee_id),
            keys(|user| &user.employee_id),
            texts(|user| &user.first_name),
            keys(|user| &user.first_name),
            texts(|user| &user.last_name),
            keys(|user| &user.last_name),
            numbers(|user| user.is_agent.into()),
            texts(|user| user.status.letter()),
            texts(|user| &user.sys_user),
            keys(|user| &user.sys_user),
            texts(|user| &user.sys_domain),
            texts(|user| &user.email),
            texts(|user| &user.crm_user),
            keys(|user| &user.crm_user),
            texts(|user| &user.site_id),
            numbers(|user| user.added.seconds),
            numbers(|user| user.added.offset),
            numbers(|user| user.modified.seconds),
            numbers(|user| user.modified.offset),
            Column::Ints(vec![self.revision; users.len()]),
        ];
        self.session.upsert(into, &columns).await
    }
}

/// The users that can be written together, with the USERIDs of those who exist by their usernames. `taken` are
/// usernames and whose they are; `first` is the place of the first user in the file.
fn distinct(
    users: &[User],
    mut taken: HashMap<String, i64>,
    first: usize,
    imported: &mut Imported,
) -> Vec<User> {
    let (mut distinct, mut seen) = (Vec::new(), HashSet::new());
    for (place, user) in (first..).zip(users) {
        let mut user = user.clone();
        // A deleted user's name is free, so it neither takes one nor is in the way of one.
        let is_deleted = user.status == Status::Deleted;
        let name = if is_deleted { String::new() } else { folded(&user.username) };
        let owner = taken.get(&name).copied();
        if user.id == 0 {
            user.id = owner.unwrap_or_default();
        } else if owner.is_some_and(|owner| owner != user.id) {
            imported.refuse(place, StoreError::Taken(Subject::Username));
            continue;
        }
        let is_twice = user.id != 0 && !seen.insert(user.id) || owner == Some(NEW);
        if is_twice {
            imported.refuse(place, StoreError::Taken(Subject::User));
            continue;
        }
        if !name.is_empty() {
            taken.insert(name, if user.id == 0 { NEW } else { user.id });
        }
        distinct.push(user);
    }
    distinct
}

/// Whose a username is that stands in the file for the first time.
const NEW: i64 = -1;
