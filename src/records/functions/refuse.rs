//! What the database says, in the reference's errors.

use crate::command::Refusal;
use crate::database::StoreError;
use crate::protocol::codes::ResultType;

/// The refusal of a function that only looks.
pub(super) fn of_search(function: &str, from: &str, error: StoreError) -> Refusal {
    refusal(function, from, error, "", "")
}

/// The refusal of a function that changes something.
pub(super) fn of_change(function: &str, from: &str, error: StoreError) -> Refusal {
    let unknown = ", so the change may or may not have been made";
    refusal(function, from, error, ", and nothing was changed", unknown)
}

/// `failed` and `lost` are what that means for what was asked. The database's own words may name hosts and users, so
/// they go to the log and not to the client.
fn refusal(function: &str, from: &str, error: StoreError, failed: &str, lost: &str) -> Refusal {
    let what = match error {
        StoreError::Invalid(message) => return Refusal::new(ResultType::InvalidMessageFormat, message),
        StoreError::TooLong => return too_long(function, from),
        StoreError::Unavailable(_) => format!("cannot be reached or did not answer in time{lost}"),
        _ => format!("failed{failed}"),
    };
    tracing::warn!(function, from, %error, "the database of call records could not do what was asked");
    let advice = "see this proxy's log for the reason, and send the request again when the database is back";
    Refusal::new(ResultType::DatabaseQueryError, format!("the database of call records {what}: {advice}"))
}

fn too_long(function: &str, from: &str) -> Refusal {
    tracing::warn!(function, from, "a search for call records took too long and was given up");
    let message = "the search took too long and was given up: narrow it, by a shorter time from CALLDATESTART to \
                   CALLDATEEND or by a value that fewer recordings have";
    Refusal::new(ResultType::DatabaseQueryError, message)
}
