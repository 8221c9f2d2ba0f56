//! What a site calls things: section "FETCHTERMINOLOGY". And archive actions, which ARCHIVEACTION names.

use super::{Read, Result, Write};
use crate::directory::entity::{ArchiveAction, Term};

impl Read<'_> {
    /// All terms, by name. A new directory has the ten of the reference's example.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn terminology(&mut self) -> Result<Vec<Term>> {
        let sql = "SELECT name, value FROM terminology";
        let mut terms =
            self.rows(sql, &[], |row| Ok(Term { name: row.string(0)?, value: row.string(1)? })).await?;
        terms.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(terms)
    }

    /// All archive actions, by number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn archive_actions(&mut self) -> Result<Vec<ArchiveAction>> {
        let sql = "SELECT id, name FROM archive_actions ORDER BY id";
        self.rows(sql, &[], |row| Ok(ArchiveAction { id: row.int(0)?, name: row.string(1)? })).await
    }
}

impl Write<'_> {
    /// Adds a term, or changes what is said for it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_term(&mut self, term: &Term) -> Result<()> {
        let sql = "INSERT INTO terminology (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.execute(sql, &[(&term.name).into(), (&term.value).into()]).await?;
        self.note(format!("{} is called {}", term.name, term.value));
        Ok(())
    }

    /// Adds an archive action, or changes its name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_archive_action(&mut self, action: &ArchiveAction) -> Result<()> {
        let sql = "INSERT INTO archive_actions (id, name) VALUES ($1, $2) \
                   ON CONFLICT (id) DO UPDATE SET name = excluded.name";
        self.execute(sql, &[action.id.into(), (&action.name).into()]).await?;
        self.note(format!("archive action {} is {}", action.id, action.name));
        Ok(())
    }
}
