//! What the store says, in the reference's errors. Every error of the store becomes a refusal here, and only here.

use super::parse::{Action, bad, given};
use crate::command::{Command, Refusal};
use crate::database::error::{StoreError, Subject};
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

/// The refusal that an error of the store is answered with.
pub(super) fn refusal(command: Command, request: &Request, from: &str, error: StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(_) | StoreError::Failed(_) | StoreError::TooLong => {
            database(command, request, from, &error)
        }
        StoreError::Invalid(message) => bad(message),
        StoreError::Taken(subject) => taken(request, subject),
        StoreError::NotFound(subject) => not_found(command, request, subject),
        StoreError::Ambiguous(_) => {
            let (result, who, params) = person(command, request);
            Refusal::new(
                result,
                format!("several {who}s have {}: give more, or the id", given(request, params)),
            )
        }
    }
}

/// "Represents a range of possible query problems; check the API logs for details": the database's own words may
/// name hosts and users, so they go to the log and not to the client.
fn database(command: Command, request: &Request, from: &str, error: &StoreError) -> Refusal {
    let function = command.function().name;
    tracing::warn!(function, from, %error, "the directory's database could not do what was asked");
    let is_reached = !matches!(error, StoreError::Unavailable(_));
    let what = match (is_reached, is_read(command, request)) {
        (true, true) => "failed",
        (true, false) => "failed, and nothing was changed",
        (false, true) => "cannot be reached or did not answer in time",
        (false, false) => {
            "cannot be reached or did not answer in time, so the change may or may not have been made"
        }
    };
    let advice = "see this proxy's log for the reason, and send the request again when the database is back";
    Refusal::new(ResultType::DatabaseQueryError, format!("the directory's database {what}: {advice}"))
}

fn is_read(command: Command, request: &Request) -> bool {
    matches!(command, Command::Stations | Command::FetchTerminology)
        || matches!(Action::of(request), Ok(Action::List))
}

fn taken(request: &Request, subject: Subject) -> Refusal {
    let given = |params: &[Param]| given(request, params);
    let (result, who, params): (_, _, &[Param]) = match subject {
        Subject::Username => (ResultType::UserAlreadyExist, "a user", &[Param::UserName]),
        Subject::FullName => (ResultType::UserAlreadyExist, "a user", &[Param::FirstName, Param::LastName]),
        Subject::Role => (ResultType::RoleAlreadyExists, "a role", &[Param::RoleName]),
        Subject::Phone => (ResultType::KeysNotUnique, "another agent", &[Param::PhoneId, Param::Phones]),
        _ => {
            return Refusal::new(
                ResultType::KeysNotUnique,
                format!("{subject} exists already: nothing was changed"),
            );
        }
    };
    let given = given(params);
    let words = if subject == Subject::Phone { "has a phone of" } else { "exists already with" };
    Refusal::new(result, format!("{who} {words} {given}: nothing was changed"))
}

fn not_found(command: Command, request: &Request, subject: Subject) -> Refusal {
    let given = |params: &[Param]| given(request, params);
    match subject {
        Subject::User => {
            let (result, who, params) = person(command, request);
            Refusal::new(result, format!("Could not find a{} {who} with {}", article(who), given(params)))
        }
        Subject::Phone => Refusal::new(
            ResultType::AgentNotFound,
            format!("The agent does not have {}", given(&[Param::PhoneId])),
        ),
        Subject::Group => {
            let group = given(&[Param::GroupName, Param::GroupId]);
            Refusal::new(
                ResultType::NoGroup,
                format!("A group with {group} does not exist or it is not active"),
            )
        }
        Subject::Role => {
            let role = given(&[Param::RoleId, Param::RoleName]);
            Refusal::new(ResultType::RoleNotFound, format!("Could not find a role with {role}"))
        }
        _ => Refusal::new(ResultType::ProcessingMessage, format!("{subject} not found")),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with('a') { "n" } else { "" }
}

/// Which error a function has for somebody whom nobody knows, what it calls them, and how they were named to it:
/// "Although AGENTID is the parameter in this function, the field used to identify the agent is USERID."
fn person(command: Command, request: &Request) -> (ResultType, &'static str, &'static [Param]) {
    use Param::{AgentId, FirstName, LastName, SystemUserName, UserId, UserName};
    let has_agent = !matches!(request.get(AgentId), None | Some("0"));
    match command {
        Command::ImportUser => (ResultType::UserNotFound, "user", &[UserId]),
        Command::ImportAgentPhone if has_agent => (ResultType::AgentNotFound, "agent", &[AgentId]),
        Command::ImportAgentPhone => (ResultType::AgentNotFound, "agent", &[FirstName, LastName]),
        Command::ModifyGroupPermission => {
            (ResultType::AgentNotFound, "agent", &[FirstName, LastName, AgentId])
        }
        _ => (ResultType::UserNotFound, "user", &[UserId, LastName, FirstName, SystemUserName, UserName]),
    }
}
