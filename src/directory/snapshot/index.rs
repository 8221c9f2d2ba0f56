//! From a name to its row: an open table that is made once and never changed.
//!
//! What a look-up costs is how often it waits for memory, some hundred nanoseconds each time. Here it waits twice: for
//! the slot, and for the row, in which the name stands. A hash table with control bytes waits once more.

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

/// One slot: free, or the row of a name.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Zero in a free slot, else most of the hash and the [`By`].
    tag: u32,
    row: u32,
}

/// A name to be indexed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) by: By,
    pub(super) hash: u64,
    pub(super) row: u32,
}

/// An index. Equal names are all in it, so ambiguity shows itself.
#[derive(Debug, Default)]
pub(super) struct Index(Box<[Slot]>);

impl Index {
    pub(super) fn over(entries: &[Entry]) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let mut index = Self(vec![Slot::default(); entries.len() * 8 / 5 + 1].into());
        for entry in entries {
            index.insert(entry);
        }
        index
    }

    fn insert(&mut self, entry: &Entry) {
        let mut at = self.start(entry.hash);
        while self.0[at].tag != 0 {
            at = self.after(at);
        }
        self.0[at] = Slot { tag: tag(entry.by, entry.hash), row: entry.row };
    }

    /// The rows whose names may have this hash; the caller compares the names.
    pub(super) fn matching(&self, by: By, hash: u64) -> impl Iterator<Item = u32> {
        let wanted = tag(by, hash);
        let mut at = self.start(hash);
        let slots = std::iter::from_fn(move || {
            let slot = self.0.get(at).filter(|slot| slot.tag != 0)?;
            at = self.after(at);
            Some(slot)
        });
        slots.filter(move |slot| slot.tag == wanted).map(|slot| slot.row)
    }

    /// Where to begin: the upper half of the hash, scaled to the table.
    fn start(&self, hash: u64) -> usize {
        (((hash >> 32) * self.0.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.0.len() { 0 } else { at + 1 }
    }
}

/// The lower half of the hash, which is not what tables begin by.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
const fn tag(by: By, hash: u64) -> u32 {
    ((hash as u32) << 4) | (by as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(by: By, hash: u64, row: u32) -> Entry {
        Entry { by, hash, row }
    }

    #[test]
    fn rows_are_found_among_others_of_the_same_hash_and_behind_the_tables_end() {
        let high = u64::MAX << 32;
        let entries =
            [entry(By::Device, high | 1, 1), entry(By::Device, high | 1, 2), entry(By::Seat, high | 1, 3)];
        let index = Index::over(&entries);
        let rows = |by, hash| index.matching(by, hash).collect::<Vec<_>>();
        assert_eq!(rows(By::Device, high | 1), [1, 2]);
        assert_eq!(rows(By::Seat, high | 1), [3]);
        assert_eq!((rows(By::Phone, high | 1), rows(By::Device, high | 2)), (vec![], vec![]));
    }
}
