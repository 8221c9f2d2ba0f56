//! The parameters that requests brought along, under the reference's names.

use std::collections::BTreeMap;

use crate::command::Refusal;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;

/// How many parameters one call or chat keeps. The reference knows forty; the rest is room for elements
/// that it does not know.
const MOST: usize = 256;

/// Parameters by name. A blank value counts as not given, so an application that sends every field of its
/// form does not wipe out what was said before.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Data(BTreeMap<Box<str>, Box<str>>);

impl Data {
    /// Keeps one parameter, unless it is blank or there already: of twins the first counts.
    pub fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.entry(name.into()).or_insert_with(|| value.into());
        }
    }

    /// The value of a parameter, blank if it was never given.
    #[must_use]
    pub fn get(&self, param: Param) -> &str {
        self.named(param.name())
    }

    /// The value of the parameter with this name, blank if it was never given.
    #[must_use]
    pub fn named(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value)
    }

    /// Takes over what is new or different in `newer`.
    ///
    /// # Errors
    /// A refusal, and nothing changed, if it would become too much.
    pub fn merge(&mut self, newer: Self) -> Result<(), Refusal> {
        let added = newer.0.keys().filter(|name| !self.0.contains_key(*name)).count();
        if self.0.len() + added > MOST {
            let message = format!("more than {MOST} different parameters for one call");
            return Err(Refusal::new(ResultType::InvalidMessageFormat, message));
        }
        self.0.extend(newer.0);
        Ok(())
    }

    /// Takes these parameters out of it.
    #[must_use]
    pub fn split_off(&mut self, params: &[Param]) -> Self {
        Self(params.iter().filter_map(|param| self.0.remove_entry(param.name())).collect())
    }

    /// Every parameter with its value, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        let mut data = Data::default();
        pairs.iter().for_each(|(name, value)| data.add(name, value));
        data
    }

    #[test]
    fn newer_values_win_and_blank_ones_change_nothing() {
        let mut kept = data(&[("USER1", "a"), ("USER1", "b"), ("USER2", "c"), ("X", "")]);
        assert_eq!(kept.merge(data(&[("USER1", ""), ("USER2", "d"), ("NEW", "e")])), Ok(()));
        assert_eq!(kept, data(&[("USER1", "a"), ("USER2", "d"), ("NEW", "e")]));
        assert_eq!((kept.get(Param::User2), kept.named("X")), ("d", ""));
    }

    #[test]
    fn one_call_cannot_take_all_memory() {
        let names: Vec<_> = (0..=MOST).map(|n| format!("N{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let mut kept = data(&many[..MOST]);
        assert_eq!(kept.merge(data(&many[..MOST])), Ok(()));
        assert!(kept.merge(data(&many[MOST..])).is_err());
    }
}
