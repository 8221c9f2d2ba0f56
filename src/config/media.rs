//! The table `[media]`: where recordings lie, and how they are handed out.

use super::kinds::{SOME_TIME, choice, duration, store_url, text, whole};
use super::section::Section;
use crate::media::{MediaSettings, S3Settings, Secret, VaultSettings};

/// `[media]`.
pub(super) fn media(s: &mut Section<'_>) -> MediaSettings {
    let d = MediaSettings::default();
    MediaSettings {
        vault: vault(s),
        mp3_command: s.list("mp3_command", text).unwrap_or(d.mp3_command),
        pcm_command: s.list("pcm_command", text).unwrap_or(d.pcm_command),
        max_exports: s.or("max_exports", d.max_exports, whole(1..=1000)),
        max_conversions: s.or("max_conversions", d.max_conversions, whole(1..=1000)),
        max_recordings: s.or("max_recordings", d.max_recordings, whole(1..=1000)),
        patience: s.or("patience", d.patience, duration(SOME_TIME)),
        timeout: s.or("timeout", d.timeout, duration(SOME_TIME)),
        max_time: s.or("max_time", d.max_time, duration(SOME_TIME)),
    }
}

fn vault(s: &mut Section<'_>) -> VaultSettings {
    let d = VaultSettings::default();
    VaultSettings {
        url: s.or("url", d.url, store_url),
        s3: S3Settings {
            endpoint: s.optional("s3_endpoint", text),
            region: s.optional("s3_region", text),
            path_style: s.optional("s3_addressing", choice(&[("path", true), ("host", false)])),
            access_key: secret(s, ["s3_access_key", "s3_access_key_file"]),
            secret_key: secret(s, ["s3_secret_key", "s3_secret_key_file"]),
            session_token: secret(s, ["s3_session_token", "s3_session_token_file"]),
        },
        connect_timeout: s.or("connect_timeout", d.connect_timeout, duration(SOME_TIME)),
        timeout: s.or("timeout", d.timeout, duration(SOME_TIME)),
    }
}

/// A secret that stands under the first key, or in the file that the second one names.
fn secret(s: &mut Section<'_>, [key, file]: [&'static str; 2]) -> Option<Secret> {
    let given = s.optional(key, text).map(Secret::Text);
    let path = s.optional(file, text).map(|path| Secret::File(path.into()));
    if given.is_some() && path.is_some() {
        s.clash([file, key], "stands beside");
    }
    given.or(path)
}
