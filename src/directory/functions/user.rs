//! Section "IMPORTUSER".

use super::job::Job;
use super::parse::{Action, bad, id, phones};
use super::{password, stamp, user_list};
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::{Stamp, Status, UserFields};
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::protocol::write::number;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    match Action::of(job.request)? {
        Action::Add => change(job, Change::added(job.request)?).await,
        Action::Modify => change(job, Change::modified(job.request)?).await,
        Action::Delete => delete(job).await,
        Action::List => user_list::answer(job).await,
    }
}

/// "Deleting a user will simply change the status flag of the user to deleted and free all phone ID associations".
async fn delete(job: &Job<'_>) -> Result<Reply, Refusal> {
    let id = user_id(job.request)?;
    job.write(move |tx| Box::pin(tx.delete_user(id))).await?;
    Ok(job.done(body(id)))
}

/// What is refused is refused before the password is hashed, which costs more than all the rest: scripts are told
/// that they may call ADD again and again.
async fn change(job: &Job<'_>, mut change: Change) -> Result<Reply, Refusal> {
    if let Some(password) = job.request.get(Param::Password) {
        let unhashed = change.clone();
        job.rehearse(move |tx| Box::pin(unhashed.apply(tx))).await?;
        change.fields.password = Some(password::hash(password).await?);
    }
    let id = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    Ok(job.done(body(id)))
}

fn body(id: i64) -> String {
    let mut out = String::new();
    number(&mut out, "USERID", id);
    out
}

/// A user who is added or, under a USERID, modified.
#[derive(Clone)]
struct Change {
    id: Option<i64>,
    fields: UserFields,
}

impl Change {
    /// "The field USERID is ignored when the action is ADD." What makes a user one is required; the reference's
    /// own example leaves others out.
    fn added(request: &Request) -> Result<Self, Refusal> {
        let needed = [Param::UserName, Param::FirstName, Param::LastName];
        let missing = needed.into_iter().filter(|param| request.get(*param).is_none()).map(Param::name);
        let missing = missing.collect::<Vec<_>>().join(", ");
        if missing.is_empty() {
            return Ok(Self { id: None, fields: fields(request)? });
        }
        Err(bad(format!(
            "{missing} missing or blank: a user who is added has USERNAME, FIRSTNAME and LASTNAME"
        )))
    }

    /// "MODIFY should only be used to add additional information": what is blank stays as it is.
    fn modified(request: &Request) -> Result<Self, Refusal> {
        Ok(Self { id: Some(user_id(request)?), fields: fields(request)? })
    }

    async fn apply(self, tx: &mut Write<'_>) -> Result<i64, StoreError> {
        match self.id {
            None => tx.add_user(&self.fields).await,
            Some(id) => tx.modify_user(id, &self.fields).await.map(|()| id),
        }
    }
}

fn user_id(request: &Request) -> Result<i64, Refusal> {
    id(request, Param::UserId)?.ok_or_else(|| bad("USERID is missing, blank or 0: it names the user"))
}

fn fields(request: &Request) -> Result<UserFields, Refusal> {
    let text = |param| request.get(param).map(str::to_owned);
    let status = status(request)?;
    Ok(UserFields {
        username: text(Param::UserName),
        employee_id: text(Param::EmployeeId),
        first_name: text(Param::FirstName),
        last_name: text(Param::LastName),
        is_agent: status.map(|status| status == Status::Active),
        status,
        added: time(request, Param::AddTime)?,
        modified: time(request, Param::ModTime)?,
        sys_user: text(Param::SysUser),
        sys_domain: text(Param::Domain),
        email: text(Param::Email),
        crm_user: text(Param::CrmUser),
        site_id: text(Param::SiteId),
        password: None,
        phones: request.get(Param::Phones).map(phones),
    })
}

/// "A – Active (flagged as an AGENT) or I – Inactive (not flagged as an AGENT)". Deleting is an action of its own.
fn status(request: &Request) -> Result<Option<Status>, Refusal> {
    let Some(letter) = request.get(Param::Status) else { return Ok(None) };
    match Status::from_letter(letter) {
        Some(status) if status != Status::Deleted => Ok(Some(status)),
        _ => Err(bad(format!("STATUS {letter} is neither A (active) nor I (inactive)"))),
    }
}

fn time(request: &Request, param: Param) -> Result<Option<Stamp>, Refusal> {
    let Some(text) = request.get(param) else { return Ok(None) };
    let form = || bad(format!("{} {text} is not of the form 10/30/2006 4:05:38 PM -05:00", param.name()));
    stamp::read(text).map(Some).ok_or_else(form)
}
