//! The recorder that drives rtpengine, against a real one, with real RTP. It runs in real time, for a few seconds.

mod engine;
mod talk;
mod wav;

use std::collections::BTreeSet;
use std::time::Duration;

use corecast::cti::recorder::rtpengine::{Rtpengine, RtpengineSettings};
use corecast::cti::recorder::{Job, JobStatus, Phase, Recorder, RecorderFault, Span};
use corecast::protocol::codes::ResultType;
use jiff::Timestamp;
use serde_json::json;

use super::lab::{until, within};
use engine::Engine;
use talk::{Sent, Talk};
use wav::{Wav, samples_of};

fn recorder(engine: &Engine) -> Rtpengine {
    Rtpengine::new(RtpengineSettings::new(engine.ng.to_string(), &engine.spool)).expect("an address")
}

fn job(engine: &Engine, id: &str, call: &str) -> Job {
    Job {
        id: id.into(),
        device: "7000".into(),
        call_id: call.into(),
        file: engine.spool.join(format!("{id}.wav")),
        started: Timestamp::now(),
        max_length: None,
        max_silence: None,
        masked: Vec::new(),
    }
}

fn for_ever(from: Timestamp) -> Span {
    Span { from, to: Timestamp::MAX }
}

async fn status(recorder: &Rtpengine, id: &str) -> JobStatus {
    recorder.status(id).await.expect("the job is known")
}

/// Ends a job and has its file made.
async fn stop_and_finish(recorder: &Rtpengine, id: &str, at: Timestamp) -> JobStatus {
    let status = within("stop", recorder.stop(id, at)).await.expect("it has ended");
    within("finish", recorder.finish(id)).await.expect("a recording");
    status
}

async fn until_phase(recorder: &Rtpengine, id: &str, phase: Phase) {
    until("the phase", || async { status(recorder, id).await.phase == phase }).await;
}

/// The numbers of the packets of which this holds.
fn numbers(sent: &[Sent], is_so: impl Fn(u32, &Sent) -> bool) -> BTreeSet<u32> {
    (0..).zip(sent).filter(|(number, sent)| is_so(*number, sent)).map(|(number, _)| number).collect()
}

/// The numbers of which both parties' packets were found, and of which any was.
fn found(engine: &Engine) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let all = engine.found();
    let of = |party| -> BTreeSet<u32> {
        all.iter().filter(|(letter, _)| *letter == party).map(|(_, number)| *number).collect()
    };
    (&of('A') & &of('B'), &of('A') | &of('B'))
}

fn assert_none(what: &str, unwanted: &BTreeSet<u32>, any: &BTreeSet<u32>) {
    assert!(!unwanted.is_empty(), "{what}: the test sent nothing that could be found");
    let leaked: Vec<_> = (unwanted & any).into_iter().collect();
    assert!(leaked.is_empty(), "{what}: {leaked:?} of {unwanted:?} are in the spool");
}

fn assert_all(what: &str, wanted: &BTreeSet<u32>, both: &BTreeSet<u32>) {
    assert!(!wanted.is_empty(), "{what}: the test sent nothing that could be found");
    let lost: Vec<_> = (wanted - both).into_iter().collect();
    assert!(lost.is_empty(), "{what}: {lost:?} of {wanted:?} are not in the spool");
}

/// Records for a while, blacks out from a moment in the past on, ends that, blacks out a span of the past, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn not_one_packet_of_a_blackout_is_on_the_disk() {
    let Some(engine) = Engine::start().await else { return };
    let talk = Talk::start(&engine, "black out@example:5060").await;
    let recorder = recorder(&engine);
    let job = job(&engine, "whole", &talk.call);
    within("start", recorder.start(&job)).await.expect("it is verified");
    let recording_since = Timestamp::now();
    until_phase(&recorder, "whole", Phase::Recording).await;

    // From 10 packets ago on.
    let before = talk.go_on(&engine, 20).await;
    let from = Timestamp::now();
    talk.go_on(&engine, 10).await;
    within("mask", recorder.mask("whole", for_ever(from))).await.expect("it is verified");
    let (both, any) = found(&engine);
    let sent = talk.sent();
    let early = numbers(&sent, |number, sent| sent.begun > recording_since && number < before);
    assert_all("before the blackout", &early, &both);
    assert_none("right after the mask", &numbers(&sent, |_, sent| sent.begun >= from), &any);
    assert_eq!(status(&recorder, "whole").await.phase, Phase::Masked);

    talk.go_on(&engine, 20).await;
    let (both, any) = found(&engine);
    let sent = talk.sent();
    assert_all("before the blackout, during it", &early, &both);
    assert_none("during the blackout", &numbers(&sent, |_, sent| sent.begun >= from), &any);

    // All that was said in the blackout has reached rtpengine before the end of it.
    let silence = talk.pause(&engine).await;
    let blacked_out = numbers(&talk.sent(), |_, sent| sent.begun >= from);
    let to = Timestamp::now();
    let unmasked = recorder.unmask("whole", for_ever(to));
    drop(silence);
    within("unmask", unmasked).await.expect("it is verified");
    let recording_again = Timestamp::now();

    // A span that lies all in the past.
    let second_begins = talk.go_on(&engine, 20).await;
    let second_from = Timestamp::now();
    let second_ends = talk.go_on(&engine, 15).await;
    let second_to = Timestamp::now();
    talk.go_on(&engine, 15).await;
    let masking = Timestamp::now();
    let second = Span { from: second_from, to: second_to };
    within("mask of the past", recorder.mask("whole", second)).await.expect("it is verified");
    let masked = Timestamp::now();
    let sent = talk.sent();
    let second_blackout = numbers(&sent, |number, sent| sent.begun >= second_from && number < second_ends);
    let (_, any) = found(&engine);
    assert_none("the span of the past", &second_blackout, &any);
    assert_none("the first blackout", &blacked_out, &any);

    // Long enough for the next block of the file.
    talk.go_on(&engine, 30).await;
    let (both, any) = found(&engine);
    let between = |number: u32, sent: &Sent| sent.begun > recording_again && number < second_begins;
    assert_all("before the blackout, after it", &early, &both);
    assert_all("between the two", &numbers(&sent, between), &both);
    let after = |_, sent: &Sent| sent.begun > second_to && sent.done < masking;
    assert_all("after the second", &numbers(&sent, after), &both);
    assert_none("the span of the past, later", &second_blackout, &any);
    assert_none("the first blackout, later", &blacked_out, &any);

    let stopped = Timestamp::now();
    let ended = within("stop", recorder.stop("whole", stopped)).await.expect("it has ended");
    assert_eq!(ended.phase, Phase::Ended(stopped));
    assert_eq!(within("again", recorder.stop("whole", Timestamp::now())).await, Ok(ended));
    assert!(!job.file.exists(), "its file takes its time");
    within("finish", recorder.finish("whole")).await.expect("a recording");
    assert_eq!(engine.captures(), 0, "the captures have done their work");
    assert_eq!(within("again", recorder.finish("whole")).await, Ok(()));
    let status = status(&recorder, "whole").await;
    assert_eq!((status.phase, status.length), (ended.phase, ended.length));
    let sent = talk.sent();
    let wav = Wav::read(&job.file, job.started);
    let nanoseconds = stopped.as_nanosecond() - job.started.as_nanosecond();
    assert_eq!(wav.samples.len() as i128, samples_of(nanoseconds));
    assert_eq!(usize::try_from(status.bytes).unwrap(), 44 + 2 * wav.samples.len());
    wav.assert_loud("before", &sent, recording_since, from);
    wav.assert_silent("the blackout", from, to);
    wav.assert_loud("between", &sent, recording_again, second_from);
    wav.assert_silent("the second blackout", second_from, second_to);
    wav.assert_loud("after", &sent, second_to, masking);
    wav.assert_loud("the end", &sent, masked, stopped);
}

/// rtpengine answers "ok" to all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_blackout_that_cannot_be_verified_is_a_fault() {
    let Some(mut engine) = Engine::start().await else { return };
    let talk = Talk::start(&engine, "faults").await;
    let recorder = recorder(&engine);
    let (pcaps, away) = (engine.spool.join("pcaps"), engine.spool.join("away"));

    std::fs::rename(&pcaps, &away).unwrap();
    let refused = recorder.start(&job(&engine, "early", &talk.call)).await;
    assert_fault("a start without a spool", refused, "pcaps");
    assert_eq!(recorder.status("early").await, None);
    std::fs::rename(&away, &pcaps).unwrap();

    recorder.start(&job(&engine, "it", &talk.call)).await.expect("all is there");
    until_phase(&recorder, "it", Phase::Recording).await;
    std::fs::rename(&pcaps, &away).unwrap();
    let from = Timestamp::now();
    assert_fault("a mask without a spool", recorder.mask("it", for_ever(from)).await, "pcaps");
    std::fs::rename(&away, &pcaps).unwrap();
    recorder.mask("it", for_ever(from)).await.expect("all is there again");
    let sent = talk.sent();
    assert_none("after all", &numbers(&sent, |_, sent| sent.begun >= from), &found(&engine).1);

    recorder.unmask("it", for_ever(Timestamp::now())).await.expect("it goes on");
    until_phase(&recorder, "it", Phase::Recording).await;
    let (metadata, away) = (engine.spool.join("metadata"), engine.spool.join("away"));
    std::fs::rename(&metadata, &away).unwrap();
    let refused = recorder.mask("it", for_ever(Timestamp::now())).await;
    assert_fault("a file that is not finished", refused, "metadata");
    std::fs::rename(&away, &metadata).unwrap();

    engine.kill();
    let refused = within("mask", recorder.mask("it", for_ever(Timestamp::now()))).await;
    assert_fault("a mask without rtpengine", refused, "rtpengine at 127.0.0.1:");
    let refused = within("stop", recorder.stop("it", Timestamp::now())).await;
    assert!(refused.is_err(), "it may go on recording: {refused:?}");
    let unmade = within("finish", recorder.finish("it")).await;
    assert_fault("a file without rtpengine", unmade, "rtpengine at 127.0.0.1:");
    assert_ne!(engine.captures(), 0, "the captures are kept");
}

fn assert_fault(what: &str, result: Result<(), RecorderFault>, says: &str) {
    let fault = result.expect_err(what);
    assert!(fault.message.contains(says), "{what}: {fault}");
    assert_eq!(fault.result, ResultType::ProcessingMessage, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_rtpengine_does_not_know_is_refused() {
    let Some(engine) = Engine::start().await else { return };
    let recorder = recorder(&engine);
    let blank = recorder.start(&job(&engine, "blank", " ")).await.expect_err("no CALLID");
    assert_eq!(blank.result, ResultType::BlankRequiredValue);
    assert_fault(
        "unknown",
        recorder.start(&job(&engine, "it", "nobody")).await,
        "does not know the call \"nobody\"",
    );
    assert_fault("no job", recorder.mask("it", for_ever(Timestamp::now())).await, "no recording it");
    assert_eq!(recorder.status("it").await, None);
}

/// The jobs of a call share its captures, and each has its own time of them. A mask of one concerns the call.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_call_share_its_captures() {
    let Some(engine) = Engine::start().await else { return };
    let talk = Talk::start(&engine, "shared").await;
    let recorder = recorder(&engine);
    let whole = job(&engine, "whole", &talk.call);
    recorder.start(&whole).await.expect("it is verified");
    let recording = Timestamp::now();
    talk.go_on(&engine, 10).await;
    let part = job(&engine, "part", &talk.call);
    recorder.start(&part).await.expect("it is verified");
    assert_eq!(engine.captures(), 1);
    talk.go_on(&engine, 25).await;
    let from = Timestamp::now();
    recorder.mask("part", for_ever(from)).await.expect("it is verified");
    let blacked_out = numbers(&talk.sent(), |_, sent| sent.begun >= from);
    assert_none("the other job's", &blacked_out, &found(&engine).1);
    assert_eq!(status(&recorder, "whole").await.phase, Phase::Masked);
    talk.go_on(&engine, 10).await;
    let to = Timestamp::now();
    recorder.unmask("part", for_ever(to)).await.expect("it is verified");
    let again = Timestamp::now();
    talk.go_on(&engine, 25).await;

    let part_ends = Timestamp::now();
    stop_and_finish(&recorder, "part", part_ends).await;
    assert_ne!(engine.captures(), 0, "the other job needs them");
    talk.go_on(&engine, 25).await;
    let whole_ends = Timestamp::now();
    stop_and_finish(&recorder, "whole", whole_ends).await;
    assert_eq!(engine.captures(), 0);
    let sent = talk.sent();
    for (job, since, until) in [(whole, recording, whole_ends), (part.clone(), part.started, part_ends)] {
        let wav = Wav::read(&job.file, job.started);
        wav.assert_loud(&job.id, &sent, since, from);
        wav.assert_silent(&job.id, from, to);
        wav.assert_loud(&job.id, &sent, again, until);
    }
    // A mask that comes when the recording is made.
    let late = Span { from: part.started, to: from };
    recorder.mask("part", late).await.expect("its file is there");
    Wav::read(&part.file, part.started).assert_silent("too late", part.started, to);
}

/// Another recorder takes over what the first one left: captures, and a mask that is on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_the_captures_and_the_mask() {
    let Some(engine) = Engine::start().await else { return };
    let talk = Talk::start(&engine, "restart").await;
    let mut job = job(&engine, "it", &talk.call);
    let first = recorder(&engine);
    first.start(&job).await.expect("it is verified");
    let recording = Timestamp::now();
    talk.go_on(&engine, 30).await;
    let from = Timestamp::now();
    // The first one crashed before it could do it.
    drop(first);
    job.masked = vec![for_ever(from)];
    talk.go_on(&engine, 10).await;

    let second = recorder(&engine);
    second.start(&job).await.expect("it is taken over");
    assert_eq!(status(&second, "it").await.phase, Phase::Masked);
    let blacked_out = numbers(&talk.sent(), |_, sent| sent.begun >= from);
    assert_none("after the restart", &blacked_out, &found(&engine).1);
    talk.go_on(&engine, 10).await;
    assert_eq!(engine.captures(), 1, "recording has not begun again");
    let to = Timestamp::now();
    second.unmask("it", for_ever(to)).await.expect("it is verified");
    let again = Timestamp::now();
    talk.go_on(&engine, 25).await;
    // The call ends, and rtpengine forgets it.
    engine.ask(&json!({"command": "delete", "call-id": talk.call, "delete-delay": 0})).expect("an answer");
    until("the end is seen", || async { matches!(status(&second, "it").await.phase, Phase::Ended(_)) }).await;
    drop(second);

    let third = recorder(&engine);
    job.masked = vec![Span { from, to }];
    third.start(&job).await.expect("its captures are there");
    assert!(matches!(status(&third, "it").await.phase, Phase::Ended(_)));
    let ended = stop_and_finish(&third, "it", Timestamp::now()).await;
    let Phase::Ended(end) = ended.phase else { panic!("{ended:?}") };
    let sent = talk.sent();
    let wav = Wav::read(&job.file, job.started);
    wav.assert_loud("before", &sent, recording, from);
    wav.assert_silent("the blackout", from, to);
    wav.assert_loud("after", &sent, again, end);
    assert_eq!(engine.captures(), 0);
}

/// A mask that begins later and ends by itself, and jobs that end by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_later_is_done_by_itself() {
    let Some(engine) = Engine::start().await else { return };
    let talk = Talk::start(&engine, "later").await;
    let recorder = recorder(&engine);
    let job = job(&engine, "it", &talk.call);
    let limited = Job { id: "limited".into(), max_length: Some(Duration::from_millis(300)), ..job.clone() };
    let patient = Job { id: "patient".into(), max_silence: Some(Duration::from_secs(3)), ..job.clone() };
    for job in [&job, &limited, &patient] {
        recorder.start(job).await.expect("it is verified");
    }
    let limit = job.started + Duration::from_millis(300);
    until_phase(&recorder, "limited", Phase::Ended(limit)).await;

    // Late and long enough that a machine which stalls sees both.
    let from = Timestamp::now() + Duration::from_secs(2);
    let to = from + Duration::from_secs(2);
    recorder.mask("it", Span { from, to }).await.expect("it is noted");
    assert_eq!(status(&recorder, "it").await.phase, Phase::Recording);
    until_phase(&recorder, "it", Phase::Masked).await;
    assert!(Timestamp::now() >= from);
    let sent = talk.sent();
    assert_none("when it has begun", &numbers(&sent, |_, sent| sent.begun >= from), &found(&engine).1);
    until_phase(&recorder, "it", Phase::Recording).await;
    assert!(Timestamp::now() >= to);

    let quiet_since = Timestamp::now();
    let _silence = talk.pause(&engine).await;
    until("silence ends it", || async {
        matches!(status(&recorder, "patient").await.phase, Phase::Ended(_))
    })
    .await;
    assert!(Timestamp::now() >= quiet_since + Duration::from_millis(2900));
    assert_eq!(status(&recorder, "it").await.phase, Phase::Recording, "it has no such limit");
    let wav = |job: &Job| Wav::read(&job.file, job.started);
    stop_and_finish(&recorder, "it", Timestamp::now()).await;
    wav(&job).assert_silent("the blackout", from, to);
}

/// What is lost in the middle of a recording is no API_OK in the end, and no reason to lose the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_stops_growing_is_told_at_the_stop() {
    let Some(engine) = Engine::start_with_files_of(32 * 1024).await else { return };
    let talk = Talk::start(&engine, "full").await;
    let recorder = recorder(&engine);
    let job = job(&engine, "it", &talk.call);
    recorder.start(&job).await.expect("it is verified");
    let recording = Timestamp::now();
    talk.go_on(&engine, 25).await;
    let written = Timestamp::now();
    until("another capture is begun", async || engine.captures() == 2).await;
    until_phase(&recorder, "it", Phase::Recording).await;
    let again = Timestamp::now();
    talk.go_on(&engine, 25).await;

    let stopped = Timestamp::now();
    let told = within("stop", recorder.stop("it", stopped)).await.map(drop);
    assert_fault("sound is missing", told, "the capture of call \"full\" has stopped growing");
    assert_eq!(status(&recorder, "it").await.phase, Phase::Ended(stopped), "it has ended all the same");
    stop_and_finish(&recorder, "it", stopped).await;
    let wav = Wav::read(&job.file, job.started);
    wav.assert_loud("before", &talk.sent(), recording, written);
    wav.assert_loud("after", &talk.sent(), again, stopped);
}
