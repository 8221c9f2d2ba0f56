//! From a hash to the rows that may have it: four bytes a row, and one for the table.

use hashbrown::HashTable;

/// An index over the rows of a layer. Equal keys are all in it, so ambiguity shows itself.
#[derive(Debug, Default)]
pub(super) struct Index(HashTable<u32>);

impl Index {
    /// Indexes all rows for which `hash` gives something, in a table that is made in its final size.
    pub(super) fn over(rows: usize, hash: impl Fn(u32) -> Option<u64>) -> Self {
        let rows = 0..u32::try_from(rows).unwrap_or(u32::MAX);
        let hashed: Vec<_> = rows.filter_map(|row| Some((row, hash(row)?))).collect();
        let mut table = HashTable::with_capacity(hashed.len());
        for (row, key) in hashed {
            table.insert_unique(key, row, |row| hash(*row).unwrap_or_default());
        }
        Self(table)
    }

    /// The rows whose keys may have this hash; the caller compares the keys themselves.
    pub(super) fn matching(&self, hash: u64) -> impl Iterator<Item = u32> {
        (!self.0.is_empty()).then(|| self.0.iter_hash(hash)).into_iter().flatten().copied()
    }
}
