//! Exact mode and valgrind's DHAT agree on the same program, to the block: what each function allocated, and what it
//! holds at the end; and on the peak, within the stated bound. DHAT watches the C library's functions from outside
//! and sees a process without the tracer. Without valgrind it says that it is skipped.
//!
//! Only what is allocated below the functions named here is compared: the C library allocates for itself when it
//! starts threads and opens files, which DHAT sees and a global allocator does not. DHAT keeps a block that is
//! reallocated at its first stack, so these functions reallocate their own blocks only.

mod child_process;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use alloc_tracer::AllocTracer;
use child_process::{directory, output_within, output_within_a_minute, plays, role, skipped};
use serde_json::Value;

#[global_allocator]
static ALLOC: EitherWay = EitherWay(AllocTracer::system().exact());

/// The tracer around the system's allocator, or, where the environment says so, the system's allocator alone.
struct EitherWay(AllocTracer);

const UNTRACED: &CStr = c"ALLOC_TRACER_TEST_UNTRACED";

fn is_traced() -> bool {
    static CHOICE: AtomicU8 = AtomicU8::new(0);
    if CHOICE.load(Relaxed) == 0 {
        // SAFETY: the name is a C string; nothing in this process changes its environment.
        let is_untraced = unsafe { !libc::getenv(UNTRACED.as_ptr()).is_null() };
        CHOICE.store(1 + u8::from(is_untraced), Relaxed);
    }
    CHOICE.load(Relaxed) == 1
}

macro_rules! to_either {
    ($self:ident.$method:ident $arguments:tt) => {
        // SAFETY: the caller's contract is that of both, and the choice never changes.
        unsafe { if is_traced() { $self.0.$method $arguments } else { System.$method $arguments } }
    };
}

// SAFETY: passes every call on to one allocator, always the same.
unsafe impl GlobalAlloc for EitherWay {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        to_either!(self.alloc(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        to_either!(self.alloc_zeroed(layout))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        to_either!(self.dealloc(block, layout));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        to_either!(self.realloc(block, layout, size))
    }
}

/// The functions whose blocks are compared, by parts of their names that nothing else has.
const SITES: [&str; 6] =
    ["json_is_read", "text_grows", "zeroes_are_made", "pages_are_made", "calls_nest", "handed_on"];

#[inline(never)]
fn json_is_read(text: &str) -> Value {
    black_box(serde_json::from_str(text).unwrap())
}

#[inline(never)]
fn text_grows(rounds: usize) -> Vec<String> {
    let mut texts: Vec<String> = (0..rounds).map(|round| "x".repeat(round % 7)).collect();
    for (round, text) in texts.iter_mut().enumerate() {
        (0..round % 300).for_each(|_| text.push_str("more"));
        text.truncate(round % 50);
        if round.is_multiple_of(2) {
            text.shrink_to_fit();
        }
    }
    texts.retain(|text| !text.len().is_multiple_of(3));
    black_box(texts)
}

#[inline(never)]
fn zeroes_are_made(rounds: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for round in 0..rounds {
        let zeroes = black_box(vec![0; 1 + round * round * 3]);
        if zeroes.len().is_multiple_of(4) {
            kept.push(zeroes);
        }
    }
    black_box(kept)
}

#[inline(never)]
fn pages_are_made(rounds: usize) {
    for round in 0..rounds {
        let layout = Layout::from_size_align(100 + round, 64 << (round % 8)).unwrap();
        // SAFETY: the layout has a size; the block is live when it is reallocated.
        unsafe {
            let block = black_box(std::alloc::alloc(layout));
            let block = black_box(std::alloc::realloc(block, layout, 50 + 2 * round));
            if round.is_multiple_of(3) {
                std::alloc::dealloc(block, Layout::from_size_align_unchecked(50 + 2 * round, layout.align()));
            }
        }
    }
}

#[inline(never)]
fn calls_nest(depth: usize) -> usize {
    let kept = black_box(Box::new([depth; 9]));
    let below = if depth == 0 { 0 } else { calls_nest(depth - 1) };
    if depth.is_multiple_of(2) { Box::leak(kept)[0] + below } else { below }
}

#[inline(never)]
fn handed_on(to: &Mutex<Vec<Vec<u8>>>, thread: usize) {
    for round in 0..3000 {
        let block = black_box(vec![1; 1 + (thread * 41 + round * 7) % 900]);
        if round.is_multiple_of(10) {
            std::mem::forget(block);
            continue;
        }
        // Whatever lies there was made by any of the threads.
        let other = {
            let mut to = to.lock().unwrap();
            let other = if round.is_multiple_of(4) { None } else { to.pop() };
            to.push(block);
            other
        };
        drop(other);
    }
}

#[inline(never)]
fn workload() {
    let text = format!("[{}]", vec![r#"{"a":[1,2,{"b":"c"}],"d":null,"e":"fff"}"#; 6000].join(","));
    let mut value = json_is_read(&text);
    value.as_array_mut().unwrap().truncate(2000);
    let kept = (value, text_grows(2000), zeroes_are_made(150), calls_nest(60));
    pages_are_made(200);
    static HANDED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    HANDED.lock().unwrap().reserve(10_000);
    let threads: Vec<_> =
        (0..3).map(|thread| std::thread::spawn(move || handed_on(&HANDED, thread))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    HANDED.lock().unwrap().clear();
    std::mem::forget(kept);
}

/// Blocks and bytes that a function allocated, and those that it holds at the end.
type Numbers = [u64; 4];
type Table = BTreeMap<String, Numbers>;

fn site_in<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    names.find_map(|name| SITES.into_iter().find(|site| name.contains(site)))
}

fn add(table: &mut Table, site: &str, numbers: Numbers) {
    let sums = table.entry(site.to_owned()).or_default();
    sums.iter_mut().zip(numbers).for_each(|(sum, more)| *sum += more);
}

/// What the tracer says in its own process: its peak, the peak's bound, and a line for each function.
fn traced() {
    workload();
    let snapshot = alloc_tracer::snapshot();
    let profile = snapshot.profile();
    let columns = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]
        .map(|name| profile.column(name).unwrap());
    let mut table = Table::new();
    for sample in profile.samples() {
        let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
        let names = lines.map(|line| profile.text(profile.function(line.function).name));
        if let Some(site) = site_in(names) {
            add(&mut table, site, columns.map(|at| sample.values[at].cast_unsigned()));
        }
    }
    let stats = snapshot.stats;
    let found = serde_json::json!([stats.peak_live_bytes, stats.peak_error_bytes, table]);
    println!("{found}");
}

/// What DHAT says of a process without the tracer: what the workload held at the peak, and the numbers of each
/// function.
fn untraced(valgrind: &Path) -> (u64, Table) {
    let file = directory("dhat_counts").join("dhat.json");
    let mut command = Command::new(valgrind);
    command.args(["--tool=dhat", "--num-callers=100"]).arg(format!("--dhat-out-file={}", file.display()));
    command
        .arg(std::env::current_exe().unwrap())
        .env_remove("ALLOC_TRACER")
        .env(UNTRACED.to_str().unwrap(), "1");
    // Valgrind is many times slower than the program.
    let output = output_within(command, Duration::from_secs(300));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dhat: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut peak, mut table) = (0, Table::new());
    for point in dhat["pps"].as_array().unwrap() {
        let frames = point["fs"].as_array().unwrap().iter();
        let names: Vec<_> =
            frames.map(|frame| dhat["ftbl"][frame.as_u64().unwrap() as usize].as_str().unwrap()).collect();
        let number = |name: &str| point[name].as_u64().unwrap();
        if names.iter().any(|name| name.contains("workload")) {
            peak += number("gb");
        }
        if let Some(site) = site_in(names.into_iter()) {
            add(&mut table, site, ["tbk", "tb", "ebk", "eb"].map(number));
        }
    }
    (peak, table)
}

fn main() {
    if std::env::var_os(UNTRACED.to_str().unwrap()).is_some() {
        return workload();
    }
    if plays("traced") {
        return traced();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let valgrind =
        std::env::split_paths(&folders).map(|folder| folder.join("valgrind")).find(|path| path.is_file());
    let Some(valgrind) = valgrind else {
        return skipped("dhat_counts", "valgrind is not installed");
    };
    let output = output_within_a_minute(role("traced", "mode=exact"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (peak, error, by_tracer): (u64, u64, Table) = serde_json::from_slice(&output.stdout).unwrap();
    let (peak_by_dhat, by_dhat) = untraced(&valgrind);
    for (site, numbers) in &by_dhat {
        println!("{site}: {numbers:?} by DHAT, {:?} by the tracer", by_tracer.get(site));
    }
    assert_eq!(by_tracer, by_dhat);
    assert_eq!(by_tracer.len(), SITES.len());
    println!("peak: {peak_by_dhat} B by DHAT, {peak} B (within {error}) by the tracer");
    assert!(peak_by_dhat.abs_diff(peak) <= error);
    println!("dhat_counts: ok");
}
