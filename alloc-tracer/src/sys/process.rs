//! Which process and which thread this is, and a seed that differs from run to run.
//! Broken by: `tests/fork.rs`.

/// The process id.
pub(crate) fn id() -> u32 {
    // SAFETY: getpid has no preconditions and cannot fail.
    let pid = unsafe { libc::getpid() };
    pid.cast_unsigned()
}

/// Whether the calling thread is the one that the process started with.
pub(crate) fn is_main_thread() -> bool {
    // SAFETY: gettid has no preconditions and cannot fail.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    tid == libc::c_long::from(id().cast_signed())
}

/// Where the kernel has put its own library (vdso(7)): a place that differs from run to run; 0 without one.
#[cfg(feature = "profile")]
pub(crate) fn kernel_library() -> u64 {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) }
}

/// A number that differs from run to run: the bytes that the kernel gave this process at start.
pub(crate) fn random_seed() -> u64 {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const [u8; 8];
    if bytes.is_null() {
        return super::clock::unix_nanos().cast_unsigned();
    }
    // SAFETY: AT_RANDOM is the address of 16 random bytes that stay for the life of the process
    // (getauxval(3)); a byte array has no alignment.
    u64::from_ne_bytes(unsafe { *bytes })
}
