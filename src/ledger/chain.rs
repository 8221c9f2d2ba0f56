//! Whether a writer's rows are those that were written: all of them, in their order, none changed. Pure.

use std::fmt;

use super::entry::Event;
use super::row::Row;

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The row's hash is not that of its columns.
    Changed,
    /// Rows are missing before this one.
    Missing,
    /// The row does not follow from the one before it.
    Unlinked,
    /// The first row does not say that a process has begun, or a later one does.
    Misplaced,
    /// A row stands behind the one that says that the process has ended.
    AfterEnd,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "it was changed: its hash is not that of its columns",
            Self::Missing => "the entry before it is missing",
            Self::Unlinked => "it does not follow from the entry before it",
            Self::Misplaced => "a chain begins with the entry of a process that has begun, and has no other",
            Self::AfterEnd => "the process had ended before it",
        })
    }
}

/// The first place where a chain does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The row's place in the chain.
    pub seq: i64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// One writer's chain, as far as it was walked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Whose it is.
    pub writer: String,
    /// Rows walked.
    pub entries: u64,
    /// When the first was made, in UNIX milliseconds.
    pub first: i64,
    /// When the last was made.
    pub last: i64,
    /// Entries that the rows say were lost.
    pub lost: u64,
    /// Whether the last row says that the process has ended in order. If not, it runs still or was killed, and what a
    /// killed process had not written yet is missing behind the last row.
    pub is_ended: bool,
    /// Where it does not hold.
    pub broken: Option<Break>,
    seq: i64,
    hash: String,
}

impl Chain {
    /// A chain of which no row is walked yet.
    #[must_use]
    pub fn new(writer: &str) -> Self {
        Self { writer: writer.into(), ..Self::default() }
    }

    /// Walks on to the next row.
    pub fn walk(&mut self, row: &Row) {
        let fault = self.fault(row);
        self.broken = self.broken.or(fault.map(|fault| Break { seq: row.seq, fault }));
        if self.entries == 0 {
            self.first = row.at;
        }
        self.entries += 1;
        self.last = row.at;
        self.lost = self.lost.saturating_add(row.lost.try_into().unwrap_or(0));
        self.is_ended = row.event == Event::Ended.label();
        (self.seq, self.hash) = (row.seq, row.hash.clone());
    }

    fn fault(&self, row: &Row) -> Option<Fault> {
        let begins = row.event == Event::Begun.label();
        if row.digest() != row.hash {
            Some(Fault::Changed)
        } else if row.seq != self.seq + 1 {
            Some(Fault::Missing)
        } else if row.prev != self.hash {
            Some(Fault::Unlinked)
        } else if begins != (row.seq == 1) {
            Some(Fault::Misplaced)
        } else {
            self.is_ended.then_some(Fault::AfterEnd)
        }
    }
}
