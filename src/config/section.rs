//! The reader between the stages: takes values out of a table by name, collects what is wrong, and
//! remembers which names were asked for. Whatever nobody asked for is unknown.

use std::collections::BTreeSet;

use super::fault::{Fault, Place};
use super::near::nearest;
use super::tree::{Entry, Node, Table, Value};

/// As many names as a person reads.
const FEW: usize = 16;

/// What came out of reading: shared by all sections.
#[derive(Debug)]
pub(super) struct Report {
    faults: Vec<Fault>,
    /// Lines with a syntax error: what else they seem to say is not to be relied on.
    damaged: BTreeSet<Option<usize>>,
    /// Every key that was asked for, with its path.
    pub known: BTreeSet<String>,
}

impl Report {
    /// A report that begins with the syntax errors.
    pub fn new(syntax: Vec<Fault>) -> Self {
        let damaged = syntax.iter().map(Fault::line).collect();
        Self { faults: syntax, damaged, known: BTreeSet::new() }
    }

    /// All faults.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn push(&mut self, fault: Fault) {
        let line = fault.line();
        let echo = self.is_damaged() && (line.is_none() || self.damaged.contains(&line));
        if fault.variable().is_some() || !echo {
            self.faults.push(fault);
        }
    }

    fn is_damaged(&self) -> bool {
        !self.damaged.is_empty()
    }
}

/// One table while it is being read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// `limits`; empty for the whole.
    path: String,
    /// Its heading.
    place: &'a Place,
    table: &'a Table,
    asked: Vec<&'static str>,
    /// Keys with a fault: what follows from a faulty value is not worth saying.
    faulty: Vec<&'static str>,
    report: &'a mut Report,
}

/// Reads a whole configuration with `read`.
pub(super) fn root<T>(
    place: &Place,
    table: &Table,
    report: &mut Report,
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> T {
    Section { path: String::new(), place, table, asked: vec![], faulty: vec![], report }.through(read)
}

impl<'a> Section<'a> {
    /// The value of a key, or its default.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// The value of a key, if it is there and sound.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        let (_, entry) = self.ask(key)?;
        read(&entry.node).map_err(|message| self.fault(key, &message)).ok()
    }

    /// The value of a key that has no default; `example` shows how to write it.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.optional(key, read);
        if !self.has(key) {
            self.missing(key, example);
        }
        value
    }

    /// The items of a list, each with a fault of its own; `None` if there is no list.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        read: impl FnMut(&Node) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let nodes = self.optional(key, items)?;
        Some(self.each(key, &nodes, read))
    }

    fn each<T>(
        &mut self,
        key: &'static str,
        nodes: &[Node],
        mut read: impl FnMut(&Node) -> Result<T, String>,
    ) -> Vec<T> {
        nodes.iter().filter_map(|node| self.item(key, node, &mut read)).collect()
    }

    fn item<T>(
        &mut self,
        key: &'static str,
        node: &Node,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        read(node).map_err(|message| self.fault_at(key, &node.place, &message)).ok()
    }

    /// The table of a name, read by `read`; an empty one if it is not there.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        match self.optional(key, table) {
            Some((place, table)) => self.enter(key, &place, &table, read),
            None => self.enter(key, &self.place.clone(), &Table::new(), read),
        }
    }

    /// The tables of a name, `[[…]]`, each read by `read`.
    pub fn sections<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'_>) -> T) -> Vec<T> {
        let heading = format!("[[{}]]", self.name(key));
        let many = |node: &Node| items(node).map_err(|wrong| format!("{wrong}: head each with {heading}"));
        let nodes = self.optional(key, many).unwrap_or_default();
        let tables = self.each(key, &nodes, table);
        tables.iter().map(|(place, table)| self.enter(key, place, table, &mut read)).collect()
    }

    fn enter<T>(
        &mut self,
        key: &str,
        place: &Place,
        table: &Table,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let path = self.name(key);
        Section { path, place, table, asked: vec![], faulty: vec![], report: self.report }.through(read)
    }

    /// Reads, and then looks for what nobody asked for.
    fn through<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        let asked: Vec<&String> =
            self.asked.iter().filter_map(|key| self.find(key)).map(|(key, _)| key).collect();
        for (key, entry) in self.table.iter().filter(|(key, _)| !asked.contains(key)) {
            self.report.push(self.unknown(key, &entry.key));
        }
        value
    }

    fn unknown(&self, key: &str, place: &Place) -> Fault {
        let help = match nearest(key, self.asked.iter().copied()) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None => (self.asked.len() <= FEW).then(|| format!("known here: {}", self.asked.join(", "))),
        };
        Fault { message: format!("unknown key `{}`", self.name(key)), help, place: place.clone() }
    }

    /// A fault of a key's value; said once per key.
    pub fn fault(&mut self, key: &'static str, message: &str) {
        let place = self.find(key).map_or(self.place, |(_, entry)| &entry.node.place).clone();
        if !self.faulty.contains(&key) {
            self.fault_at(key, &place, message);
        }
    }

    /// A fault of a secret key's value. It is shown without the text around it, which holds the secret.
    pub fn secret_fault(&mut self, key: &'static str, message: &str) {
        let place = self.find(key).map_or(self.place, |(_, entry)| &entry.node.place).unseen();
        self.fault_at(key, &place, message);
    }

    /// A fault between two keys: `relation` stands between their names. It is shown at the one that a
    /// variable gives, else at the first that the file gives; nothing is said if either is at fault already.
    pub fn clash(&mut self, keys: [&'static str; 2], relation: &str) {
        if keys.iter().any(|key| self.faulty.contains(key)) {
            return;
        }
        let places = keys.iter().filter_map(|key| self.find(key)).map(|(_, entry)| &entry.node.place);
        let place = places.min_by_key(|place| !place.source.is_variable).unwrap_or(self.place).clone();
        self.fault_at(keys[0], &place, &format!("{relation} `{}`", self.name(keys[1])));
    }

    /// Whether a key is written, sound or not.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The absence of a key; of no interest in a file that could not be read to its end.
    pub fn missing(&mut self, key: &'static str, example: &str) {
        let help = Some(format!("write, for example, {example}"));
        let message = format!("`{}` is missing", self.name(key));
        if !self.report.is_damaged() && !self.faulty.contains(&key) {
            self.report.push(Fault { message, help, place: self.place.clone() });
        }
    }

    fn fault_at(&mut self, key: &'static str, place: &Place, message: &str) {
        self.faulty.push(key);
        let message = format!("`{}` {message}", self.name(key));
        self.report.push(Fault { message, help: None, place: place.clone() });
    }

    fn ask(&mut self, key: &'static str) -> Option<(&'a String, &'a Entry)> {
        self.asked.push(key);
        self.report.known.insert(self.name(key));
        self.find(key)
    }

    /// A key as it is spelled, or in the small letters of one that only a variable gives.
    fn find(&self, key: &str) -> Option<(&'a String, &'a Entry)> {
        self.table.get_key_value(key).or_else(|| self.table.get_key_value(key.to_lowercase().as_str()))
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn table(node: &Node) -> Result<(Place, Table), String> {
    match &node.value {
        Value::Table(table) => Ok((node.place.clone(), table.clone())),
        other => Err(format!("must be a table, not {}", other.kind())),
    }
}

fn items(node: &Node) -> Result<Vec<Node>, String> {
    match &node.value {
        Value::List(nodes) => Ok(nodes.clone()),
        other => Err(format!("must be a list, not {}", other.kind())),
    }
}
