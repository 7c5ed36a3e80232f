//! A pool of scratch buffers keeps the largest request that each of them ever served.
//!
//! Kept: a buffer of a rare giant's size in every place of a pool, and in a thread-local scratch buffer.
//! Why: a buffer is cleared and given back, so that the next request need not allocate; its capacity is that of the
//! largest request it has seen. Buffers take turns, so after as many giants as there are buffers, all are giants. A
//! thread-local scratch buffer is a pool of one, for each thread.
//! inuse_space: three towers, `export_report`, `encode_reply` and `search_orders`, each down to `Vec::reserve`, as wide
//! as their largest request times their buffers; `draw_thumbnail`, which has no giants, is too narrow to see.
//! alloc_space: the same towers, hardly wider: that is what a pool is for. A pool that trims asks anew for every
//! giant, so its towers here are wider, by as much as giants were served.
//! Fix: give back what is larger than most requests need: `buffer.shrink_to(KEEP_BYTES)` before it goes back to the
//! pool (`trim`); or let such a buffer go (`drop-giants`); or trim all idle buffers to the largest request of the last
//! hundred (`trim-to-recent`).
//! Broken by: `tests/demos/scratch_pool.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "scratch-pool",
    row: "T6",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 8, unit: "MiB of the largest request" },
    leaks: &["leaky"],
    fixes: &["trim", "drop-giants", "trim-to-recent"],
    source: include_str!("scratch_pool.rs"),
    run,
};

/// Buffers of each pool.
const BUFFERS: usize = 8;
/// Threads with a scratch buffer each.
const WORKERS: usize = 4;
/// Requests to each pool, and to all workers together.
const REQUESTS: usize = 4000;
/// Most requests need less than this.
const KEEP_BYTES: usize = 64 << 10;
/// What replies are put together from.
type Part = [u8; 16 << 10];
static PIXELS: Part = [b'p'; 16 << 10];
static HITS: Part = [b'h'; 16 << 10];
static ROWS: Part = [b'r'; 16 << 10];
static FIELDS: Part = [b'f'; 16 << 10];
/// How many requests a pool looks back upon.
const RECENT: usize = 100;

// The core.
/// Idle buffers, the one that rested longest first.
#[derive(Default)]
struct BufferPool {
    idle: VecDeque<Vec<u8>>,
    served: usize,
    recent_peak: usize,
}

impl BufferPool {
    fn take(&mut self) -> Vec<u8> {
        self.idle.pop_front().unwrap_or_default()
    }

    fn put(&mut self, mut buffer: Vec<u8>, variant: &str) {
        self.recent_peak = self.recent_peak.max(buffer.len());
        self.served += 1;
        buffer.clear(); // leak
        match variant {
            "trim" => buffer.shrink_to(KEEP_BYTES), // fix
            "drop-giants" if buffer.capacity() > KEEP_BYTES => buffer = Vec::new(), // fix
            _ => {}
        }
        self.idle.push_back(buffer);
        if variant == "trim-to-recent" && self.served.is_multiple_of(RECENT) {
            let recent_peak = mem::take(&mut self.recent_peak);
            self.idle.iter_mut().for_each(|idle| idle.shrink_to(recent_peak)); // fix
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// Never inlined, like the other three: these frames are the ones that the pictures must name.
#[inline(never)]
fn encode_reply(bytes: usize, variant: &str) {
    SCRATCH.with_borrow_mut(|scratch| {
        write_all(scratch, bytes, &FIELDS);
        scratch.clear(); // leak
        if variant != "leaky" {
            scratch.shrink_to(KEEP_BYTES); // fix
        }
    });
}

#[inline(never)]
fn export_report(buffer: &mut Vec<u8>, bytes: usize) {
    write_all(buffer, bytes, &ROWS);
}

#[inline(never)]
fn search_orders(buffer: &mut Vec<u8>, bytes: usize) {
    write_all(buffer, bytes, &HITS);
}

#[inline(never)]
fn draw_thumbnail(buffer: &mut Vec<u8>, bytes: usize) {
    write_all(buffer, bytes, &PIXELS);
}

// Always inlined: a call as the last thing that a function does leaves no frame of that function.
#[inline(always)]
fn write_all(buffer: &mut Vec<u8>, bytes: usize, part: &Part) {
    buffer.reserve(bytes);
    while buffer.len() < bytes {
        let rest = bytes - buffer.len();
        buffer.extend_from_slice(&part[..rest.min(part.len())]);
    }
}
// End of the core.

/// Serves a request of so many bytes.
type Serve = fn(buffer: &mut Vec<u8>, bytes: usize);
/// How many bytes the numbered request needs.
type RequestBytes = fn(number: usize, size: usize) -> usize;

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let [pool, buffers, requests, median] = ["pool", "buffers", "requests", "median"];
    let [peak, kept, ratio] = ["peak", "kept", "kept/median"];
    ledger.say(format_args!(
        "{pool:<22} {buffers:>7} {requests:>8} {median:>9} {peak:>9} {kept:>9} {ratio:>11}"
    ))?;
    let routes: [(&str, Serve, RequestBytes); 3] = [
        ("draw_thumbnail", draw_thumbnail, |number, _| usual_bytes(number, 16 << 10)),
        ("search_orders", search_orders, |number, size| match number % 201 {
            200 => size << 18,
            _ => usual_bytes(number, 4 << 10),
        }),
        ("export_report", export_report, |number, size| match number % 401 {
            400 => size << 20,
            _ => usual_bytes(number, 8 << 10),
        }),
    ];
    let mut pools = Vec::with_capacity(routes.len());
    for (name, serve, request_bytes) in routes {
        let before = ledger.held_bytes();
        let mut pool = BufferPool::default();
        pool.idle.resize_with(BUFFERS, Vec::new);
        for number in 0..REQUESTS {
            let mut buffer = pool.take();
            serve(&mut buffer, request_bytes(number, size));
            pool.put(buffer, variant);
        }
        pools.push(pool);
        let kept_bytes = ledger.held_bytes() - before;
        let requests: Vec<usize> = (0..REQUESTS).map(|number| request_bytes(number, size)).collect();
        print_row(name, BUFFERS, requests, kept_bytes, ledger)?;
    }

    let before = ledger.held_bytes();
    let replies: RequestBytes = |number, size| match number % (REQUESTS / WORKERS) {
        500 => size << 20,
        _ => usual_bytes(number, 2 << 10),
    };
    let workers = (0..WORKERS).map(|_| idle_worker(replies, size, variant.to_owned()));
    let workers = workers.collect::<io::Result<Vec<_>>>()?;
    let kept_bytes = ledger.held_bytes() - before;
    let requests: Vec<usize> = (0..REQUESTS).map(|number| replies(number, size)).collect();
    print_row("encode_reply (threads)", WORKERS, requests, kept_bytes, ledger)?;

    let still = if variant == "leaky" { " still" } else { "" };
    ledger.line(format_args!("all requests served:{still}"), "held by idle buffers")?;
    Ok(Box::new((pools, workers)))
}

/// Between `least_bytes` and twice as many, in no order that matters.
fn usual_bytes(number: usize, least_bytes: usize) -> usize {
    least_bytes + number * 7919 % least_bytes
}

fn print_row(
    pool: &str,
    buffers: usize,
    mut request_bytes: Vec<usize>,
    kept_bytes: u64,
    ledger: &mut Ledger,
) -> io::Result<()> {
    request_bytes.sort_unstable();
    let (median, peak) = (request_bytes[request_bytes.len() / 2], request_bytes[request_bytes.len() - 1]);
    let ratio = Count::from((kept_bytes / median as u64) as usize);
    let requests = Count::from(request_bytes.len());
    let [median, peak] = [median, peak].map(|bytes| Bytes::unsigned(bytes as u64));
    let kept = Bytes::unsigned(kept_bytes);
    ledger.say(format_args!(
        "{pool:<22} {buffers:>7} {requests:>8} {median:>9} {peak:>9} {kept:>9} {ratio:>11}"
    ))
}

/// A thread that has served its requests and waits for more, as those of a service do. It has to live: the
/// thread-local values of a thread that ends are gone, those of the main thread before the profile at exit too.
fn idle_worker(replies: RequestBytes, size: usize, variant: String) -> io::Result<JoinHandle<()>> {
    let served = Arc::new(Barrier::new(2));
    let worker = thread::Builder::new().spawn({
        let served = Arc::clone(&served);
        move || {
            for number in 0..REQUESTS / WORKERS {
                encode_reply(replies(number, size), &variant);
            }
            served.wait();
            loop {
                thread::park();
            }
        }
    })?;
    served.wait();
    Ok(worker)
}
