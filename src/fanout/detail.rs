//! The CORES section at the end of a result: how each core's leg ended.

use std::time::Duration;

use super::late::Deferred;
use super::tally::Ended;
use crate::model::{CoreId, Outcome};
use crate::protocol::write::{close, element, number, open};

/// Writes the section; with outcomes, or only with what each core said of itself. A core of which nothing could be read
/// has confirmed nothing that anybody has seen.
pub(super) fn write(
    out: &mut String,
    ended: &[Ended],
    with_outcomes: bool,
    deferred: &Deferred,
    per_core: &[(CoreId, String)],
    unread: &[CoreId],
) {
    open(out, "CORES");
    for leg in ended {
        let own = per_core.iter().find(|(core, _)| *core == leg.core).map_or("", |(_, own)| own);
        if !with_outcomes && own.is_empty() {
            continue;
        }
        open(out, "CORE");
        number(out, "COREIDENT", i64::from(leg.core.0));
        if with_outcomes {
            let is_read = !unread.contains(&leg.core);
            outcome(out, if is_read { &leg.end.outcome } else { &Outcome::BadReply }, leg.end.elapsed);
            if let Some(word) = deferred.word(leg.core) {
                element(out, "DEFERRED", word);
            }
        }
        out.push_str(own);
        close(out, "CORE");
    }
    close(out, "CORES");
}

fn outcome(out: &mut String, outcome: &Outcome, elapsed: Duration) {
    element(out, "OUTCOME", outcome.detail());
    element(out, "REASON", &outcome.reason());
    number(out, "MILLISECONDS", i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
}
