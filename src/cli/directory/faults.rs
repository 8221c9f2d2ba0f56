//! What is wrong with a file: the first hundred faults by line, and how many there are.

use serde_json::{Value, json};

use super::rows::Line;

/// Faults that are told one by one.
const SHOWN: usize = 100;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub line: Line,
    pub message: String,
}

/// All that is wrong with a file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// Notes what is wrong with a line.
    pub fn add(&mut self, line: Line, message: impl Into<String>) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(Fault { line, message: message.into() });
        }
    }

    /// Takes over the faults of a part of the file.
    pub fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.sort_by_key(|fault| fault.line);
        self.first.truncate(SHOWN);
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether all is well.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each on a line of its own, for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let more = self.count - self.first.len();
        let rest = (more > 0).then(|| format!("  and {more} more"));
        self.first.iter().map(|fault| format!("  line {}: {}", fault.line, fault.message)).chain(rest)
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        self.first.iter().map(|fault| json!({ "line": fault.line, "message": fault.message })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_are_told_in_their_order_and_the_others_counted() {
        let (mut faults, mut later) = (Faults::default(), Faults::default());
        (50..180).for_each(|line| later.add(line, "late"));
        faults.add(7, "early");
        later.append(faults);
        let lines: Vec<_> = later.lines().collect();
        assert_eq!((lines.len(), later.len()), (101, 131));
        assert_eq!(
            (&*lines[0], &*lines[1], &*lines[100]),
            ("  line 7: early", "  line 50: late", "  and 31 more")
        );
    }
}
