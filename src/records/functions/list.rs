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

/// The recordings that a request asks for.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Them.
    pub found: Found,
    /// How many could be given at most.
    limit: usize,
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
    let body = write(call.function.name, &listed.found, link);
    Ok(Reply::new(codes, ResultType::Ok, listed.message()).with_body(body))
}

pub(super) async fn find(functions: &Functions, request: &Request, from: &str) -> Result<Listed, Refusal> {
    let asked = Asked::of(request)?;
    let limit = asked.count.unwrap_or(usize::MAX).min(functions.max_rows);
    let found = functions.records.search(asked.filter(request, limit)?).await;
    let found = found.map_err(|error| refuse::of_search("CALLLIST", from, error))?;
    Ok(Listed { found, limit, is_enough: asked.count == Some(limit), wants_link: asked.wants_link })
}

impl Listed {
    /// Whether there are more than could be given.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.found.is_more && !self.is_enough
    }

    /// RESULTMSG: whether this is all, and if not, how to go on.
    #[must_use]
    pub fn message(&self) -> String {
        let (ok, limit) = (ResultType::Ok.label(), self.limit);
        if !self.is_cut() {
            return ok.into();
        }
        format!(
            "{ok}: these are the newest {limit} of more that match; for the others, set CALLDATEEND to the \
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

fn write(function: &str, found: &Found, link: Option<&str>) -> String {
    let mut out = String::with_capacity(found.records.len() * USUAL);
    element(&mut out, Param::Type.name(), function);
    for (place, record) in (1..).zip(&found.records) {
        open(&mut out, "SEARCHRESULT");
        number(&mut out, "CALLNUMBER", place);
        write_one(&mut out, record, link);
        close(&mut out, "SEARCHRESULT");
    }
    out
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
