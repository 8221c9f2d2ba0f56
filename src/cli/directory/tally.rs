//! What an import changes: counts for each kind, and the first changes by name.

use serde_json::{Value, json};

/// Changes that are told one by one.
const SHOWN: usize = 20;

/// How many rows of one kind were what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
}

/// What an import changes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    kinds: Vec<(&'static str, Counts)>,
    first: Vec<String>,
    more: u64,
}

/// Something with a name and fields that people know.
pub(super) trait Shown: PartialEq {
    /// What it is and which one: "device 7001".
    fn name(&self) -> String;
    /// Its other fields, as the reference calls them.
    fn fields(&self) -> Vec<(&'static str, String)>;
}

impl Tally {
    /// Counts a row as new, different or as it was; whether it has to be written.
    pub fn judge<T: Shown>(&mut self, kind: &'static str, old: Option<&T>, new: &T) -> bool {
        let counts = self.counts(kind);
        let is_same = old == Some(new);
        *match old {
            None => &mut counts.added,
            Some(_) if is_same => &mut counts.unchanged,
            Some(_) => &mut counts.changed,
        } += 1;
        if !is_same {
            self.tell(|| change(old, new));
        }
        !is_same
    }

    /// Counts a row that is new, or was there.
    pub fn count(&mut self, kind: &'static str, is_new: bool) {
        let counts = self.counts(kind);
        *if is_new { &mut counts.added } else { &mut counts.unchanged } += 1;
    }

    /// Tells of a change that comes with another one, and is counted with it.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.first.len() < SHOWN {
            self.first.push(what());
        } else {
            self.more += 1;
        }
    }

    fn counts(&mut self, kind: &'static str) -> &mut Counts {
        let place = self.kinds.iter().position(|(name, _)| *name == kind).unwrap_or_else(|| {
            self.kinds.push((kind, Counts::default()));
            self.kinds.len() - 1
        });
        &mut self.kinds[place].1
    }

    /// The counts of each kind, for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.kinds.iter().map(|(kind, Counts { added, changed, unchanged })| {
            format!("  {kind}: {added} added, {changed} changed, {unchanged} unchanged")
        })
    }

    /// The first changes, for people.
    pub fn changes(&self) -> impl Iterator<Item = String> {
        let rest = (self.more > 0).then(|| format!("  and {} more", self.more));
        self.first.iter().map(|change| format!("  {change}")).chain(rest)
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let kind = |(name, counts): &(&str, Counts)| {
            let Counts { added, changed, unchanged } = counts;
            ((*name).to_owned(), json!({ "added": added, "changed": changed, "unchanged": unchanged }))
        };
        let kinds: serde_json::Map<_, _> = self.kinds.iter().map(kind).collect();
        json!({ "kinds": kinds, "changes": self.first })
    }
}

/// A change in words: what is new, or what was and what is.
fn change<T: Shown>(old: Option<&T>, new: &T) -> String {
    let Some(old) = old else {
        let fields = new.fields().into_iter().filter(|(_, value)| !value.is_empty());
        return sentence(
            &format!("{} added", new.name()),
            fields.map(|(name, value)| format!("{name} {value}")),
        );
    };
    let pairs = old.fields().into_iter().zip(new.fields());
    let differs = pairs.filter(|((_, before), (_, after))| before != after);
    let differs = differs
        .map(|((name, before), (_, after))| format!("{name} {} → {}", or_none(before), or_none(after)));
    let renamed = (old.name() != new.name()).then(|| format!("written {}", new.name()));
    sentence(&old.name(), renamed.into_iter().chain(differs))
}

fn or_none(value: String) -> String {
    if value.is_empty() { "(none)".into() } else { value }
}

fn sentence(head: &str, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { head.into() } else { format!("{head}: {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::entity::Device;

    #[test]
    fn changes_are_told_by_field_and_counted_beyond_the_first() {
        let device = |site: &str| Device { id: "7".into(), site: site.into(), ..Device::default() };
        let mut tally = Tally::default();
        assert!(tally.judge("devices", None, &device("hq")));
        assert!(tally.judge("devices", Some(&device("")), &device("hq")));
        assert!(!tally.judge("devices", Some(&device("hq")), &device("hq")));
        let changes: Vec<_> = tally.changes().collect();
        assert_eq!(changes, ["  device 7 added: SITE hq", "  device 7: SITE (none) → hq"]);
        (0..30).for_each(|_| tally.tell(String::new));
        assert_eq!(tally.changes().last().as_deref(), Some("  and 12 more"));
        assert_eq!(tally.lines().collect::<Vec<_>>(), ["  devices: 1 added, 1 changed, 1 unchanged"]);
    }
}
