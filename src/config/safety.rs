//! `[safety]`: what is done about a blackout's start that a core has not confirmed in time.

use super::kinds::{SOME_TIME, choice, duration};
use super::secret::secret;
use super::section::Section;
use crate::owed::{Action, LateDelivery, Safety, Stop, Webhook};

/// The words of `compensation`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Webhook,
    RecordStop,
    CallStop,
}

const WORDS: [(&str, Word); 4] = [
    ("nothing", Word::Nothing),
    ("webhook", Word::Webhook),
    ("recordstop", Word::RecordStop),
    ("callstop", Word::CallStop),
];

/// What is done, and when.
pub(super) fn safety(s: &mut Section<'_>, late_delivery: &LateDelivery) -> Safety {
    let word = s.or("compensation", Word::Nothing, choice(&WORDS));
    let exposure_limit = s.or("exposure_limit", Safety::default().exposure_limit, duration(SOME_TIME));
    let webhook = webhook(s, word == Word::Webhook);
    if word != Word::Nothing {
        late_delivery_serves(s, exposure_limit, late_delivery);
    }
    let action = match word {
        Word::Nothing => Action::Nothing,
        Word::RecordStop => Action::Stop(Stop::Recording),
        Word::CallStop => Action::Stop(Stop::Call),
        Word::Webhook => webhook.map_or(Action::Nothing, Action::Webhook),
    };
    Safety { action, exposure_limit }
}

/// What is unconfirmed is found among what is owed: so that must be kept, and for long enough.
fn late_delivery_serves(s: &mut Section<'_>, limit: std::time::Duration, late_delivery: &LateDelivery) {
    if !late_delivery.enabled {
        let why = "finds what is unconfirmed among what is owed, and `late_delivery.enabled` is false";
        s.fault("compensation", why);
    } else if limit >= late_delivery.expire {
        let expire = late_delivery.expire;
        s.fault(
            "exposure_limit",
            &format!("is {limit:?}, and what is owed expires after the {expire:?} of `late_delivery.expire`"),
        );
    }
}

/// The URL, which may hold a login or a token: nothing that is said to be wrong with it shows it.
fn webhook(s: &mut Section<'_>, is_needed: bool) -> Option<Webhook> {
    let written = secret(s, ["webhook", "webhook_file"]);
    let key = if s.has("webhook") { "webhook" } else { "webhook_file" };
    if is_needed && !s.has("webhook") && !s.has("webhook_file") {
        s.missing("webhook", "webhook = \"https://alerts.example/corecast\"");
    }
    let hook = written?.reveal().parse().map_err(|wrong| s.secret_fault(key, &format!("{wrong}"))).ok();
    if !is_needed && hook.is_some() {
        s.secret_fault(key, "is told of nothing unless `safety.compensation` is \"webhook\"");
    }
    hook
}
