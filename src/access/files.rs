//! What is made of files and made anew when they change, without a restart: certificates, tokens.
//!
//! The files are looked at every few seconds and compared by content: dates and notifications miss what
//! Kubernetes and configuration management do, which is to swap a link.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use metrics::Gauge;
use ring::digest::{Context, SHA256};

use crate::metrics::{FILES_RELOAD_FAILED, Metrics, TLS_CERTIFICATE_EXPIRY};

/// Why files are of no use. It names the key and the file, and never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileFault(pub String);

/// Files and what they are good for.
pub trait Files: Send + Sync + 'static {
    /// What is made of them.
    type Made: Send + Sync + 'static;

    /// Each with the configuration's key for it.
    fn paths(&self) -> Vec<(&'static str, &Path)>;

    /// Makes it of their contents, in the same order.
    ///
    /// # Errors
    /// What is wrong with which file.
    fn make(&self, contents: &[Vec<u8>]) -> Result<Self::Made, FileFault>;

    /// When what was made ends, in seconds since 1970, if it does.
    #[must_use]
    fn ends(_: &Self::Made) -> Option<i64> {
        None
    }
}

/// Something that is looked at every few seconds.
pub trait Watched: Send + Sync {
    /// Reads the files, and makes it anew if they have changed. It may wait for the disk.
    fn look(&self);
}

/// What was made of files, in its newest sound state.
pub struct Live<F: Files> {
    files: F,
    label: String,
    made: ArcSwap<F::Made>,
    seen: Mutex<Seen>,
    failed: Gauge,
    ends: Option<Gauge>,
}

/// What was found the last time.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    digest: Vec<u8>,
    /// What is wrong with contents of this digest.
    contents: Option<FileFault>,
    /// What was wrong in all: with the contents, or with reading them.
    fault: Option<FileFault>,
}

impl<F: Files> std::fmt::Debug for Live<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("label", &self.label).finish_non_exhaustive()
    }
}

impl<F: Files> Live<F> {
    /// Reads the files. `label` is what they are called in metrics and the log.
    ///
    /// # Errors
    /// [`FileFault`] if they are of no use.
    pub fn open(files: F, label: &str, metrics: &Metrics) -> Result<Arc<Self>, FileFault> {
        let (digest, contents) = read(&files)?;
        let made = files.make(&contents)?;
        let ends = F::ends(&made).map(|_| metrics.gauge(&TLS_CERTIFICATE_EXPIRY, &[label]));
        let live = Self {
            files,
            label: label.into(),
            seen: Mutex::new(Seen { digest, ..Seen::default() }),
            failed: metrics.gauge(&FILES_RELOAD_FAILED, &[label]),
            ends,
            made: ArcSwap::from_pointee(made),
        };
        live.publish(false);
        Ok(Arc::new(live))
    }

    /// The newest.
    #[must_use]
    pub fn get(&self) -> Arc<F::Made> {
        self.made.load_full()
    }

    fn publish(&self, is_failed: bool) {
        self.failed.set(f64::from(u8::from(is_failed)));
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        self.ends.iter().zip(F::ends(&self.made.load())).for_each(|(gauge, ends)| gauge.set(ends as f64));
    }

    /// Makes it anew if the files are not those of the last time.
    fn renew(&self, seen: &mut Seen) -> Result<(), FileFault> {
        let (digest, contents) = read(&self.files)?;
        if digest == seen.digest {
            return seen.contents.clone().map_or(Ok(()), Err);
        }
        let made = self.files.make(&contents);
        (seen.digest, seen.contents) = (digest, made.as_ref().err().cloned());
        self.made.store(Arc::new(made?));
        tracing::info!(files = self.label, "the files have changed: the new ones are in use");
        Ok(())
    }
}

impl<F: Files> Watched for Live<F> {
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = self.renew(&mut seen).err();
        match &fault {
            // Said once: the metric goes on saying it.
            Some(fault) if seen.fault.as_ref() != Some(fault) => {
                tracing::error!(files = self.label, %fault, "the new files are of no use: the ones before stay in use");
            }
            None if seen.fault.is_some() => tracing::info!(files = self.label, "the files are good again"),
            _ => {}
        }
        seen.fault = fault;
        self.publish(seen.fault.is_some());
    }
}

/// All contents, and what tells them from others. A private key is not kept for the comparison.
fn read<F: Files>(files: &F) -> Result<(Vec<u8>, Vec<Vec<u8>>), FileFault> {
    let mut context = Context::new(&SHA256);
    let mut contents = Vec::new();
    for (key, path) in files.paths() {
        let bytes = std::fs::read(path).map_err(|error| fault(key, path, &error.to_string()))?;
        context.update(&bytes.len().to_be_bytes());
        context.update(&bytes);
        contents.push(bytes);
    }
    Ok((context.finish().as_ref().to_vec(), contents))
}

/// What is wrong with a file.
pub(super) fn fault(key: &str, path: &Path, what: &str) -> FileFault {
    FileFault(format!("{key} = \"{}\": {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Number(PathBuf);

    impl Files for Number {
        type Made = i64;

        fn paths(&self) -> Vec<(&'static str, &Path)> {
            vec![("number", &self.0)]
        }

        fn make(&self, contents: &[Vec<u8>]) -> Result<i64, FileFault> {
            let text = str::from_utf8(&contents[0]).unwrap();
            text.trim().parse().map_err(|_| fault("number", &self.0, "is no number"))
        }

        fn ends(made: &i64) -> Option<i64> {
            Some(*made)
        }
    }

    #[test]
    fn what_is_broken_leaves_the_old_in_use_until_it_is_mended() {
        let folder = std::env::temp_dir().join(format!("corecast-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, metrics) = (folder.join("number"), Metrics::default());
        assert!(Live::open(Number(path.clone()), "n", &metrics).unwrap_err().0.contains("number = \"/"));
        std::fs::write(&path, "7").unwrap();
        let live = Live::open(Number(path.clone()), "n", &metrics).unwrap();
        let shows = |expected: [i64; 3]| {
            live.look();
            live.look();
            let text = metrics.render();
            let value = |series: &str| {
                text.lines().find_map(|l| l.strip_prefix(series)).unwrap().trim().parse::<i64>().unwrap()
            };
            let ends = value("corecast_tls_certificate_expiry_seconds{certificate=\"n\"}");
            let failed = value("corecast_files_reload_failed{files=\"n\"}");
            assert_eq!([*live.get(), ends, failed], expected);
        };
        shows([7, 7, 0]);
        std::fs::write(&path, "8").unwrap();
        shows([8, 8, 0]);
        std::fs::write(&path, "nine").unwrap();
        shows([8, 8, 1]);
        std::fs::remove_file(&path).unwrap();
        shows([8, 8, 1]);
        std::fs::write(&path, "8").unwrap();
        shows([8, 8, 0]);
        std::fs::write(&path, "9").unwrap();
        shows([9, 9, 0]);
        std::fs::remove_file(&path).unwrap();
        shows([9, 9, 1]);
        std::fs::write(&path, "9").unwrap();
        shows([9, 9, 0]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
