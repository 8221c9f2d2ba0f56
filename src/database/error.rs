//! What can go wrong with the directory's database.

use std::error::Error;
use std::fmt::{self, Write};

/// Why the directory could not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or was lost on the way: unknown whether a write was done.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database was reached and refused or failed. Nothing was done.
    #[error("the database failed: {0}")]
    Failed(String),
    /// The database was reached and gave up, because it would have taken longer than it may. Nothing was done.
    #[error("it would take longer than it may")]
    TooLong,
    /// Another one has it already. Nothing was done.
    #[error("{0} exists already")]
    Taken(Subject),
    /// There is none. Nothing was done.
    #[error("{0} not found")]
    NotFound(Subject),
    /// Several answer to what was asked. Nothing was done.
    #[error("several match: {0}")]
    Ambiguous(Subject),
    /// It can be stored in no database. Nothing was done.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// Whether the database is at fault, not what was asked: API_DATABASE_QUERY_ERROR.
    #[must_use]
    pub const fn is_database(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Failed(_) | Self::TooLong)
    }
}

/// What an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the directory's own words")]
pub enum Subject {
    User,
    Username,
    FullName,
    Phone,
    Device,
    Station,
    Location,
    Group,
    Member,
    Role,
    Permission,
    Row,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Username => "username",
            Self::FullName => "first and last name",
            Self::Phone => "phone",
            Self::Device => "device",
            Self::Station => "station",
            Self::Location => "location",
            Self::Group => "group",
            Self::Member => "group member",
            Self::Role => "role",
            Self::Permission => "permission",
            Self::Row => "row",
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::ConstraintViolation) if is_unique(&error) => Self::Taken(Subject::Row),
            Some(Code::OperationInterrupted) => Self::TooLong,
            Some(
                Code::CannotOpen
                | Code::SystemIoFailure
                | Code::NotADatabase
                | Code::DatabaseCorrupt
                | Code::DiskFull
                | Code::PermissionDenied,
            ) => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn is_unique(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let code = error.sqlite_error().map(|e| e.extended_code);
    matches!(code, Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let Some(answer) = error.as_db_error() else { return Self::Unavailable(chain(&error)) };
        let message = format!("{} ({})", answer.message(), answer.code().code());
        match answer.code() {
            &SqlState::UNIQUE_VIOLATION => Self::Taken(Subject::Row),
            &SqlState::QUERY_CANCELED => Self::TooLong,
            &SqlState::TOO_MANY_CONNECTIONS | &SqlState::INVALID_CATALOG_NAME => Self::Unavailable(message),
            // Classes 08, 28 and 57P: connection lost, log-in refused, server shutting down.
            code if ["08", "28", "57P"].iter().any(|class| code.code().starts_with(class)) => {
                Self::Unavailable(message)
            }
            _ => Self::Failed(message),
        }
    }
}

/// An error and its causes on one line: the driver's own text leaves them out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").unwrap_or_default();
        cause = error.source();
    }
    text
}
