//! Section "IMPORTUSER", ACTION LIST: "all users currently in Uptivity".

use super::job::Job;
use super::stamp;
use crate::command::Refusal;
use crate::directory::entity::User;
use crate::protocol::result::Reply;
use crate::protocol::write::{close, element, number, open};

/// What a user takes in the list, more or less.
const USER_BYTES: usize = 512;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let users = job.read(|read| Box::pin(read.users())).await?;
    Ok(job.done(list(&users)))
}

fn list(users: &[User]) -> String {
    let mut out = String::with_capacity(users.len() * USER_BYTES);
    open(&mut out, "USERS");
    number(&mut out, "COUNT", i64::try_from(users.len()).unwrap_or(i64::MAX));
    users.iter().for_each(|user| write(&mut out, user));
    close(&mut out, "USERS");
    out
}

/// The elements of the reference's example, under its names and in its order.
fn write(out: &mut String, user: &User) {
    open(out, "USER");
    number(out, "USER_ID", user.id);
    element(out, "USERNAME", &user.username);
    element(out, "EMPLOYEEID", &user.employee_id);
    element(out, "FIRSTNAME", &user.first_name);
    element(out, "LASTNAME", &user.last_name);
    element(out, "AGENT", if user.is_agent { "TRUE" } else { "FALSE" });
    element(out, "STATUS", user.status.letter());
    element(out, "ADD_TIME", &stamp::write(user.added));
    element(out, "MOD_TIME", &stamp::write(user.modified));
    element(out, "SYS_USER", &user.sys_user);
    element(out, "SYS_DOMAIN", &user.sys_domain);
    element(out, "EMAIL", &user.email);
    element(out, "CRM_USER", &user.crm_user);
    element(out, "SITE_ID", &user.site_id);
    element(out, "PHONES", &user.phones.join(","));
    close(out, "USER");
}
