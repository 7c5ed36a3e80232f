//! What the tracer itself takes from the process: memory by part, stack, thread-local storage.
//! Broken by: `tests/own_cost.rs`, `xtask/tests/stack_budget.rs`.

#[cfg(feature = "profile")]
use super::{
    size::Bytes,
    std::{format, prelude::rust_2024::*},
};
use crate::hot::{placement, unwind};
use crate::sys::pages::{self, Part};
use crate::sys::thread_local;

/// What the tracer takes from the process. Bytes of its own pages are of address space: only written pages
/// take up memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnCost {
    /// The tree of call stacks: 24 bytes per node.
    pub call_tree_bytes: u64,
    /// What every site has allocated and freed: 32 bytes per site.
    pub site_values_bytes: u64,
    /// The table of live blocks that can be listed: 16 bytes per slot.
    pub live_table_bytes: u64,
    /// States of threads, as many as have ever run at the same time: at most 256 KiB each.
    pub threads_bytes: u64,
    /// What is known of return addresses.
    pub unwind_rules_bytes: u64,
    /// Behind live blocks, in memory of the inner allocator: eight bytes for each small block of a process
    /// that started in exact mode. At most so many; 0 in all others.
    pub tags_bytes_at_most: u64,
    /// The most bytes of a thread's stack that recording took, below the frame that allocated: as seen where it
    /// is deepest, and less than 256 more. 0 before the first stack was walked, and on processors where the
    /// platform's unwinder walks.
    pub recording_stack_bytes: u64,
    /// Thread-local storage of each thread.
    pub thread_local_bytes: u64,
}

impl OwnCost {
    /// `live_blocks` are those of the whole process.
    pub(crate) fn now(live_blocks: u64) -> OwnCost {
        let tags = if placement::has_tags() { placement::TAG_BYTES as u64 } else { 0 };
        OwnCost {
            call_tree_bytes: pages::mapped_bytes_of(Part::CallTree),
            site_values_bytes: pages::mapped_bytes_of(Part::SiteValues),
            live_table_bytes: pages::mapped_bytes_of(Part::LiveTable),
            threads_bytes: pages::mapped_bytes_of(Part::Threads),
            unwind_rules_bytes: pages::mapped_bytes_of(Part::UnwindRules),
            tags_bytes_at_most: live_blocks.saturating_mul(tags),
            recording_stack_bytes: unwind::deepest_bytes() as u64,
            thread_local_bytes: thread_local::BYTES as u64,
        }
    }

    /// The parts in words, for reports and comments.
    #[cfg(feature = "profile")]
    pub(crate) fn in_words(&self) -> String {
        let mut parts: Vec<String> = [
            (self.call_tree_bytes, "call stacks"),
            (self.site_values_bytes, "sites"),
            (self.live_table_bytes, "live blocks"),
            (self.threads_bytes, "threads"),
            (self.unwind_rules_bytes, "unwind rules"),
        ]
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, part)| format!("{part} {}", Bytes::unsigned(bytes)))
        .collect();
        if self.tags_bytes_at_most > 0 {
            parts.push(format!("tags at most {}", Bytes::unsigned(self.tags_bytes_at_most)));
        }
        parts.push(format!("stack {} B", self.recording_stack_bytes));
        parts.push(format!("thread-local {} B", self.thread_local_bytes));
        parts.join(", ")
    }
}
