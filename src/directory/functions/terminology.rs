//! Section "FETCHTERMINOLOGY".

use super::job::Job;
use crate::command::Refusal;
use crate::directory::entity::Term;
use crate::protocol::result::Reply;
use crate::protocol::write::{close, element, number, open};

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let terms = job.read(|read| Box::pin(read.terminology())).await?;
    Ok(job.done(list(&terms)))
}

/// "A COUNT of the number of TERMINOLOGY sections, plus TERMINOLOGY sections for each terminology variable".
fn list(terms: &[Term]) -> String {
    let mut out = String::new();
    number(&mut out, "COUNT", i64::try_from(terms.len()).unwrap_or(i64::MAX));
    open(&mut out, "SETTINGS");
    for term in terms {
        open(&mut out, "TERMINOLOGY");
        element(&mut out, "NAME", &term.name);
        element(&mut out, "VALUE", &term.value);
        close(&mut out, "TERMINOLOGY");
    }
    close(&mut out, "SETTINGS");
    out
}
