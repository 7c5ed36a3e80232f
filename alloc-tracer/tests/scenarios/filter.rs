//! A filter over the system calls of this process (seccomp), from the moment it is installed.

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

/// What happens to a call.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Allow,
    /// It fails with this number.
    Errno(i32),
    /// It is not made; the thread gets `SIGSYS`, with the call's number.
    Trap,
}

impl Answer {
    fn word(self) -> u32 {
        match self {
            Answer::Allow => libc::SECCOMP_RET_ALLOW,
            Answer::Errno(number) => libc::SECCOMP_RET_ERRNO | number.cast_unsigned(),
            Answer::Trap => libc::SECCOMP_RET_TRAP,
        }
    }
}

/// From now on `calls` are answered with `listed` and all others with `unlisted`, on every thread.
pub(crate) fn install(calls: &[libc::c_long], listed: Answer, unlisted: Answer) {
    let statement = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The call's number is the first word of what a filter sees.
    let mut program = vec![statement(BPF_LD | BPF_W | BPF_ABS, 0)];
    for call in calls {
        let equals = sock_filter { jf: 1, ..statement(BPF_JMP | BPF_JEQ | BPF_K, *call as u32) };
        program.extend([equals, statement(BPF_RET | BPF_K, listed.word())]);
    }
    program.push(statement(BPF_RET | BPF_K, unlisted.word()));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, whose length and place `filter` has.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let all_threads = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let installed =
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, all_threads, &raw const filter);
        assert_eq!(installed, 0, "{}", std::io::Error::last_os_error());
    }
}
