use super::Store;
use crate::command::{Call, Refusal};
use crate::protocol::codes::*;
use crate::protocol::result::Reply;
pub async fn answer(_: &Store, _: &Codes, call: &Call, _: &str) -> Result<Reply, Refusal> {
    tokio::task::yield_now().await;
    Err(Refusal::new(ResultType::DatabaseQueryError, call.function.name))
}
