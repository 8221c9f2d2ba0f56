//! The reference's chapter "Export Functions": EXPORT, COMBINEDEXPORT and MULTIEXPORT.
//!
//! Where the reference is silent:
//! - ENCRYPT and PASSWORD are about CAV and say nothing of other formats: the reference's own example asks for MP3 with
//!   both. For CAV, a PASSWORD without ENCRYPT is refused: a file that was meant to be encrypted is not handed out bare.
//! - A recording that is named twice is handed out twice.
//! - COMBINEDEXPORT and MULTIEXPORT keep the order of IDENT.

use std::collections::BTreeSet;

use super::{Download, Format, Studio};
use crate::command::{Call, Command, Refusal};
use crate::database::StoreError;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::records::{Record, Records, UniqueField};

/// Who answers the export functions. Clones share it.
#[derive(Clone, Debug)]
pub struct Exports {
    studio: Studio,
    records: Records,
}

impl Exports {
    /// Exports of the recordings of these records.
    #[must_use]
    pub const fn new(studio: Studio, records: Records) -> Self {
        Self { studio, records }
    }

    /// Answers EXPORT, COMBINEDEXPORT or MULTIEXPORT with a file.
    ///
    /// # Errors
    /// The reference's API_FILE_NOT_FOUND and API_INVALID_MESSAGE_FORMAT; API_DATABASE_QUERY_ERROR without a
    /// database; API_ERROR_PROCESSING_MESSAGE if there is too much to do, or the store of recordings or a program
    /// fails.
    pub async fn answer(&self, call: &Call) -> Result<Download, Refusal> {
        let request = &call.request;
        match call.function.command {
            Command::Export => self.export(request).await,
            Command::CombinedExport => self.combined(&self.idents(request)?, format(request)?).await,
            Command::MultiExport => {
                let (idents, format) = (self.idents(request)?, format(request)?);
                Ok(self.studio.zipped(&self.find(&idents).await?, format).await?)
            }
            _ => {
                let message = format!("{} hands out no recording", call.function.name);
                Err(Refusal::new(ResultType::UnknownMessageType, message))
            }
        }
    }

    async fn export(&self, request: &Request) -> Result<Download, Refusal> {
        let format = format(request)?;
        let password = password(request, format)?;
        let (field, value) = (unique_field(request)?, required(request, Param::UniqueId)?);
        let found = self.records.latest_by(field, value).await.map_err(refuse)?;
        let record =
            found.ok_or_else(|| not_found(format!("no recording has {value} as its {}", field.name())))?;
        Ok(self.studio.one(&record, format, password).await?)
    }

    /// One recording as a file of this format; several as a ZIP archive of such files.
    ///
    /// # Errors
    /// As for [`Exports::answer`].
    pub async fn one_or_zip(&self, idents: &[i64], format: Format) -> Result<Download, Refusal> {
        match &self.find(idents).await?[..] {
            [only] => Ok(self.studio.one(only, format, None).await?),
            records => Ok(self.studio.zipped(records, format).await?),
        }
    }

    /// Recordings one after the other as one file of this format.
    ///
    /// # Errors
    /// As for [`Exports::answer`].
    pub async fn combined(&self, idents: &[i64], format: Format) -> Result<Download, Refusal> {
        Ok(self.studio.combined(&self.find(idents).await?, format).await?)
    }

    /// The records of these numbers, in this order.
    async fn find(&self, idents: &[i64]) -> Result<Vec<Record>, Refusal> {
        let found = self.records.by_idents(idents).await.map_err(refuse)?;
        let known: BTreeSet<_> = found.iter().map(|record| record.ident).collect();
        let missing = idents.iter().filter(|ident| !known.contains(ident));
        let missing: Vec<_> = missing.map(i64::to_string).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        Err(not_found(format!("no recording has the IDENT {}", missing.join(", "))))
    }

    /// IDENT: numbers with commas between them, no more than one request may name.
    fn idents(&self, request: &Request) -> Result<Vec<i64>, Refusal> {
        idents(required(request, Param::Ident)?, self.studio.max_recordings())
    }
}

fn idents(written: &str, max: usize) -> Result<Vec<i64>, Refusal> {
    let parts: Vec<_> = written.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > max {
        let many = parts.len();
        return Err(bad(format!("IDENT names {many} recordings, and one request may name {max}")));
    }
    let ident = |part: &&str| match part.parse() {
        Ok(ident) if ident > 0 => Ok(ident),
        _ => Err(bad(format!("IDENT {part} is not the number of a recording"))),
    };
    match parts.iter().map(ident).collect::<Result<Vec<_>, _>>()? {
        idents if idents.is_empty() => Err(bad("IDENT names no recording")),
        idents => Ok(idents),
    }
}

/// MEDIA_FORMAT.
fn format(request: &Request) -> Result<Format, Refusal> {
    let written = required(request, Param::MediaFormat)?;
    Format::from_name(written)
        .ok_or_else(|| bad(format!("MEDIA_FORMAT {written} is not one of WAV, MP3, VOX, CAV")))
}

/// UNIQUEFIELD: a column of the call records.
fn unique_field(request: &Request) -> Result<UniqueField, Refusal> {
    let written = required(request, Param::UniqueField)?;
    UniqueField::from_name(written).ok_or_else(|| {
        let known: Vec<_> = UniqueField::all().map(UniqueField::name).collect();
        bad(format!("UNIQUEFIELD {written} is no field of a recording: there are {}", known.join(", ")))
    })
}

/// What a file is to be encrypted with.
fn password(request: &Request, format: Format) -> Result<Option<&str>, Refusal> {
    let password = request.get(Param::Password);
    let encrypt = request.get(Param::Encrypt);
    let is = |word: &str| encrypt.is_some_and(|encrypt| encrypt.eq_ignore_ascii_case(word));
    match (encrypt, password) {
        _ if format != Format::Cav => Ok(None),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(bad("a PASSWORD is given without ENCRYPT: add ENCRYPT=Y, or leave both out")),
        _ if is("N") => Ok(None),
        (Some(encrypt), _) if !is("Y") => Err(bad(format!("ENCRYPT {encrypt} is neither Y nor N"))),
        (_, Some(password)) => Ok(Some(password)),
        (_, None) => Err(bad("ENCRYPT=Y needs a PASSWORD")),
    }
}

fn required(request: &Request, param: Param) -> Result<&str, Refusal> {
    request.get(param).ok_or_else(|| bad(format!("{} is missing or blank", param.name())))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ResultType::InvalidMessageFormat, message)
}

fn not_found(message: String) -> Refusal {
    Refusal::new(ResultType::FileNotFound, message)
}

/// The database's own words may name hosts and users, so they go to the log and not to the client.
fn refuse(error: StoreError) -> Refusal {
    tracing::warn!(%error, "the database of call records could not give a recording");
    let message = match error {
        StoreError::Invalid(message) => return bad(message),
        StoreError::TooLong => {
            "the search took too long and was given up: no new recording has this value, and UNIQUEFIELD is one of \
             the fields that are slow to search; use IDENT or GLOBALID"
        }
        _ => {
            "the database of call records failed: see this proxy's log for the reason, and send the request again \
             when it is back"
        }
    };
    Refusal::new(ResultType::DatabaseQueryError, message)
}

#[cfg(test)]
mod tests;
