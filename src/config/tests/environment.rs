//! Variables over the file.

use super::*;
use crate::fanout::Detail;

#[test]
fn variables_override_the_file() {
    let variables = [
        ("CORECAST__LISTEN__API", "0.0.0.0:1234"),
        ("corecast__limits__Deadline", "3s"),
        ("CORECAST__LIMITS__MAX_DEPTH", "9"),
        ("CORECAST__COMPAT__DETAIL", "\"always\""),
        ("CORECAST__CODES__API_OK", "120"),
        ("CORECAST__CODES__API_NO_GROUP", "127"),
        ("CORECAST__CORE", "[{ id = 7, address = \"a:1\" }, { id = 6, address = \"b:1\" }]"),
        ("CORECAST_CONFIG", "not ours"),
        ("PATH", "neither"),
        ("CÖRECAST__X", "nor this"),
    ];
    let text = format!("[limits]\nmax_depth = 3\n[codes]\nAPI_OK = 50\n{CORE}");
    let settings = parse_with(&text, &variables).unwrap();
    assert_eq!(settings.listen.api.unwrap().to_string(), "0.0.0.0:1234");
    assert_eq!(settings.limits.deadline, Duration::from_secs(3));
    assert_eq!(settings.limits.max_depth, 9);
    assert_eq!(settings.compat.detail, Detail::Always);
    assert_eq!(settings.codes.of(ResultType::Ok), 120);
    assert_eq!(settings.codes.of(ResultType::NoGroup), 127);
    assert_eq!(settings.cores.iter().map(|core| core.id.0).collect::<Vec<_>>(), [6, 7]);
}

#[test]
fn a_table_gives_way_to_its_keys() {
    let table = ("CORECAST__LIMITS", "{ max_depth = 5, max_fields = 5 }");
    let settings = parse_with(CORE, &[("CORECAST__LIMITS__MAX_DEPTH", "6"), table]).unwrap();
    assert_eq!((settings.limits.max_depth, settings.limits.max_fields), (6, 5));
}

#[test]
fn a_fault_names_the_variable() {
    for (name, value, part) in [
        ("CORECAST__LISTEN__API", "nonsense", "`listen.api` is no address to listen at: \"nonsense\""),
        ("CORECAST__LISTEN__API", "", "`listen.api` is no address"),
        ("CORECAST__LISTEN__APY", "127.0.0.1:1", "unknown key `listen.apy`"),
        ("CORECAST__LISTN__API", "127.0.0.1:1", "unknown key `listn`"),
        ("CORECAST__", "x", "unknown key ``"),
        ("CORECAST__LISTEN__API__PORT", "1", "must be text in quotes, not a table"),
        ("CORECAST__LISTEN", "x", "`listen` must be a table, not text"),
        ("CORECAST__LIMITS__DEADLINE", "1s", "`limits.leg_timeout` is 1.5s, longer than the 1s of"),
        ("CORECAST__LIMITS__MAX_DEPTH", "0", "must be a number from 2 to 128"),
        ("CORECAST__CODES__API_NOTHING", "5", "unknown key `codes.api_nothing`"),
        ("CORECAST__CORE", "[{ id = 1 }]", "`core.address` is missing"),
        ("CORECAST__CORE", "[{ id = 1, address = ]", "`core` must be a list, not text"),
        ("CORECAST__CORE", "[]", "`core` has no entry"),
    ] {
        let text = format!("[limits]\nleg_timeout = \"1500ms\"\n{CORE}");
        let faults = parse_with(&text, &[(name, value)]).expect_err(name);
        let messages: Vec<_> = faults.iter().map(Fault::message).collect();
        assert!(messages.len() == 1 && messages[0].contains(part), "{name}={value}: {messages:?}");
        let fault = faults.iter().next().unwrap();
        assert_eq!((fault.variable(), fault.line()), (Some(name), None), "{part}");
        assert!(faults.to_string().contains(&format!("--> environment variable {name}")), "{faults}");
    }
}

#[test]
fn faults_of_variables_come_after_those_of_the_file() {
    let text = format!("[limits]\nmax_depth = 0\n{CORE}");
    let faults = parse_with(&text, &[("CORECAST__LOG__LEVEL", "a=b=c"), ("CORECAST__LOG__FORM", "x")]);
    let faults = faults.unwrap_err();
    let order: Vec<_> = faults.iter().map(|fault| (fault.line(), fault.variable())).collect();
    let expected =
        [(Some(2), None), (None, Some("CORECAST__LOG__FORM")), (None, Some("CORECAST__LOG__LEVEL"))];
    assert_eq!(order, expected);
}
