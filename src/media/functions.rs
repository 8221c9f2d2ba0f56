//! The reference's chapter "Export Functions": EXPORT, COMBINEDEXPORT and MULTIEXPORT.
//!
//! Where the reference is silent:
//! - ENCRYPT=Y is refused for every format but CAV, because the others cannot be encrypted and a file that was to be
//!   is not handed out bare. So is a PASSWORD without ENCRYPT.
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
            Command::CombinedExport => {
                let (records, format) = self.several(request).await?;
                Ok(self.studio.combined(&records, format).await?)
            }
            Command::MultiExport => {
                let (records, format) = self.several(request).await?;
                Ok(self.studio.zipped(&records, format).await?)
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

    async fn several(&self, request: &Request) -> Result<(Vec<Record>, Format), Refusal> {
        let format = format(request)?;
        Ok((find(&self.records, &idents(request, self.studio.max_recordings())?).await?, format))
    }
}

/// The records of these numbers, in this order.
///
/// # Errors
/// API_FILE_NOT_FOUND with the numbers that no record has; API_DATABASE_QUERY_ERROR.
pub async fn find(records: &Records, idents: &[i64]) -> Result<Vec<Record>, Refusal> {
    let found = records.by_idents(idents).await.map_err(refuse)?;
    let known: BTreeSet<_> = found.iter().map(|record| record.ident).collect();
    let missing = idents.iter().filter(|ident| !known.contains(ident));
    let missing: Vec<_> = missing.map(i64::to_string).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    Err(not_found(format!("no recording has the IDENT {}", missing.join(", "))))
}

/// IDENT: numbers with commas between them, at most so many.
///
/// # Errors
/// API_INVALID_MESSAGE_FORMAT naming what is no number.
pub fn idents(request: &Request, max: usize) -> Result<Vec<i64>, Refusal> {
    let written = required(request, Param::Ident)?;
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
///
/// # Errors
/// API_INVALID_MESSAGE_FORMAT naming the formats.
pub fn format(request: &Request) -> Result<Format, Refusal> {
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
        (None, None) => Ok(None),
        (None, Some(_)) => Err(bad("a PASSWORD is given without ENCRYPT: add ENCRYPT=Y, or leave both out")),
        _ if is("N") => Ok(None),
        (Some(encrypt), _) if !is("Y") => Err(bad(format!("ENCRYPT {encrypt} is neither Y nor N"))),
        _ if format != Format::Cav => Err(bad(format!(
            "ENCRYPT=Y is for MEDIA_FORMAT CAV: {} cannot be encrypted",
            format.extension().to_uppercase()
        ))),
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
    if let StoreError::Invalid(message) = error {
        return bad(message);
    }
    tracing::warn!(%error, "the database of call records could not be asked for a recording");
    let advice = "see this proxy's log for the reason, and send the request again when it is back";
    Refusal::new(ResultType::DatabaseQueryError, format!("the database of call records failed: {advice}"))
}

#[cfg(test)]
mod tests;
