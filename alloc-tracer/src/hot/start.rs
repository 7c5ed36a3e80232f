//! The first moment: what must be ready before anything is recorded. Runs once, inside the first
//! operation of the process. Broken by: every file of `tests/`.

use core::ffi::c_void;

use super::early_choice::EarlyChoice;
use super::mode::{self, Mode};
use super::{placement, tag, unwind};
use crate::sys::atomics::{
    AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use crate::sys::{clock, process, thread_exit};

/// What the program's source asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// Whether exact mode puts every block into the table.
    pub(crate) lists_blocks: bool,
}

const UNTOUCHED: u8 = 0;
const STARTING: u8 = 1;
const READY: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNTOUCHED);
static SEED: AtomicU64 = AtomicU64::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);
static SOURCE_MODE: AtomicU64 = AtomicU64::new(0);
static STARTED_NANOS: AtomicI64 = AtomicI64::new(0);

/// Makes the tracer ready, once; threads then call `on_thread_end` with what they armed. An operation
/// that comes while another one is at it (a signal handler, or a second thread before main) is counted
/// and not recorded.
pub(crate) fn ensure(settings: &Settings, on_thread_end: unsafe extern "C" fn(*mut c_void)) {
    // Not left to the one operation that prepares the rest: each that comes meanwhile needs the answer.
    placement::settle(|| {
        tag::set_secret(process::random_seed() ^ clock::monotonic_nanos().cast_unsigned());
        let early = EarlyChoice::of(settings);
        early.is_exact && !early.lists_blocks
    });
    if STATE.load(Acquire) != UNTOUCHED
        || STATE.compare_exchange(UNTOUCHED, STARTING, AcqRel, Acquire).is_err()
    {
        return;
    }
    PROCESS.store(process::id(), Relaxed);
    STARTED_NANOS.store(clock::monotonic_nanos(), Relaxed);
    SEED.store(process::random_seed(), Relaxed);
    unwind::prepare();
    thread_exit::install(on_thread_end);
    SOURCE_MODE.store(pack(settings.mode), Relaxed);
    let until_environment_is_read = if EarlyChoice::of(settings).waits { Mode::Off } else { settings.mode };
    if placement::needs_every_free(until_environment_is_read) {
        placement::look_at_every_free();
    }
    mode::set(until_environment_is_read);
    STATE.store(READY, Release);
}

/// Whether the tracer is this process's allocator and has served it.
pub(crate) fn is_ready() -> bool {
    STATE.load(Acquire) == READY
}

/// What the program's source asked for.
#[cfg(feature = "profile")]
pub(crate) fn source_mode() -> Mode {
    match SOURCE_MODE.load(Relaxed) {
        0 => Mode::Off,
        u64::MAX => Mode::Exact,
        interval_bytes => Mode::Sampled { interval_bytes },
    }
}

/// A mode in one word: 0 for off, all ones for exact, otherwise the interval.
fn pack(mode: Mode) -> u64 {
    match mode {
        Mode::Off => 0,
        Mode::Exact => u64::MAX,
        Mode::Sampled { interval_bytes } => interval_bytes.clamp(1, u64::MAX - 1),
    }
}

/// The process that the tracer started in; a forked child has another id.
#[cfg(feature = "profile")]
pub(crate) fn process_id() -> u32 {
    PROCESS.load(Relaxed)
}

/// When the tracer started, on the monotonic clock.
pub(crate) fn started_nanos() -> i64 {
    STARTED_NANOS.load(Relaxed)
}

/// Where the random numbers of later threads start.
pub(crate) fn seed() -> u64 {
    SEED.load(Relaxed)
}

/// Sets where they start.
#[cfg(feature = "profile")]
pub(crate) fn set_seed(seed: u64) {
    SEED.store(seed, Relaxed);
}
