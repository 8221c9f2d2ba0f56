//! Parameters into what the store takes.

use crate::command::Refusal;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

/// API_INVALID_MESSAGE_FORMAT.
pub(super) fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ResultType::InvalidMessageFormat, message)
}

/// ACTION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Add,
    Modify,
    Delete,
    List,
}

impl Action {
    /// The action that is asked for, in any case.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let action = request.get(Param::Action).unwrap_or("");
        let known =
            [("ADD", Self::Add), ("MODIFY", Self::Modify), ("DELETE", Self::Delete), ("LIST", Self::List)];
        let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(action));
        found.map(|(_, action)| action).ok_or_else(|| Self::unknown(action))
    }

    /// Of a function that knows only ADD and DELETE: whether it is ADD.
    pub(super) fn is_add(request: &Request) -> Result<bool, Refusal> {
        match Self::of(request)? {
            Self::Add => Ok(true),
            Self::Delete => Ok(false),
            Self::Modify | Self::List => Err(Self::unknown(request.get(Param::Action).unwrap_or(""))),
        }
    }

    /// The command table refuses these first, so a function seldom has to.
    pub(super) fn unknown(action: &str) -> Refusal {
        Refusal::new(ResultType::InvalidAction, format!("ACTION {action} is not one of this function's"))
    }
}

/// A parameter that must be there.
pub(super) fn required(request: &Request, param: Param) -> Result<String, Refusal> {
    let value = request.get(param).map(str::to_owned);
    value.ok_or_else(|| bad(format!("{} is missing or blank", param.name())))
}

/// A number.
pub(super) fn number(request: &Request, param: Param) -> Result<Option<i64>, Refusal> {
    let Some(text) = request.get(param) else { return Ok(None) };
    let number = text.parse().map_err(|_| bad(format!("{} {text} is not an integer", param.name())))?;
    Ok(Some(number))
}

/// An id; 0 is none.
pub(super) fn id(request: &Request, param: Param) -> Result<Option<i64>, Refusal> {
    number(request, param).map(|id| id.filter(|id| *id != 0))
}

/// PHONES: a list with commas.
pub(super) fn phones(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|phone| !phone.is_empty()).map(str::to_owned).collect()
}

/// Those of these parameters that the request gives, as a person reads them: "FIRSTNAME John, LASTNAME Doe".
pub(super) fn given(request: &Request, params: &[Param]) -> String {
    let shown = params.iter().filter(|param| !param.is_secret());
    let given =
        shown.filter_map(|param| request.get(*param).map(|value| format!("{} {value}", param.name())));
    given.collect::<Vec<_>>().join(", ")
}
