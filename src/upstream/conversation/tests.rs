//! One connection on a paused clock: the test is the core at the other end.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{advance, timeout};

use smallvec::smallvec;

use super::*;
use crate::budget::Budget;
use crate::command::Urgency;
use crate::metrics::Metrics;
use crate::model::{Core, CoreId, CoreIndex, LegEnd};
use crate::upstream::board::{Board, Replies, Ticket, WakeOn};
use crate::upstream::{BreakerSettings, CoreShared, Leg};

const LEG: Duration = Duration::from_millis(400);

/// A link to a core with this many requests in flight at most.
struct Rig {
    core: Local,
    queue: RefCell<Queue>,
}

impl Rig {
    fn new(pipeline: usize) -> Self {
        let core = Core {
            id: CoreId(1),
            name: String::new(),
            site: String::new(),
            address: String::new(),
            at: Vec::new(),
            connections: 1,
            pipeline,
            queue: 10,
            tls: None,
        };
        let shared = CoreShared::new(core, CoreIndex(0), BreakerSettings::default(), &Metrics::default());
        Self { core: Local::of(&Arc::new(shared)), queue: RefCell::default() }
    }

    fn talk(&self, buffer: usize) -> (Conversation<'_, DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(buffer);
        let settings =
            LinkSettings { leg_timeout: LEG, connect_timeout: LEG, max_reply_bytes: 1000, threads: 1 };
        (Conversation::new(ours, &self.core, settings, &self.queue), theirs)
    }

    /// Hands a leg to the link, as [`super::super::link::Links`] does.
    fn leg(&self, name: &str) -> Ticket {
        self.leg_about(name, 0, Urgency::Normal)
    }

    /// The same for what is about one device, which the key stands for.
    fn leg_about(&self, name: &str, key: u64, urgency: Urgency) -> Ticket {
        let wire = format!("<TYPE>{name}</TYPE></REQUEST>\r\n");
        let room = Budget::new(1 << 20, "test", &Metrics::default()).part();
        let board = Board::new(smallvec![wire], WakeOn::Last, Replies::Kept(room.into()), 1);
        let now = Instant::now();
        let leg = Leg { wire: 0, key, urgency, begins: false, started: now, deadline: now + LEG, board };
        self.core.queued.fetch_add(1, Ordering::Relaxed);
        let (waiting, ticket) = Waiting::new(leg);
        self.queue.borrow_mut().push(waiting);
        ticket
    }
}

/// Lets the conversation go on until `future` is done.
async fn during<F: Future>(talk: &mut Conversation<'_, DuplexStream>, future: F) -> F::Output {
    tokio::pin!(future);
    let mut lost = None;
    std::future::poll_fn(|cx| {
        if lost.is_none()
            && let Poll::Ready(reason) = talk.poll(cx)
        {
            lost = Some(reason);
        }
        future.as_mut().poll(cx)
    })
    .await
}

/// The end of a conversation.
async fn lost(talk: &mut Conversation<'_, DuplexStream>) -> Lost {
    std::future::poll_fn(|cx| talk.poll(cx)).await
}

async fn end(ticket: Ticket) -> LegEnd {
    let Ok(end) = ticket.await;
    end
}

/// What the core reads within a while: the requests' types with their numbers.
async fn read(core: &mut DuplexStream) -> Vec<(u32, String)> {
    let mut bytes = vec![0; 4096];
    let count = timeout(LEG / 100, core.read(&mut bytes)).await.map_or(0, |count| count.unwrap_or(0));
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    let requests = text.split_terminator("\r\n").map(|request| {
        let element = |name: &str| {
            let (_, after) = request.split_once(&format!("<{name}>")).expect(name);
            after.split('<').next().unwrap_or("").to_owned()
        };
        (element("REQUESTID").parse().expect("a number"), element("TYPE"))
    });
    requests.collect()
}

fn reply(number: u32) -> String {
    format!(
        "<RESULT><REQUESTTYPE>X</REQUESTTYPE><REQUESTID>{number}</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
         <RESULTCODE>20</RESULTCODE><RESULTMSG>{number}</RESULTMSG></RESULT>\r\n"
    )
}

async fn answer(core: &mut DuplexStream, number: u32) {
    core.write_all(reply(number).as_bytes()).await.expect("the link is open");
}

#[tokio::test(start_paused = true)]
async fn a_blackout_has_the_next_turn_however_many_wait() {
    let rig = Rig::new(1);
    let (mut talk, mut core) = rig.talk(4096);
    let waiting: Vec<_> = (0..5).map(|key| rig.leg_about("CALLUPDATE", key, Urgency::Normal)).collect();
    let sent = during(&mut talk, read(&mut core)).await;
    assert_eq!(sent, [(1, "CALLUPDATE".into())]);
    let blackout = rig.leg_about("BLACKOUTSTART", 9, Urgency::Urgent);
    during(&mut talk, answer(&mut core, 1)).await;
    assert_eq!(during(&mut talk, read(&mut core)).await, [(2, "BLACKOUTSTART".into())]);
    during(&mut talk, answer(&mut core, 2)).await;
    assert_eq!(during(&mut talk, end(blackout)).await.outcome, Outcome::Ok);
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn requests_go_together_and_replies_come_in_any_order() {
    let rig = Rig::new(8);
    let (mut talk, mut core) = rig.talk(4096);
    let (a, b) = (rig.leg("A"), rig.leg("B"));
    let requests = during(&mut talk, read(&mut core)).await;
    assert_eq!(requests, [(1, "A".into()), (2, "B".into())], "in one write");
    during(&mut talk, answer(&mut core, 2)).await;
    let b = during(&mut talk, end(b)).await;
    advance(Duration::from_millis(7)).await;
    during(&mut talk, answer(&mut core, 1)).await;
    let a = during(&mut talk, end(a)).await;
    assert!(String::from_utf8_lossy(&a.reply.expect("a reply")).contains("<RESULTMSG>1<"));
    assert!(String::from_utf8_lossy(&b.reply.expect("a reply")).contains("<RESULTMSG>2<"));
    assert!(a.elapsed >= b.elapsed + Duration::from_millis(7), "{:?} {:?}", a.elapsed, b.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_before_it_reads_on_gets_one_request_at_a_time() {
    let rig = Rig::new(1);
    let (mut talk, mut core) = rig.talk(4096);
    let (_a, b) = (rig.leg("A"), rig.leg("B"));
    assert_eq!(during(&mut talk, read(&mut core)).await, [(1, "A".into())]);
    during(&mut talk, answer(&mut core, 1)).await;
    assert_eq!(during(&mut talk, read(&mut core)).await, [(2, "B".into())]);
    during(&mut talk, answer(&mut core, 2)).await;
    assert_eq!(during(&mut talk, end(b)).await.outcome, Outcome::Ok);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_times_out_and_what_waited_was_not_sent() {
    let rig = Rig::new(1);
    let (mut talk, _core) = rig.talk(4096);
    let (a, b) = (rig.leg("A"), rig.leg("B"));
    let started = Instant::now();
    let (a, b) = during(&mut talk, async { (end(a).await, end(b).await) }).await;
    assert_eq!(a.outcome, Outcome::TimedOut);
    assert_eq!(b.outcome, Outcome::NotSent(Unsent::Deadline));
    assert!((LEG..LEG + Duration::from_millis(3)).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_frees_the_slot_and_ends_no_other_leg() {
    let rig = Rig::new(1);
    let (mut talk, mut core) = rig.talk(4096);
    let a = rig.leg("A");
    assert_eq!(during(&mut talk, end(a)).await.outcome, Outcome::TimedOut);
    let b = rig.leg("B");
    during(&mut talk, read(&mut core)).await;
    assert_eq!(during(&mut talk, read(&mut core)).await, [], "the slot is taken");
    during(&mut talk, answer(&mut core, 1)).await;
    assert_eq!(during(&mut talk, read(&mut core)).await, [(2, "B".into())]);
    during(&mut talk, answer(&mut core, 2)).await;
    let b = during(&mut talk, end(b)).await;
    assert!(String::from_utf8_lossy(&b.reply.expect("a reply")).contains("<RESULTMSG>2<"));
    assert_eq!(rig.core.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_core_that_stays_silent_is_connected_to_anew_after_a_while() {
    let rig = Rig::new(1);
    let (mut talk, _core) = rig.talk(4096);
    let started = Instant::now();
    let a = rig.leg("A");
    assert_eq!(during(&mut talk, end(a)).await.outcome, Outcome::TimedOut);
    let lost = lost(&mut talk).await;
    assert!(lost.reason.contains("overdue"), "{}", lost.reason);
    assert!(
        (2 * LEG..2 * LEG + Duration::from_millis(5)).contains(&started.elapsed()),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_lost_costs_its_slot_only_while_others_are_answered() {
    let rig = Rig::new(8);
    let (mut talk, mut core) = rig.talk(4096);
    let silent = rig.leg("A");
    for number in 2..12 {
        let leg = rig.leg("B");
        during(&mut talk, read(&mut core)).await;
        during(&mut talk, answer(&mut core, number)).await;
        assert_eq!(during(&mut talk, end(leg)).await.outcome, Outcome::Ok);
        during(&mut talk, tokio::time::sleep(LEG / 4)).await;
    }
    assert_eq!(end(silent).await.outcome, Outcome::TimedOut);
    assert_eq!((rig.core.in_flight(), talk.has_overdue()), (0, false));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_what_was_written_and_gives_back_what_was_not() {
    let rig = Rig::new(8);
    let (mut talk, mut core) = rig.talk(90);
    let legs = [rig.leg("A"), rig.leg("B"), rig.leg("C")];
    // 90 bytes hold one request and a part of the next; then the core goes away.
    during(&mut talk, tokio::task::yield_now()).await;
    assert_eq!(rig.core.in_flight(), 3);
    let mut start = [0; 20];
    core.read_exact(&mut start).await.expect("the beginning of a request");
    drop(core);
    let reason = lost(&mut talk).await;
    talk.lose(&reason);
    let [a, b, c] = legs;
    assert_eq!(end(a).await.outcome, Outcome::Disconnected);
    assert_eq!(end(b).await.outcome, Outcome::Disconnected, "a part of it was written");
    assert_eq!((rig.core.in_flight(), rig.core.queued()), (0, 1));

    let (mut talk, mut core) = rig.talk(4096);
    assert_eq!(during(&mut talk, read(&mut core)).await, [(1, "C".into())], "on the next connection");
    during(&mut talk, answer(&mut core, 1)).await;
    assert_eq!(during(&mut talk, end(c)).await.outcome, Outcome::Ok);
}

#[tokio::test(start_paused = true)]
async fn garbage_is_a_bad_reply_for_all_that_is_in_flight() {
    for garbage in
        ["hello\r\n", "<RESULT><REQUESTID>1</REQUESTID></RESULT>", "<!DOCTYPE x>", &"<R>".repeat(400)]
    {
        let rig = Rig::new(8);
        let (mut talk, mut core) = rig.talk(4096);
        let (a, b) = (rig.leg("A"), rig.leg("B"));
        during(&mut talk, read(&mut core)).await;
        core.write_all(garbage.as_bytes()).await.expect("the link is open");
        let reason = lost(&mut talk).await;
        talk.lose(&reason);
        assert_eq!(
            (end(a).await.outcome, end(b).await.outcome),
            (Outcome::BadReply, Outcome::BadReply),
            "{garbage}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stray_reply_is_counted_and_changes_nothing() {
    let rig = Rig::new(8);
    let (mut talk, mut core) = rig.talk(4096);
    let a = rig.leg("A");
    during(&mut talk, read(&mut core)).await;
    during(&mut talk, answer(&mut core, 99)).await;
    during(&mut talk, answer(&mut core, 1)).await;
    assert_eq!(during(&mut talk, end(a)).await.outcome, Outcome::Ok);
}
