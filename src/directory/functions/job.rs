//! One function under way.

use futures::future::BoxFuture;

use super::refuse;
use crate::command::{Call, Function, Refusal};
use crate::database::error::StoreError;
use crate::directory::store::{By, Read, Store, Write};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

/// Who the audit trail names: the API's requests say from where they come, and not from whom.
const WHO: &str = "API client";

/// What was asked, and what it is answered from.
pub(super) struct Job<'a> {
    pub(super) function: &'static Function,
    pub(super) request: &'a Request,
    store: &'a Store,
    codes: &'a Codes,
    from: &'a str,
}

impl<'a> Job<'a> {
    pub(super) fn new(store: &'a Store, codes: &'a Codes, call: &'a Call, from: &'a str) -> Self {
        Self { function: call.function, request: &call.request, store, codes, from }
    }

    /// Reads one state of the directory.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: for<'r, 's> FnOnce(&'r mut Read<'s>) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
    {
        self.store.read(work).await.map_err(|error| self.refuse(error))
    }

    /// Changes the directory, in one transaction.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: for<'w, 's> FnOnce(&'w mut Write<'s>) -> BoxFuture<'w, Result<T, StoreError>> + Send + 'static,
    {
        self.store.write(self.by(), work).await.map_err(|error| self.refuse(error))
    }

    /// Refuses what [`Job::write`] would refuse, and changes nothing.
    pub(super) async fn rehearse<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: for<'w, 's> FnOnce(&'w mut Write<'s>) -> BoxFuture<'w, Result<T, StoreError>> + Send + 'static,
    {
        self.store.rehearse(self.by(), work).await.map_err(|error| self.refuse(error))
    }

    fn by(&self) -> By {
        By { who: WHO.into(), from: self.from.into(), function: self.function.name.into() }
    }

    /// A store's error in the reference's words.
    pub(super) fn refuse(&self, error: StoreError) -> Refusal {
        refuse::refusal(self.function.command, self.request, self.from, error)
    }

    /// API_OK with the function's own elements.
    pub(super) fn ok(&self, message: impl Into<String>, body: String) -> Reply {
        Reply::new(self.codes, ResultType::Ok, message.into()).with_body(body)
    }

    /// API_OK where the reference has no words for it.
    pub(super) fn done(&self, body: String) -> Reply {
        self.ok(ResultType::Ok.label(), body)
    }

    /// A refusal that has elements behind it.
    pub(super) fn refused(&self, refusal: Refusal, body: String) -> Reply {
        Reply::new(self.codes, refusal.result, refusal.message).with_body(body)
    }
}
