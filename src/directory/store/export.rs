//! The whole directory, for a file; and back. Passwords stay where they are.

use serde::{Deserialize, Serialize};

use super::{Imported, Read, Result, Write};
use crate::database::error::StoreError;
use crate::database::{Column, Kind, Upsert};
use crate::directory::entity::{ArchiveAction, Device, Group, Location, Member, Role, Station, Term, User};
use crate::directory::fold::folded;

/// Everything but passwords and the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Export {
    /// Locations, by LOCATIONID.
    pub locations: Vec<Location>,
    /// Devices, in the database's order.
    pub devices: Vec<Device>,
    /// Users with their phones, deleted ones too, by USERID.
    pub users: Vec<User>,
    /// Stations, by name.
    pub stations: Vec<Station>,
    /// Groups, by GROUPID.
    pub groups: Vec<Group>,
    /// Members of the groups.
    pub members: Vec<Member>,
    /// Roles, by ROLEID.
    pub roles: Vec<Role>,
    /// ROLEID and GROUPID.
    pub role_groups: Vec<(i64, i64)>,
    /// ROLEID and PERMISSIONNAME.
    pub role_permissions: Vec<(i64, String)>,
    /// USERID and ROLEID.
    pub user_roles: Vec<(i64, i64)>,
    /// Terminology, by name.
    pub terminology: Vec<Term>,
    /// Archive actions, by number.
    pub archive_actions: Vec<ArchiveAction>,
}

/// Devices that are read in one go.
const PAGE: u32 = 50_000;

impl Read<'_> {
    /// The whole directory. For a million devices that is some hundred megabytes; [`Read::devices_after`] gives
    /// them in pieces.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn export(&mut self) -> Result<Export> {
        Ok(Export {
            locations: self.locations().await?,
            devices: self.all_devices().await?,
            users: self.all_users().await?,
            stations: self.stations().await?,
            groups: self.groups().await?,
            members: self.members().await?,
            roles: self.roles().await?,
            role_groups: self.role_groups().await?,
            role_permissions: self.role_permissions().await?,
            user_roles: self.user_roles().await?,
            terminology: self.terminology().await?,
            archive_actions: self.archive_actions().await?,
        })
    }

    async fn all_devices(&mut self) -> Result<Vec<Device>> {
        let mut devices: Vec<Device> = Vec::new();
        loop {
            let last = devices.last().map_or(String::new(), |device| device.id.clone());
            let page = self.devices_after(&last, PAGE).await?;
            if page.is_empty() {
                return Ok(devices);
            }
            devices.extend(page);
        }
    }
}

const GROUPS: Upsert = Upsert {
    table: "groups",
    columns: &[("id", Kind::Int), ("name", Kind::Text), ("name_key", Kind::Text)],
    keys: 1,
    marks: 0,
};

const ROLES: Upsert = Upsert {
    table: "roles",
    columns: &[
        ("id", Kind::Int),
        ("name", Kind::Text),
        ("name_key", Kind::Text),
        ("description", Kind::Text),
    ],
    keys: 1,
    marks: 0,
};

impl Write<'_> {
    /// Adds what an export holds, or changes what has the same number or name; deletes nothing. The places of
    /// refused rows are counted in the list that they stand in.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where a group's or role's name is another's; those of the database.
    pub async fn import(&mut self, export: &Export) -> Result<Imported> {
        for location in &export.locations {
            self.put_location(location).await?;
        }
        let mut imported = self.import_devices(&export.devices).await?;
        imported.add(self.import_users(&export.users).await?);
        imported.add(self.import_stations(&export.stations).await?);
        imported.changed += self.import_groups(&export.groups).await?;
        imported.changed += self.import_roles(&export.roles).await?;
        self.import_links(export).await?;
        for term in &export.terminology {
            self.put_term(term).await?;
        }
        for action in &export.archive_actions {
            self.put_archive_action(action).await?;
        }
        Ok(imported)
    }

    async fn import_groups(&mut self, groups: &[Group]) -> Result<u64> {
        self.raise("groups", groups.iter().map(|group| group.id).max().unwrap_or_default()).await?;
        let columns = [
            Column::Ints(groups.iter().map(|group| group.id).collect()),
            Column::texts(groups.iter().map(|group| group.name.as_str())),
            Column::texts(groups.iter().map(|group| folded(&group.name))),
        ];
        let changed = self.session.upsert(&GROUPS, &columns).await?;
        self.note_many(changed, "groups");
        Ok(changed)
    }

    async fn import_roles(&mut self, roles: &[Role]) -> Result<u64> {
        self.raise("roles", roles.iter().map(|role| role.id).max().unwrap_or_default()).await?;
        let columns = [
            Column::Ints(roles.iter().map(|role| role.id).collect()),
            Column::texts(roles.iter().map(|role| role.name.as_str())),
            Column::texts(roles.iter().map(|role| folded(&role.name))),
            Column::texts(roles.iter().map(|role| role.description.as_str())),
        ];
        let changed = self.session.upsert(&ROLES, &columns).await?;
        self.note_many(changed, "roles");
        Ok(changed)
    }

    async fn import_links(&mut self, export: &Export) -> Result<(), StoreError> {
        for member in &export.members {
            self.add_member(member).await?;
        }
        for (role, group) in &export.role_groups {
            self.add_role_group(*role, *group).await?;
        }
        for (role, permission) in &export.role_permissions {
            self.add_permission(*role, permission).await?;
        }
        for (user, role) in &export.user_roles {
            self.add_user_role(*role, *user).await?;
        }
        Ok(())
    }
}
