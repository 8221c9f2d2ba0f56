//! The files that come with Corecast.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_commented_file_is_nothing_but_the_defaults() {
    assert_eq!(parse(FULL).unwrap(), parse(CORE).unwrap());
}

#[test]
fn the_commented_file_shows_every_key_there_is() {
    let (_, report) = read(FULL, "corecast.toml", std::iter::empty());
    assert!(report.known.contains("limits.deadline") && report.known.len() > 60, "{:?}", report.known);
    let written =
        |key: &str| FULL.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
    for path in report
        .known
        .iter()
        .chain(&keys_of("route.rule", 3))
        .chain(&keys_of("access.rule", 4))
        .chain(&keys_of("records.archive_action", 4))
        .chain(&keys_of("core_srv", 11))
    {
        let key = path.rsplit('.').next().unwrap();
        let is_heading = FULL.contains(&format!("[{path}]"));
        assert!(is_heading || written(key), "{path} is not in config/corecast.toml");
    }
}

/// The keys of an entry are asked for only where there is one.
fn keys_of(table: &str, count: usize) -> BTreeSet<String> {
    let (_, report) = read(&format!("[[{table}]]"), "", std::iter::empty());
    let start = format!("{table}.");
    let keys: BTreeSet<_> = report.known.into_iter().filter(|path| path.starts_with(&start)).collect();
    assert_eq!(keys.len(), count);
    keys
}

const RULE_LINES: [&str; 15] = [
    "# [[route.rule]]",
    "# devices = ",
    "# cores = ",
    "# site = ",
    "# [[access.rule]]",
    "# from = [",
    "# functions = ",
    "# allow = ",
    "# [[records.archive_action]]",
    "# id = ",
    "# name = ",
    "# keep_days = ",
    "# then = ",
    "# [[core_srv]]",
    "# first_id = ",
];

#[test]
fn what_the_commented_file_has_commented_out_is_sound_too() {
    let is_toml = |line: &&str| RULE_LINES.iter().any(|start| line.starts_with(start));
    let rules: Vec<_> = FULL.lines().filter(is_toml).map(|line| &line[2..]).collect();
    let settings = parse(&format!("{FULL}\n{}", rules.join("\n"))).unwrap();
    assert_eq!((settings.rules.len(), settings.access.rules.len()), (2, 1));
    assert_eq!(settings.records.retention.actions.len(), 1);
}

#[test]
fn the_laboratory_has_three_cores_and_two_rules() {
    let settings = parse(LAB).unwrap();
    let cores: Vec<_> = settings.cores.iter().map(|c| (c.id.0, &*c.site, &*c.address)).collect();
    assert_eq!(
        cores,
        [(1, "hq", "127.0.0.1:6621"), (2, "hq", "127.0.0.1:6622"), (3, "branch", "127.0.0.1:6623")]
    );
    let rules: Vec<_> = settings.rules.iter().map(|r| (r.devices.to_string(), r.owners.clone())).collect();
    assert_eq!(
        rules,
        [
            ("7000-7999".to_owned(), Owners::Cores(vec![CoreId(1), CoreId(2)])),
            ("61*".to_owned(), Owners::Site("branch".into()))
        ]
    );
}

#[test]
fn a_missing_file_is_a_fault_that_says_what_to_do() {
    let faults = Settings::load(Path::new("no/such.toml")).unwrap_err();
    assert_eq!(faults.len(), 1);
    let shown = faults.to_string();
    for part in ["no/such.toml", "cannot read the configuration", "help: check the path"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
