//! Users: section "IMPORTUSER".

use super::{Read, Result, Write};
use crate::database::error::{StoreError, Subject};
use crate::database::{Row, Value};
use crate::directory::entity::{PasswordHash, Stamp, Status, User, UserFields, UserKey};
use crate::directory::fold::folded;

const COLUMNS: &str = "SELECT id, username, employee_id, first_name, last_name, is_agent, status, add_time, \
    add_offset, mod_time, mod_offset, sys_user, sys_domain, email, crm_user, site_id FROM users";

/// A user without its phones.
pub(super) fn user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: row.int(0)?,
        username: row.string(1)?,
        employee_id: row.string(2)?,
        first_name: row.string(3)?,
        last_name: row.string(4)?,
        is_agent: row.flag(5)?,
        status: Status::from_letter(row.text(6)?).unwrap_or(Status::Inactive),
        added: Stamp { seconds: row.int(7)?, offset: row.int(8)? },
        modified: Stamp { seconds: row.int(9)?, offset: row.int(10)? },
        sys_user: row.string(11)?,
        sys_domain: row.string(12)?,
        email: row.string(13)?,
        crm_user: row.string(14)?,
        site_id: row.string(15)?,
        phones: Vec::new(),
    })
}

impl Read<'_> {
    /// All users who are not deleted, by USERID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn users(&mut self) -> Result<Vec<User>> {
        self.users_where("WHERE status <> 'D'").await
    }

    /// All users, deleted ones too, by USERID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_users(&mut self) -> Result<Vec<User>> {
        self.users_where("").await
    }

    async fn users_where(&mut self, condition: &str) -> Result<Vec<User>> {
        let mut users = self.rows(&format!("{COLUMNS} {condition} ORDER BY id"), &[], user).await?;
        let sql = "SELECT user_id, phone FROM agent_phones ORDER BY user_id, place, phone_key";
        let phones = self.rows(sql, &[], |row| Ok((row.int(0)?, row.string(1)?))).await?;
        let mut phones = phones.into_iter().peekable();
        for user in &mut users {
            while phones.next_if(|(id, _)| *id < user.id).is_some() {}
            user.phones.extend(
                std::iter::from_fn(|| phones.next_if(|(id, _)| *id == user.id)).map(|(_, phone)| phone),
            );
        }
        Ok(users)
    }

    /// One user with its phones.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Ambiguous`] where several answer to the key; those of the database.
    pub async fn user(&mut self, key: &UserKey) -> Result<User> {
        let (condition, values) = condition(key);
        let sql = format!("{COLUMNS} WHERE status <> 'D' AND {condition} LIMIT 2");
        let mut found = self.rows(&sql, &values, user).await?;
        if found.len() > 1 {
            return Err(StoreError::Ambiguous(Subject::User));
        }
        let mut user = found.pop().ok_or(StoreError::NotFound(Subject::User))?;
        user.phones = self.phones(user.id).await?;
        Ok(user)
    }

    /// The USERID of one user.
    ///
    /// # Errors
    /// As [`Read::user`].
    pub async fn user_id(&mut self, key: &UserKey) -> Result<i64> {
        self.user(key).await.map(|user| user.id)
    }

    /// The hash of a user's password; empty if it has none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn password(&mut self, user: i64) -> Result<PasswordHash> {
        let sql = "SELECT password_hash FROM users WHERE status <> 'D' AND id = $1";
        let hash = self.row(sql, &[user.into()], |row| row.string(0)).await?;
        hash.map(PasswordHash).ok_or(StoreError::NotFound(Subject::User))
    }
}

fn condition(key: &UserKey) -> (&'static str, Vec<Value<'_>>) {
    let by = |sql, name: &str| (sql, vec![folded(name).into()]);
    match key {
        UserKey::Id(id) => ("id = $1", vec![(*id).into()]),
        UserKey::Username(name) => by("username_key <> '' AND username_key = $1", name),
        UserKey::Employee(id) => by("employee_key <> '' AND employee_key = $1", id),
        UserKey::SysUser(name) => by("sys_key <> '' AND sys_key = $1", name),
        UserKey::CrmUser(name) => by("crm_key <> '' AND crm_key = $1", name),
        UserKey::Phone(phone) => by("id = (SELECT user_id FROM agent_phones WHERE phone_key = $1)", phone),
        UserKey::Name { first, last } if first.is_empty() => by("last_key <> '' AND last_key = $1", last),
        UserKey::Name { first, last } if last.is_empty() => by("first_key = $1", first),
        UserKey::Name { first, last } => {
            ("last_key = $1 AND first_key = $2", vec![folded(last).into(), folded(first).into()])
        }
    }
}

impl Write<'_> {
    /// Adds a user and gives its USERID.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where another user has the username, the first and last name, or a phone; those of
    /// the database.
    pub async fn add_user(&mut self, fields: &UserFields) -> Result<i64> {
        let blank = User { status: fields.status.unwrap_or_default(), ..User::default() };
        let user = fields.onto(blank);
        self.check_names(&user).await?;
        self.check_full_name(&user).await?;
        let id = self.next("users").await?;
        let now = Stamp::now();
        let mut user = User { id, ..user };
        user.is_agent = fields.is_agent.unwrap_or(user.status == Status::Active);
        user.added = fields.added.unwrap_or(now);
        user.modified = fields.modified.unwrap_or(now);
        self.store_user(&user, fields.password.as_ref()).await?;
        self.note(format!("user {id} added: {}", user.label()));
        self.set_phones(id, fields.phones.as_deref().unwrap_or_default()).await?;
        Ok(id)
    }

    /// Changes what `fields` names of a user, and its MOD_TIME.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Taken`] where another user has the username or a phone; those of the
    /// database.
    pub async fn modify_user(&mut self, id: i64, fields: &UserFields) -> Result<()> {
        if fields.status == Some(Status::Deleted) {
            return self.delete_user(id).await;
        }
        let before = self.user(&UserKey::Id(id)).await?;
        let mut user = fields.onto(before);
        user.modified = fields.modified.unwrap_or_else(Stamp::now);
        self.check_names(&user).await?;
        self.store_user(&user, fields.password.as_ref()).await?;
        self.note(format!("user {id} modified: {}", user.label()));
        match &fields.phones {
            Some(phones) => self.set_phones(id, phones).await,
            None => Ok(()),
        }
    }

    /// Marks a user as deleted and frees its phones; the record stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn delete_user(&mut self, id: i64) -> Result<()> {
        let now = Stamp::now();
        let sql = "UPDATE users SET status = 'D', mod_time = $2, mod_offset = $3, revision = $4 \
                   WHERE id = $1 AND status <> 'D'";
        let values = [id.into(), now.seconds.into(), now.offset.into(), self.revision.into()];
        if self.execute(sql, &values).await? == 0 {
            return Err(StoreError::NotFound(Subject::User));
        }
        self.note(format!("user {id} deleted"));
        self.free_phones(id).await
    }

    async fn check_names(&mut self, user: &User) -> Result<()> {
        let key = UserKey::Username(user.username.clone());
        self.check_free(&key, user.id, Subject::Username).await
    }

    /// "If you try to add a new user with the same first and last name as an existing user": an error.
    async fn check_full_name(&mut self, user: &User) -> Result<()> {
        if user.first_name.is_empty() || user.last_name.is_empty() {
            return Ok(());
        }
        let key = UserKey::Name { first: user.first_name.clone(), last: user.last_name.clone() };
        self.check_free(&key, user.id, Subject::FullName).await
    }

    async fn check_free(&mut self, key: &UserKey, own: i64, subject: Subject) -> Result<()> {
        match self.user_id(key).await {
            Ok(id) if id == own => Ok(()),
            Ok(_) | Err(StoreError::Ambiguous(_)) => Err(StoreError::Taken(subject)),
            Err(StoreError::NotFound(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    async fn store_user(&mut self, user: &User, password: Option<&PasswordHash>) -> Result<()> {
        self.upsert_users(std::slice::from_ref(user)).await?;
        if let Some(PasswordHash(hash)) = password {
            let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
            self.execute(sql, &[user.id.into(), hash.into()]).await?;
        }
        Ok(())
    }
}

impl UserFields {
    /// `user` with what these fields name.
    fn onto(&self, user: User) -> User {
        let text = |new: &Option<String>, old: String| new.clone().unwrap_or(old);
        User {
            username: text(&self.username, user.username),
            employee_id: text(&self.employee_id, user.employee_id),
            first_name: text(&self.first_name, user.first_name),
            last_name: text(&self.last_name, user.last_name),
            is_agent: self.is_agent.unwrap_or(user.is_agent),
            status: self.status.unwrap_or(user.status),
            added: self.added.unwrap_or(user.added),
            modified: self.modified.unwrap_or(user.modified),
            sys_user: text(&self.sys_user, user.sys_user),
            sys_domain: text(&self.sys_domain, user.sys_domain),
            email: text(&self.email, user.email),
            crm_user: text(&self.crm_user, user.crm_user),
            site_id: text(&self.site_id, user.site_id),
            ..user
        }
    }
}

impl User {
    /// How the audit trail calls it.
    fn label(&self) -> String {
        format!("{} ({} {})", self.username, self.first_name, self.last_name)
    }
}
