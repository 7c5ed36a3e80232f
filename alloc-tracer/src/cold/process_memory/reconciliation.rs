//! What was asked for and what is in memory, brought together in one sum. Knows figures and no source of
//! them. Broken by: tests below, `tests/process_memory/`.

use core::fmt;

use super::ProcessMemory;
use crate::cold::size::Bytes;

/// Where resident memory is, as a sum, in bytes:
///
/// ```text
/// resident = live + slack + free + c_library - absent + tracer + stacks + files + unexplained
///            \______ claimed by allocators ______/
/// ```
///
/// Two terms follow from the others. What allocators claim and what is in memory beside the tracer, stacks and
/// files (`heap_bytes`) differ by pages that are not in memory (*absent*: never written, given back, or
/// swapped) and by memory that no allocator knows of (*unexplained*: `mmap` by other code, zeroed data of the program).
/// Absent is taken as the least that it can be: what the main heap lacks, or what is claimed and cannot be in memory.
/// So where much of both exists outside the main heap, they hide each other. While other threads allocate, the figures
/// are of moments that follow one another, and what changed in between is in these two terms as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciliation {
    /// RSS.
    pub resident: i64,
    /// Asked for and not freed, in memory or not.
    pub live: i64,
    /// What the allocator has in use beyond that: rounding, headers, the tracer's tags, blocks of C code, and of
    /// glibc its threads' caches. With an allocator that does not tell what is in use, what is free is in it, too.
    pub slack: i64,
    /// What the allocator has from the system and not in use, in memory or not; `None` where it does not tell.
    pub free: Option<i64>,
    /// What the C library's allocator has from the system, where it is not the one inside the tracer.
    pub c_library: i64,
    /// Claimed by allocators and not in memory, at least.
    pub absent: i64,
    /// The tracer's own pages.
    pub tracer: i64,
    /// Stacks of threads.
    pub stacks: i64,
    /// The program's file, libraries, mapped files, shared memory.
    pub files: i64,
    /// In memory and claimed by none of the above, at least.
    pub unexplained: i64,
    allocator: Option<&'static str>,
}

impl ProcessMemory {
    /// Brings the figures together; the terms always add up.
    pub fn reconciliation(&self) -> Reconciliation {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let live = signed(self.live_bytes);
        let (from_system, free) = match self.allocator {
            Some(allocator) => (signed(allocator.from_system_bytes), allocator.free_bytes.map(signed)),
            None => (live, None),
        };
        let slack = from_system.saturating_sub(free.unwrap_or(0)).saturating_sub(live);
        let c_library = self.c_library.map_or(0, |allocator| signed(allocator.from_system_bytes));
        let claimed = from_system.saturating_add(c_library);
        let heap = signed(self.heap_bytes);
        // What lacks in the main heap is glibc's, if glibc is there to claim it.
        let has_glibc = [self.allocator, self.c_library].iter().flatten().any(|one| one.name == "glibc");
        let absent_of_main = if has_glibc { signed(self.absent_heap_bytes).min(claimed) } else { 0 };
        let absent = claimed.saturating_sub(heap).max(absent_of_main);
        Reconciliation {
            resident: signed(self.resident_bytes),
            live,
            slack,
            free,
            c_library,
            absent,
            tracer: signed(self.tracer_bytes),
            stacks: signed(self.stack_bytes),
            files: signed(self.file_bytes),
            unexplained: heap.saturating_sub(claimed).saturating_add(absent),
            allocator: self.allocator.map(|allocator| allocator.name),
        }
    }
}

impl fmt::Display for Reconciliation {
    /// One line. Allocates nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RSS {} = {} live", Bytes(self.resident), Bytes(self.live))?;
        let name = self.allocator.unwrap_or("the allocator");
        let terms = [
            (self.slack, if self.free.is_some() { "slack" } else { "slack and free" }, name),
            (self.free.unwrap_or(0), "free", name),
            (self.c_library, "C library", ""),
            (-self.absent, "not in memory", ""),
            (self.tracer, "tracer", ""),
            (self.stacks, "stacks", ""),
            (self.files, "files", ""),
        ];
        for (bytes, what, place) in terms.into_iter().filter(|(bytes, ..)| *bytes != 0) {
            let sign = if bytes < 0 { '-' } else { '+' };
            write!(f, " {sign} {} {what}", Bytes(bytes.saturating_abs()))?;
            if !place.is_empty() {
                write!(f, " in {place}")?;
            }
        }
        write!(f, " + {} unexplained", Bytes(self.unexplained))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::allocators::AllocatorMemory;
    use crate::cold::std::string::ToString;

    const MIB: u64 = 1 << 20;

    fn memory(heap_mib: u64, allocator: Option<AllocatorMemory>) -> ProcessMemory {
        ProcessMemory {
            resident_bytes: (heap_mib + 9) * MIB,
            heap_bytes: heap_mib * MIB,
            tracer_bytes: 2 * MIB,
            stack_bytes: MIB,
            file_bytes: 6 * MIB,
            live_bytes: 50 * MIB,
            allocator,
            ..ProcessMemory::default()
        }
    }

    fn glibc(from_system_mib: u64, in_use_mib: u64) -> AllocatorMemory {
        AllocatorMemory {
            name: "glibc",
            from_system_bytes: from_system_mib * MIB,
            in_use_bytes: Some(in_use_mib * MIB),
            free_bytes: Some((from_system_mib - in_use_mib) * MIB),
            returned_bytes: None,
        }
    }

    fn assert_adds_up(sum: &Reconciliation) {
        let claimed = sum.live + sum.slack + sum.free.unwrap_or(0) + sum.c_library;
        let rest = sum.tracer + sum.stacks + sum.files + sum.unexplained;
        assert_eq!(claimed - sum.absent + rest, sum.resident, "{sum:?}");
        assert!(sum.absent >= 0 && sum.unexplained >= 0, "{sum:?}");
    }

    #[test]
    fn what_allocators_do_not_know_of_is_unexplained() {
        let sum = memory(75, Some(glibc(70, 52))).reconciliation();
        assert_adds_up(&sum);
        assert_eq!((sum.slack, sum.free), (2 << 20, Some(18 << 20)));
        assert_eq!((sum.absent, sum.unexplained), (0, 5 << 20));
        assert_eq!(
            sum.to_string(),
            "RSS 84.0 MiB = 50.0 MiB live + 2.0 MiB slack in glibc + 18.0 MiB free in glibc + 2.0 MiB tracer \
             + 1.0 MiB stacks + 6.0 MiB files + 5.0 MiB unexplained"
        );
    }

    #[test]
    fn what_is_claimed_and_cannot_be_in_memory_is_absent() {
        let sum = memory(30, Some(glibc(70, 52))).reconciliation();
        assert_adds_up(&sum);
        assert_eq!((sum.absent, sum.unexplained), (40 << 20, 0));
        assert!(sum.to_string().contains(" - 40.0 MiB not in memory"));
    }

    #[test]
    fn holes_in_the_main_heap_do_not_hide_other_peoples_memory() {
        let mut memory = memory(70, Some(glibc(70, 52)));
        memory.absent_heap_bytes = 8 * MIB;
        let sum = memory.reconciliation();
        assert_adds_up(&sum);
        assert_eq!((sum.absent, sum.unexplained), (8 << 20, 8 << 20));
    }

    #[test]
    fn an_allocator_that_tells_little_or_nothing_leaves_a_sum_that_adds_up() {
        let silent = AllocatorMemory { in_use_bytes: None, free_bytes: None, ..glibc(70, 52) };
        let sum = memory(75, Some(silent)).reconciliation();
        assert_adds_up(&sum);
        assert!(sum.to_string().contains("20.0 MiB slack and free in glibc"));
        let unknown = memory(75, None).reconciliation();
        assert_adds_up(&unknown);
        assert_eq!((unknown.slack, unknown.unexplained), (0, 25 << 20));
    }
}
