//! What happens on an allocation, a free and a reallocation. The first part is inlined into the hook: it
//! asks whether anything may be due, and if not only counts. The second part decides before the inner
//! allocator is called (whether the block is recorded, and where it then stands), finds the call stack
//! and keeps the books after it has answered.
//! Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`, `tests/threads.rs`.

use core::alloc::Layout;

use super::call_tree::{CALL_TREE, NodeId, Root};
use super::guard::Recording;
use super::live_table::{Entry, LIVE, NoRoom};
use super::losses::{lose, note_end};
use super::mode::{self, IntervalId, Kind, Mode};
use super::start::Settings;
use super::tag::{TagPlace, UNRECORDED};
use super::thread::{self, Lease, ThreadBlock};
use super::thread_sites::{COUNT_FOR_A_PLACE, Place};
use super::unwind::Registers;
use super::{placement, sampler};

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
    thread::line().counters.refused(size);
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

/// What was decided about an allocation before the inner allocator is asked.
pub(crate) struct Plan {
    lease: Option<Lease>,
    recorded: Option<IntervalId>,
    layout: Layout,
    has_tag: bool,
}

impl Plan {
    /// Decides about an allocation that needs attention.
    #[inline(always)]
    pub(crate) fn new(settings: &Settings, asked: Layout) -> Plan {
        let lease = Lease::take(settings);
        let recorded = lease.as_ref().and_then(|block| block.choose(asked.size()));
        let tagged = placement::with_tag(asked);
        let layout = tagged.unwrap_or_else(|| match recorded {
            Some(interval) if interval != IntervalId::EXACT => {
                placement::set_apart(asked, interval).unwrap_or(asked)
            }
            _ => asked,
        });
        Plan { lease, recorded, layout, has_tag: tagged.is_some() }
    }

    /// What the inner allocator is to be asked for.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }
}

/// Counts and records an allocation that went by a plan.
///
/// # Safety
/// The inner allocator returned `block` for `plan.layout()`; the program asked for `size` bytes, and
/// does not have the block yet.
#[inline(never)]
pub(crate) unsafe fn allocated(plan: &Plan, block: *mut u8, size: usize, registers: Registers) {
    match &plan.lease {
        Some(lease) => {
            lease.counters.allocated(size);
            // SAFETY: by this function's contract.
            unsafe { record(lease, plan, block, size, registers) };
            lease.after_allocation(plan.recorded);
        }
        None => {
            // SAFETY: by this function's contract.
            unsafe { tag_unrecorded(plan, block, size) };
            lose_without_block([1, size as u64, 0, 0, 0], size);
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
    book_free(plan.lease.as_ref(), old, old_size);
    match &plan.lease {
        Some(lease) => {
            lease.counters.reallocated(old_size, size);
            // SAFETY: by this function's contract.
            unsafe { record(lease, plan, block, size, registers) };
            lease.after_free();
            lease.after_allocation(plan.recorded);
        }
        None => {
            // SAFETY: by this function's contract.
            unsafe { tag_unrecorded(plan, block, size) };
            lose_without_block([0, size as u64, 0, old_size as u64, 1], size);
        }
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
        None => thread::count_without_block([0, 0, 1, layout.size() as u64, 0]),
    }
    taken.layout
}

/// A block's record, out of the tag or the table before the inner allocator may hand its address out
/// again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// What the inner allocator knows the block by.
    layout: Layout,
    record: Option<Record>,
}

#[derive(Debug, Clone, Copy)]
enum Record {
    Tagged(NodeId),
    Listed(Entry),
}

impl Taken {
    /// Takes a block's record out.
    ///
    /// # Safety
    /// The block is allocated with this layout, by the hook or, with at least as many bytes, by somebody
    /// else, and belongs to the caller.
    #[inline(always)]
    pub(crate) unsafe fn out(block: *mut u8, asked: Layout) -> Taken {
        let tagged = placement::with_tag(asked);
        let mut layout = asked;
        if let Some(with_tag) = tagged {
            // SAFETY: by this function's contract.
            match unsafe { TagPlace::behind(block, asked.size()) } {
                // SAFETY: as above.
                Some(place) => match unsafe { place.take() } {
                    Some(UNRECORDED) => layout = with_tag,
                    Some(site) => return Taken { layout: with_tag, record: Some(Record::Tagged(site)) },
                    // Not the hook's own.
                    None => {}
                },
                None => layout = with_tag,
            }
        }
        let entry = if LIVE.may_hold(block.addr()) { LIVE.remove(block.addr()) } else { None };
        if let Some(entry) = entry
            && entry.interval != IntervalId::EXACT
            && let Some(apart) = placement::set_apart(asked, entry.interval)
        {
            layout = apart;
        }
        Taken { layout, record: entry.map(Record::Listed) }
    }

    /// Puts the record back: the inner allocator refused to reallocate the block.
    ///
    /// # Safety
    /// The block is the one whose record was taken out, of `size` bytes, and is allocated as before.
    pub(crate) unsafe fn put_back(self, block: *mut u8, size: usize) {
        match self.record {
            // SAFETY: the block had a tag, so it has room for one.
            Some(Record::Tagged(site)) => unsafe {
                if let Some(place) = TagPlace::behind(block, size) {
                    place.write(site);
                }
            },
            Some(Record::Listed(entry)) if !list(entry) => book_free(None, self, size),
            Some(Record::Listed(_)) | None => {}
        }
    }

    /// What the inner allocator knows the block by.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }
}

/// Puts a mode in force for all allocations that begin from now on. `false` if the mode needs one more
/// sampling interval than there is room for.
pub(crate) fn set_mode(mode: Mode) -> bool {
    if placement::needs_every_free(mode) && placement::look_at_every_free() {
        thread::attend_every_free();
    }
    let is_set = mode::set(mode);
    thread::attend_all();
    is_set
}

/// Records an allocation, as the plan says.
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
) {
    // SAFETY: the block has room for a tag where the plan says so.
    let place = if plan.has_tag { unsafe { TagPlace::behind(block, size) } } else { None };
    let tag = |site| {
        if let Some(place) = place {
            // SAFETY: as above.
            unsafe { place.write(site) };
        }
    };
    let bytes = size as u64;
    match plan.recorded {
        // SAFETY: as above.
        Some(IntervalId::EXACT) => unsafe { record_exact(thread, place, block, size, registers) },
        Some(interval) => {
            tag(UNRECORDED);
            let site = sampled_site(thread, registers);
            match CALL_TREE.values(site) {
                Some(values) => {
                    values.add_sample(bytes, sampler::weight(bytes, interval));
                    list(Entry { address: block.addr(), size: bytes, site, interval });
                }
                None => lose(size),
            }
        }
        None => tag(UNRECORDED),
    }
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
            } else if let Some((site, None)) = recent {
                (site, book_allocation(thread, site, bytes))
            } else {
                let (site, end) = space.site(&recording, registers, thread.stack_bounds(), Root::Exact);
                note_end(end);
                let booked = book_allocation(thread, site, bytes);
                if let Booked::OnPlace(place) = booked {
                    space.set_place(registers, place);
                }
                (site, booked)
            }
        }
        Err(mark) => {
            let site = Root::Exact.mark(mark);
            (site, book_allocation(thread, site, bytes))
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
        && !list(Entry { address: block.addr(), size: bytes, site, interval: IntervalId::EXACT })
    {
        book_site_free(Some(thread), site, bytes);
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

/// Where an allocation was booked.
enum Booked {
    /// On the thread's own counts for the site.
    OnPlace(&'static Place),
    /// On the site's shared counts.
    Shared,
    /// Nowhere: memory is refused.
    Refused,
}

/// Books an allocation at a site, in exact mode.
#[inline(always)]
fn book_allocation(thread: &'static ThreadBlock, site: NodeId, bytes: u64) -> Booked {
    if let Some(place) = thread.sites.place(site) {
        place.add_allocation(bytes);
        return Booked::OnPlace(place);
    }
    let Some(values) = CALL_TREE.values(site) else { return Booked::Refused };
    if values.add_allocation(bytes) >= COUNT_FOR_A_PLACE {
        thread.sites.claim(site);
    }
    Booked::Shared
}

/// Books the free of a block of exact mode; what is in use under sampling is summed over the table.
#[inline(always)]
fn book_free(thread: Option<&Lease>, taken: Taken, size: usize) {
    match taken.record {
        Some(Record::Tagged(site)) => book_site_free(thread.map(|lease| **lease), site, size as u64),
        Some(Record::Listed(entry)) if entry.interval == IntervalId::EXACT => {
            book_site_free(thread.map(|lease| **lease), entry.site, entry.size);
        }
        Some(Record::Listed(_)) | None => {}
    }
}

/// Books the free of a block of a site, for the thread that frees it if it has its state.
#[inline(always)]
fn book_site_free(thread: Option<&'static ThreadBlock>, site: NodeId, bytes: u64) {
    if let Some(place) = thread.and_then(|thread| thread.sites.place(site)) {
        place.add_free(bytes);
        return;
    }
    // The site has values, because the block was booked there.
    if let Some(values) = CALL_TREE.values(site)
        && values.add_free(bytes) >= COUNT_FOR_A_PLACE
        && let Some(thread) = thread
    {
        thread.sites.claim(site);
    }
}

/// Puts a block's record into the table. `false`, and counted as lost, if there is no room.
fn list(entry: Entry) -> bool {
    match LIVE.insert(entry) {
        Ok(None) => true,
        Ok(Some(ended_unseen)) => {
            if ended_unseen.interval == IntervalId::EXACT {
                book_site_free(None, ended_unseen.site, ended_unseen.size);
            }
            true
        }
        Err(NoRoom) => {
            lose(entry.size as usize);
            false
        }
    }
}

/// Says of a block that has room for a tag that it was not recorded.
///
/// # Safety
/// As for [`allocated`].
#[cold]
unsafe fn tag_unrecorded(plan: &Plan, block: *mut u8, size: usize) {
    // SAFETY: by this function's contract the block has room for a tag where the plan says so.
    if plan.has_tag
        && let Some(place) = unsafe { TagPlace::behind(block, size) }
    {
        // SAFETY: as above.
        unsafe { place.write(UNRECORDED) };
    }
}

/// A thread without a block draws no samples: what it allocates cannot be recorded in any mode.
fn lose_without_block(amounts: [u64; 5], size: usize) {
    thread::count_without_block(amounts);
    if mode::current().kind() != Kind::Off {
        lose(size);
    }
}
