//! Configurations: accepted, or refused with every fault in its place. An input is a file, and behind a NUL each a
//! variable.

use corecast::config::{Faults, Settings};

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // Keys that name files are read from the machine at hand, which must decide nothing here.
    if text.to_ascii_lowercase().contains("_file") {
        return;
    }
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let variables: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
    match parse(file, &variables) {
        Ok(settings) => is_accepted_in_any_layout(&settings, file, &variables),
        Err(faults) => {
            are_in_their_places(&faults, file, &variables);
            assert_eq!(parse(file, &variables), Err(faults), "the same faults again");
        }
    }
}

fn parse(file: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Settings::parse(file, "corecast.toml", variables.iter().map(owned))
}

/// What is written counts, and not how: the same keys in another order and form are the same configuration.
fn is_accepted_in_any_layout(settings: &Settings, file: &str, variables: &[(&str, &str)]) {
    let table: toml::Table = file.parse().expect("what was accepted is TOML");
    let rewritten = toml::to_string(&table).expect("a table can be written");
    assert_eq!(parse(&rewritten, variables).as_ref(), Ok(settings), "{rewritten}");
}

/// Each fault says what is wrong and where: in a variable, on a line of the file, or that the file lacks a key.
fn are_in_their_places(faults: &Faults, file: &str, variables: &[(&str, &str)]) {
    let lines = file.split('\n').count();
    assert!(faults.len() > 0);
    for fault in faults {
        assert!(!fault.message().is_empty());
        let is_there = match (fault.line(), fault.variable()) {
            (Some(line), None) => (1..=lines).contains(&line),
            (None, Some(variable)) => variables.iter().any(|(name, _)| *name == variable),
            (None, None) => fault.message().ends_with("is missing"),
            (Some(_), Some(_)) => false,
        };
        assert!(is_there, "{:?} {:?}: {}", fault.line(), fault.variable(), fault.message());
    }
    assert!(format!("{faults}").lines().last().is_some_and(|line| line.ends_with("in the configuration")));
}
