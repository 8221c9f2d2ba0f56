//! The way of one call, from what arrived to what is answered. Every error becomes a RESULT here, and only
//! here.

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::failed::FailedLegs;
use super::fall_back;
use super::gather::Legs;
use super::in_flight::{InFlight, InFlightPlace, crowded};
use super::late::{self, Deferred};
use super::meter::{Listener, Meter};
use super::policy::{Terms, Verdict};
use super::repeat::{Note, Repeats};
use super::rooms::{Given, Rooms};
use super::story;
use super::tally::{Ended, one_per_core};
use super::turns::Turns;
use super::witness::Witness;
use crate::access::Pass;
use crate::budget::Budget;
use crate::command::{Call, Function, Refusal, Room, check_as};
use crate::ledger::Ledger;
use crate::media::Download;
use crate::owed::{Obligation, Owed};
use crate::protocol::codes::ResultType;
use crate::protocol::frame::FrameFault;
use crate::protocol::param::Param;
use crate::protocol::request::{BadRequest, Request};
use crate::protocol::result::Reply;
use crate::protocol::write::element;
use crate::route::{Destination, Plan, Router};
use crate::trail::{Parent, Story, Trail};
use crate::upstream::Upstream;

/// What a listener brings: a request, or what should have been one.
#[derive(Debug)]
pub enum Arrived {
    /// It could be read.
    Request(Request),
    /// It could not.
    Bad(BadRequest),
    /// There was no room to read it.
    Crowded,
}

impl From<Result<Request, BadRequest>> for Arrived {
    fn from(read: Result<Request, BadRequest>) -> Self {
        read.map_or_else(Self::Bad, Self::Request)
    }
}

impl Arrived {
    /// Whether nothing more is to be read from whoever sent this.
    #[must_use]
    pub const fn closes(&self) -> bool {
        matches!(self, Self::Bad(BadRequest { closes: true, .. }) | Self::Crowded)
    }
}

impl From<FrameFault> for Arrived {
    fn from(fault: FrameFault) -> Self {
        let closes = fault.is_fatal();
        Self::Bad(BadRequest { reason: fault.to_string(), closes, ..BadRequest::default() })
    }
}

/// How long and how large a call may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From a request read to its answer.
    pub deadline: Duration,
}

/// What a client is answered.
#[derive(Debug)]
pub enum Answer {
    /// A whole RESULT.
    Result(String),
    /// A file, over the WebAPI only.
    Download(Download),
}

/// One thread's desk: where requests are taken and answers given.
#[derive(Debug)]
pub struct Desk {
    /// Where calls go.
    pub router: Arc<Router>,
    /// What is answered without a core.
    pub rooms: Rooms,
    /// Where work is done that is not on the way of a call, such as that of the database.
    pub background: Handle,
    /// The links of this thread.
    pub upstream: Upstream,
    /// What cores did not get, and get later.
    pub owed: Owed,
    /// What verdicts look like.
    pub terms: Terms,
    /// How long a call may take.
    pub limits: Limits,
    /// What is known of commands that were answered PARTIAL.
    pub repeats: Arc<Repeats>,
    /// The bytes of requests under way, and of the data for their answers, over all threads.
    pub budget: Arc<Budget>,
    /// The calls under way over all threads.
    pub in_flight: Arc<InFlight>,
    /// The last legs that did not confirm.
    pub failed: Arc<FailedLegs>,
    /// Where blackouts are noted.
    pub ledger: Ledger,
    /// The thread's counters.
    pub meter: Meter,
    /// Where it is told what became of calls.
    pub trail: Trail,
}

/// Whom an answer goes to.
#[derive(Clone, Debug)]
pub struct Origin {
    /// What the request came by.
    pub listener: Listener,
    /// The client's address.
    pub peer: Option<IpAddr>,
    /// The order of what it asks of the directory.
    pub turns: Turns,
    /// What it may ask for.
    pub pass: Rc<Pass>,
    /// The trace that its request is part of, if it says so.
    pub parent: Option<Parent>,
}

/// A request that was taken in.
enum Begun {
    /// The answer is known.
    Known(Reply),
    /// Somebody off the way of calls works on it.
    Elsewhere { work: JoinHandle<Result<Given, Refusal>>, place: InFlightPlace },
    /// Cores were asked. It is put down once: a future that holds it would be moved with it.
    Asked(Box<Asked>),
}

/// A call that cores were asked to do.
struct Asked {
    call: Call,
    plan: Plan,
    legs: Legs,
    note: Option<Note>,
    /// Whom it came from.
    peer: Option<IpAddr>,
    /// Its place among the calls under way, until it is answered.
    _place: InFlightPlace,
}

/// What the outcomes of a call add up to.
enum Folded {
    /// The answer.
    Reply(Reply),
    /// The database is to answer, beside what the cores said.
    FallBack(Box<Asked>, Reply),
}

/// Whose request is answered.
struct Asker {
    function: Option<&'static Function>,
    kind: Cow<'static, str>,
    id: String,
    /// Notes a blackout.
    witness: Option<Box<Witness>>,
    /// What becomes of it, if anybody wants to know.
    story: Option<Box<Story>>,
}

impl Desk {
    /// Takes a request. Its legs are on their way when this returns, so that what is said of one device goes
    /// out in the order in which it was read; the future is its answer.
    pub fn take(self: &Rc<Self>, arrived: Arrived, origin: &Origin) -> impl Future<Output = Answer> + use<> {
        let started = Instant::now();
        let (mut asker, begun) = self.begin(arrived, origin, started);
        let (desk, listener) = (self.clone(), origin.listener);
        async move {
            let given = desk.finish(begun, &mut asker).await;
            if let Some(unkept) = asker.witness.and_then(|witness| witness.answered(given.label())) {
                Box::pin(unkept.keep(started + desk.limits.deadline)).await;
            }
            desk.meter.answered(asker.function, given.result(), listener, started.elapsed());
            if let Some(story) = asker.story {
                desk.trail.end(story, given.label(), given.is_confirmation());
            }
            match given {
                Given::Reply(reply) => Answer::Result(reply.write(&asker.kind, &asker.id)),
                Given::Download(download) => Answer::Download(download),
            }
        }
    }

    /// The answer to a client that is sent away before it has asked anything.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> String {
        self.rescue(refusal).write("", "")
    }

    fn begin(&self, arrived: Arrived, origin: &Origin, started: Instant) -> (Asker, Begun) {
        let mut story = self.trail.begin(started, origin.listener.label(), origin.peer, origin.parent);
        let request = match arrived {
            Arrived::Request(request) => request,
            Arrived::Bad(bad) => {
                let refusal = origin.pass.check(None, started).err();
                let refusal =
                    refusal.unwrap_or_else(|| Refusal::new(ResultType::InvalidMessageFormat, bad.reason));
                story.iter_mut().for_each(|story| story.names(&bad.kind, &bad.id));
                let (kind, id) = (bad.kind.into(), bad.id);
                let asker = Asker { function: None, kind, id, witness: None, story };
                return (asker, Begun::Known(self.rescue(refusal)));
            }
            Arrived::Crowded => {
                let (kind, id) = (Cow::default(), String::new());
                let asker = Asker { function: None, kind, id, witness: None, story };
                return (asker, Begun::Known(self.rescue(crowded())));
            }
        };
        let function = crate::command::function(request.kind());
        let checked = origin.pass.check(function, started).and_then(|()| check_as(function, &request));
        let kind = function.map_or_else(|| request.kind().to_owned().into(), |f| f.name.into());
        let witness = function.filter(|f| f.is_blackout());
        let witness = witness.map(|f| Witness::new(&self.ledger, f, &request, origin.peer));
        story.iter_mut().for_each(|story| story.asks(function, &request));
        let stamp = witness.is_some().then(|| self.owed.stamp());
        let mut asker = Asker { function, kind, id: request.id().into(), witness, story };
        let begun = checked
            .map(|function| Call {
                asked: stamp,
                ..Call::new(function, request, started + self.limits.deadline)
            })
            .and_then(|call| self.send(call, origin, started))
            .unwrap_or_else(|refusal| Begun::Known(self.rescue(refusal)));
        if let (Some(witness), Begun::Asked(asked)) = (&mut asker.witness, &begun) {
            witness.sees_sent(&asked.plan);
        }
        (asker, begun)
    }

    fn send(&self, call: Call, origin: &Origin, started: Instant) -> Result<Begun, Refusal> {
        let mut place = self.in_flight.enter(call.function.priority).inspect_err(|_| self.meter.shed())?;
        place.hold(&self.budget, &call)?;
        match self.router.plan(&call, &self.rooms.directory.look())? {
            Destination::Here(Room::Echo) => Ok(Begun::Known(self.echo(&call))),
            Destination::Here(Room::Media) if origin.listener == Listener::Api => Err(web_only(&call)),
            Destination::Here(room) => Ok(Begun::Elsewhere { work: self.ask(room, call, origin), place }),
            Destination::Cores(plan) => {
                let (note, confirmed) = self.repeats.begin(&call, &plan, origin.peer);
                let legs =
                    Legs::begin(&self.upstream, &self.owed, &call, &plan, confirmed, started, &self.budget);
                let asked = Asked { call, plan, legs, note, peer: origin.peer, _place: place };
                Ok(Begun::Asked(Box::new(asked)))
            }
        }
    }

    async fn finish(&self, begun: Begun, whose: &mut Asker) -> Given {
        match begun {
            Begun::Known(reply) => Given::Reply(reply),
            Begun::Elsewhere { work, place } => {
                let done = work.await.unwrap_or_else(|lost| Err(lost_work(&lost)));
                match done.unwrap_or_else(|refusal| Given::Reply(self.rescue(refusal))) {
                    Given::Download(download) => Given::Download(keep(place, download)),
                    reply @ Given::Reply(_) => reply,
                }
            }
            Begun::Asked(mut asked) => {
                let ended = asked.legs.end(&self.upstream, &self.owed).await;
                let deferred = match self.owing(&asked, &ended, whose) {
                    Some(owing) => Box::pin(late::keep(&self.owed, owing, asked.call.deadline)).await,
                    None => Deferred::Nothing,
                };
                Given::Reply(match self.fold(asked, ended, &deferred) {
                    Folded::Reply(reply) => reply,
                    Folded::FallBack(asked, reply) => {
                        Box::pin(self.fall_back(&asked.call, &asked.plan, asked.peer, reply)).await
                    }
                })
            }
        }
    }

    /// Whoever sees the legs of a call end is told how they did; and what cores are owed then.
    fn owing(&self, asked: &Asked, ended: &[Ended], whose: &mut Asker) -> Option<Vec<Obligation>> {
        let Asked { call, plan, legs, note, .. } = asked;
        note.iter().for_each(|note| self.repeats.end(note));
        self.failed.note(call, plan, ended, &self.terms.codes);
        if let Some(witness) = &mut whose.witness {
            witness.sees_ended(plan, ended);
        }
        if let Some(story) = &mut whose.story {
            story.legs(story::legs(plan, ended, &self.terms.codes));
        }
        late::obligations(&self.owed, &self.terms.codes, call, plan, ended, legs.asked())
    }

    /// Outcomes → verdict. What was answered PARTIAL may be remembered for a repeat.
    fn fold(&self, asked: Box<Asked>, mut ended: Vec<Ended>, deferred: &Deferred) -> Folded {
        let (call, plan, terms) = (&asked.call, &asked.plan, &self.terms);
        if plan.repeats_cores() {
            ended = one_per_core(ended, |rejection| terms.codes.is_not_mine(rejection));
        }
        let reply = Verdict { call, plan, ended: &ended, terms, deferred }.reply();
        if fall_back::is_due(call, &ended, terms) {
            return Folded::FallBack(asked, reply);
        }
        if reply.result == Some(ResultType::PartialCoreResponse) {
            let Asked { call, plan, note, peer, .. } = *asked;
            if let Some(note) = note {
                self.repeats.keep(note, (call, peer), (plan, ended));
            }
        }
        Folded::Reply(reply)
    }

    /// What needs no core runs where it holds up no call. What one client asks of the database is done in the
    /// order in which it was sent; files and mails take their time beside it.
    fn ask(&self, room: Room, call: Call, origin: &Origin) -> JoinHandle<Result<Given, Refusal>> {
        let rooms = self.rooms.clone();
        let from = origin.peer.map_or_else(String::new, |peer| peer.to_string());
        let work = async move { rooms.answer(room, &call, &from).await };
        match room {
            Room::Media | Room::Mail => self.background.spawn(work),
            _ => self.background.spawn(origin.turns.queue(work)),
        }
    }

    fn echo(&self, call: &Call) -> Reply {
        Reply::new(&self.terms.codes, ResultType::Ok, "API_OK").with_body(echo(call))
    }

    /// Every error into a RESULT.
    pub(super) fn rescue(&self, refusal: Refusal) -> Reply {
        Reply::new(&self.terms.codes, refusal.result, refusal.message)
    }
}

/// A file is under way until the last of it is handed over, or nobody wants it any more.
fn keep(place: InFlightPlace, download: Download) -> Download {
    let content = download.content.inspect(move |_| _ = &place).boxed();
    Download { content, ..download }
}

/// A socket that speaks lines of XML has no way to hand over a file.
fn web_only(call: &Call) -> Refusal {
    let message = format!("{} hands over a file: ask for it by URL, at the WebAPI", call.function.name);
    Refusal::new(ResultType::InvalidRequestType, message)
}

/// The work ended without an answer, by a panic or because the process ends.
pub(super) fn lost_work(lost: &JoinError) -> Refusal {
    tracing::error!(error = %lost, "a function ended without an answer");
    Refusal::new(
        ResultType::ProcessingMessage,
        "the work ended without an answer; see the log, and try again",
    )
}

/// The parameters of a request as they came, without secrets.
fn echo(call: &Call) -> String {
    let mut out = String::new();
    for field in call.request.fields().iter() {
        match (field.param, field.markup) {
            (Some(Param::Type | Param::RequestId), _) => {}
            (Some(param), _) if param.is_secret() => {}
            (_, Some(markup)) => out.push_str(markup),
            _ => element(&mut out, field.name, field.value),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream::iter;

    use super::*;
    use crate::command::Urgency;

    #[tokio::test]
    async fn a_file_is_in_flight_until_it_is_handed_over() {
        let in_flight = InFlight::new(1);
        let place = in_flight.enter(Urgency::Normal).expect("room");
        let content = iter(["a", "b"]).map(|piece| Ok(Bytes::from(piece))).boxed();
        let download =
            Download { content_type: "audio/wav", file_name: "1.wav".into(), length: None, content };
        let mut download = keep(place, download);
        for piece in ["a", "b"] {
            assert_eq!(download.content.next().await, Some(Ok(Bytes::from(piece))));
            assert_eq!((in_flight.now(), in_flight.enter(Urgency::Normal).is_err()), (1, true));
        }
        drop(download);
        assert_eq!(in_flight.now(), 0);
    }
}
