//! Users and their phones → the database.

use std::collections::HashMap;

use super::apply::Import;
use super::rows::{Line, PhoneRow, UserRow};
use crate::directory::StoreError;
use crate::directory::entity::{Status, User};
use crate::directory::fold::folded;
use crate::directory::store::{AgentPhone, Write};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The users of the directory by what rows call them, read when the first row of a file needs them.
#[derive(Debug, Default)]
pub(super) struct Users {
    is_loaded: bool,
    by_id: HashMap<i64, User>,
    /// Users who are not deleted, by username.
    by_name: HashMap<String, i64>,
    owners: HashMap<String, i64>,
    phones: Vec<(Line, PhoneRow)>,
}

impl Users {
    async fn load(&mut self, tx: &mut Write<'_>) -> Result<()> {
        if self.is_loaded {
            return Ok(());
        }
        for user in tx.all_users().await? {
            if user.status != Status::Deleted && !user.username.is_empty() {
                self.by_name.insert(folded(&user.username), user.id);
            }
            self.owners.extend(user.phones.iter().map(|phone| (folded(phone), user.id)));
            self.by_id.insert(user.id, user);
        }
        self.is_loaded = true;
        Ok(())
    }

    fn id_of(&self, username: &str) -> Option<i64> {
        self.by_name.get(&folded(username)).copied()
    }

    /// Writes users.
    pub async fn put(
        &mut self,
        import: &mut Import,
        tx: &mut Write<'_>,
        rows: Vec<(Line, UserRow)>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.load(tx).await?;
        let (mut lines, mut changed) = (Vec::new(), Vec::new());
        for (line, row) in rows {
            if let Some(user) = self.judge(import, line, row) {
                lines.push(line);
                changed.push(user);
            }
        }
        if import.is_good() {
            let imported = tx.import_users(&changed).await?;
            import.refused(&imported, |place| lines.get(place).copied());
        }
        Ok(())
    }

    /// The user after this row, if it is good and changes something.
    fn judge(&mut self, import: &mut Import, line: Line, row: UserRow) -> Option<User> {
        let id = match row.id {
            0 => row.username.as_deref().and_then(|name| self.id_of(name)).unwrap_or_default(),
            id => id,
        };
        let modified = row.modified;
        let old = self.by_id.get(&id);
        let new = row.onto(old);
        if new.status != Status::Deleted
            && let Some(owner) = self.id_of(&new.username).filter(|owner| *owner != new.id)
        {
            let advice = "if another row frees it, import that row first";
            let fault = format!("USERNAME {} is that of user {owner}; {advice}", new.username);
            import.outcome.faults.add(line, fault);
            return None;
        }
        if new.status == Status::Deleted && !new.phones.is_empty() {
            let fault = format!("user {} is deleted, and has no PHONES; STATUS A brings it back", new.id);
            import.outcome.faults.add(line, fault);
            return None;
        }
        let is_changed = import.outcome.tally.judge("users", old, &new);
        self.tell_moves(import, &new);
        // Without one of its own, a change is made now.
        is_changed.then(|| User { modified: modified.unwrap_or_default(), ..new })
    }

    /// Phones that another agent has.
    fn tell_moves(&self, import: &mut Import, user: &User) {
        for phone in &user.phones {
            if let Some(owner) = self.owners.get(&folded(phone)).filter(|owner| **owner != user.id) {
                import.outcome.tally.tell(|| format!("phone {phone} leaves user {owner}"));
            }
        }
    }

    /// Keeps phones until all are read: the store numbers those of one call in their order.
    pub fn hold_phones(&mut self, rows: Vec<(Line, PhoneRow)>) {
        self.phones.extend(rows);
    }

    /// Writes all phones.
    pub async fn put_phones(&mut self, import: &mut Import, tx: &mut Write<'_>) -> Result<()> {
        let rows = std::mem::take(&mut self.phones);
        if rows.is_empty() {
            return Ok(());
        }
        self.load(tx).await?;
        let (mut lines, mut changed) = (Vec::new(), Vec::new());
        for (line, row) in rows {
            match self.agent_of(&row) {
                Ok(user) => {
                    let old = self.owners.get(&folded(&row.phone));
                    let old = old.map(|user| AgentPhone { user: *user, phone: row.phone.clone() });
                    let new = AgentPhone { user, phone: row.phone };
                    if import.outcome.tally.judge("phones", old.as_ref(), &new) {
                        lines.push(line);
                        changed.push(new);
                    }
                }
                Err(fault) => import.outcome.faults.add(line, fault),
            }
        }
        if import.is_good() {
            let imported = tx.import_phones(&changed).await?;
            import.refused(&imported, |place| lines.get(place).copied());
        }
        Ok(())
    }

    /// The agent whom a row names.
    fn agent_of(&self, row: &PhoneRow) -> Result<i64, String> {
        if row.agent == 0 {
            return self
                .id_of(&row.username)
                .ok_or_else(|| format!("nobody has the USERNAME {}", row.username));
        }
        match self.by_id.get(&row.agent) {
            None => Err(format!("nobody has the AGENTID {}", row.agent)),
            Some(user) if user.status == Status::Deleted => Err(format!("agent {} is deleted", row.agent)),
            Some(user) => Ok(user.id),
        }
    }
}
