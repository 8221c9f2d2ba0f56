//! What the directory holds after a row: what the row says, over what was there before. And how each thing is
//! called when a change is told.

use super::rows::{DeviceRow, LocationRow, UserRow};
use super::tally::Shown;
use crate::directory::entity::{
    ArchiveAction, Device, Group, Location, Member, Role, Station, Status, Term, User,
};
use crate::directory::store::AgentPhone;
use crate::route::list;

impl DeviceRow {
    /// The device after this row.
    pub fn onto(self, old: Option<&Device>) -> Device {
        let old = old.cloned().unwrap_or_default();
        let mut cores = self.cores.unwrap_or(old.cores);
        cores.sort_unstable();
        cores.dedup();
        Device {
            id: self.id,
            alias: self.alias.unwrap_or(old.alias),
            site: self.site.unwrap_or(old.site),
            cores,
        }
    }
}

impl LocationRow {
    /// The location after this row.
    pub fn onto(self, old: Option<&Location>) -> Location {
        let old_name = || old.map(|old| old.name.clone()).unwrap_or_default();
        Location { id: self.id, name: self.name.unwrap_or_else(old_name), site: self.site }
    }
}

impl UserRow {
    /// The user after this row. MOD_TIME is left as it was: it says when something changed and is no change.
    pub fn onto(self, old: Option<&User>) -> User {
        let is_new = old.is_none();
        let old = old.cloned().unwrap_or_default();
        let status = self.status.unwrap_or(old.status);
        let is_agent = if is_new { status == Status::Active } else { old.is_agent };
        // Deleting a user frees its phones.
        let phones = if status == Status::Deleted { Vec::new() } else { old.phones };
        User {
            id: if self.id == 0 { old.id } else { self.id },
            username: self.username.unwrap_or(old.username),
            employee_id: self.employee_id.unwrap_or(old.employee_id),
            first_name: self.first_name.unwrap_or(old.first_name),
            last_name: self.last_name.unwrap_or(old.last_name),
            is_agent: self.is_agent.unwrap_or(is_agent),
            status,
            added: self.added.unwrap_or(old.added),
            modified: old.modified,
            sys_user: self.sys_user.unwrap_or(old.sys_user),
            sys_domain: self.sys_domain.unwrap_or(old.sys_domain),
            email: self.email.unwrap_or(old.email),
            crm_user: self.crm_user.unwrap_or(old.crm_user),
            site_id: self.site_id.unwrap_or(old.site_id),
            phones: self.phones.unwrap_or(phones),
        }
    }
}

impl Shown for Device {
    fn name(&self) -> String {
        format!("device {}", self.id)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("DEVICEALIAS", self.alias.clone()), ("SITE", self.site.clone()), ("CORES", list(&self.cores))]
    }
}

impl Shown for Location {
    fn name(&self) -> String {
        format!("location {}", self.id)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("NAME", self.name.clone()), ("SITE", self.site.clone())]
    }
}

impl Shown for Station {
    fn name(&self) -> String {
        format!("station {}", self.name)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("DEVICEID", self.device.clone()), ("LOCATIONID", self.location.to_string())]
    }
}

impl Shown for AgentPhone {
    fn name(&self) -> String {
        format!("phone {}", self.phone)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("AGENTID", self.user.to_string())]
    }
}

impl Shown for User {
    fn name(&self) -> String {
        match (self.id, &*self.username) {
            (0, username) => format!("user {username}"),
            (id, "") => format!("user {id}"),
            (id, username) => format!("user {id} {username}"),
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("EMPLOYEEID", self.employee_id.clone()),
            ("FIRSTNAME", self.first_name.clone()),
            ("LASTNAME", self.last_name.clone()),
            ("AGENT", self.is_agent.to_string().to_uppercase()),
            ("STATUS", self.status.letter().into()),
            ("SYS_USER", self.sys_user.clone()),
            ("SYS_DOMAIN", self.sys_domain.clone()),
            ("EMAIL", self.email.clone()),
            ("CRM_USER", self.crm_user.clone()),
            ("SITEID", self.site_id.clone()),
            ("PHONES", self.phones.join(",")),
        ]
    }
}

impl Shown for Group {
    fn name(&self) -> String {
        format!("group {}", self.id)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("GROUPNAME", self.name.clone())]
    }
}

impl Shown for Member {
    fn name(&self) -> String {
        format!("member {} of group {} with device {}", self.user, self.group, self.device)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Shown for Role {
    fn name(&self) -> String {
        format!("role {}", self.id)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("ROLENAME", self.name.clone()), ("DESCRIPTION", self.description.clone())]
    }
}

impl Shown for Term {
    fn name(&self) -> String {
        format!("term {}", self.name)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("VALUE", self.value.clone())]
    }
}

impl Shown for ArchiveAction {
    fn name(&self) -> String {
        format!("archive action {}", self.id)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("NAME", self.name.clone())]
    }
}
