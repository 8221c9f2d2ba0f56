//! From a name to its row: a table that is made once and never changed.
//!
//! What a look-up costs is how often it waits for memory, up to 200 ns each time. Here it waits once: the slot holds
//! the name itself, and neither the row nor the texts are looked at to compare it. (A hash table with control bytes,
//! row numbers, rows and texts waits four times.) Slots stand in the order of their hashes, each where its hash
//! points or as soon after as there is room: so a look-up ends at the first slot of a larger hash, too.

use super::texts::Name;

/// By what a row is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Device,
    Seat,
    Phone,
    Alias,
    Station,
    Agent,
    Username,
    Employee,
    SysUser,
    CrmUser,
}

/// One slot: free, or a name and its row. Half a line of the cache, and never a part of two.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Slot {
    /// Zero in a free slot, else most of the hash and the [`By`].
    tag: u32,
    row: u32,
    name: Name,
}

/// A name to be indexed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) by: By,
    pub(super) hash: u64,
    pub(super) row: u32,
    pub(super) name: Name,
}

/// An index. Equal names are all in it, so ambiguity shows itself.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    /// Slots that a hash can point at; some more stand behind them.
    spread: u64,
}

impl Index {
    pub(super) fn over(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(Entry::tag);
        let spread = entries.len() as u64 * 3 / 2;
        let mut index = Self { slots: Vec::with_capacity(entries.len() * 3 / 2 + 64), spread };
        for entry in &entries {
            let tag = entry.tag();
            let start = index.start(tag).max(index.slots.len());
            index.slots.resize(start, Slot::default());
            index.slots.push(Slot { tag, row: entry.row, name: entry.name });
        }
        index.slots.shrink_to_fit();
        index
    }

    /// Names that may have this hash, which the caller compares, and their rows.
    pub(super) fn matching(&self, by: By, hash: u64) -> impl Iterator<Item = (&Name, u32)> {
        let wanted = tag(by, hash);
        let from = self.slots.get(self.start(wanted)..).unwrap_or_default();
        let near = from.iter().take_while(move |slot| slot.tag != 0 && slot.tag <= wanted);
        near.filter(move |slot| slot.tag == wanted).map(|slot| (&slot.name, slot.row))
    }

    /// Where slots of this tag begin, if there is room.
    #[allow(clippy::cast_possible_truncation, reason = "it is less than `spread`, which is a length")]
    const fn start(&self, tag: u32) -> usize {
        ((tag as u64 * self.spread) >> 32) as usize
    }
}

impl Entry {
    fn tag(&self) -> u32 {
        tag(self.by, self.hash)
    }
}

/// Most of the hash, and the [`By`]; never zero.
#[allow(clippy::cast_possible_truncation, reason = "a part of the hash is enough")]
const fn tag(by: By, hash: u64) -> u32 {
    ((hash as u32) << 4) | (by as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(by: By, hash: u64, row: u32) -> Entry {
        Entry { by, hash, row, name: Name::default() }
    }

    fn rows(index: &Index, by: By, hash: u64) -> Vec<u32> {
        index.matching(by, hash).map(|(_, row)| row).collect()
    }

    #[test]
    fn rows_are_found_among_others_of_the_same_hash_and_at_the_tables_end() {
        for hash in [0, 1, u64::MAX] {
            let same =
                [(By::Device, 1), (By::Device, 2), (By::Seat, 3)].map(|(by, row)| entry(by, hash, row));
            let index = Index::over(same.into());
            let mut found = rows(&index, By::Device, hash);
            found.sort_unstable();
            assert_eq!(found, [1, 2]);
            assert_eq!(rows(&index, By::Seat, hash), [3]);
            assert_eq!((rows(&index, By::Phone, hash), rows(&index, By::Device, hash ^ 2)), (vec![], vec![]));
        }
        assert!(rows(&Index::default(), By::Device, 7).is_empty());
    }

    #[test]
    fn every_row_of_a_full_table_is_found() {
        let hash = |row: u32| u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let index = Index::over((0..10_000).map(|row| entry(By::Alias, hash(row), row)).collect());
        assert!((0..10_000).all(|row| rows(&index, By::Alias, hash(row)).contains(&row)));
    }
}
