//! "Insert, or change if it is different" for many rows, in both databases' words.

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
}

/// Where rows are written to.
#[derive(Clone, Copy, Debug)]
pub struct Upsert {
    pub table: &'static str,
    /// Columns: first the key's, then what rows are compared by, then marks.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns make the key, which is unique in the table.
    pub keys: usize,
    /// How many columns at the end say when a row was changed: a row that differs in nothing else is left alone,
    /// so that importing the same file again changes nothing.
    pub marks: usize,
}

/// An INSERT of many rows, and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Insert<'a> {
    pub table: &'a str,
    pub columns: &'a [(&'static str, Kind)],
    /// ON CONFLICT and what then.
    pub conflict: &'a str,
}

impl Insert<'_> {
    pub fn for_sqlite(&self) -> String {
        let places: Vec<_> = (1..=self.columns.len()).map(|n| format!("?{n}")).collect();
        self.statement(&format!("VALUES ({})", places.join(", ")))
    }

    pub fn for_postgres(&self) -> String {
        let arrays = (1..).zip(self.columns).map(|(n, (_, kind))| match kind {
            Kind::Int => format!("${n}::bigint[]"),
            Kind::Text => format!("${n}::text[]"),
        });
        self.statement(&format!("SELECT * FROM unnest({})", join(arrays, ", ")))
    }

    fn statement(&self, rows: &str) -> String {
        let Self { table, columns, conflict } = self;
        format!("INSERT INTO {table} ({}) {rows} {conflict}", names(columns))
    }
}

impl Upsert {
    pub fn for_sqlite(&self) -> String {
        self.insert(&self.conflict()).for_sqlite()
    }

    pub fn for_postgres(&self) -> String {
        self.insert(&self.conflict()).for_postgres()
    }

    fn insert<'a>(&self, conflict: &'a str) -> Insert<'a> {
        Insert { table: self.table, columns: self.columns, conflict }
    }

    fn conflict(&self) -> String {
        let (keys, others) = self.columns.split_at(self.keys);
        let action = if others.is_empty() { "NOTHING".into() } else { self.update(others) };
        format!("ON CONFLICT ({}) DO {action}", names(keys))
    }

    fn update(&self, others: &[(&str, Kind)]) -> String {
        let table = self.table;
        let set = others.iter().map(|(name, _)| format!("{name} = excluded.{name}"));
        let compared = &others[..others.len() - self.marks];
        let differs = compared.iter().map(|(name, _)| format!("{table}.{name} <> excluded.{name}"));
        let condition = if compared.is_empty() { "TRUE".into() } else { join(differs, " OR ") };
        format!("UPDATE SET {} WHERE {condition}", join(set, ", "))
    }
}

fn names(columns: &[(&str, Kind)]) -> String {
    join(columns.iter().map(|(name, _)| (*name).to_owned()), ", ")
}

fn join(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_get_their_own_words() {
        let into = Upsert {
            table: "t",
            columns: &[("k", Kind::Text), ("v", Kind::Int), ("revision", Kind::Int)],
            keys: 1,
            marks: 1,
        };
        let rest = "ON CONFLICT (k) DO UPDATE SET v = excluded.v, revision = excluded.revision WHERE t.v <> excluded.v";
        assert_eq!(into.for_sqlite(), format!("INSERT INTO t (k, v, revision) VALUES (?1, ?2, ?3) {rest}"));
        let arrays = "unnest($1::text[], $2::bigint[], $3::bigint[])";
        assert_eq!(
            into.for_postgres(),
            format!("INSERT INTO t (k, v, revision) SELECT * FROM {arrays} {rest}")
        );
    }
}
