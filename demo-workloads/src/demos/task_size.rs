//! A buffer that lives across an `.await` is part of the task, and a deep recursion is part of the thread.
//!
//! Kept: a buffer of 16 KiB in every task that waits; and the stack's pages that a deep recursion has touched.
//! Why: a future holds all that lives across one of its `.await`s, and room for the largest of its branches, taken or
//! not (`branch`). A spawned future is on the heap for as long as its task lives, and most tasks of a service wait. A
//! thread's stack does not shrink when calls return: the pages of the deepest call stay until the thread ends.
//! inuse_space: one tower fills the width, `open_connection` down to `tokio::spawn` and `Box::pin`: as many blocks as
//! there are tasks, each of the future's size. tokio boxes a future of more than 16 KiB (2 KiB in a debug build) before
//! it makes a task of it, so a second block for each task is small; source: `BOX_FUTURE_THRESHOLD`, tokio 1.54. With
//! `recursion` there is only `nested_sections`, the configuration itself: a stack is not on the heap, and no profile of
//! the heap shows it. With `explicit-stack` it shows, in `validate_with_a_stack`, whose `Vec` is kept for the next
//! validation.
//! alloc_space: the same towers, as wide: a task is allocated once. Only `validate_with_a_stack` is twice as wide,
//! since a vector grows by doubling.
//! Fix: let the buffer's scope end before the `.await` (`scope`); make it smaller (`small`); `Box::pin` the rare large
//! branch, so that only the tasks that take it have it (`box-branch`). For a deep recursion a `Vec` of what is still to
//! be done (`explicit-stack`).
//! Broken by: `tests/demos/task_size.rs`.

use std::io;
use std::sync::Arc;
use std::thread;

use alloc_tracer::size::{Bytes, Count};
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "task-size",
    row: "T7",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 4000, unit: "tasks; a recursion has 16 times as many levels" },
    leaks: &["leaky", "branch", "recursion"],
    fixes: &["scope", "small", "box-branch", "explicit-stack"],
    source: include_str!("task_size.rs"),
    run,
};

const BUFFER_BYTES: usize = 16 << 10;
const SMALL_BYTES: usize = 512;
/// One connection in so many is an upload.
const CONNECTIONS_PER_UPLOAD: u64 = 100;
const LEVELS_PER_TASK: usize = 16;
/// A stack on which the recursion fits in a build without optimisation, too; what is not touched costs nothing.
const STACK_BYTES_PER_LEVEL: usize = 1 << 10;
const STACK_BYTES_LEAST: usize = 1 << 20;

// The core.
async fn serve<const BYTES: usize>(connection: u64, next: Arc<Notify>) -> u64 {
    let mut buffer = [0; BYTES]; // leak
    let length = read_request(connection, &mut buffer);
    next.notified().await;
    answer(&buffer[..length])
}

async fn serve_scoped(connection: u64, next: Arc<Notify>) -> u64 {
    let request = {
        let mut buffer = [0; BUFFER_BYTES];
        let length = read_request(connection, &mut buffer);
        answer(&buffer[..length])
    }; // fix
    next.notified().await;
    request
}

async fn serve_uploads(connection: u64, next: Arc<Notify>) -> u64 {
    if connection.is_multiple_of(CONNECTIONS_PER_UPLOAD) {
        return serve::<BUFFER_BYTES>(connection, next).await; // leak
    }
    next.notified().await;
    connection
}

async fn serve_uploads_boxed(connection: u64, next: Arc<Notify>) -> u64 {
    if connection.is_multiple_of(CONNECTIONS_PER_UPLOAD) {
        return Box::pin(serve::<BUFFER_BYTES>(connection, next)).await; // fix
    }
    next.notified().await;
    connection
}

// Never inlined, like the other two: these frames are the ones that the pictures must name.
#[inline(never)]
fn open_connection(connection: u64, next: Arc<Notify>, variant: &str) {
    drop(match variant {
        "scope" => tokio::spawn(serve_scoped(connection, next)),
        "small" => tokio::spawn(serve::<SMALL_BYTES>(connection, next)), // fix
        "branch" => tokio::spawn(serve_uploads(connection, next)),
        "box-branch" => tokio::spawn(serve_uploads_boxed(connection, next)),
        _ => tokio::spawn(serve::<BUFFER_BYTES>(connection, next)),
    });
}

/// Counts the sections whose limit is above that of the section around them, from `first` on.
#[inline(never)]
fn validate_recursively(all: &[Section], first: Option<usize>, outer: u32, stack: &mut StackDepth) -> usize {
    stack.reached(&outer);
    let (mut wrong, mut at) = (0, first);
    while let Some(section) = at.map(|index| &all[index]) {
        wrong += usize::from(section.limit > outer);
        wrong += validate_recursively(all, section.inner, section.limit, stack); // leak
        at = section.next;
    }
    wrong
}

#[inline(never)]
fn validate_with_a_stack(all: &[Section], todo: &mut Vec<(usize, u32)>, stack: &mut StackDepth) -> usize {
    stack.reached(&todo);
    let mut wrong = 0;
    todo.push((0, u32::MAX));
    while let Some((index, outer)) = todo.pop() {
        let section = &all[index];
        wrong += usize::from(section.limit > outer);
        todo.extend(section.next.map(|next| (next, outer))); // fix
        todo.extend(section.inner.map(|inner| (inner, section.limit)));
    }
    wrong
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    match variant {
        "recursion" | "explicit-stack" => validate(variant, size * LEVELS_PER_TASK, ledger),
        _ => serve_all(variant, size, ledger),
    }
}

fn serve_all(variant: &str, tasks: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let futures = [
        ("leaky", "buffer across the await", size_of_future(serve::<BUFFER_BYTES>)),
        ("scope", "buffer in a scope before it", size_of_future(serve_scoped)),
        ("small", "smaller buffer", size_of_future(serve::<SMALL_BYTES>)),
        ("branch", "buffer in a rare branch", size_of_future(serve_uploads)),
        ("box-branch", "rare branch boxed", size_of_future(serve_uploads_boxed)),
    ];
    let [name, what, bytes] = ["variant", "what lives across the await", "bytes of the future"];
    ledger.say(format_args!("{name:<10} {what:<27} {bytes:>19}"))?;
    for (name, what, bytes) in futures {
        let bytes = Count::from(bytes);
        ledger.say(format_args!("{name:<10} {what:<27} {bytes:>19}"))?;
    }

    let runtime = runtime::Builder::new_current_thread().build()?;
    let next_request = Arc::new(Notify::new());
    let before = ledger.held_bytes();
    open_connections(&runtime, tasks, &next_request, variant);
    let each = Count::from((ledger.held_bytes() - before) as usize / tasks);
    let alive = Count::from(runtime.metrics().num_alive_tasks());
    ledger.line(format_args!("{alive} tasks wait, {each} bytes each:"), "held by the program")?;
    Ok(Box::new((runtime, next_request)))
}

/// Each task runs up to its await before the next one is spawned.
fn open_connections(runtime: &Runtime, tasks: usize, next_request: &Arc<Notify>, variant: &str) {
    runtime.block_on(async {
        for connection in 0..tasks as u64 {
            open_connection(connection, Arc::clone(next_request), variant);
            tokio::task::yield_now().await;
        }
    });
}

fn size_of_future<F>(_serve: impl Fn(u64, Arc<Notify>) -> F) -> usize {
    size_of::<F>()
}

/// What comes from the connection: its number.
fn read_request(connection: u64, buffer: &mut [u8]) -> usize {
    let request = connection.to_le_bytes();
    buffer[..request.len()].copy_from_slice(&request);
    request.len()
}

fn answer(request: &[u8]) -> u64 {
    request.iter().copied().map(u64::from).sum()
}

/// A section of a configuration, in a list of all.
struct Section {
    limit: u32,
    inner: Option<usize>,
    next: Option<usize>,
}

/// Addresses on the stack of a thread, which grows downwards.
struct StackDepth {
    first: usize,
    lowest: usize,
}

/// What a validation found and used.
struct Validated {
    wrong: usize,
    stack_bytes: usize,
    /// What it added to the process's memory; without `/proc` nobody knows.
    resident_bytes: Option<u64>,
    /// With its buffer, for the next validation.
    todo: Vec<(usize, u32)>,
}

fn validate(variant: &str, levels: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let sections: Arc<[Section]> = nested_sections(levels);
    let count = Count::from(levels);
    ledger.line(format_args!("configuration of {count} levels:"), "held by the program")?;
    let before = ledger.held_bytes();
    let thread =
        thread::Builder::new().stack_size(STACK_BYTES_LEAST + levels * STACK_BYTES_PER_LEVEL).spawn({
            let sections = Arc::clone(&sections);
            let recursion = variant == "recursion";
            move || validate_in_thread(&sections, recursion)
        })?;
    let done = thread.join().map_err(|_| io::Error::other("the validation panicked"))?;
    let wrong = Count::from(done.wrong);
    let stack = Bytes::unsigned(done.stack_bytes as u64);
    let heap = Bytes::unsigned(ledger.held_bytes() - before);
    ledger.say(format_args!("{variant}: {wrong} sections wrong; stack {stack}, heap {heap}"))?;
    let each = |bytes: usize| Count::from(bytes / levels);
    let (stack, heap) = (each(done.stack_bytes), each((ledger.held_bytes() - before) as usize));
    ledger.say(format_args!("for each level: stack {stack} bytes, heap {heap} bytes"))?;
    if let Some(resident) = done.resident_bytes.map(Bytes::unsigned) {
        ledger.this_run(format_args!(
            "after it returned the process had {resident} more in memory than before"
        ))?;
    }
    Ok(Box::new((sections, done.todo)))
}

fn validate_in_thread(sections: &[Section], recursion: bool) -> Validated {
    let resident_bytes = || alloc_tracer::process_memory().ok().map(|memory| memory.resident_bytes);
    let before = resident_bytes();
    let mut todo = Vec::new();
    let mut stack = StackDepth::here();
    let wrong = match recursion {
        true => validate_recursively(sections, Some(0), u32::MAX, &mut stack),
        false => validate_with_a_stack(sections, &mut todo, &mut stack),
    };
    let resident_bytes = resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    Validated { wrong, stack_bytes: stack.bytes(), resident_bytes, todo }
}

/// Every section has another inside and one after it, so that both ways have something to come back to.
fn nested_sections(levels: usize) -> Arc<[Section]> {
    let level = |number: usize| {
        let inner = (number + 1 < levels).then_some(2 * number + 2);
        // Each inner section asks for less than the one around it, the one after it for more.
        let limit = (levels - number) as u32;
        let nested = Section { limit, inner, next: Some(2 * number + 1) };
        [nested, Section { limit: u32::MAX, inner: None, next: None }]
    };
    (0..levels).flat_map(level).collect()
}

impl StackDepth {
    #[inline(never)]
    fn here() -> StackDepth {
        let local = 0;
        let first = std::ptr::from_ref(std::hint::black_box(&local)).addr();
        StackDepth { first, lowest: first }
    }

    fn reached<T>(&mut self, local: &T) {
        let address = std::ptr::from_ref(std::hint::black_box(local)).addr();
        self.lowest = self.lowest.min(address);
    }

    fn bytes(&self) -> usize {
        self.first - self.lowest
    }
}
