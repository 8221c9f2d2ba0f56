use super::*;
use crate::cti::clock::later;
use crate::cti::recorder::Phase;
use crate::cti::recorder::wav;
use crate::cti::tests::{Scratch, silent_samples};

/// A time that falls between two samples of a recording that starts at 0.
fn t(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).expect("a time in range")
}

fn span(from: i64, to: i64) -> Span {
    Span { from: t(from), to: t(to) }
}

struct Lab {
    scratch: Scratch,
    clock: Clock,
    recorder: Synthetic,
}

impl Lab {
    fn new() -> Self {
        Self::with(Sources::default())
    }

    fn with(sources: Sources) -> Self {
        let (scratch, clock) = (Scratch::new(), Clock::manual(t(0)));
        let settings = SyntheticSettings { sources, folder: scratch.path().into(), ..Default::default() };
        let recorder = Synthetic::new(settings, clock.clone());
        Self { scratch, clock, recorder }
    }

    fn job(&self) -> Job {
        Job {
            id: "x".into(),
            device: "7001".into(),
            call_id: "".into(),
            file: self.scratch.path().join("x.wav"),
            started: t(0),
            max_length: None,
            max_silence: None,
            masked: Vec::new(),
        }
    }

    fn advance(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
        self.recorder.write_all();
    }

    /// Which samples of the file are silent, and how many there are.
    fn heard(&self) -> (Vec<Range>, u64) {
        silent_samples(&std::fs::read(self.job().file).expect("the file is there"))
    }

    /// A core that died and is there again.
    fn restart(&mut self) {
        self.recorder = Synthetic::new(self.recorder.settings.clone(), self.clock.clone());
    }
}

type Range = std::ops::Range<u64>;

fn one(range: Range) -> Vec<Range> {
    std::iter::once(range).collect()
}

#[tokio::test]
async fn masks_are_exact_to_the_sample_in_the_past_now_and_later() {
    let lab = Lab::new();
    lab.recorder.start(&lab.job()).await.expect("it starts");
    lab.advance(10_000);
    lab.recorder.mask("x", span(2000, 4000)).await.expect("a past one");
    assert_eq!(lab.heard(), (one(16_000..32_000), 80_000));
    lab.recorder.mask("x", span(9500, 11_000)).await.expect("one that is on");
    lab.recorder.mask("x", span(12_000, 900_000)).await.expect("one to come");
    lab.recorder.unmask("x", span(3000, 3500)).await.expect("a part is heard again");
    lab.advance(5_000);
    assert_eq!(lab.heard().0, [16_000..24_000, 28_000..32_000, 76_000..88_000, 96_000..120_000]);
    lab.recorder.unmask("x", span(13_000, 900_000)).await.expect("it was stopped");
    lab.clock.advance(Duration::from_secs(1));
    let status = lab.recorder.stop("x", t(16_000)).await.expect("it stops");
    assert_eq!(
        (status.phase, status.bytes, status.length.as_secs()),
        (Phase::Ended(t(16_000)), 44 + 256_000, 16)
    );
    let expected = [16_000..24_000, 28_000..32_000, 76_000..88_000, 96_000..104_000];
    assert_eq!(lab.heard(), (expected.to_vec(), 128_000));
    lab.recorder.mask("x", span(15_000, 99_000)).await.expect("it has ended, and its file is here");
    assert_eq!(lab.heard().0.last(), Some(&(120_000..128_000)));
    assert_eq!(lab.recorder.stop("x", t(99_000)).await.expect("again").phase, Phase::Ended(t(16_000)));
}

#[tokio::test]
async fn a_sample_is_silent_if_its_own_moment_is_masked() {
    let lab = Lab::new();
    lab.recorder.start(&lab.job()).await.expect("it starts");
    let us = |n: i64| Timestamp::from_microsecond(t(0).as_microsecond() + n).expect("a time in range");
    // Samples lie 125 µs apart: 1 at 125, 2 at 250, 3 at 375.
    lab.recorder.mask("x", Span { from: us(126), to: us(375) }).await.expect("it is masked");
    lab.recorder.mask("x", Span { from: us(1000), to: us(1001) }).await.expect("it is masked");
    lab.advance(1000);
    assert_eq!(lab.heard().0, [2..3, 8..9]);
}

#[tokio::test]
async fn a_restart_goes_on_at_the_right_place_and_what_was_missed_stays_silent() {
    let mut lab = Lab::new();
    lab.recorder.start(&lab.job()).await.expect("it starts");
    lab.advance(1000);
    lab.restart();
    lab.advance(1000);
    let masked = vec![span(500, 3000)];
    lab.recorder.start(&Job { masked, ..lab.job() }).await.expect("it goes on");
    lab.advance(2000);
    assert_eq!(lab.heard(), (one(4000..24_000), 32_000));
    lab.restart();
    lab.recorder.start(&Job { masked: vec![span(500, 3000)], ..lab.job() }).await.expect("it goes on");
    lab.recorder.unmask("x", span(0, 3000)).await.expect("it was never wanted");
    assert_eq!(lab.heard().0, one(8000..16_000), "what nobody heard cannot be heard again");
}

#[tokio::test]
async fn it_ends_by_itself_at_its_longest_length_and_after_a_long_silence() {
    let mut sources = Sources::default();
    let scratch = Scratch::new();
    let path = scratch.path().join("sound.wav");
    // A second of sound, two of silence.
    let samples: Vec<u8> =
        (0..24_000_u32).flat_map(|n| (if n < 8000 { 500_i16 } else { 0 }).to_le_bytes()).collect();
    std::fs::write(&path, [&wav::header(24_000)[..], &samples].concat()).expect("it is written");
    sources.set_file("7001", &path).expect("it is a WAV");
    let lab = Lab::with(sources);
    let short = Job { max_length: Some(Duration::from_millis(1500)), ..lab.job() };
    lab.recorder.start(&short).await.expect("it starts");
    lab.advance(3_600_000);
    let status = lab.recorder.status("x").await.expect("it is known");
    assert_eq!((status.phase, lab.heard().1), (Phase::Ended(t(1500)), 12_000));

    std::fs::remove_file(&short.file).expect("it was handed over");
    lab.recorder.write_all();
    assert_eq!(lab.recorder.status("x").await, None, "it is forgotten");
    let lab = Lab { clock: Clock::manual(t(0)), ..lab };
    let recorder = Synthetic::new(lab.recorder.settings.clone(), lab.clock.clone());
    let lab = Lab { recorder, ..lab };
    let patient = Job { max_silence: Some(Duration::from_millis(1500)), ..lab.job() };
    lab.recorder.start(&patient).await.expect("it starts");
    lab.recorder.mask("x", span(1500, 1600)).await.expect("a blackout is no silence");
    lab.advance(60_000);
    let status = lab.recorder.status("x").await.expect("it is known");
    assert_eq!(status.phase, Phase::Ended(later(t(0), Duration::from_millis(5500))));
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_new() {
    let lab = Lab::new();
    std::os::unix::fs::symlink("/dev/full", lab.job().file).expect("a link");
    let fault = lab.recorder.start(&lab.job()).await.expect_err("the disk is full");
    assert_eq!(fault.result, ResultType::OutOfDiskSpace);
    assert!(fault.message.contains("x.wav cannot be written"), "{fault}");
    let settings = SyntheticSettings { min_free: u64::MAX, ..lab.recorder.settings.clone() };
    let fault =
        Synthetic::new(settings, lab.clock.clone()).start(&lab.job()).await.expect_err("too little is free");
    assert_eq!(fault.result, ResultType::OutOfDiskSpace);
    assert!(fault.message.contains("MB are free on the disk of"), "{fault}");
    assert_eq!(
        lab.recorder.mask("x", span(0, 1)).await.map_err(|f| f.result),
        Err(ResultType::DeviceNotRecording)
    );
}
