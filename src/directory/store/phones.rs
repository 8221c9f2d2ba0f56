//! Phones of agents: section "IMPORTAGENTPHONE". A change of a user's phones is a change of the user.

use super::{Read, Result, Write};
use crate::database::error::{StoreError, Subject};
use crate::directory::fold::folded;

impl Read<'_> {
    /// The USERID of the agent who has this phone.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn phone_owner(&mut self, phone: &str) -> Result<Option<i64>> {
        self.number("SELECT user_id FROM agent_phones WHERE phone_key = $1", &[folded(phone).into()]).await
    }

    /// An agent's phones, in the order in which they were given.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn phones(&mut self, user: i64) -> Result<Vec<String>> {
        let sql = "SELECT phone FROM agent_phones WHERE user_id = $1 ORDER BY place, phone_key";
        self.rows(sql, &[user.into()], |row| row.string(0)).await
    }
}

impl Write<'_> {
    /// Gives an agent a phone; says whether it did not have it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where another agent has it; those of the database, also for a user that there is not.
    pub async fn add_phone(&mut self, user: i64, phone: &str) -> Result<bool> {
        match self.phone_owner(phone).await? {
            Some(owner) if owner == user => return Ok(false),
            Some(_) => return Err(StoreError::Taken(Subject::Phone)),
            None => {}
        }
        let sql = "INSERT INTO agent_phones (phone_key, phone, user_id, place) SELECT $1, $2, $3, \
                   (SELECT COALESCE(MAX(place), 0) + 1 FROM agent_phones WHERE user_id = $3)";
        self.execute(sql, &[folded(phone).into(), phone.into(), user.into()]).await?;
        self.touch(user).await?;
        self.note(format!("phone {phone} given to user {user}"));
        Ok(true)
    }

    /// Takes a phone from an agent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the agent does not have it; those of the database.
    pub async fn remove_phone(&mut self, user: i64, phone: &str) -> Result<()> {
        let sql = "DELETE FROM agent_phones WHERE user_id = $1 AND phone_key = $2";
        if self.execute(sql, &[user.into(), folded(phone).into()]).await? == 0 {
            return Err(StoreError::NotFound(Subject::Phone));
        }
        self.touch(user).await?;
        self.note(format!("phone {phone} taken from user {user}"));
        Ok(())
    }

    /// Gives an agent these phones and no others.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where another agent has one of them; those of the database.
    pub async fn set_phones(&mut self, user: i64, phones: &[String]) -> Result<()> {
        if self.phones(user).await? == phones {
            return Ok(());
        }
        self.free_phones(user).await?;
        for phone in phones {
            self.add_phone(user, phone).await?;
        }
        Ok(())
    }

    /// Takes all phones from an agent.
    pub(super) async fn free_phones(&mut self, user: i64) -> Result<()> {
        let freed = self.execute("DELETE FROM agent_phones WHERE user_id = $1", &[user.into()]).await?;
        if freed > 0 {
            self.touch(user).await?;
            self.note(format!("{freed} phones of user {user} freed"));
        }
        Ok(())
    }

    /// Lets snapshots see that something about a user is different.
    async fn touch(&mut self, user: i64) -> Result<()> {
        let sql = "UPDATE users SET revision = $2 WHERE id = $1";
        self.execute(sql, &[user.into(), self.revision.into()]).await.map(drop)
    }
}
