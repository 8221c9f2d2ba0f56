//! What is owed for the longest, for people who look.

use super::Obligation;
use super::store::{COLUMNS, LIMIT, Store, read};
use crate::database::{Lane, StoreError};

impl Store {
    /// The oldest of what is owed to any core, `count` at most. Nothing is taken.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn oldest(&self, count: u32) -> Result<Vec<Obligation>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM obligations WHERE state = 'pending' ORDER BY asked, ident LIMIT {count}"
        );
        self.0
            .transact(Lane::Read, LIMIT, move |session| {
                Box::pin(async move { session.rows(&sql, &[], read).await })
            })
            .await
    }
}
