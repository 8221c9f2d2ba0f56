//! The network: streams in memory whose bytes take time, stall, are cut off and are lost, as those of TCP do.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// What a route is like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How long a packet takes, at least and at most.
    pub latency: (Duration, Duration),
    /// How many of a thousand packets are lost, and come a retransmission later.
    pub loss: u32,
    /// How many bytes may be on their way or unread, and so the most that a write takes.
    pub window: usize,
}

/// Between two hosts: all streams of it share its weather and its partitions.
#[derive(Clone)]
pub struct Route(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    healed: Notify,
}

struct State {
    weather: Weather,
    rng: Rng,
    is_cut: bool,
    /// Until then nothing arrives: what was lost in a partition is sent again a while after it.
    held_until: Instant,
    pairs: Vec<Weak<Mutex<Pair>>>,
}

impl State {
    fn latency(&mut self) -> Duration {
        let (least, most) = self.weather.latency;
        Duration::from_micros(self.rng.u64(least.as_micros() as u64..=most.as_micros() as u64))
    }

    /// How long the next packet takes: each of its copies may be lost, and the next comes later.
    fn delay(&mut self) -> Duration {
        let (mut delay, mut retry) = (self.latency(), Duration::from_millis(200));
        while self.rng.u32(0..1000) < self.weather.loss && retry < Duration::from_secs(4) {
            delay += retry;
            retry *= 2;
        }
        delay
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}

impl Route {
    pub fn new(weather: Weather, rng: Rng) -> Self {
        let state = State { weather, rng, is_cut: false, held_until: Instant::now(), pairs: Vec::new() };
        Self(Arc::new(Shared { state: Mutex::new(state), healed: Notify::new() }))
    }

    /// Nothing passes from now on.
    pub fn cut(&self) {
        lock(&self.0.state).is_cut = true;
    }

    /// Packets pass again; those that were lost are sent again after up to a second.
    pub fn heal(&self) {
        let mut state = lock(&self.0.state);
        if state.is_cut {
            state.is_cut = false;
            state.held_until = Instant::now() + Duration::from_millis(state.rng.u64(0..1000));
            state.pairs.iter().filter_map(Weak::upgrade).for_each(|pair| lock(&pair).wake());
            self.0.healed.notify_waiters();
        }
    }

    /// All its streams are reset, now at this end and then at the other.
    pub fn reset(&self) {
        let mut state = lock(&self.0.state);
        let until = Instant::now() + state.latency();
        for pair in std::mem::take(&mut state.pairs).iter().filter_map(Weak::upgrade) {
            lock(&pair).reset(until);
        }
    }

    /// A packet there, and its answer.
    pub async fn round_trip(&self) {
        loop {
            let healed = self.0.healed.notified();
            let passes = {
                let mut state = lock(&self.0.state);
                (!state.is_cut)
                    .then(|| state.held_until.max(Instant::now()) + state.delay() + state.latency())
            };
            match passes {
                Some(at) => return sleep_until(at).await,
                None => healed.await,
            }
        }
    }

    /// A stream over it.
    pub fn open(&self) -> (Side, Side) {
        let now = Instant::now();
        let pair = Arc::new(Mutex::new(Pair { ways: [Way::new(now), Way::new(now)] }));
        let mut state = lock(&self.0.state);
        state.pairs.retain(|pair| pair.strong_count() > 0);
        state.pairs.push(Arc::downgrade(&pair));
        let side = |me| Side {
            pair: pair.clone(),
            route: self.clone(),
            me,
            timer: Box::pin(sleep(Duration::ZERO)),
            tap: None,
            aborts: false,
        };
        (side(0), side(1))
    }

    /// When what arrives at this moment can be read; not before it is healed.
    fn readable(&self, at: Instant) -> Option<Instant> {
        let state = lock(&self.0.state);
        (!state.is_cut).then(|| at.max(state.held_until))
    }
}

struct Pair {
    /// What each side has written.
    ways: [Way; 2],
}

impl Pair {
    fn wake(&mut self) {
        self.ways.iter_mut().for_each(Way::wake);
    }

    fn reset(&mut self, at: Instant) {
        for way in &mut self.ways {
            way.segments.clear();
            way.held = 0;
            way.end = Some(End { at, is_reset: true });
            way.wake();
        }
    }
}

/// One direction of a stream.
struct Way {
    segments: VecDeque<(Instant, Bytes)>,
    /// Bytes on their way or unread.
    held: usize,
    last: Instant,
    end: Option<End>,
    /// Nobody will read it.
    is_deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How a direction ends, for its reader.
#[derive(Clone, Copy)]
struct End {
    at: Instant,
    is_reset: bool,
}

impl Way {
    fn new(now: Instant) -> Self {
        Self {
            segments: VecDeque::new(),
            held: 0,
            last: now,
            end: None,
            is_deaf: false,
            reader: None,
            writer: None,
        }
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn put(&mut self, at: Instant, data: &[u8]) {
        self.last = self.last.max(at);
        self.held += data.len();
        self.segments.push_back((self.last, Bytes::copy_from_slice(data)));
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// What arrives by then does, and the rest never will.
    fn cut_off(&mut self, under_way: Option<Instant>) {
        self.segments.retain(|(at, _)| under_way.is_some_and(|until| *at <= until));
        self.held = self.segments.iter().map(|(_, data)| data.len()).sum();
        self.last = self.segments.back().map_or_else(Instant::now, |(at, _)| *at);
    }

    fn finish(&mut self, at: Instant) {
        if self.end.is_none() {
            self.end = Some(End { at: self.last.max(at), is_reset: false });
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// Sees what is written: all that was offered, and how many bytes of it were taken.
pub type Tap = Box<dyn FnMut(&[u8], usize) + Send>;

/// One end of a stream.
pub struct Side {
    pair: Arc<Mutex<Pair>>,
    route: Route,
    me: usize,
    timer: Pin<Box<Sleep>>,
    tap: Option<Tap>,
    aborts: bool,
}

impl Side {
    /// The same, whose system sends nothing any more once it is closed.
    pub fn aborting(self) -> Self {
        let mut side = self;
        side.aborts = true;
        side
    }

    /// The same, seen by somebody.
    pub fn tapped(self, tap: Tap) -> Self {
        let mut side = self;
        side.tap = Some(tap);
        side
    }
}

impl AsyncRead for Side {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let side = &mut *self;
        loop {
            let mut pair = lock(&side.pair);
            let way = &mut pair.ways[1 - side.me];
            way.reader = Some(cx.waker().clone());
            let next = way.segments.front().map(|(at, _)| *at).or(way.end.map(|end| end.at));
            let Some(due) = next.and_then(|at| side.route.readable(at)) else { return Poll::Pending };
            if due <= Instant::now() {
                return Poll::Ready(read(way, buf));
            }
            drop(pair);
            side.timer.as_mut().reset(due);
            ready!(side.timer.as_mut().poll(cx));
        }
    }
}

/// Takes what has arrived, or the end.
fn read(way: &mut Way, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    if let Some((_, data)) = way.segments.front_mut() {
        let count = data.len().min(buf.remaining());
        buf.put_slice(&data.split_to(count));
        if !data.has_remaining() {
            way.segments.pop_front();
        }
        way.held -= count;
        way.writer.take().into_iter().for_each(Waker::wake);
        return Ok(());
    }
    if way.end.is_some_and(|end| end.is_reset) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
}

impl AsyncWrite for Side {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let side = &mut *self;
        let (at, window) = {
            let mut state = lock(&side.route.0.state);
            (Instant::now() + state.delay(), state.weather.window)
        };
        let mut pair = lock(&side.pair);
        let heard = pair.ways[1 - side.me].end;
        if heard.is_some_and(|end| end.is_reset && end.at <= Instant::now()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let way = &mut pair.ways[side.me];
        if way.is_deaf {
            // The bytes go, and what comes back is that nobody is there.
            pair.ways[1 - side.me].end = Some(End { at, is_reset: true });
            pair.ways[1 - side.me].wake();
            return Poll::Ready(Ok(buf.len()));
        }
        let count = buf.len().min(window.saturating_sub(way.held));
        if count == 0 && !buf.is_empty() {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        way.put(at, &buf[..count]);
        if let Some(tap) = &mut side.tap {
            tap(buf, count);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let at = Instant::now() + lock(&self.route.0.state).latency();
        lock(&self.pair).ways[self.me].finish(at);
        Poll::Ready(Ok(()))
    }
}

/// Who closes a connection has its system send what is left; the proxy has it throw that away.
impl Drop for Side {
    fn drop(&mut self) {
        let now = Instant::now();
        let (at, under_way) = {
            let mut state = lock(&self.route.0.state);
            let held = state.is_cut || state.held_until > now;
            (now + state.latency(), (!held).then(|| now + state.weather.latency.1))
        };
        let mut pair = lock(&self.pair);
        if self.aborts {
            pair.ways[self.me].cut_off(under_way);
        }
        pair.ways[self.me].finish(at);
        let unheard = &mut pair.ways[1 - self.me];
        unheard.is_deaf = true;
        unheard.segments.clear();
        unheard.held = 0;
        unheard.wake();
    }
}
