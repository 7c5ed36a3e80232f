//! Destructors of thread locals and of pthread keys, and functions registered by `atexit`, that allocate and
//! free: of the first thread and of others, also where the first thread ends before the process does.

use std::cell::RefCell;
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use crate::child_process::{plays, said};
use crate::scenario::{MODES, end_of_act, played};

pub(crate) const AFTER_MAIN: &str = "destructors::after_main";
pub(crate) const ENDS_FIRST: &str = "destructors::the_first_thread_ends_first";

static RUNS: AtomicUsize = AtomicUsize::new(0);
static KEY: AtomicU32 = AtomicU32::new(0);

/// Allocates, frees and keeps while something else comes to its end.
struct Late(Vec<u8>);

impl Drop for Late {
    fn drop(&mut self) {
        let mut scratch = black_box(vec![0_u8; 1000]);
        scratch.resize(50_000, 1);
        drop(black_box(scratch));
        self.0 = vec![2; 300];
        std::mem::forget(black_box(vec![3_u8; 77]));
        RUNS.fetch_add(1, Relaxed);
    }
}

thread_local! {
    static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Late>> = const { RefCell::new(None) };
}

extern "C" fn key_destructor(value: *mut c_void) {
    // SAFETY: the value is a box that `leave_values` leaked into the key, given back once.
    drop(unsafe { Box::from_raw(value.cast::<Late>()) });
}

extern "C" fn at_exit() {
    drop(Late(vec![1; 50]));
}

/// Registered first, so it runs when all the others have.
extern "C" fn last_at_exit() {
    // Two functions at exit, and in each of two threads two locals and the key; of the first thread the key where
    // it ends before the process, and otherwise the locals: so glibc has it.
    let expected = if plays(ENDS_FIRST) { 2 + 6 + 1 } else { 2 + 6 + 2 };
    assert_eq!(RUNS.load(Relaxed), expected);
    crate::all_is_counted();
    end_of_act();
}

/// Leaves values with destructors to the calling thread.
fn leave_values() {
    FIRST.set(Some(Late(vec![1; 10])));
    SECOND.set(Some(Late(vec![1; 20])));
    let boxed = Box::into_raw(Box::new(Late(vec![1; 30])));
    // SAFETY: the key exists.
    assert_eq!(unsafe { libc::pthread_setspecific(KEY.load(Relaxed), boxed.cast()) }, 0);
}

fn prepare() {
    let mut key = 0;
    // SAFETY: the pointer is valid and the functions live as long as the process.
    unsafe {
        assert_eq!(libc::atexit(last_at_exit), 0);
        assert_eq!(libc::pthread_key_create(&raw mut key, Some(key_destructor)), 0);
        assert_eq!(libc::atexit(at_exit), 0);
        assert_eq!(libc::atexit(at_exit), 0);
    }
    KEY.store(key, Relaxed);
}

pub(crate) fn after_main() {
    if plays(AFTER_MAIN) {
        prepare();
        for _ in 0..2 {
            std::thread::spawn(leave_values).join().unwrap();
        }
        leave_values();
        std::process::exit(0);
    }
    in_every_mode(AFTER_MAIN);
}

pub(crate) fn the_first_thread_ends_first() {
    in_every_mode(ENDS_FIRST);
}

/// Also with a profile that is written by the thread that happens to be the last.
fn in_every_mode(name: &str) {
    for mode in MODES {
        assert_eq!(said(&played(name, mode)), "", "{name} with {mode}");
        #[cfg(feature = "profile")]
        crate::exit::played_with_a_whole_file(name, mode);
    }
}

unsafe extern "C-unwind" {
    fn pthread_exit(value: *mut c_void) -> !;
}

/// Ends the calling thread, the first one, while others run.
pub(crate) fn end_the_first_thread() -> ! {
    start_others();
    // SAFETY: between here and C no frame of this thread has anything to drop.
    unsafe { pthread_exit(std::ptr::null_mut()) }
}

fn start_others() {
    prepare();
    leave_values();
    std::thread::spawn(|| {
        // Until the first thread is a zombie, which it stays as long as others run.
        let first = format!("/proc/self/task/{}/stat", std::process::id());
        while !std::fs::read_to_string(&first).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        std::thread::spawn(leave_values).join().unwrap();
        leave_values();
    });
}
