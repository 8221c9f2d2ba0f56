//! One suite for both databases, run through the command table as a client's request is.
//!
//! PostgreSQL's half needs a server: `CORECAST_TEST_POSTGRES` is the URL of one, as a user who may make databases.

mod audit;
mod down;
mod errors;
mod examples;
mod place;
mod silent;
mod values;

use tokio::time::Instant;

use super::answer;
use crate::command::{Call, Refusal, check};
use crate::directory::entity::AuditEntry;
use crate::directory::store::Store;
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::protocol::write::element;
use crate::protocol::xml::Bounds;
use place::Place;

/// Where the tests' client is.
const FROM: &str = "192.0.2.7:4711";

/// What nobody's name should be, and what every field must give back unchanged.
const AWKWARD: &str = "O'Brien \"x\"; DROP TABLE users; -- $1 ?1 %_\\ <b>&amp; éß 日本 😀\u{202e}\r\n\tz";

/// Defines a test that runs once per database. It gets the [`Store`] of an empty directory.
macro_rules! on_both {
    (async fn $name:ident($store:ident: &Store) $body:block) => {
        mod $name {
            #[allow(clippy::wildcard_imports, reason = "a test's own words")]
            use super::*;

            async fn run($store: &Store) $body

            #[tokio::test]
            async fn sqlite() {
                run(&Place::sqlite().store).await;
            }

            #[tokio::test]
            async fn postgres() {
                let Some(place) = Place::postgres().await else { return };
                run(&place.store).await;
                place.drop_database().await;
            }
        }
    };
}
use on_both;

fn read(request: &str) -> Request {
    Request::read(request.as_bytes(), Bounds { max_fields: 50, max_depth: 8 }).expect("a readable request")
}

async fn try_answer(store: &Store, request: Request) -> Result<Reply, Refusal> {
    let function = check(&request)?;
    let call = Call::new(function, request, Instant::now());
    answer(store, &Codes::default(), &call, FROM).await
}

/// The whole RESULT of a request, as the client gets it.
async fn send(store: &Store, request: &str) -> String {
    let request = read(request);
    let (kind, id) = (request.kind().to_owned(), request.id().to_owned());
    let reply = try_answer(store, request).await;
    let reply =
        reply.unwrap_or_else(|refused| Reply::new(&Codes::default(), refused.result, refused.message));
    reply.write(&kind, &id)
}

/// A request in one line: `ask(store, "ADDGROUP", &[("GROUPNAME", "x")])`.
async fn ask(store: &Store, kind: &str, params: &[(&str, &str)]) -> String {
    let mut request = format!("<REQUEST><TYPE>{kind}</TYPE><REQUESTID>1</REQUESTID>");
    params.iter().for_each(|(name, value)| element(&mut request, name, value));
    send(store, &(request + "</REQUEST>")).await
}

/// [`ask`] for what must go well.
async fn done(store: &Store, kind: &str, params: &[(&str, &str)]) -> String {
    let result = ask(store, kind, params).await;
    assert_eq!(label(&result), ResultType::Ok.label(), "{result}");
    result
}

/// [`ask`] for what must be refused so, and change nothing.
async fn refused(store: &Store, kind: &str, params: &[(&str, &str)], result: ResultType, words: &str) {
    let before = store.read(|read| Box::pin(read.export())).await.expect("exported");
    let answer = ask(store, kind, params).await;
    assert_eq!(label(&answer), result.label(), "{answer}");
    assert!(element_of(&answer, "RESULTMSG").contains(words), "{answer} has no {words}");
    let after = store.read(|read| Box::pin(read.export())).await.expect("exported");
    assert_eq!(after, before, "{answer}");
}

fn label(result: &str) -> &str {
    element_of(result, "RESULTTYPE")
}

fn element_of<'a>(result: &'a str, name: &str) -> &'a str {
    let from = result.split_once(&format!("<{name}>")).map_or("", |(_, from)| from);
    from.split_once(&format!("</{name}>")).map_or("", |(value, _)| value)
}

/// The minimum that every result begins with, for API_OK.
fn ok(kind: &str, id: u32, message: &str, body: &str) -> String {
    format!(
        "<RESULT><REQUESTTYPE>{kind}</REQUESTTYPE><REQUESTID>{id}</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
         <RESULTCODE>20</RESULTCODE><RESULTMSG>{message}</RESULTMSG>{body}</RESULT>\r\n"
    )
}

async fn trail(store: &Store) -> Vec<AuditEntry> {
    store.read(|read| Box::pin(read.audit(0, 1000))).await.expect("the audit trail")
}

/// A user of this name, by its USERID.
async fn user(store: &Store, first: &str, last: &str) -> String {
    let username = format!("{first}.{last}");
    let params = [("ACTION", "ADD"), ("USERNAME", &username), ("FIRSTNAME", first), ("LASTNAME", last)];
    element_of(&done(store, "IMPORTUSER", &params).await, "USERID").to_owned()
}

async fn group(store: &Store, name: &str) -> String {
    element_of(&done(store, "ADDGROUP", &[("GROUPNAME", name)]).await, "GROUPID").to_owned()
}

async fn role(store: &Store, name: &str) {
    done(store, "MODIFYROLE", &[("ACTION", "ADD"), ("ROLENAME", name)]).await;
}
