//! What happens on an allocation, a free and a reallocation. The first part is inlined into the hook: it
//! asks whether anything may be due, and if not only counts. The second part decides before the inner
//! allocator is called (whether the block is recorded, and where it then stands), finds the call stack
//! and keeps the books after it has answered.
//! Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`, `tests/threads.rs`.

use core::alloc::Layout;

use super::books::Booked;
use super::call_tree::{CALL_TREE, NodeId, Root};
use super::guard::Recording;
use super::live_table::{Entry, LIVE};
use super::losses::{lose, note_end};
use super::mode::{self, IntervalId, Kind, Mode};
use super::start::Settings;
use super::tag::{TagPlace, UNRECORDED};
use super::taken::Taken;
use super::thread::{self, Lease, ThreadBlock};
use super::unwind::Registers;
use super::{all_threads, books, placement, sampler};

/// Counts an allocation if nothing else is due with it: it is not recorded. Otherwise `false`.
#[inline(always)]
pub(crate) fn count_plain_allocation(size: usize) -> bool {
    let line = thread::line();
    let is_plain = !line.allocation_needs_attention(size);
    if is_plain {
        line.counters.allocated(size);
    }
    is_plain
}

/// Takes back what [`count_plain_allocation`] counted: the inner allocator refused.
#[cold]
pub(crate) fn plain_allocation_refused(size: usize) {
    if let Some(block) = thread::current() {
        block.counters.refused(size);
        block.allocation_refused();
    }
}

/// Counts a free if nothing else is due with it: the block was not recorded. Otherwise `false`.
#[inline(always)]
pub(crate) fn count_plain_free(address: usize, size: usize) -> bool {
    let line = thread::line();
    let is_plain = !line.free_needs_attention(size) && !may_be_sampled(address);
    if is_plain {
        line.counters.freed(size);
    }
    is_plain
}

/// Whether a small block with this address may have been sampled. An inner allocator may hand out the
/// same address again and again, also one where a sampled block was set apart.
#[inline(always)]
fn may_be_sampled(address: usize) -> bool {
    placement::is_apart(address) && LIVE.may_hold(address)
}

/// Whether a reallocation only needs to be counted.
#[inline(always)]
pub(crate) fn is_plain_reallocation(address: usize, old_size: usize, size: usize) -> bool {
    let line = thread::line();
    !line.free_needs_attention(old_size) && !line.allocation_needs_attention(size) && !may_be_sampled(address)
}

/// Counts a reallocation that was plain and succeeded.
#[inline(always)]
pub(crate) fn count_plain_reallocation(old_size: usize, size: usize) {
    thread::line().counters.reallocated(old_size, size);
}

/// Takes the record of a block that ended unseen (freed by C) out, before its address belongs to a block
/// that was allocated plainly: a free would take it for that one's.
#[inline(always)]
pub(crate) fn forget_ended_unseen(address: usize) {
    if may_be_sampled(address) {
        books::ended_unseen(address);
    }
}

/// What was decided about an allocation before the inner allocator is asked.
pub(crate) struct Plan {
    lease: Option<Lease>,
    recorded: Option<IntervalId>,
    layout: Layout,
    place: Placement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placement {
    AsAsked,
    Tagged,
    Apart,
}

impl Plan {
    /// Decides about an allocation that needs attention.
    #[inline(always)]
    pub(crate) fn new(settings: &Settings, asked: Layout) -> Plan {
        let lease = Lease::take(settings);
        let recorded = lease.as_ref().and_then(|block| block.choose(asked.size()));
        let (layout, place) = match (placement::with_tag(asked), recorded) {
            (Some(layout), _) => (layout, Placement::Tagged),
            (None, Some(interval)) if interval != IntervalId::EXACT => {
                match placement::set_apart(asked, interval) {
                    Some(layout) => (layout, Placement::Apart),
                    None => (asked, Placement::AsAsked),
                }
            }
            (None, _) => (asked, Placement::AsAsked),
        };
        Plan { lease, recorded, layout, place }
    }

    /// What the inner allocator is to be asked for.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the block is to be set apart: then it must be listed, or its free would not know its layout.
    #[inline(always)]
    pub(crate) fn is_apart(&self) -> bool {
        self.place == Placement::Apart
    }

    /// Notes that the inner allocator refused.
    #[cold]
    pub(crate) fn refused(&self) {
        if let Some(lease) = &self.lease {
            lease.allocation_refused();
        }
    }

    /// Takes back what [`allocated`] counted: a block that could not be listed was given back, and the
    /// inner allocator refused another one.
    #[cold]
    pub(crate) fn undo_allocation(&self, size: usize) {
        match &self.lease {
            Some(lease) => lease.counters.refused(size),
            None => all_threads::count_without_block([u64::MAX, (size as u64).wrapping_neg(), 0, 0, 0]),
        }
    }
}

/// Counts and records an allocation that went by a plan. `false` if the block should have been listed and
/// was not, which is counted as a loss; a block that [is apart](Plan::is_apart) cannot stay so.
///
/// # Safety
/// The inner allocator returned `block` for `plan.layout()`; the program asked for `size` bytes, and
/// does not have the block yet.
#[inline(never)]
pub(crate) unsafe fn allocated(plan: &Plan, block: *mut u8, size: usize, registers: Registers) -> bool {
    match &plan.lease {
        Some(lease) => {
            lease.counters.allocated(size);
            // SAFETY: by this function's contract.
            let is_recorded = unsafe { record(lease, plan, block, size, registers) };
            lease.after_allocation(plan.recorded);
            is_recorded
        }
        None => {
            // SAFETY: by this function's contract.
            unsafe { tag_unrecorded(plan, block, size) };
            lose_without_block([1, size as u64, 0, 0, 0], size);
            true
        }
    }
}

/// Counts and records a reallocation that succeeded by a plan. The old block's record was taken out
/// before; a new block begins at this call stack.
///
/// # Safety
/// As for [`allocated`].
#[inline(never)]
pub(crate) unsafe fn reallocated(
    plan: &Plan,
    old: Taken,
    old_size: usize,
    block: *mut u8,
    size: usize,
    registers: Registers,
) {
    // SAFETY: by this function's contract.
    unsafe { record_moved(plan, block, size, registers) };
    count_reallocation(plan, old, old_size, size);
}

/// Records the new block of a reallocation by a plan, which is not counted yet. `false` as for [`allocated`].
///
/// # Safety
/// As for [`allocated`].
#[inline(never)]
pub(crate) unsafe fn record_moved(plan: &Plan, block: *mut u8, size: usize, registers: Registers) -> bool {
    match &plan.lease {
        // SAFETY: by this function's contract.
        Some(lease) => unsafe { record(lease, plan, block, size, registers) },
        None => {
            // SAFETY: by this function's contract.
            unsafe { tag_unrecorded(plan, block, size) };
            true
        }
    }
}

/// Counts a reallocation whose new block is recorded and books the end of the old one, whose record was taken
/// out.
#[inline(always)]
pub(crate) fn count_reallocation(plan: &Plan, old: Taken, old_size: usize, size: usize) {
    book_free(plan.lease.as_ref(), old, old_size);
    match &plan.lease {
        Some(lease) => {
            lease.counters.reallocated(old_size, size);
            lease.after_free();
            lease.after_allocation(plan.recorded);
        }
        None => lose_without_block([0, size as u64, 0, old_size as u64, 1], size),
    }
}

/// Counts a free that needs attention and takes the block's record out. Returns the layout that the
/// inner allocator knows the block by.
///
/// # Safety
/// As for [`Taken::out`].
#[inline(never)]
pub(crate) unsafe fn freed(settings: &Settings, block: *mut u8, layout: Layout) -> Layout {
    let lease = Lease::take(settings);
    // SAFETY: by this function's contract.
    let taken = unsafe { Taken::out(block, layout) };
    book_free(lease.as_ref(), taken, layout.size());
    match &lease {
        Some(lease) => {
            lease.counters.freed(layout.size());
            lease.after_free();
        }
        None => all_threads::count_without_block([0, 0, 1, layout.size() as u64, 0]),
    }
    taken.layout()
}

/// Puts a mode in force for all allocations that begin from now on. `false` if the mode needs one more
/// sampling interval than there is room for.
pub(crate) fn set_mode(mode: Mode) -> bool {
    if !mode::is_possible(mode) {
        return false;
    }
    if placement::needs_every_free(mode) && placement::look_at_every_free() {
        all_threads::attend_every_free();
    }
    let is_set = mode::set(mode);
    all_threads::attend_all();
    is_set
}

/// Records an allocation, as the plan says. `false` as for [`allocated`].
///
/// # Safety
/// As for [`allocated`].
#[inline(always)]
unsafe fn record(
    thread: &'static ThreadBlock,
    plan: &Plan,
    block: *mut u8,
    size: usize,
    registers: Registers,
) -> bool {
    let tag = match plan.place {
        // SAFETY: the block has room for a tag where the plan says so.
        Placement::Tagged => unsafe { TagPlace::behind(block, size) },
        Placement::AsAsked | Placement::Apart => None,
    };
    match plan.recorded {
        // SAFETY: as above.
        Some(IntervalId::EXACT) => unsafe { record_exact(thread, tag, block, size, registers) },
        Some(interval) => {
            // SAFETY: as above.
            unsafe { write(tag, UNRECORDED) };
            return record_sample(thread, block.addr(), size, interval, registers);
        }
        None => {
            // SAFETY: as above.
            unsafe { write(tag, UNRECORDED) };
            forget_ended_unseen(block.addr());
        }
    }
    true
}

/// # Safety
/// As for [`allocated`]; the block has room for a tag at `tag`.
unsafe fn write(tag: Option<TagPlace>, site: NodeId) {
    if let Some(tag) = tag {
        // SAFETY: by this function's contract.
        unsafe { tag.write(site) };
    }
}

/// Records a sampled allocation. `false` if the block could not be listed.
fn record_sample(
    thread: &'static ThreadBlock,
    address: usize,
    size: usize,
    interval: IntervalId,
    registers: Registers,
) -> bool {
    let bytes = size as u64;
    let site = sampled_site(thread, registers);
    let Some(values) = CALL_TREE.values(site) else {
        lose(size);
        return false;
    };
    values.add_sample(bytes, sampler::weight(bytes, interval));
    books::list(Entry { address, size: bytes, site, interval })
}

/// Records an allocation of the common case that was counted, and does what is due after it.
///
/// # Safety
/// As for [`SmallBlock::allocated_again`](super::exact::SmallBlock::allocated_again).
#[inline(never)]
pub(crate) unsafe fn record_small(
    thread: &'static ThreadBlock,
    block: *mut u8,
    size: usize,
    registers: Registers,
) {
    // SAFETY: by this function's contract.
    unsafe { record_exact(thread, TagPlace::behind(block, size), block, size, registers) };
    thread.after_exact_allocation();
}

/// Records an allocation in exact mode: in its tag or, without a place for one, in the table.
///
/// # Safety
/// As for [`allocated`]; the block has room for a tag at `tag`.
#[inline(always)]
unsafe fn record_exact(
    thread: &'static ThreadBlock,
    tag: Option<TagPlace>,
    block: *mut u8,
    size: usize,
    registers: Registers,
) {
    let bytes = size as u64;
    let (site, booked) = match Recording::enter() {
        Ok(recording) => {
            // SAFETY: the block belongs to this thread, and `recording` says that nothing else on this
            // thread uses its walk space.
            let space = unsafe { &mut *thread.walk_space() };
            let recent = space.recent_site(&recording, registers, Root::Exact);
            if let Some((site, Some(place))) = recent {
                place.add_allocation(bytes);
                (site, Booked::OnPlace(place))
            } else {
                let site = match recent {
                    Some((site, _)) => site,
                    None => {
                        let (site, end) =
                            space.site(&recording, registers, thread.stack_bounds(), Root::Exact);
                        note_end(end);
                        site
                    }
                };
                let booked = books::allocation(thread, site, bytes);
                if let Booked::OnPlace(place) = booked {
                    space.set_place(registers, site, place);
                }
                (site, booked)
            }
        }
        Err(mark) => {
            let site = Root::Exact.mark(mark);
            (site, books::allocation(thread, site, bytes))
        }
    };
    let recorded = match booked {
        Booked::Refused => {
            lose(size);
            UNRECORDED
        }
        Booked::OnPlace(_) | Booked::Shared => site,
    };
    if let Some(tag) = tag {
        // SAFETY: by this function's contract.
        unsafe { tag.write(recorded) };
    } else if recorded != UNRECORDED
        && !books::list(Entry { address: block.addr(), size: bytes, site, interval: IntervalId::EXACT })
    {
        books::free(Some(thread), site, bytes);
    }
}

/// The site of the calling stack, under sampling.
fn sampled_site(thread: &'static ThreadBlock, registers: Registers) -> NodeId {
    let recording = match Recording::enter() {
        Ok(recording) => recording,
        Err(mark) => return Root::Sampled.mark(mark),
    };
    // SAFETY: as in `record_exact`.
    let space = unsafe { &mut *thread.walk_space() };
    let (site, end) = space.site(&recording, registers, thread.stack_bounds(), Root::Sampled);
    note_end(end);
    site
}

/// Books the free of a block, if it was recorded in exact mode.
#[inline(always)]
fn book_free(lease: Option<&Lease>, taken: Taken, size: usize) {
    if let Some((site, bytes)) = taken.exact(size) {
        books::free(lease.map(|lease| **lease), site, bytes);
    }
}

/// Says of a block that has room for a tag that it was not recorded.
///
/// # Safety
/// As for [`allocated`].
#[cold]
unsafe fn tag_unrecorded(plan: &Plan, block: *mut u8, size: usize) {
    if plan.place != Placement::Tagged {
        return;
    }
    // SAFETY: by this function's contract; the plan says that the block has room for a tag.
    unsafe {
        if let Some(place) = TagPlace::behind(block, size) {
            place.write(UNRECORDED);
        }
    }
}

/// A thread without a block draws no samples: what it allocates cannot be recorded in any mode.
fn lose_without_block(amounts: [u64; 5], size: usize) {
    all_threads::count_without_block(amounts);
    if mode::current().kind() != Kind::Off {
        lose(size);
    }
}
