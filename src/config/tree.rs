//! The first stage: the configuration as written, every value with its place; and the environment,
//! laid over it before anything is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{Fault, Place, Source};

/// What the name of an overriding variable begins with; then come the levels, `__` between them.
const PREFIX: &str = "CORECAST__";

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

/// A value of one of the kinds that the configuration uses.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Fraction(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    /// A kind that no key has: a date, a number beyond measure.
    Other(&'static str),
}

impl Value {
    /// The kind, with its article, for "…, not a table".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a number",
            Self::Fraction(_) => "a fraction",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Keys and what they stand for.
pub(super) type Table = BTreeMap<String, Entry>;

/// What a key stands for.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where the key is written, for those that nobody knows.
    pub key: Place,
    pub node: Node,
}

/// Reads a file's text: as much of it as can be read, and every syntax error.
pub(super) fn parse(source: &Arc<Source>) -> (Table, Vec<Fault>) {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    (table(source, document.into_inner()), syntax_faults(source, &errors))
}

/// One fault per line: further errors on a line are mostly echoes of its first.
fn syntax_faults(source: &Arc<Source>, errors: &[toml::de::Error]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = errors.iter().map(|error| syntax_fault(source, error)).collect();
    faults.sort_by_key(|fault| fault.place.span.start);
    faults.dedup_by_key(|fault| fault.line());
    faults
}

fn syntax_fault(source: &Arc<Source>, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or_default();
    // an error before the first letter has a line too: an empty range there would mean the whole file
    let first = source.text.chars().next().map_or(0, char::len_utf8);
    let place = Place::new(source, span.start..if span.end == 0 { first } else { span.end });
    Fault { message: error.message().to_owned(), help: quotes(error.message()), place }
}

/// The commonest slip, `deadline = 2s`, is reported as a bad number or word of some kind.
fn quotes(message: &str) -> Option<String> {
    let is_value = message.starts_with("invalid") || message.contains("must be quoted");
    is_value.then(|| "text, times and addresses stand in double quotes: key = \"value\"".into())
}

fn table(source: &Arc<Source>, written: DeTable<'_>) -> Table {
    written.into_iter().map(|(key, value)| entry(source, key, value)).collect()
}

fn entry(
    source: &Arc<Source>,
    key: Spanned<impl Into<String>>,
    value: Spanned<DeValue<'_>>,
) -> (String, Entry) {
    let place = Place::new(source, key.span());
    (key.into_inner().into(), Entry { key: place, node: node(source, value) })
}

fn node(source: &Arc<Source>, written: Spanned<DeValue<'_>>) -> Node {
    let place = Place::new(source, written.span());
    let value = match written.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => whole(&number),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(source, item)).collect()),
        DeValue::Table(items) => Value::Table(table(source, items)),
        DeValue::Float(number) => fraction(number.as_str()),
        DeValue::Datetime(_) => Value::Other("a date"),
    };
    Node { place, value }
}

fn whole(number: &DeInteger<'_>) -> Value {
    i64::from_str_radix(number.as_str(), number.radix())
        .map_or(Value::Other("a number beyond measure"), Value::Whole)
}

fn fraction(written: &str) -> Value {
    written.replace('_', "").parse().map_or(Value::Other("a number beyond measure"), Value::Fraction)
}

/// Lays the overriding variables over the file, in the order of their names: a table's before its keys'.
pub(super) fn overlay(root: &mut Table, environment: impl Iterator<Item = (String, String)>) {
    let mut variables: Vec<_> =
        environment.filter_map(|(name, text)| Some((path(&name)?, name, text))).collect();
    variables.sort();
    for (path, name, text) in variables {
        let source = Arc::new(Source { name, text, is_variable: true });
        put(root, &path, variable(&source));
    }
}

/// `CORECAST__LISTEN__API` → `listen`, `api`; `None` for a variable that is not ours.
fn path(name: &str) -> Option<Vec<String>> {
    let ours = name.get(..PREFIX.len())?.eq_ignore_ascii_case(PREFIX);
    ours.then(|| name[PREFIX.len()..].to_ascii_lowercase().split("__").map(str::to_owned).collect())
}

/// A variable's value: as TOML where it is TOML, else as text, so that nobody has to quote twice.
fn variable(source: &Arc<Source>) -> Node {
    let text =
        || Node { place: Place::new(source, 0..source.text.len()), value: Value::Text(source.text.clone()) };
    DeValue::parse(&source.text).map_or_else(|_| text(), |value| node(source, value))
}

/// Puts a value at the end of a path; what is in the way and is no table gives way to one.
fn put(table: &mut Table, path: &[String], node: Node) {
    let [name, rest @ ..] = path else { return };
    let place = Place::whole(&node.place.source);
    let entry = table
        .entry(spelling(table, name))
        .or_insert_with(|| Entry { key: place.clone(), node: empty(&place) });
    if rest.is_empty() {
        *entry = Entry { key: node.place.clone(), node };
        return;
    }
    if !matches!(entry.node.value, Value::Table(_)) {
        entry.node = empty(&place);
    }
    if let Value::Table(inner) = &mut entry.node.value {
        put(inner, rest, node);
    }
}

fn empty(place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Table(Table::new()) }
}

/// A key as the file spells it, if it has it: variables are upper-case throughout, keys are not.
fn spelling(table: &Table, name: &str) -> String {
    table.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or_else(|| name.to_owned(), Clone::clone)
}
