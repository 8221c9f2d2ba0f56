//! Roles: sections "MODIFYROLE", "MODIFYROLEGROUPPERMISSION", "MODIFYUSERROLE" and "MODIFYROLEPERMISSION".

use super::{Read, Result, Write};
use crate::database::Row;
use crate::database::error::{StoreError, Subject};
use crate::directory::entity::{NameKey, Role};
use crate::directory::fold::folded;

const COLUMNS: &str = "SELECT id, name, description FROM roles";

fn role(row: &Row<'_>) -> Result<Role> {
    Ok(Role { id: row.int(0)?, name: row.string(1)?, description: row.string(2)? })
}

fn pair(row: &Row<'_>) -> Result<(i64, i64)> {
    Ok((row.int(0)?, row.int(1)?))
}

impl Read<'_> {
    /// All roles, by ROLEID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn roles(&mut self) -> Result<Vec<Role>> {
        self.rows(&format!("{COLUMNS} ORDER BY id"), &[], role).await
    }

    /// One role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn role(&mut self, key: &NameKey) -> Result<Role> {
        let found = match key {
            NameKey::Id(id) => self.row(&format!("{COLUMNS} WHERE id = $1"), &[(*id).into()], role).await?,
            NameKey::Name(name) => {
                self.row(&format!("{COLUMNS} WHERE name_key = $1"), &[folded(name).into()], role).await?
            }
        };
        found.ok_or(StoreError::NotFound(Subject::Role))
    }

    /// ROLEID and GROUPID of every group that a role sees.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn role_groups(&mut self) -> Result<Vec<(i64, i64)>> {
        self.rows("SELECT role_id, group_id FROM role_groups ORDER BY role_id, group_id", &[], pair).await
    }

    /// ROLEID and PERMISSIONNAME of every permission that a role has.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn role_permissions(&mut self) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT role_id, permission FROM role_permissions ORDER BY role_id, permission_key";
        self.rows(sql, &[], |row| Ok((row.int(0)?, row.string(1)?))).await
    }

    /// USERID and ROLEID of every role that a user has.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn user_roles(&mut self) -> Result<Vec<(i64, i64)>> {
        self.rows("SELECT user_id, role_id FROM user_roles ORDER BY user_id, role_id", &[], pair).await
    }
}

impl Write<'_> {
    /// Adds a role and gives its ROLEID.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where the name is another role's; those of the database.
    pub async fn add_role(&mut self, name: &str, description: &str) -> Result<i64> {
        self.check_role_name(name, 0).await?;
        let id = self.next("roles").await?;
        let sql = "INSERT INTO roles (id, name, name_key, description) VALUES ($1, $2, $3, $4)";
        self.execute(sql, &[id.into(), name.into(), folded(name).into(), description.into()]).await?;
        self.note(format!("role {id} added: {name}"));
        Ok(id)
    }

    async fn check_role_name(&mut self, name: &str, own: i64) -> Result<()> {
        match self.role(&NameKey::Name(name.into())).await {
            Ok(other) if other.id != own => Err(StoreError::Taken(Subject::Role)),
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Gives a role another name, another description, or both.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Taken`] where the name is another role's; those of the database.
    pub async fn modify_role(
        &mut self,
        id: i64,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Role> {
        let mut role = self.role(&NameKey::Id(id)).await?;
        if let Some(name) = name {
            self.check_role_name(name, id).await?;
            role.name = name.into();
        }
        if let Some(description) = description {
            role.description = description.into();
        }
        let sql = "UPDATE roles SET name = $2, name_key = $3, description = $4 WHERE id = $1";
        let values = [id.into(), (&role.name).into(), folded(&role.name).into(), (&role.description).into()];
        self.execute(sql, &values).await?;
        self.note(format!("role {id} modified: {}", role.name));
        Ok(role)
    }

    /// Deletes a role, and takes it from all who have it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn delete_role(&mut self, id: i64) -> Result<()> {
        if self.execute("DELETE FROM roles WHERE id = $1", &[id.into()]).await? == 0 {
            return Err(StoreError::NotFound(Subject::Role));
        }
        self.note(format!("role {id} deleted"));
        Ok(())
    }

    /// Lets a role see a group; says whether it did not.
    ///
    /// # Errors
    /// Those of the database, also for a role or group that there is not.
    pub async fn add_role_group(&mut self, role: i64, group: i64) -> Result<bool> {
        let sql = "INSERT INTO role_groups (role_id, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.pair(sql, role, group, "group added to role").await
    }

    /// Lets a role see a group no longer; says whether it did.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_role_group(&mut self, role: i64, group: i64) -> Result<bool> {
        let sql = "DELETE FROM role_groups WHERE role_id = $1 AND group_id = $2";
        self.pair(sql, role, group, "group removed from role").await
    }

    /// Gives a user a role; says whether it did not have it.
    ///
    /// # Errors
    /// Those of the database, also for a role or user that there is not.
    pub async fn add_user_role(&mut self, role: i64, user: i64) -> Result<bool> {
        let sql = "INSERT INTO user_roles (role_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.pair(sql, role, user, "user given role").await
    }

    /// Takes a role from a user; says whether it had it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_user_role(&mut self, role: i64, user: i64) -> Result<bool> {
        let sql = "DELETE FROM user_roles WHERE role_id = $1 AND user_id = $2";
        self.pair(sql, role, user, "user no longer has role").await
    }

    /// Gives a user this role, and takes all others from it: MODIFYUSERROLE with ACTION MODIFY.
    ///
    /// # Errors
    /// Those of the database, also for a role or user that there is not.
    pub async fn set_user_role(&mut self, role: i64, user: i64) -> Result<()> {
        let sql = "DELETE FROM user_roles WHERE role_id <> $1 AND user_id = $2";
        self.pair(sql, role, user, "user has no role but").await?;
        self.add_user_role(role, user).await.map(drop)
    }

    async fn pair(&mut self, sql: &str, role: i64, other: i64, what: &str) -> Result<bool> {
        let is_changed = self.execute(sql, &[role.into(), other.into()]).await? > 0;
        if is_changed {
            self.note(format!("{what} {role}: {other}"));
        }
        Ok(is_changed)
    }

    /// Gives a role a permission; says whether it did not have it.
    ///
    /// # Errors
    /// Those of the database, also for a role that there is not.
    pub async fn add_permission(&mut self, role: i64, permission: &str) -> Result<bool> {
        let sql = "INSERT INTO role_permissions (role_id, permission_key, permission) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        let is_new =
            self.execute(sql, &[role.into(), folded(permission).into(), permission.into()]).await? > 0;
        if is_new {
            self.note(format!("permission {permission} added to role {role}"));
        }
        Ok(is_new)
    }

    /// Takes a permission from a role; says whether it had it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_permission(&mut self, role: i64, permission: &str) -> Result<bool> {
        let sql = "DELETE FROM role_permissions WHERE role_id = $1 AND permission_key = $2";
        let was_there = self.execute(sql, &[role.into(), folded(permission).into()]).await? > 0;
        if was_there {
            self.note(format!("permission {permission} removed from role {role}"));
        }
        Ok(was_there)
    }
}
