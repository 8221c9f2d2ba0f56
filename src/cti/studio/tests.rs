use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::plan::Sound;
use super::*;
use crate::cti::recorder::{Job, JobStatus, Span};
use crate::cti::spans::Spans;
use crate::cti::tests::Scratch;
use crate::model::CoreId;
use crate::protocol::codes::ResultType;
use crate::records::{Record, RecordKind};

fn t(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
}

/// A recorder that notes what it is told, and does as the script says.
#[derive(Debug)]
struct Script {
    told: Mutex<Vec<String>>,
    /// The results of the next calls; all is well behind them.
    results: Mutex<VecDeque<Done>>,
    /// One permit for each call about job `a` that may go through; others go through by themselves.
    gate: Semaphore,
    status: Mutex<Phase>,
}

impl Script {
    async fn note(&self, what: String) -> Done {
        if what.split(' ').nth(1) == Some("a") {
            self.gate.acquire().await.expect("it is open").forget();
        }
        self.told.lock().expect("a list").push(what);
        self.results.lock().expect("a list").pop_front().unwrap_or(Ok(()))
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().expect("a list"))
    }
}

fn span_text(span: Span) -> String {
    format!("{}..{}", span.from.as_second() - 1_700_000_000, span.to.as_second() - 1_700_000_000)
}

impl Recorder for Script {
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Done> {
        Box::pin(self.note(format!("start {}", job.id)))
    }

    fn mask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Done> {
        Box::pin(self.note(format!("mask {id} {}", span_text(span))))
    }

    fn unmask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Done> {
        Box::pin(self.note(format!("unmask {id} {}", span_text(span))))
    }

    fn stop<'a>(&'a self, id: &'a str, at: Timestamp) -> BoxFuture<'a, Result<JobStatus, RecorderFault>> {
        let status = JobStatus { phase: Phase::Ended(at), length: Duration::ZERO, bytes: 44 };
        Box::pin(async move { self.note(format!("stop {id}")).await.map(|()| status) })
    }

    fn finish<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Done> {
        Box::pin(self.note(format!("finish {id}")))
    }

    fn status<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<JobStatus>> {
        let phase = *self.status.lock().expect("a phase");
        Box::pin(async move { Some(JobStatus { phase, length: Duration::ZERO, bytes: 44 }) })
    }
}

#[derive(Debug, Default)]
struct State(Mutex<Vec<String>>);

impl Home for State {
    fn ended(&self, _: &Arc<str>, take: &Arc<str>, at: Timestamp) {
        let text = format!("{take} ended at {}", at.as_second() - 1_700_000_000);
        self.0.lock().expect("a list").push(text);
    }

    fn seal(&self, _: &Arc<str>, take: &Arc<str>, give: &mut dyn FnMut() -> bool) -> bool {
        let is_given = give();
        self.0.lock().expect("a list").push(format!("{take} sealed: {is_given}"));
        is_given
    }
}

struct Lab {
    studio: Arc<Studio>,
    recorder: Arc<Script>,
    home: Arc<State>,
    clock: Clock,
    tasks: TaskTracker,
    _scratch: Scratch,
}

impl Lab {
    fn new(permits: usize) -> Self {
        let (scratch, clock, tasks) = (Scratch::new(), Clock::manual(t(0)), TaskTracker::new());
        let recorder = Arc::new(Script {
            told: Mutex::default(),
            results: Mutex::default(),
            gate: Semaphore::new(permits),
            status: Mutex::new(Phase::Recording),
        });
        let terms = Terms { deadline: Duration::from_secs(3), hold: Duration::from_secs(10) };
        let shelf = Shelf::open(scratch.path()).expect("a shelf");
        let (told, gone) = (Arc::clone(&recorder) as Arc<dyn Recorder>, CancellationToken::new());
        let studio = Studio::new(told, shelf, terms, clock.clone(), tasks.clone(), gone);
        let home = Arc::new(State::default());
        let remembered: Arc<dyn Home> = Arc::<State>::clone(&home);
        studio.lives_at(Arc::downgrade(&remembered));
        Self { studio, recorder, home, clock, tasks, _scratch: scratch }
    }

    fn tell(&self, wanted: Wanted) -> Vec<Waiter> {
        self.studio.tell(vec![wanted], true)
    }

    async fn ask(&self, wanted: Wanted) -> Vec<Done> {
        let waiters = self.tell(wanted);
        futures::future::join_all(waiters).await.into_iter().map(|done| done.expect("an answer")).collect()
    }

    fn fails_next(&self, results: impl IntoIterator<Item = Done>) {
        self.recorder.results.lock().expect("a list").extend(results);
    }

    fn happened(&self) -> Vec<String> {
        std::mem::take(&mut self.home.0.lock().expect("a list"))
    }

    /// Waits until nobody works on anything.
    async fn rest(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

fn fault() -> RecorderFault {
    RecorderFault { result: ResultType::Unknown, message: "it is broken".into() }
}

fn wanted(id: &str, masks: &[(i64, i64)], end: Option<i64>) -> Wanted {
    let spans = || masks.iter().map(|(from, to)| Span { from: t(*from), to: t(*to) });
    Wanted {
        id: id.into(),
        sound: Some(Sound { device: "5".into(), call_id: "".into(), max_length: None, max_silence: None }),
        masks: Spans::union(spans()),
        end: end.map(t),
        record: Record {
            ident: 0,
            global_id: id.into(),
            core: CoreId(1),
            kind: RecordKind::Call,
            started: t(0),
            stopped: None,
            file: "key".into(),
            bytes: 0,
            blackouts: Spans::union(spans()).pairs(),
            said: std::collections::BTreeMap::new(),
            agent: Default::default(),
        },
    }
}

#[tokio::test]
async fn the_recorder_is_told_the_difference_and_answers_come_from_it() {
    let lab = Lab::new(100);
    assert_eq!(lab.ask(wanted("a", &[(5, 900)], None)).await, [Ok(())]);
    assert_eq!(lab.recorder.told(), ["start a", "mask a 5..900"]);
    assert_eq!(lab.ask(wanted("a", &[(5, 900)], None)).await, [], "nothing is to be done");
    assert_eq!(lab.ask(wanted("a", &[(2, 20)], Some(30))).await, [Ok(())]);
    assert_eq!(lab.recorder.told(), ["mask a 2..5", "unmask a 20..900", "stop a", "finish a"]);
}

#[tokio::test]
async fn a_mask_that_fails_is_no_ok_does_not_keep_the_end_away_and_is_tried_again() {
    let lab = Lab::new(100);
    lab.ask(wanted("a", &[], None)).await;
    lab.fails_next([Err(fault())]);
    assert_eq!(lab.ask(wanted("a", &[(5, 9)], Some(20))).await, [Err(fault())]);
    assert_eq!(lab.recorder.told(), ["start a", "mask a 5..9", "stop a", "finish a"]);
    lab.fails_next([Err(fault())]);
    assert_eq!(lab.ask(wanted("a", &[(5, 9)], Some(20))).await, [Err(fault())], "a repetition waits for it");
    lab.rest().await;
    lab.studio.look_around().await;
    lab.rest().await;
    assert_eq!(lab.recorder.told(), ["mask a 5..9", "mask a 5..9"]);
    assert_eq!(lab.ask(wanted("a", &[(5, 9)], Some(20))).await, []);
}

#[tokio::test]
async fn what_cannot_be_begun_is_no_recording_and_nothing_is_left_of_it() {
    let lab = Lab::new(100);
    lab.fails_next([Err(fault())]);
    assert_eq!(lab.ask(wanted("a", &[], None)).await, [Err(fault())]);
    assert_eq!(lab.recorder.told(), ["start a", "stop a", "finish a"], "it may have begun all the same");
    assert_eq!(lab.happened(), ["a ended at 0"]);
    assert_eq!(lab.studio.shelf().records().expect("the shelf").len(), 0);
    assert_eq!(lab.ask(wanted("a", &[], Some(5))).await, [], "it is not begun again to be ended");
    assert_eq!(lab.recorder.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_slow_recording_holds_up_no_other_and_what_comes_meanwhile_is_put_together() {
    let lab = Lab::new(0);
    let mut first = lab.tell(wanted("a", &[], None));
    let mut second = lab.tell(wanted("a", &[(5, 900)], None));
    let third = lab.tell(wanted("a", &[(5, 9)], None));
    let other = lab.tell(wanted("b", &[], None));
    for waiter in other {
        assert_eq!(waiter.await, Ok(Ok(())), "b did not wait for a");
    }
    assert!(first[0].try_recv().is_err() && second[0].try_recv().is_err());
    lab.recorder.gate.add_permits(10);
    for waiter in first.into_iter().chain(second).chain(third) {
        assert_eq!(waiter.await, Ok(Ok(())));
    }
    let mut told = lab.recorder.told();
    assert_eq!(told.remove(0), "start b");
    assert_eq!(told, ["start a", "mask a 5..9"]);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_does_not_answer_in_time_has_not_done_it() {
    let lab = Lab::new(1);
    lab.ask(wanted("a", &[], None)).await;
    let done = lab.ask(wanted("a", &[(5, 900)], None)).await;
    let fault = done[0].clone().expect_err("it hangs");
    assert_eq!(fault.result, ResultType::ProcessingMessage);
    assert!(fault.message.contains("did not answer within 3s"), "{fault}");
}

#[tokio::test]
async fn what_ended_by_itself_is_noticed_and_what_is_finished_is_put_away_after_a_while() {
    let lab = Lab::new(100);
    lab.ask(wanted("a", &[(5, 900)], None)).await;
    *lab.recorder.status.lock().expect("a phase") = Phase::Ended(t(7));
    lab.studio.look_around().await;
    lab.rest().await;
    assert_eq!(lab.happened(), ["a ended at 7"]);
    lab.clock.advance(Duration::from_secs(9));
    lab.studio.look_around().await;
    assert_eq!(lab.happened(), Vec::<String>::new());
    assert_eq!(lab.ask(wanted("a", &[(2, 900)], Some(7))).await, [Ok(())], "it can still be silenced");
    lab.rest().await;
    lab.clock.advance(Duration::from_secs(1));
    lab.studio.look_around().await;
    assert_eq!(lab.happened(), ["a sealed: true"]);
    let finished = lab.studio.shelf().finished(10).expect("the shelf");
    let ends: Vec<_> = finished.iter().map(|r| (r.stopped, r.blackouts.clone())).collect();
    assert_eq!(ends, [(Some(t(7)), vec![(t(2), t(7))])]);
}

#[tokio::test]
async fn too_many_who_wait_are_turned_away_and_the_mask_is_applied_all_the_same() {
    let lab = Lab::new(0);
    let waiting: Vec<_> = (0..257).flat_map(|n| lab.tell(wanted("a", &[(5, 900 + n)], None))).collect();
    lab.recorder.gate.add_permits(10);
    let mut refused = 0;
    for waiter in waiting {
        refused += usize::from(waiter.await.expect("an answer").is_err());
    }
    assert_eq!((refused, lab.recorder.told()), (1, vec!["start a".into(), "mask a 5..1156".into()]));
}

impl Lab {
    /// Looks around after so many seconds, and waits until nobody works on anything.
    async fn after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.studio.look_around().await;
        self.rest().await;
    }

    /// The ends of what is ready to be handed over, by seconds.
    fn ends(&self) -> Vec<Option<i64>> {
        let finished = self.studio.shelf().finished(10).expect("the shelf");
        finished.iter().map(|record| Some(record.stopped?.as_second() - t(0).as_second())).collect()
    }

    /// A restart that finds the recording `a`, which ended at second 20, with so many seconds of sound.
    async fn restart(&self, seconds_of_sound: Option<usize>) {
        let found = wanted("a", &[], Some(20));
        self.studio.shelf().save(&found.record).expect("the shelf");
        if let Some(seconds) = seconds_of_sound {
            std::fs::write(self.studio.shelf().sound("a"), vec![0; 44 + 16_000 * seconds])
                .expect("the shelf");
        }
        self.studio.resume(vec![found]).await.expect("the shelf");
        self.rest().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_does_not_wait_for_the_file_and_nothing_is_put_away_before_it_is_whole() {
    let lab = Lab::new(2);
    lab.ask(wanted("a", &[], None)).await;
    assert_eq!(lab.ask(wanted("a", &[], Some(20))).await, [Ok(())]);
    assert_eq!(lab.recorder.told(), ["start a", "stop a"], "the file is being made");
    lab.clock.advance(Duration::from_secs(40));
    lab.studio.look_around().await;
    assert_eq!(lab.happened(), Vec::<String>::new());

    let late = lab.ask(wanted("a", &[(5, 9)], Some(20))).await.remove(0).expect_err("it is not done yet");
    assert!(late.message.contains("its file is being made"), "{late}");
    let repeated = lab.tell(wanted("a", &[(5, 9)], Some(20))).remove(0);
    lab.recorder.gate.add_permits(10);
    assert_eq!(repeated.await, Ok(Ok(())), "it is done behind it");
    lab.rest().await;
    assert_eq!(lab.recorder.told(), ["finish a", "mask a 5..9"]);
    lab.after(0).await;
    assert_eq!((lab.happened(), lab.ends()), (vec!["a sealed: true".into()], vec![Some(20)]));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_core_waits_for_no_file() {
    let lab = Lab::new(2);
    lab.ask(wanted("a", &[], None)).await;
    lab.ask(wanted("a", &[], Some(20))).await;
    lab.studio.gone.cancel();
    tokio::time::timeout(Duration::from_secs(1), lab.rest()).await.expect("nobody works on it any more");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_tried_again_after_a_while() {
    let lab = Lab::new(100);
    lab.fails_next([Ok(()), Ok(()), Err(fault())]);
    lab.ask(wanted("a", &[], None)).await;
    assert_eq!(lab.ask(wanted("a", &[], Some(20))).await, [Ok(())], "it has ended");
    lab.rest().await;
    lab.after(29).await;
    assert_eq!(lab.recorder.told(), ["start a", "stop a", "finish a"]);
    assert_eq!(lab.happened(), Vec::<String>::new());
    lab.after(1).await;
    assert_eq!(lab.recorder.told(), ["finish a"]);
    lab.after(0).await;
    assert_eq!((lab.happened(), lab.ends()), (vec!["a sealed: true".into()], vec![Some(20)]));
}

#[tokio::test]
async fn a_mask_that_failed_is_told_to_whoever_asks_for_it_while_the_file_is_made() {
    let lab = Lab::new(3);
    lab.ask(wanted("a", &[], None)).await;
    lab.fails_next([Err(fault())]);
    assert_eq!(lab.ask(wanted("a", &[(5, 9)], Some(20))).await, [Err(fault())]);
    let again = lab.tell(wanted("a", &[(5, 9)], Some(20))).remove(0);
    lab.fails_next([Ok(()), Err(fault())]);
    lab.recorder.gate.add_permits(10);
    assert_eq!(again.await, Ok(Err(fault())), "it is tried again, and fails again");
    lab.rest().await;
    lab.after(0).await;
    let told = ["start a", "mask a 5..9", "stop a", "finish a", "mask a 5..9", "mask a 5..9"];
    assert_eq!(lab.recorder.told(), told);
}

#[tokio::test]
async fn a_restart_waits_for_a_recorder_that_is_down_and_gives_up_in_the_end() {
    let lab = Lab::new(100);
    lab.fails_next((0..3).map(|_| Err(fault())));
    lab.restart(None).await;
    lab.after(3600).await;
    assert_eq!((lab.recorder.told(), lab.happened()), (vec!["start a".into(); 2], vec![]));
    lab.after(20).await;
    lab.after(10).await;
    assert_eq!(lab.recorder.told(), ["start a"], "an hour after its end it is given up");
    assert_eq!((lab.happened(), lab.ends()), (vec!["a sealed: true".into()], vec![Some(0)]));
}

#[tokio::test]
async fn a_restart_has_the_file_made_when_the_recorder_is_back() {
    let lab = Lab::new(100);
    lab.fails_next([Err(fault())]);
    lab.restart(None).await;
    lab.after(600).await;
    lab.after(10).await;
    assert_eq!(lab.recorder.told(), ["start a", "start a", "stop a", "finish a"]);
    assert_eq!((lab.happened(), lab.ends()), (vec!["a sealed: true".into()], vec![Some(20)]));
}

#[tokio::test]
async fn what_a_restart_finds_ends_with_the_sound_that_there_is() {
    let lab = Lab::new(100);
    lab.fails_next([Err(fault())]);
    lab.restart(Some(7)).await;
    lab.after(10).await;
    assert_eq!(lab.recorder.told(), ["start a"]);
    assert_eq!((lab.happened(), lab.ends()), (vec!["a sealed: true".into()], vec![Some(7)]));
}
