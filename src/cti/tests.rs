//! What tests of a core share, and those of its parts together.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of one test's own, gone when the test is.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("corecast-core-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// The samples of a WAV that are zero, as ranges, and how many samples there are. Its header must be right.
pub fn silent_samples(wav: &[u8]) -> (Vec<Range<u64>>, u64) {
    let (header, sound) = wav.split_at(44);
    let length = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize;
    assert_eq!((length(4), length(40)), (36 + sound.len(), sound.len()), "the header tells the length");
    let mut silent: Vec<Range<u64>> = Vec::new();
    for (n, _) in (0..).zip(sound.as_chunks::<2>().0).filter(|(_, sample)| **sample == [0, 0]) {
        match silent.last_mut() {
            Some(last) if last.end == n => last.end = n + 1,
            _ => silent.push(n..n + 1),
        }
    }
    (silent, sound.len() as u64 / 2)
}
