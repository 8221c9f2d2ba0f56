//! `[safety]`.

use super::*;
use crate::owed::{Action, Safety, Stop, Webhook};

const HOOK: &str = "https://corecast:hunter2@alerts.example/T0KEN?key=s3cret";

fn safety(keys: &str) -> Safety {
    parse(&format!("[safety]\n{keys}\n{CORE}")).unwrap().safety
}

#[test]
fn nothing_is_done_unless_it_is_asked_for() {
    let settings = parse(CORE).unwrap().safety;
    assert_eq!(settings, Safety { action: Action::Nothing, exposure_limit: Duration::from_secs(10) });
}

#[test]
fn each_word_has_its_action() {
    for (word, action) in [
        ("nothing", Action::Nothing),
        ("recordstop", Action::Stop(Stop::Recording)),
        ("callstop", Action::Stop(Stop::Call)),
    ] {
        let settings = safety(&format!("compensation = \"{word}\"\nexposure_limit = \"3s\""));
        assert_eq!(settings, Safety { action, exposure_limit: Duration::from_secs(3) });
    }
    let told = safety(&format!("compensation = \"webhook\"\nwebhook = \"{HOOK}\"")).action;
    assert_eq!(told, Action::Webhook(HOOK.parse::<Webhook>().expect("a URL")));
}

#[test]
fn what_does_not_fit_together_is_a_fault() {
    for (keys, part) in [
        ("compensation = \"panic\"", "`safety.compensation` must be \"nothing\" or \"webhook\""),
        ("compensation = \"webhook\"", "`safety.webhook` is missing"),
        (
            "compensation = \"webhook\"\nwebhook = \"alerts\"",
            "`safety.webhook` is no http:// or https:// URL",
        ),
        ("webhook = \"http://a\"", "`safety.webhook` is told of nothing unless `safety.compensation`"),
        ("exposure_limit = \"0s\"", "`safety.exposure_limit` must be a time from 1ms"),
        (
            "compensation = \"recordstop\"\nexposure_limit = \"1h\"",
            "`safety.exposure_limit` is 3600s, and what is owed expires after the 3600s of `late_delivery.expire`",
        ),
        (
            "compensation = \"recordstop\"\n[late_delivery]\nenabled = false",
            "`safety.compensation` finds what is unconfirmed among what is owed, and `late_delivery.enabled` is false",
        ),
    ] {
        let (_, message) = only_fault(&format!("[safety]\n{keys}"));
        assert!(message.contains(part), "{keys}: {message}");
    }
    safety("exposure_limit = \"2h\"");
}

#[test]
fn logins_and_tokens_are_never_shown() {
    let settings = safety(&format!("compensation = \"webhook\"\nwebhook = \"{HOOK}\""));
    let hides = |shown: &str| !["hunter2", "T0KEN", "s3cret"].iter().any(|secret| shown.contains(secret));
    assert!(hides(&format!("{settings:?}")), "{settings:?}");
    for keys in [
        format!("webhook = \"{HOOK}\""),
        format!("compensation = \"webhook\"\nwebhook = \"{}\"", HOOK.replace("https", "ftp")),
        format!("compensation = \"webhook\"\nwebhook = [\"{HOOK}\"]"),
    ] {
        let shown = parse(&format!("[safety]\n{keys}\n{CORE}")).expect_err(&keys).to_string();
        assert!(shown.contains("`safety.webhook`") && hides(&shown), "{shown}");
    }
}
