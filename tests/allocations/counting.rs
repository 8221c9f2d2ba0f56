//! An allocator that counts what the proxy's worker thread allocates, and can tell where.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The thread that is counted: the first of [`corecast::app`]'s workers.
const WORKER: &[u8] = b"corecast-0";

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static IS_SAMPLING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static SAMPLES: Mutex<Vec<(usize, Backtrace)>> = Mutex::new(Vec::new());

thread_local! {
    static IS_WORKER: Cell<Option<bool>> = const { Cell::new(None) };
}

/// What was allocated; a buffer that grows counts each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub allocations: u64,
    pub bytes: u64,
}

/// Counts what the worker allocates while `work` is done here.
pub fn during<T>(work: impl FnOnce() -> T) -> (Spent, T) {
    ALLOCATIONS.store(0, Ordering::SeqCst);
    BYTES.store(0, Ordering::SeqCst);
    IS_COUNTING.store(true, Ordering::SeqCst);
    let done = work();
    IS_COUNTING.store(false, Ordering::SeqCst);
    let spent =
        Spent { allocations: ALLOCATIONS.load(Ordering::SeqCst), bytes: BYTES.load(Ordering::SeqCst) };
    (spent, done)
}

/// The same call site by call site, most allocations first. It takes a thousand times as long.
pub fn sites_during<T>(work: impl FnOnce() -> T) -> (Vec<(String, Spent)>, T) {
    IS_SAMPLING.store(true, Ordering::SeqCst);
    let (_, done) = during(work);
    IS_SAMPLING.store(false, Ordering::SeqCst);
    let samples = std::mem::take(&mut *SAMPLES.lock().expect("no panic while it is locked"));
    let mut sites = HashMap::<String, Spent>::new();
    for (bytes, backtrace) in samples {
        let spent = sites.entry(site(&backtrace.to_string())).or_default();
        spent.allocations += 1;
        spent.bytes += bytes as u64;
    }
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.allocations));
    (sites, done)
}

/// The innermost places of the proxy's own code in a backtrace, innermost first.
fn site(backtrace: &str) -> String {
    const SHOWN: usize = 3;
    let places = backtrace.lines().filter_map(|line| line.trim().strip_prefix("at "));
    let ours = places.filter_map(|place| place.find("src/").map(|at| (&place[..at], &place[at..])));
    let ours: Vec<_> =
        ours.filter(|(before, _)| *before == "./").map(|(_, place)| place).take(SHOWN).collect();
    if ours.is_empty() { "(a library)".into() } else { ours.join(" < ") }
}

/// The system's allocator with the counters above.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Notes an allocation of so many bytes, if it is the worker's and is asked for.
fn note(bytes: usize) {
    if !IS_COUNTING.load(Ordering::Relaxed) || !is_worker() {
        return;
    }
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    if IS_SAMPLING.load(Ordering::Relaxed) {
        // What a backtrace allocates itself is none of the worker's.
        IS_WORKER.set(Some(false));
        let backtrace = Backtrace::force_capture();
        SAMPLES.lock().expect("no panic while it is locked").push((bytes, backtrace));
        IS_WORKER.set(Some(true));
    }
}

fn is_worker() -> bool {
    IS_WORKER.get().unwrap_or_else(|| {
        let is_worker = is_named(WORKER);
        IS_WORKER.set(Some(is_worker));
        is_worker
    })
}

/// Whether the system knows this thread by that name. The standard library would have to allocate to tell.
#[allow(unsafe_code, reason = "the system is asked where nothing may be allocated")]
fn is_named(name: &[u8]) -> bool {
    let mut known = [0_u8; 16];
    // SAFETY: the buffer is as long as it is said to be, and this thread exists.
    let status =
        unsafe { libc::pthread_getname_np(libc::pthread_self(), known.as_mut_ptr().cast(), known.len()) };
    status == 0 && known.split(|byte| *byte == 0).next() == Some(name)
}

// SAFETY: everything is passed on to the system's allocator as it came.
#[allow(unsafe_code, reason = "an allocator cannot be written otherwise")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}
