//! Why a command of the directory could not be done, for the person who asked for it.

use super::place::Place;
use crate::cli::Exit;
use crate::directory::StoreError;

/// What happened and what to do, and how the program ends because of it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(in crate::cli) struct Trouble {
    message: String,
    /// How the program ends.
    pub exit: Exit,
}

impl Trouble {
    /// Something that is neither the database's fault nor the configuration's.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Failure }
    }

    /// What the database at `place` did.
    pub fn of_store(error: &StoreError, place: &Place) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::unavailable(place, why),
            StoreError::Failed(why) if is_busy(why) => Self::failure(format!(
                "somebody else is changing the directory at {place}: nothing was done; try again in a moment"
            )),
            other => Self::failure(format!("the directory at {place}: {other}")),
        }
    }

    /// Nobody answers at `place`.
    pub fn unavailable(place: &Place, why: &str) -> Self {
        let advice = match place {
            Place::Server(_) => {
                "is the server up, and does directory.url name it, its user and its database?"
            }
            _ => {
                "does directory.url name the right file, and may this user read and write it and its folder?"
            }
        };
        let message = format!("the directory at {place} cannot be reached: {why}\n  {advice}");
        Self { message, exit: Exit::Unavailable }
    }

    /// A URL that names no database.
    pub fn no_url(error: &StoreError) -> Self {
        let message = format!("the configuration's directory.url is wrong: {error}");
        Self { message, exit: Exit::Config }
    }

    /// Tells it on standard error.
    pub fn tell(&self) -> Exit {
        errln!("corecast: {self}");
        self.exit
    }
}

/// Whether another writer was waited for in vain, in either database's words (55P03 is PostgreSQL's code for it).
fn is_busy(why: &str) -> bool {
    why.contains("is locked") || why.contains("55P03")
}
