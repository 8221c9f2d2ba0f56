//! Under which names recordings lie.

use object_store::path::Path;

use crate::media::MediaError;

/// As long as S3 allows, in bytes.
const LONGEST: usize = 1024;

/// A key: names with slashes between them, which lead to no place outside of the store.
pub(super) fn parse(key: &str) -> Result<Path, MediaError> {
    let bad_name = |name: &str| matches!(name, "" | "." | "..");
    let is_sound = key.len() <= LONGEST
        && !key.contains(|c: char| c.is_control() || c == '\\')
        && !key.split('/').any(bad_name);
    let parsed = is_sound.then(|| Path::parse(key).ok()).flatten();
    parsed.ok_or_else(|| {
        let shown: String = key.chars().take(80).collect();
        MediaError::Invalid(format!("{shown:?} is no key of a recording: write names with / between them"))
    })
}
