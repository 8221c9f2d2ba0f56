//! Sections "CALLUPDATE – Post-Recording", and "CALLUPDATE" with UPDATE_IF_NOT_RECORDING.

use super::{Functions, refuse};
use crate::command::{Call, Refusal};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::records::Changes;

/// The reference's words.
const UPDATED: &str = "Updated recording in database";

/// What may be said of a recording later, besides USER1 to USER15.
const LATER: [Param; 7] = {
    use Param::{Ani, ArchiveAction, CallDirection, Dnis, Gate, Group, KeepDays};
    [Group, Gate, Ani, Dnis, CallDirection, ArchiveAction, KeepDays]
};

/// What a recording is found by, in the order in which it counts.
const NAMES: [Param; 5] =
    [Param::DeviceId, Param::StationName, Param::DeviceAlias, Param::SysUser, Param::CrmUser];

/// CALLUPDATE with RECORDID.
pub(super) async fn answer(
    functions: &Functions,
    codes: &Codes,
    call: &Call,
    from: &str,
) -> Result<Reply, Refusal> {
    let text = call.request.get(Param::RecordId).unwrap_or_default();
    let not_there = |why: &str| Refusal::new(ResultType::RecordIdInvalid, format!("RECORDID {text} {why}"));
    let ident = text.parse().map_err(|_| not_there("is not the number of a recording"))?;
    let mut changes = later_changes(&call.request)?;
    changes.extend(given(&call.request, &[Param::DeviceId, Param::DeviceAlias]));
    match functions.records.update(ident, changes, from).await {
        Ok(true) => Ok(Reply::new(codes, ResultType::Ok, UPDATED)),
        Ok(false) => Err(not_there("is the number of no recording")),
        Err(error) => Err(refuse::of_change(call.function.name, from, error)),
    }
}

/// CALLUPDATE where no call is on.
pub(super) async fn last(
    functions: &Functions,
    codes: &Codes,
    names: Vec<(Param, String)>,
    changes: Changes,
    from: &str,
) -> Result<Reply, Refusal> {
    let called = names.first().map_or_else(String::new, |(param, name)| format!("{} {name}", param.name()));
    match functions.records.update_last_of(names, changes, from).await {
        Ok(Some(_)) => Ok(Reply::new(codes, ResultType::Ok, UPDATED)),
        Ok(None) => {
            let message = format!("{called} is in no call, and there is no recording of it to update");
            Err(Refusal::new(ResultType::RecordIdInvalid, message))
        }
        Err(error) => Err(refuse::of_change("CALLUPDATE", from, error)),
    }
}

/// What a request says of a recording that has ended.
///
/// # Errors
/// [`Refusal`], API_INVALID_MESSAGE_FORMAT, for a KEEPDAYS or ARCHIVEACTION that retention could make nothing of: no
/// core is asked, which would have said so.
pub fn later_changes(request: &Request) -> Result<Changes, Refusal> {
    for param in [Param::KeepDays, Param::ArchiveAction] {
        if let Some(text) = request.get(param)
            && text.parse::<u32>().is_err()
        {
            let message = format!("{} {text} is no whole number", param.name());
            return Err(Refusal::new(ResultType::InvalidMessageFormat, message));
        }
    }
    Ok(given(request, &LATER).chain(given(request, &Param::USERS)).collect())
}

fn given<'a>(request: &'a Request, params: &'a [Param]) -> impl Iterator<Item = (Param, String)> + 'a {
    params.iter().filter_map(|param| Some((*param, request.get(*param)?.to_owned())))
}

/// Whose last recording a request means: DEVICEID where it is given; else `device`, which the directory found for its
/// names; else those names.
#[must_use]
pub fn last_of(request: &Request, device: Option<&str>) -> Vec<(Param, String)> {
    let mut names: Vec<_> = given(request, &NAMES).collect();
    if let Some((Param::DeviceId, _)) = names.first() {
        names.truncate(1);
    } else if let Some(device) = device {
        names.insert(0, (Param::DeviceId, device.into()));
    }
    names
}
