//! Sounds in a folder of this machine.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use futures::future::BoxFuture;

use crate::media::MediaError;
use crate::records::purge::Sounds;

/// A folder in which FILENAMEs are paths.
#[derive(Debug)]
pub(super) struct Folder(pub PathBuf);

impl Folder {
    /// The path of a key, which must not lead out of the folder.
    fn path(&self, key: &str) -> Result<PathBuf, MediaError> {
        let relative = Path::new(key);
        let is_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let outside = || MediaError::Invalid(format!("FILENAME {key:?} leads out of {}", self.0.display()));
        (is_inside && !key.is_empty()).then(|| self.0.join(relative)).ok_or_else(outside)
    }
}

impl Sounds for Folder {
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), MediaError>> {
        Box::pin(async move {
            let path = self.path(key)?;
            let failed = |error: std::io::Error| {
                let message = format!("{}: {error}", path.display());
                match error.kind() {
                    ErrorKind::NotFound => MediaError::NotFound(message),
                    _ => MediaError::Unavailable(message),
                }
            };
            tokio::fs::remove_file(&path).await.map_err(failed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let folder = Folder("/srv/recordings".into());
        assert_eq!(folder.path("2026/a.wav"), Ok("/srv/recordings/2026/a.wav".into()));
        for key in ["", "/etc/passwd", "../a.wav", "2026/../../a.wav", ".."] {
            assert!(matches!(folder.path(key), Err(MediaError::Invalid(_))), "{key}");
        }
    }
}
