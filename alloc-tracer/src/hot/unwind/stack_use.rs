//! How much of the program's stack recording takes: from where the program called the hook down to where the
//! unwind tables are read, which is the deepest place. Looked at on each reading, so for each return address
//! once. Broken by: `xtask/tests/stack_budget.rs`, which paints stacks.

use crate::sys::atomics::{AtomicUsize, Ordering::Relaxed};

static DEEPEST_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The most bytes that were seen; what is called from there takes less than 256 more. 0 before the first reading.
pub(crate) fn deepest_bytes() -> usize {
    DEEPEST_BYTES.load(Relaxed)
}

/// How far down a walk went; 0 if it has read no tables.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StackUse {
    lowest: usize,
}

impl StackUse {
    /// Looks where the stack pointer is in the function that this is inlined into.
    #[inline(always)]
    pub(super) fn look(&mut self) {
        // SAFETY: reads a register; changes nothing.
        unsafe {
            core::arch::asm!("mov {}, rsp", out(reg) self.lowest, options(nomem, nostack, preserves_flags));
        }
    }

    /// Keeps what was seen on a walk whose first return address lies at `slot`.
    #[inline(always)]
    pub(super) fn keep(self, slot: usize) {
        if self.lowest != 0 {
            self.keep_seen(slot);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep_seen(self, slot: usize) {
        // No distance where the walk failed at once, or where the hook runs on another stack.
        if let Some(bytes) = slot.checked_sub(self.lowest) {
            DEEPEST_BYTES.fetch_max(bytes.wrapping_add(size_of::<usize>()), Relaxed);
        }
    }
}
