//! Files that are made of recordings, read again by programs that know nothing of this one; and what these tests
//! share with those of the parts.

mod ends;
mod formats;
mod hostile;

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use jiff::ToSpan;

use super::wav::{Layout, frame};
use super::*;
use crate::model::CoreId;
use crate::protocol::param::Param;
use crate::records::{Record, RecordKind};

pub(super) const RATE: u32 = 8000;

/// A folder of a test's own.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("corecast_media_{}_{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file of the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A folder of recordings.
pub(super) struct Place {
    pub folder: Folder,
    pub settings: MediaSettings,
}

impl Place {
    pub fn new() -> Self {
        let folder = Folder::new();
        let url = format!("file://{}/store", folder.0.display());
        let vault = VaultSettings { url, ..VaultSettings::default() };
        Self { folder, settings: MediaSettings { vault, ..MediaSettings::default() } }
    }

    pub fn studio(&self) -> Studio {
        Studio::new(Vault::open(&self.settings.vault).expect("a good URL"), &self.settings)
    }

    /// A recording with these bytes for its file.
    pub async fn keep(&self, ident: i64, bytes: &[u8]) -> Record {
        let key = format!("2026/{ident}.wav");
        let vault = Vault::open(&self.settings.vault).expect("a good URL");
        let path = self.folder.write("outgoing", bytes);
        vault.put_file(&key, &path).await.expect("put in");
        record(ident, &key)
    }
}

/// A finished recording of device 7001.
pub(super) fn record(ident: i64, file: &str) -> Record {
    let started = "2026-11-25T03:04:05Z".parse().expect("a time");
    Record {
        ident,
        global_id: format!("1-{ident}"),
        core: CoreId(1),
        kind: RecordKind::Call,
        started,
        stopped: Some(started + 3.seconds()),
        file: file.into(),
        bytes: 1,
        blackouts: Vec::new(),
        said: [(Param::DeviceId, "7001".to_owned())].into(),
        agent: Default::default(),
    }
}

/// A tone of three quarters of full loudness.
pub(super) fn tone(hertz: u32, millis: u32, rate: u32) -> Vec<i16> {
    let wave = |n| (std::f64::consts::TAU * f64::from(hertz * n) / f64::from(rate)).sin();
    (0..rate * millis / 1000).map(|n| (wave(n) * 24_000.0) as i16).collect()
}

pub(super) fn silence(millis: u32) -> Vec<i16> {
    vec![0; (RATE * millis / 1000) as usize]
}

/// Seconds of what nothing makes smaller.
pub(super) fn noise(seconds: u32) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(3);
    (0..RATE * seconds).map(|_| random.i16(..)).collect()
}

pub(super) fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

pub(super) fn samples(bytes: &[u8]) -> Vec<i16> {
    assert_eq!(bytes.len() % 2, 0);
    bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// A WAV file.
pub(super) fn wav(samples: &[i16], rate: u32, channels: u16) -> Vec<u8> {
    let sound = bytes(samples);
    let (head, _) = frame(&Layout::pcm(rate, channels), sound.len() as u64).expect("a short sound");
    [&head[..], &sound].concat()
}

/// A second of a tone, one of silence, one of another tone.
pub(super) fn conversation() -> Vec<i16> {
    [tone(440, 1000, RATE), silence(1000), tone(1000, 1000, RATE)].concat()
}

/// The tone that is heard most, in hertz, by how often the sound crosses 0.
pub(super) fn pitch(samples: &[i16], rate: u32) -> f64 {
    let crossings = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let count = |number: usize| f64::from(u32::try_from(number).expect("a short sound"));
    count(crossings) * f64::from(rate) / count(samples.len())
}

/// The loudest sample.
pub(super) fn peak(samples: &[i16]) -> u16 {
    samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
}

/// Checks that this is [`conversation`], at 8000 Hz, give or take `slack` milliseconds of where things are.
pub(super) fn assert_is_conversation(heard: &[i16], slack: usize, quiet: u16) {
    let (second, slack) = (RATE as usize, slack * RATE as usize / 1000);
    let longer = heard.len().abs_diff(3 * second);
    assert!(longer <= slack, "{} samples", heard.len());
    let middle = |part: usize| &heard[part * second + slack + 400..(part + 1) * second - slack - 400];
    for (part, hertz) in [(0, 440.0), (2, 1000.0)] {
        let found = pitch(middle(part), RATE);
        assert!((found - hertz).abs() < 10.0, "{found} Hz in second {part}, not {hertz}");
        assert!(peak(middle(part)) > 15_000);
    }
    assert!(peak(middle(1)) <= quiet, "{} in the silence", peak(middle(1)));
}

pub(super) async fn whole(download: Download) -> Result<Vec<u8>, MediaError> {
    let content: bytes::BytesMut = download.content.try_collect().await?;
    if let Some(length) = download.length {
        assert_eq!(content.len() as u64, length, "{} is as long as it says", download.file_name);
    }
    Ok(content.to_vec())
}

/// What an independent program makes of a file; nothing where it is not installed, unless the services are required.
pub(super) fn program(command: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut words = command.split(' ');
    let name = words.next().unwrap_or_default();
    let piped = |command: &mut Command| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
    };
    let Ok(mut child) = piped(Command::new(name).args(words)) else {
        not_run(&format!("{name} is not installed"));
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // a program that stops reading has said so on its standard error
    let feeder = std::thread::spawn(move || stdin.write_all(&input).unwrap_or_default());
    let output = child.wait_with_output().expect("the program's output");
    feeder.join().expect("no panic");
    assert!(output.status.success(), "{command}: {}", output.status);
    Some(output.stdout)
}

/// Says so past the test harness, and fails where the services are required.
pub(super) fn not_run(reason: &str) {
    let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!required, "{reason}, and the services are required");
    std::io::stderr().write_all(format!("\nNOT RUN: {reason}\n").as_bytes()).unwrap_or_default();
}

/// Fails the test rather than let it hang; on the real clock, whatever the runtime's is.
pub(super) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::select! {
        output = future => output,
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("{what} took too long"),
    }
}
