//! What is wrong with a file, and on which line.

use super::*;

#[test]
fn each_fault_is_named_with_its_line() {
    for (text, line, part) in [
        ("[listen]\napi = \"localhost:1\"", 2, "`listen.api` is no address to listen at"),
        ("[listen]\napi = 5620", 2, "`listen.api` must be text in quotes, not a number"),
        ("listen = 3", 1, "`listen` must be a table, not a number"),
        (
            "[listen]\napi = \"[::]:7\"\nadmin = \"[::]:7\"",
            3,
            "`listen.admin` is [::]:7, and so is `listen.api`",
        ),
        (
            "[listen]\nwebapi = \"127.0.0.1:5620\"",
            2,
            "`listen.webapi` is 127.0.0.1:5620, and so is `listen.api`",
        ),
        ("[limits]\ndeadline = 2", 2, "a time has a unit"),
        ("[limits]\ndeadline = \"2 s\"", 2, "is no time"),
        ("[limits]\ndeadline = \"2\"", 2, "is no time"),
        ("[limits]\ndeadline = \"s\"", 2, "is no time"),
        ("[limits]\ndeadline = \"2d\"", 2, "is no time"),
        ("[limits]\ndeadline = \"99999999999999999999s\"", 2, "is no time"),
        ("[limits]\nidle_timeout = \"0s\"", 2, "must be a time from 1ms to 24h"),
        ("[limits]\nidle_timeout = \"25h\"", 2, "must be a time from 1ms to 24h"),
        ("[repeat]\nwindow = \"61s\"", 2, "must be a time from 0ns to 60s"),
        (
            "[limits]\n\nleg_timeout = \"3s\"",
            3,
            "`limits.leg_timeout` is 3s, longer than the 2s of `limits.deadline`",
        ),
        ("[limits]\ndeadline = \"1s\"", 2, "`limits.leg_timeout` is 1.5s, longer than the 1s of"),
        ("[limits]\nmax_fields = 0", 2, "must be a number from 1 to 65536"),
        ("[limits]\nmax_fields = -1", 2, "must be a number from 1 to 65536"),
        ("[limits]\nmax_fields = 2.5", 2, "must be a whole number, not a fraction"),
        ("[limits]\nmax_fields = true", 2, "must be a whole number, not true or false"),
        ("[limits]\nmax_fields = 99999999999999999999", 2, "not a number beyond measure"),
        ("[limits]\nmax_feilds = 1", 2, "unknown key `limits.max_feilds`"),
        ("[limts]\ndeadline = \"1s\"", 1, "unknown key `limts`"),
        ("[runtime]\nthreads = 2000", 2, "must be a number from 0 to 1024"),
        ("[breaker]\nfailures = 0", 2, "must be a number from 1 to 1000"),
        (
            "[breaker]\nprobe_min = \"3s\"",
            2,
            "`breaker.probe_min` is 3s, longer than the 2s of `breaker.probe_max`",
        ),
        (
            "[compat]\ndetail = \"sometimes\"",
            2,
            "must be \"never\" or \"on-request\" or \"always\", not \"sometimes\"",
        ),
        ("[compat]\nblackout_partial = true", 2, "must be text"),
        ("[log]\nlevel = \"inof\"", 2, "is no log level: \"inof\""),
        ("[log]\nlevel = \"corecast=loud\"", 2, "is no log level"),
        ("[log]\nlevel = \"\"", 2, "must not be empty"),
        ("[codes]\nAPI_OK = 32", 2, "`codes.API_PARTIAL_CORE_RESPONSE` is 32, and so is `codes.API_OK`"),
        ("[codes]\nAPI_OK = 99\nAPI_AGENT_NOT_FOUND = 99", 3, "`codes.API_AGENT_NOT_FOUND` is 99, and so is"),
        ("[codes]\n\nAPI_NONSENSE = 1", 3, "unknown key `codes.API_NONSENSE`"),
        ("[codes]\nAPI_OK = \"20\"", 2, "must be a whole number, not text"),
        ("[media]\nurl = \"http://x\"", 2, "`media.url` must name a folder or a bucket"),
        ("[media]\nurl = \"s3://\"", 2, "`media.url` must name a folder or a bucket"),
        ("[media]\ns3_addressing = \"ip\"", 2, "must be \"path\" or \"host\""),
        (
            "[media]\ns3_secret_key = \"a\"\ns3_secret_key_file = \"b\"",
            3,
            "`media.s3_secret_key_file` stands beside `s3_secret_key`",
        ),
        ("[media]\nmp3_command = \"lame\"", 2, "`media.mp3_command` must be a list, not text"),
        ("[media]\nmp3_command = [\n  \"lame\",\n  \"\",\n]", 4, "`media.mp3_command` must not be empty"),
        ("[media]\nmax_exports = 0", 2, "must be a number from 1 to 1000"),
        ("[route]\nunknown_device = \"drop\"", 2, "must be \"broadcast\" or \"reject\""),
        ("[[route.rule]]\ndevices = \"9-1\"\ncores = [1]", 2, "`route.rule.devices` ends before it begins"),
        ("[[route.rule]]\ndevices = \"\"\ncores = [1]", 2, "is empty"),
        ("[[route.rule]]\ncores = [1]", 1, "`route.rule.devices` is missing"),
        ("[[route.rule]]\ndevices = \"1\"", 1, "`route.rule.cores` is missing"),
        ("[[route.rule]]\ndevices = \"1\"\ncores = []", 3, "must name at least one core"),
        ("[[route.rule]]\ndevices = \"1\"\ncores = 1", 3, "must be a list, not a number"),
        ("[[route.rule]]\ndevices = \"1\"\ncores = [\n  1,\n  5,\n]", 5, "names core 5, and there is none"),
        ("[[route.rule]]\ndevices = \"1\"\ncores = [1, 1]", 3, "`route.rule.cores` is 1 for the second time"),
        (
            "[[route.rule]]\ndevices = \"1\"\nsite = \"hq\"",
            3,
            "names the site \"hq\", and no core stands there; there is \"default\"",
        ),
        ("[[route.rule]]\ndevices = \"1\"\ncores = [1]\nsite = \"default\"", 4, "stands beside `cores`"),
        ("[[core]]\naddress = \"a:1\"", 1, "`core.id` is missing"),
        ("[[core]]\nid = 2", 1, "`core.address` is missing"),
        ("[[core]]\nid = 0\naddress = \"a:1\"", 2, "must be a number from 1 to 9999"),
        ("[[core]]\nid = 2\naddress = \"a:1\"\nqueue = 0", 4, "must be a number from 1"),
        ("[[core]]\nid = 2\naddress = \"a:1\"\nname = \" \"", 4, "`core.name` must not be empty"),
        ("[[core]]\nid = 2\naddress = \"a:1\"\nname = \"a\\nb\"", 4, "must be one line"),
        ("[[core]]\nid = 2\naddress = \"a\"", 3, "`core.address` is no address"),
        ("[[core]]\nid = 2\naddress = \"a:0\"", 3, "is no address"),
        ("[[core]]\nid = 2\naddress = \"::1:80\"", 3, "is no address"),
        ("[[core]]\nid = 2\naddress = \"a b:80\"", 3, "is no address"),
        ("= 3", 1, "key"),
        ("[limits]\nmax_depth = 3\nmax_depth = 3", 3, "duplicate key"),
    ] {
        let (at, message) = only_fault(text);
        assert!(message.contains(part), "{text}\nexpected: {part}\nfound: {message}");
        assert_eq!(at, Some(line), "{text}\n{message}");
    }
}

#[test]
fn faults_of_call_records_are_named_with_their_lines() {
    for (text, line, part) in [
        ("[records]\nmax_rows = 0", 2, "must be a number from 1 to 100000"),
        ("[records]\nkeep_days = -1", 2, "must be a number from 0 to 36500"),
        ("[records]\nplayback_link = \"http://p/1\"", 2, "`records.playback_link` has no {recordid}"),
        ("[[records.archive_action]]\nname = \"x\"", 1, "`records.archive_action.id` is missing"),
        (
            "[[records.archive_action]]\nid = 1\nthen = \"burn\"",
            3,
            "must be \"delete\" or \"keep\", not \"burn\"",
        ),
        (
            "[[records.archive_action]]\nid = 1\n[[records.archive_action]]\nid = 1",
            4,
            "`records.archive_action.id` is 1 for the second time",
        ),
    ] {
        let (at, message) = only_fault(text);
        assert!(message.contains(part), "{text}\nexpected: {part}\nfound: {message}");
        assert_eq!(at, Some(line), "{text}\n{message}");
    }
}

#[test]
fn a_core_twice_is_a_fault_of_the_second() {
    let twice = format!("{CORE}{CORE}");
    let expected = [(5, "`core.id` is 1 for"), (6, "`core.address` is 127.0.0.1:6620 for the second time")];
    let found = faults(&twice);
    assert_eq!(found.len(), 2, "{found:?}");
    for ((line, part), (at, message)) in expected.into_iter().zip(found) {
        assert!(at == Some(line) && message.contains(part), "{at:?} {message}");
    }
}

#[test]
fn without_a_core_there_is_nothing_to_do() {
    for text in ["", "[limits]\n"] {
        assert_eq!(faults(text), [(None, "`core` is missing".to_owned())], "{text}");
    }
    assert!(faults("\ncore = []")[0].1.contains("has no entry"));
    assert_eq!(faults("\ncore = []")[0].0, Some(2));
    let (line, message) = faults("[core]\nid = 1").remove(0);
    assert_eq!(line, Some(1));
    assert!(message.contains("head each with [[core]]"), "{message}");
}

#[test]
fn there_can_be_a_thousand_cores() {
    let cores = |n: usize| {
        (1..=n).map(|id| format!("[[core]]\nid = {id}\naddress = \"c{id}:1\"\n")).collect::<Vec<_>>().concat()
    };
    assert_eq!(parse(&cores(1000)).unwrap().cores.len(), 1000);
    assert!(faults(&cores(1001))[0].1.contains("has 1001 entries"));
}

#[test]
fn port_zero_is_no_address_twice() {
    let listen = "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";
    assert!(parse(&format!("{listen}{CORE}")).is_ok());
}

const MANY: &str = "\
[listen]
api = \"nowhere\"
webapy = \"127.0.0.1:2012\"
[limits]
deadline = \"soon\"
leg_timeout = \"5s\"
max_depth = 0
[[core]]
id = \"one\"
adress = \"10.0.0.1:5620\"
[[core]]
id = 2
address = \"10.0.0.2:5620\"
[[route.rule]]
devices = \"9-1\"
cores = [2, 7]
[codes]
API_OK = 24
";

#[test]
fn all_faults_show_at_once_each_with_its_line() {
    let lines: Vec<_> = faults(MANY).into_iter().map(|(line, _)| line.unwrap()).collect();
    // 6 is no fault: how long a leg may last cannot be said before the deadline is
    assert_eq!(lines, [2, 3, 5, 7, 8, 9, 10, 15, 16, 18]);
    let shown = parse(MANY).unwrap_err().to_string();
    for line in lines {
        assert!(shown.contains(&format!("--> test.toml:{line}:")), "line {line} in\n{shown}");
    }
    assert!(shown.contains("help: did you mean `webapi`?"), "{shown}");
    assert!(shown.contains("help: did you mean `address`?"), "{shown}");
    assert!(shown.ends_with("10 faults in the configuration"), "{shown}");
}

#[test]
fn plain_unless_colours_are_asked_for() {
    let faults = parse(MANY).unwrap_err();
    assert!(!faults.to_string().contains('\u{1b}'));
    assert!(format!("{faults:#}").contains('\u{1b}'));
}

#[test]
fn forgotten_quotes_are_asked_for() {
    for value in ["2s", "127.0.0.1:5620", "nowhere", "true-ish", "text", "5m", "1.5s", "API"] {
        let shown = parse(&format!("[limits]\ndeadline = {value}\n{CORE}")).unwrap_err().to_string();
        assert!(shown.contains("test.toml:2:") && shown.contains("double quotes"), "{shown}");
        assert!(shown.ends_with("1 fault in the configuration"), "{shown}");
    }
}

#[test]
fn syntax_errors_hide_no_other_faults_and_have_no_echo() {
    let text = "[listen]\napi = nowhere\nadmin = \"x\"\n[limits]\nmax_depth = = 3\nmax_fields = 0\n[[core]]\nid = 1\n";
    let lines: Vec<_> = faults(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [2, 3, 5, 6].map(Some), "{:?}", faults(text));
}

/// Whatever is cut off or garbled is a fault at worst, never a panic, and can be shown.
#[test]
fn a_garbled_file_can_be_shown() {
    for end in (0..=FULL.len()).step_by(61).filter(|end| FULL.is_char_boundary(*end)) {
        for garbage in ["", "[", "\"", "= ü", "\u{0}", "\r", "]]\n\n"] {
            let text = format!("{}{garbage}{}", &FULL[..end], &FULL[FULL.floor_char_boundary(end + 40)..]);
            if let Err(faults) = parse(&text) {
                assert!(faults.len() > 0 && !faults.to_string().is_empty());
            }
        }
    }
}

#[test]
fn a_share_is_a_part_of_one() {
    for (share, part) in [
        ("1.5", "must be a number from 0 to 1: 0.01 is one in a hundred"),
        ("10", "must be a number from 0 to 1: 0.01"),
        ("nan", "must be a number from 0 to 1: 0.01"),
        ("\"all\"", "must be a number from 0 to 1, not text"),
    ] {
        let (line, message) = only_fault(&format!("[log]\naccess_share = {share}"));
        assert!(line == Some(2) && message.contains(part), "{share}: {message}");
    }
    for (share, part) in [("0", 0.0), ("1", 1.0), ("0.5", 0.5), ("1e-2", 0.01)] {
        let settings = parse(&format!("[log]\naccess_share = {share}\n{CORE}")).unwrap();
        assert_eq!(Some(settings.log.access.share), Share::of(part), "{share}");
    }
}
