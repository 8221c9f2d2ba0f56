//! QA groups: sections "ADDGROUP" and "MODIFYGROUPPERMISSION".

use super::{Read, Result, Write};
use crate::database::Row;
use crate::database::error::{StoreError, Subject};
use crate::directory::entity::{Group, Member, NameKey};
use crate::directory::fold::folded;

fn group(row: &Row<'_>) -> Result<Group> {
    Ok(Group { id: row.int(0)?, name: row.string(1)? })
}

fn member(row: &Row<'_>) -> Result<Member> {
    Ok(Member { group: row.int(0)?, user: row.int(1)?, device: row.string(2)? })
}

impl Read<'_> {
    /// All groups, by GROUPID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn groups(&mut self) -> Result<Vec<Group>> {
        self.rows("SELECT id, name FROM groups ORDER BY id", &[], group).await
    }

    /// One group.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn group(&mut self, key: &NameKey) -> Result<Group> {
        let found = match key {
            NameKey::Id(id) => {
                self.row("SELECT id, name FROM groups WHERE id = $1", &[(*id).into()], group).await?
            }
            NameKey::Name(name) => {
                let sql = "SELECT id, name FROM groups WHERE name_key = $1";
                self.row(sql, &[folded(name).into()], group).await?
            }
        };
        found.ok_or(StoreError::NotFound(Subject::Group))
    }

    /// All members of all groups.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn members(&mut self) -> Result<Vec<Member>> {
        let sql =
            "SELECT group_id, user_id, device FROM group_members ORDER BY group_id, user_id, device_key";
        self.rows(sql, &[], member).await
    }
}

impl Write<'_> {
    /// The group of this name, and whether it is new: one that exists is left as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn add_group(&mut self, name: &str) -> Result<(Group, bool)> {
        match self.group(&NameKey::Name(name.into())).await {
            Ok(group) => return Ok((group, false)),
            Err(StoreError::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        let id = self.next("groups").await?;
        self.insert_group(&Group { id, name: name.into() }).await?;
        Ok((Group { id, name: name.into() }, true))
    }

    async fn insert_group(&mut self, group: &Group) -> Result<()> {
        let sql = "INSERT INTO groups (id, name, name_key) VALUES ($1, $2, $3)";
        self.execute(sql, &[group.id.into(), (&group.name).into(), folded(&group.name).into()]).await?;
        self.note(format!("group {} added: {}", group.id, group.name));
        Ok(())
    }

    /// Puts an agent's device into a group; says whether it was not in it.
    ///
    /// # Errors
    /// Those of the database, also for a group or user that there is not.
    pub async fn add_member(&mut self, member: &Member) -> Result<bool> {
        let Member { group, user, device } = member;
        let sql = "INSERT INTO group_members (group_id, user_id, device_key, device) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT DO NOTHING";
        let values = [(*group).into(), (*user).into(), folded(device).into(), device.into()];
        let is_new = self.execute(sql, &values).await? > 0;
        if is_new {
            self.note(format!("device {device} of user {user} added to group {group}"));
        }
        Ok(is_new)
    }

    /// Takes an agent's device out of a group; says whether it was in it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_member(&mut self, member: &Member) -> Result<bool> {
        let Member { group, user, device } = member;
        let sql = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2 AND device_key = $3";
        let was_there =
            self.execute(sql, &[(*group).into(), (*user).into(), folded(device).into()]).await? > 0;
        if was_there {
            self.note(format!("device {device} of user {user} removed from group {group}"));
        }
        Ok(was_there)
    }
}
