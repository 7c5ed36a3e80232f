//! Time, by `clock_gettime`. Broken by: `tests/pprof_file.rs` (a profile carries its time).

/// Nanoseconds since 1970-01-01 00:00 UTC.
pub(crate) fn unix_nanos() -> i64 {
    read(libc::CLOCK_REALTIME)
}

/// Nanoseconds on a clock that is never set back.
pub(crate) fn monotonic_nanos() -> i64 {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the duration of the call, and both clocks exist on
    // every system that this file is compiled for.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec)
}
