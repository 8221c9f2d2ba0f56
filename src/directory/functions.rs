//! The functions that the directory answers: STATIONS, FETCHTERMINOLOGY, and the reference's chapters "Import
//! Functions" and "User, Group, and Role Functions".
//!
//! One function per file, and each in the same order: parse what was asked, apply it in one transaction, answer.
//! What they share: a `Job` is one function under way, `refuse` turns what the store says into the
//! reference's errors, `find` finds the users, roles and groups that a request names, and `sent` writes the
//! "Parameters Sent" of a result.
//!
//! Where the reference is silent:
//! - An id of 0 is an id that was not given, as in its example of IMPORTAGENTPHONE.
//! - A request that names somebody in several ways must be right in all of them, so that nobody gets a right that
//!   was meant for another. Only IMPORTAGENTPHONE passes names over, for there the reference says so.
//! - What is there already can be added again, and what is not there can be deleted again: the answer is the same
//!   and the audit trail gets no row. What belongs to somebody else is an error.

mod find;
mod group;
mod group_permission;
mod job;
mod parse;
mod password;
mod phone;
mod refuse;
mod role;
mod role_group;
mod role_permission;
mod sent;
mod stamp;
mod stations;
mod terminology;
mod user;
mod user_list;
mod user_role;
mod workstation;

use super::store::Store;
use crate::command::{Call, Command, Refusal};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::result::Reply;
use job::Job;

/// Answers a function whose scope is the directory. `from` is the client's address, for the audit trail.
///
/// It takes as long as the store gives it, and heeds no deadline: a change that was cut off would be one of which
/// nobody knows whether it was made.
///
/// # Errors
/// [`Refusal`]: the errors that the reference documents for the function.
pub async fn answer(store: &Store, codes: &Codes, call: &Call, from: &str) -> Result<Reply, Refusal> {
    let job = &Job::new(store, codes, call, from);
    match job.function.command {
        Command::Stations => stations::answer(job).await,
        Command::FetchTerminology => terminology::answer(job).await,
        Command::ImportUser => user::answer(job).await,
        Command::ImportAgentPhone => phone::answer(job).await,
        Command::ImportWorkstation => workstation::answer(job).await,
        Command::AddGroup => group::answer(job).await,
        Command::ModifyGroupPermission => group_permission::answer(job).await,
        Command::ModifyRole => role::answer(job).await,
        Command::ModifyRoleGroupPermission => role_group::answer(job).await,
        Command::ModifyUserRole => user_role::answer(job).await,
        Command::ModifyRolePermission => role_permission::answer(job).await,
        _ => Err(unknown(job.function.name)),
    }
}

fn unknown(function: &str) -> Refusal {
    Refusal::new(ResultType::UnknownMessageType, format!("{function} is no function of the directory"))
}

#[cfg(test)]
mod tests;
