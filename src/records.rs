//! Call records: one row per recording, in the database that all copies share.
//!
//! Cores write them; CALLLIST, CALLUPDATE with RECORDID, the media functions and `corecast records` read them.

mod record;

pub use record::{Record, RecordKind};
