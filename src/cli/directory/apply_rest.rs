//! Groups, roles, terminology and archive actions → the database. There are few of them, and one needs another, so
//! they are kept until the whole file is read.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use super::apply::Import;
use super::rows::{Line, RestRow};
use super::tally::{Shown, Tally};
use crate::directory::StoreError;
use crate::directory::entity::{Group, Role};
use crate::directory::fold::folded;
use crate::directory::store::{Export, Write};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The rows, as they came.
#[derive(Debug, Default)]
pub(super) struct Rest {
    rows: Vec<(Line, RestRow)>,
}

impl Rest {
    /// Keeps rows.
    pub fn hold(&mut self, rows: Vec<(Line, RestRow)>) {
        self.rows.extend(rows);
    }

    /// Writes all of them.
    pub async fn put(self, import: &mut Import, tx: &mut Write<'_>) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let now = now(tx).await?;
        // Where other rows are at fault, their users are not written, and would seem to be missing here.
        let users = if import.is_good() { Some(user_ids(tx).await?) } else { None };
        let known = Known::of(&now, &self.rows, users);
        for (line, row) in &self.rows {
            if let Err(fault) = known.check(row) {
                import.outcome.faults.add(*line, fault);
            }
        }
        let new = news(&mut import.outcome.tally, &now, sorted(self.rows));
        if import.is_good() && new != Export::default() {
            tx.import(&new).await?;
        }
        Ok(())
    }
}

async fn now(tx: &mut Write<'_>) -> Result<Export> {
    Ok(Export {
        groups: tx.groups().await?,
        members: tx.members().await?,
        roles: tx.roles().await?,
        role_groups: tx.role_groups().await?,
        role_permissions: tx.role_permissions().await?,
        user_roles: tx.user_roles().await?,
        terminology: tx.terminology().await?,
        archive_actions: tx.archive_actions().await?,
        ..Export::default()
    })
}

async fn user_ids(tx: &mut Write<'_>) -> Result<HashSet<i64>> {
    Ok(tx.all_users().await?.into_iter().map(|user| user.id).collect())
}

/// What the directory holds, and what the file adds to it.
#[derive(Debug, Default)]
struct Known {
    /// `None` if they are not known.
    users: Option<HashSet<i64>>,
    groups: HashSet<i64>,
    roles: HashSet<i64>,
    /// Whose a name is.
    group_names: HashMap<String, i64>,
    role_names: HashMap<String, i64>,
}

impl Known {
    fn of(now: &Export, rows: &[(Line, RestRow)], users: Option<HashSet<i64>>) -> Self {
        let mut known = Self { users, ..Self::default() };
        now.groups.iter().for_each(|group| known.group(group));
        now.roles.iter().for_each(|role| known.role(role));
        for (_, row) in rows {
            match row {
                RestRow::Group(group) => known.group(group),
                RestRow::Role(role) => known.role(role),
                _ => {}
            }
        }
        known
    }

    fn group(&mut self, group: &Group) {
        self.groups.insert(group.id);
        self.group_names.entry(folded(&group.name)).or_insert(group.id);
    }

    fn role(&mut self, role: &Role) {
        self.roles.insert(role.id);
        self.role_names.entry(folded(&role.name)).or_insert(role.id);
    }

    fn user(&self, id: i64) -> Result<(), String> {
        self.users.as_ref().map_or(Ok(()), |users| there(users, "user", id))
    }

    /// What is wrong with a row.
    fn check(&self, row: &RestRow) -> Result<(), String> {
        match row {
            RestRow::Group(Group { id, name }) => owned(&self.group_names, "GROUPNAME", name, *id),
            RestRow::Role(Role { id, name, .. }) => owned(&self.role_names, "ROLENAME", name, *id),
            RestRow::Member(member) => {
                there(&self.groups, "group", member.group)?;
                self.user(member.user)
            }
            RestRow::RoleGroup((role, group)) => {
                there(&self.roles, "role", *role)?;
                there(&self.groups, "group", *group)
            }
            RestRow::RolePermission((role, _)) => there(&self.roles, "role", *role),
            RestRow::UserRole((user, role)) => {
                self.user(*user)?;
                there(&self.roles, "role", *role)
            }
            RestRow::Term(_) | RestRow::ArchiveAction(_) => Ok(()),
        }
    }
}

/// Rows by kind.
fn sorted(rows: Vec<(Line, RestRow)>) -> Export {
    let mut sorted = Export::default();
    for (_, row) in rows {
        match row {
            RestRow::Group(row) => sorted.groups.push(row),
            RestRow::Role(row) => sorted.roles.push(row),
            RestRow::Member(row) => sorted.members.push(row),
            RestRow::RoleGroup(row) => sorted.role_groups.push(row),
            RestRow::RolePermission(row) => sorted.role_permissions.push(row),
            RestRow::UserRole(row) => sorted.user_roles.push(row),
            RestRow::Term(row) => sorted.terminology.push(row),
            RestRow::ArchiveAction(row) => sorted.archive_actions.push(row),
        }
    }
    sorted
}

/// What is new or different, counted.
fn news(tally: &mut Tally, now: &Export, rows: Export) -> Export {
    let permission = |(role, name): &(i64, String)| (*role, folded(name));
    Export {
        groups: kept(tally, "groups", &now.groups, rows.groups, |group| group.id),
        members: kept(tally, "members", &now.members, rows.members, |m| (m.group, m.user, folded(&m.device))),
        roles: kept(tally, "roles", &now.roles, rows.roles, |role| role.id),
        role_groups: links(tally, "role_groups", &now.role_groups, rows.role_groups, |link| *link),
        role_permissions: links(
            tally,
            "role_permissions",
            &now.role_permissions,
            rows.role_permissions,
            permission,
        ),
        user_roles: links(tally, "user_roles", &now.user_roles, rows.user_roles, |link| *link),
        terminology: kept(tally, "terminology", &now.terminology, rows.terminology, |term| term.name.clone()),
        archive_actions: kept(tally, "archive_actions", &now.archive_actions, rows.archive_actions, |a| a.id),
        ..Export::default()
    }
}

/// Rows that are not in `now` as they are; those with one key are one thing.
fn kept<T: Shown, K: Hash + Eq>(
    tally: &mut Tally,
    kind: &'static str,
    now: &[T],
    rows: Vec<T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let old: HashMap<_, _> = now.iter().map(|row| (key(row), row)).collect();
    rows.into_iter().filter(|row| tally.judge(kind, old.get(&key(row)).copied(), row)).collect()
}

/// Links that are not in `now`.
fn links<T: Debug, K: Hash + Eq>(
    tally: &mut Tally,
    kind: &'static str,
    now: &[T],
    rows: Vec<T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let old: HashSet<_> = now.iter().map(&key).collect();
    let mut is_new = |row: &T| {
        let is_new = !old.contains(&key(row));
        tally.count(kind, is_new);
        if is_new {
            tally.tell(|| format!("{kind} {row:?} added"));
        }
        is_new
    };
    rows.into_iter().filter(|row| is_new(row)).collect()
}

/// A name that must not be another one's.
fn owned(names: &HashMap<String, i64>, column: &str, name: &str, id: i64) -> Result<(), String> {
    match names.get(&folded(name)) {
        Some(owner) if *owner != id => Err(format!("{column} {name} is that of number {owner}")),
        _ => Ok(()),
    }
}

fn there(known: &HashSet<i64>, what: &str, id: i64) -> Result<(), String> {
    if known.contains(&id) { Ok(()) } else { Err(format!("there is no {what} {id}")) }
}
