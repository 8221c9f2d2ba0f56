//! Section "CALLLIST".

use jiff::{SignedDuration, Timestamp};

use super::{Functions, refuse};
use crate::command::{Call, Refusal};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::protocol::write::{close, element, number, open};
use crate::records::{Filter, Found, Record};

/// What a SEARCHRESULT holds between CALLNUMBER and RECORDID, besides USER1 to USER15.
const BEFORE_USERS: [Param; 7] = {
    use Param::{Ani, CallDirection, DeviceAlias, DeviceId, Dnis, Gate, Group};
    [DeviceId, DeviceAlias, Ani, Dnis, CallDirection, Group, Gate]
};
/// Bytes of one, mostly.
const USUAL: usize = 1000;
/// An answer as long as this takes no more recordings, in bytes: what requests say of one may be long.
const MOST: usize = 8 << 20;

/// The recordings that a request asks for.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Them.
    pub found: Found,
    /// Whether no more were asked for.
    is_enough: bool,
    wants_link: bool,
}

pub(super) async fn answer(
    functions: &Functions,
    codes: &Codes,
    call: &Call,
    from: &str,
) -> Result<Reply, Refusal> {
    let listed = find(functions, &call.request, from).await?;
    let link = functions.playback_link.as_deref().filter(|_| listed.wants_link);
    let (body, given) = write(call.function.name, &listed.found.records, link);
    Ok(Reply::new(codes, ResultType::Ok, listed.message(given)).with_body(body))
}

pub(super) async fn find(functions: &Functions, request: &Request, from: &str) -> Result<Listed, Refusal> {
    let asked = Asked::of(request)?;
    let limit = asked.count.unwrap_or(usize::MAX).min(functions.max_rows);
    let found = functions.records.search(asked.filter(request, limit)?).await;
    let found = found.map_err(|error| refuse::of_search("CALLLIST", from, error))?;
    Ok(Listed { found, is_enough: asked.count == Some(limit), wants_link: asked.wants_link })
}

impl Listed {
    /// Whether there are more than could be given.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.found.is_more && !self.is_enough
    }

    /// RESULTMSG, where so many are given: whether this is all, and if not, how to go on.
    #[must_use]
    pub fn message(&self, given: usize) -> String {
        let ok = ResultType::Ok.label();
        if !self.is_cut() && given == self.found.records.len() {
            return ok.into();
        }
        format!(
            "{ok}: these are the newest {given} of more that match; for the others, set CALLDATEEND to the \
             RECORDINGTIME of the last one, or give more filters"
        )
    }
}

/// What a request says besides its filters.
struct Asked {
    count: Option<usize>,
    from: Option<Timestamp>,
    /// The first moment behind the period.
    before: Option<Timestamp>,
    wants_link: bool,
}

impl Asked {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let (from, to) = (date(request, Param::CallDateStart)?, date(request, Param::CallDateEnd)?);
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            let (from, to) = (from.as_second(), to.as_second());
            return Err(bad(format!("CALLDATEEND {to} lies before CALLDATESTART {from}")));
        }
        Ok(Self {
            count: count(request)?,
            from,
            // Its last second is part of it; the last second that there is has none behind it.
            before: to.and_then(|to| to.checked_add(SignedDuration::from_secs(1)).ok()),
            wants_link: request.get(Param::PlaybackLink).is_some_and(|wants| wants.eq_ignore_ascii_case("Y")),
        })
    }

    fn filter(&self, request: &Request, limit: usize) -> Result<Filter, Refusal> {
        let mut filter = Filter::newest(limit);
        for param in Filter::params() {
            if let Some(value) = request.get(param) {
                filter = filter.with(param, value).map_err(|error| bad(error.to_string()))?;
            }
        }
        filter = self.from.into_iter().fold(filter, Filter::from);
        Ok(self.before.into_iter().fold(filter, Filter::before))
    }
}

/// CALLCOUNT: how many recordings, at most.
fn count(request: &Request) -> Result<Option<usize>, Refusal> {
    let Some(text) = request.get(Param::CallCount) else { return Ok(None) };
    let count = text.parse().ok().filter(|count| *count > 0);
    count.map(Some).ok_or_else(|| bad(format!("CALLCOUNT {text} is no number of calls, which is 1 or more")))
}

/// A moment in UNIX seconds.
fn date(request: &Request, param: Param) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = request.get(param) else { return Ok(None) };
    let date = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let name = param.name();
    date.map(Some).ok_or_else(|| bad(format!("{name} {text} is no UNIX time: whole seconds since 1970")))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ResultType::InvalidMessageFormat, message)
}

/// The elements of the answer, and how many recordings there is room for in it; for one always.
fn write(function: &str, records: &[Record], link: Option<&str>) -> (String, usize) {
    let mut out = String::with_capacity((records.len() * USUAL).min(MOST));
    element(&mut out, Param::Type.name(), function);
    for (given, record) in records.iter().enumerate() {
        if out.len() >= MOST {
            return (out, given);
        }
        open(&mut out, "SEARCHRESULT");
        number(&mut out, "CALLNUMBER", i64::try_from(given + 1).unwrap_or(i64::MAX));
        write_one(&mut out, record, link);
        close(&mut out, "SEARCHRESULT");
    }
    (out, records.len())
}

/// A recording, in the order of the reference's example.
fn write_one(out: &mut String, record: &Record, link: Option<&str>) {
    let said = |out: &mut String, param: Param| {
        element(out, param.name(), record.said.get(&param).map_or("", String::as_str));
    };
    BEFORE_USERS.iter().chain(&Param::USERS).for_each(|param| said(out, *param));
    number(out, Param::RecordId.name(), record.ident);
    number(out, "RECORDINGTIME", record.started.as_second());
    number(out, "DURATION", record.seconds());
    element(out, "AGENTFIRSTNAME", &record.agent.0);
    element(out, "AGENTLASTNAME", &record.agent.1);
    [Param::CrmUser, Param::SysUser].into_iter().for_each(|param| said(out, param));
    if let Some(link) = link {
        element(out, Param::PlaybackLink.name(), &link.replace("{recordid}", &record.ident.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CoreId;
    use crate::records::RecordKind;

    #[test]
    fn an_answer_is_bounded_whatever_was_said_of_the_calls() {
        let record = Record {
            ident: 1,
            global_id: "1-1".into(),
            core: CoreId(1),
            kind: RecordKind::Call,
            started: Timestamp::UNIX_EPOCH,
            stopped: Some(Timestamp::UNIX_EPOCH),
            file: String::new(),
            bytes: 0,
            blackouts: Vec::new(),
            said: [(Param::User1, "x".repeat(1 << 20))].into(),
            agent: Default::default(),
        };
        let records = vec![record; 20];
        let (body, given) = write("CALLLIST", &records, None);
        assert_eq!((given, body.matches("<CALLNUMBER>").count()), (8, 8));
        let found = Found { records, is_more: false };
        let listed = Listed { found, is_enough: true, wants_link: false };
        assert!(listed.message(given).contains("the newest 8 of more"), "{}", listed.message(given));
        assert_eq!(listed.message(20), "API_OK");
    }
}
