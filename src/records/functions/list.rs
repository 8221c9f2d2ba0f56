//! Section "CALLLIST".

use jiff::{SignedDuration, Timestamp};

use super::{Functions, refuse};
use crate::command::{Call, Refusal};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::{Reply, number};
use crate::protocol::write::{close, element, open};
use crate::records::{Filter, Found, Record};

/// What a SEARCHRESULT holds between CALLNUMBER and RECORDID, besides USER1 to USER15.
const BEFORE_USERS: [Param; 7] = {
    use Param::{Ani, CallDirection, DeviceAlias, DeviceId, Dnis, Gate, Group};
    [DeviceId, DeviceAlias, Ani, Dnis, CallDirection, Group, Gate]
};
/// Bytes of one, mostly.
const USUAL: usize = 1000;

pub(super) async fn answer(
    functions: &Functions,
    codes: &Codes,
    call: &Call,
    from: &str,
) -> Result<Reply, Refusal> {
    let asked = Asked::of(&call.request)?;
    let limit = asked.count.unwrap_or(usize::MAX).min(functions.max_rows);
    let found = functions.records.search(asked.filter(&call.request, limit)?).await;
    let found = found.map_err(|error| refuse::of_search(call.function.name, from, error))?;
    let link = functions.playback_link.as_deref().filter(|_| asked.wants_link);
    let message = message(&found, asked.count, limit);
    Ok(Reply::new(codes, ResultType::Ok, message).with_body(list(call.function.name, &found, link)))
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

/// RESULTMSG: that there is more is said unless just so many were asked for.
fn message(found: &Found, count: Option<usize>, limit: usize) -> String {
    let ok = ResultType::Ok.label();
    if !found.is_more || count == Some(limit) {
        return ok.into();
    }
    format!(
        "{ok}: these are the newest {limit} of more that match; for the others, set CALLDATEEND to the RECORDINGTIME \
         of the last one, or give more filters"
    )
}

fn list(function: &str, found: &Found, link: Option<&str>) -> String {
    let mut out = String::with_capacity(found.records.len() * USUAL);
    element(&mut out, Param::Type.name(), function);
    for (place, record) in (1..).zip(&found.records) {
        open(&mut out, "SEARCHRESULT");
        number(&mut out, "CALLNUMBER", place);
        write(&mut out, record, link);
        close(&mut out, "SEARCHRESULT");
    }
    out
}

/// A recording, in the order of the reference's example.
fn write(out: &mut String, record: &Record, link: Option<&str>) {
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
