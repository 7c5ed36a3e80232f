//! Around an allocator that has memory of its own, a process that gets no more address space at its end keeps its exit
//! code; the profile or one line is all that is at stake.
#![cfg(all(feature = "profile", target_os = "linux"))]

use alloc_tracer::AllocTracer;

mod child_process;
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer<mimalloc::MiMalloc> = AllocTracer::new(mimalloc::MiMalloc);

const SLACK: &str = "ALLOC_TRACER_TEST_SLACK";

/// Leaves the process so many bytes of address space beyond what it has.
fn limit_address_space(slack_bytes: u64) {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: it only reads a constant of the system.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let bytes = pages * page_bytes + slack_bytes;
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the limit is valid for the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
fn a_process_without_memory_at_its_end_keeps_its_exit_code() {
    let name = "a_process_without_memory_at_its_end_keeps_its_exit_code";
    if plays(name) {
        limit_address_space(std::env::var(SLACK).unwrap().parse().unwrap());
        std::process::exit(6);
    }
    for slack in [100_u64 << 10, 1 << 20, 4 << 20, 20 << 20] {
        let path = directory("mimalloc-without-memory").join("heap.pb.gz");
        let mut command = role(name, &format!("mode=exact,out={}", path.display()));
        command.env(SLACK, slack.to_string());
        let output = output_within_a_minute(command);
        assert_eq!(output.status.code(), Some(6), "{slack}: {}", String::from_utf8_lossy(&output.stderr));
        let said = said(&output);
        assert!(said.contains("no profile written") || path.exists(), "{slack}: {said}");
    }
}
