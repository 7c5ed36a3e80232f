//! Libraries that come and go by `dlopen` and `dlclose`: a stack through a library is that of the library
//! which is there now, also where it lies at the very addresses of one that is gone, with frames of
//! other sizes; and threads that allocate below libraries' frames meanwhile do not fall.
//! Needs a C compiler; without one the tests say so and pass.
#![cfg(all(feature = "profile", target_arch = "x86_64"))]

mod child_process;
#[path = "scenarios/scenario.rs"]
mod scenario;

use std::ffi::{CStr, CString, c_int, c_long, c_void};
use std::path::Path;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use alloc_tracer::AllocTracer;
use child_process::{output_within_a_minute, plays, role, skipped};
use scenario::{Books, on_threads, rounds, survives};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

type Callback = extern "C" fn(*mut c_void);
type Enter = extern "C" fn(Callback, *mut c_void) -> c_int;

/// Two functions, of which the inner one has a frame of `ROOM` bytes that it leaves as they were.
const LIBRARY: &str = "
    typedef void (*callback)(void *);
    __attribute__((noinline)) static int inner(callback call, void *data) {
        volatile char room[ROOM];
        room[0] = 1;
        call(data);
        return room[0];
    }
    int enter(callback call, void *data) { return inner(call, data) + 1; }
";
/// The frames of the two libraries need as many bytes to describe.
const SMALL_ROOM: usize = 17_000;
/// How much larger the other library's frame is: more than `dlopen` and `dlclose` use of the stack,
/// so that what lies there stays as it was.
const DIFFERENCE: usize = 64 << 10;

/// A library with a frame of this size, or `None` without a C compiler.
fn library(directory: &Path, name: &str, room: usize) -> Option<CString> {
    let (source, path) = (directory.join(format!("{name}.c")), directory.join(format!("lib{name}.so")));
    std::fs::write(&source, LIBRARY).unwrap();
    let flags = "-O2 -fPIC -shared -fomit-frame-pointer -fno-stack-protector -fno-stack-clash-protection";
    let compiler = Command::new("cc")
        .args(flags.split(' '))
        .arg(format!("-DROOM={room}"))
        .arg("-o")
        .args([&path, &source])
        .status();
    match compiler {
        Ok(status) => assert!(status.success(), "cc: {status}"),
        Err(error) => {
            skipped("plugins", format!("cc: {error}"));
            return None;
        }
    }
    Some(CString::new(path.into_os_string().into_encoded_bytes()).unwrap())
}

struct Library(*mut c_void);

impl Library {
    fn open(path: &CStr) -> Library {
        // SAFETY: the path is a C string, and the library has no constructors.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{path:?}");
        Library(handle)
    }

    fn enter(&self) -> Enter {
        // SAFETY: the handle is open, and the library has a function of this name and type.
        unsafe { std::mem::transmute(libc::dlsym(self.0, c"enter".as_ptr())) }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nothing of the library is in use.
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
    }
}

// Two functions that call `enter(callback, data)` with this many bytes of stack left out. They differ
// in nothing but their addresses.
std::arch::global_asm!(
    ".macro call_lower name",
    ".globl \\name",
    ".type \\name, @function",
    "\\name:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "sub rsp, rcx",
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rsi, rdx",
    "call rax",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size \\name, . - \\name",
    ".endm",
    "call_lower call_lower_from_one",
    "call_lower call_lower_from_other",
);

type CallLower = unsafe extern "C" fn(Enter, Callback, *mut c_void, c_long) -> c_int;

unsafe extern "C" {
    fn call_lower_from_one(enter: Enter, callback: Callback, data: *mut c_void, bytes: c_long) -> c_int;
    fn call_lower_from_other(enter: Enter, callback: Callback, data: *mut c_void, bytes: c_long) -> c_int;
}

/// What the callback is given and fills.
struct Call {
    block_bytes: usize,
    block: Vec<u8>,
    /// Return addresses by the `backtrace` crate, leaf first.
    frames: Vec<u64>,
    enter: Option<Enter>,
}

extern "C" fn allocate(call: *mut c_void) {
    // SAFETY: `frames_of` passes a `Call` that it does not touch meanwhile.
    let call = unsafe { &mut *call.cast::<Call>() };
    call.block = vec![1; call.block_bytes];
    alloc_tracer::untracked(|| {
        backtrace::trace(|frame| {
            call.frames.push(frame.ip() as u64);
            true
        });
    });
    call.frames.retain(|address| *address != 0);
}

/// The frames from the library's on, by the tracer and by the `backtrace` crate.
fn frames_above_callback(call: &Call) -> [Vec<u64>; 2] {
    let snapshot = alloc_tracer::snapshot();
    let mut sites = snapshot.sites().filter(|site| site.values.inuse_space.value == call.block_bytes as f64);
    let (site, None) = (sites.next().expect("the block's site"), sites.next()) else {
        panic!("two sites with {} bytes", call.block_bytes);
    };
    let enter = call.enter.unwrap() as usize as u64;
    let library = enter - 2048..enter + 2048;
    [site.stack, call.frames.clone()].map(|frames| {
        let first = frames.iter().position(|address| library.contains(address));
        first.map(|first| frames[first..].to_vec()).unwrap_or(frames)
    })
}

#[test]
fn other_code_at_the_same_place() {
    if !plays("other_code_at_the_same_place") {
        return;
    }
    let directory = child_process::directory("plugins-same-place");
    let Some(small) = library(&directory, "small", SMALL_ROOM) else { return };
    let large = library(&directory, "large", SMALL_ROOM + DIFFERENCE).unwrap();
    let calls: [(&CStr, CallLower, usize); 2] =
        [(&small, call_lower_from_one, DIFFERENCE), (&large, call_lower_from_other, 0)];
    let mut at_the_same_place = 0;
    for round in 0..10_usize {
        let mut done = [0, 1].map(|index| Call {
            block_bytes: 10_007 + 2 * round + index,
            block: Vec::new(),
            frames: Vec::with_capacity(100),
            enter: None,
        });
        // Nothing is recorded on this thread between the two, so that it remembers the stack of the first.
        for ((path, call_lower, bytes), call) in calls.into_iter().zip(&mut done) {
            let library = Library::open(path);
            let enter = library.enter();
            call.enter = Some(enter);
            // SAFETY: `enter` gives `allocate` the pointer to the call, and the stack has room for all frames.
            unsafe { call_lower(enter, allocate, ptr::from_mut(call).cast(), bytes as c_long) };
            drop(library);
        }
        for call in &done {
            let [ours, theirs] = frames_above_callback(call);
            assert_eq!(ours, theirs, "in round {round}");
            assert!(ours.len() > 4, "{ours:x?}");
        }
        let [one, other] = done.map(|call| call.enter.unwrap() as usize);
        at_the_same_place += u32::from(one == other);
    }
    let stats = alloc_tracer::stats();
    assert_eq!((stats.stacks_lost, stats.reentries, stats.stack_mismatches), (0, 0, 0), "{stats:?}");
    assert!(at_the_same_place > 5, "the libraries came to the same place {at_the_same_place} times of 10");
}

static BLOCKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn allocate_many(_: *mut c_void) {
    for bytes in 1..100 {
        std::hint::black_box(vec![0_u8; bytes]);
        BLOCKS.fetch_add(1, Relaxed);
    }
}

#[test]
fn coming_and_going() {
    if !plays("coming_and_going") {
        return;
    }
    let directory = child_process::directory("plugins-coming-and-going");
    let libraries: Vec<_> = ["a", "b", "c"].map(|name| library(&directory, name, 500)).into();
    let Some(libraries) = libraries.into_iter().collect::<Option<Vec<_>>>() else { return };
    static STOP: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for path in &libraries[..2] {
            scope.spawn(move || {
                while !STOP.load(Relaxed) {
                    let library = Library::open(path);
                    library.enter()(allocate_many, ptr::null_mut());
                }
            });
        }
        scope.spawn(|| {
            let library = Library::open(&libraries[2]);
            while !STOP.load(Relaxed) {
                library.enter()(allocate_many, ptr::null_mut());
            }
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            alloc_tracer::snapshot();
            std::thread::sleep(Duration::from_millis(50));
        }
        STOP.store(true, Relaxed);
    });
    let stats = alloc_tracer::stats();
    assert_eq!((stats.stacks_lost, stats.reentries, stats.stack_mismatches), (0, 0, 0), "{stats:?}");
    assert!(BLOCKS.load(Relaxed) > 10_000);
}

type UnwindingCallback = extern "C-unwind" fn(*mut c_void);

extern "C-unwind" fn allocate_and_perhaps_panic(round: *mut c_void) {
    let round = round as usize;
    for bytes in 1..50 {
        std::hint::black_box(vec![0_u8; bytes * 100]);
    }
    if !round.is_multiple_of(3) {
        std::panic::panic_any(vec![round; 10]);
    }
}

/// Opens a library, goes through it to Rust, comes back as a call or as a panic does, and closes it.
fn go_through(path: &CStr, round: usize) {
    let library = Library::open(path);
    // SAFETY: the function is compiled with unwind tables, and has nothing to do where it is unwound.
    let enter: extern "C-unwind" fn(UnwindingCallback, *mut c_void) -> c_int =
        unsafe { std::mem::transmute(library.enter()) };
    let result = std::panic::catch_unwind(|| {
        enter(allocate_and_perhaps_panic, ptr::without_provenance_mut(round));
    });
    match result {
        Ok(()) => assert!(round.is_multiple_of(3)),
        Err(payload) => assert_eq!(*payload.downcast::<Vec<usize>>().unwrap(), vec![round; 10]),
    }
}

#[test]
fn panics_through_libraries_that_come_and_go_in_every_mode() {
    survives("panics_through_libraries_that_come_and_go_in_every_mode", || {
        let directory = child_process::directory("plugins-panics");
        let libraries: Vec<_> = ["a", "b", "c"].map(|name| library(&directory, name, 500)).into();
        let Some(libraries) = libraries.into_iter().collect::<Option<Vec<_>>>() else { return };
        std::panic::set_hook(Box::new(|_| ()));
        let run = |rounds| {
            on_threads(8, |number| {
                for round in 0..rounds {
                    go_through(&libraries[(number + round) % 3], round);
                }
            });
        };
        run(3);
        let books = Books::open();
        run(rounds(60, 2000));
        books.close(0, 0);
    });
}

fn passes(scenario: &str, settings: &str) {
    let output = output_within_a_minute(role(scenario, settings));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_library_at_the_place_of_another_one_has_stacks_of_its_own() {
    passes("other_code_at_the_same_place", "mode=exact");
}

#[test]
fn threads_below_libraries_that_come_and_go_keep_their_stacks() {
    passes("coming_and_going", "mode=exact,check=stacks");
}
