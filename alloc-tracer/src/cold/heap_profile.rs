//! From a snapshot to a profile: locations for return addresses, four columns, and comments that say
//! how it was measured and what is missing. Broken by: `tests/profile_names.rs`, `tests/pprof_file.rs`.

use super::profile::{
    Location, LocationId, Module, ModuleId, Profile, SourceFrame, VARIANCE_SAMPLE_TYPES,
    VARIANCE_UNIT_BYTES2, drop_frames,
};
use super::snapshot::{Gap, Site, Snapshot};
use super::std::collections::HashMap;
use super::std::format;
use super::std::prelude::rust_2024::*;
use super::symbolise::symbolise;
use crate::hot::guard::Untracked;
use crate::hot::mode::Mode;

impl Snapshot {
    /// The profile with names: every address is resolved to its functions, files and lines, and the
    /// tracer's own frames are hidden. Only in the process that was measured, while its modules are
    /// loaded.
    pub fn profile(&self) -> Profile {
        let _guard = Untracked::enter();
        let mut profile = self.profile_without_symbols();
        symbolise(&mut profile);
        profile.hide_allocator_frames();
        profile
    }

    /// The profile with addresses and build ids only, which costs a running service next to nothing;
    /// `alloc-flamegraph symbolize` and `go tool pprof` add the names later, from the binaries.
    pub fn profile_without_symbols(&self) -> Profile {
        let _guard = Untracked::enter();
        let mut profile = Profile::new();
        let sampled = self.sites().any(|site| site.values.alloc_objects.variance > 0.0)
            || matches!(self.mode, Mode::Sampled { .. });
        profile.declare_heap_columns(sampled);
        profile.period = match self.mode {
            Mode::Sampled { interval_bytes } => interval_bytes.min(i64::MAX as u64) as i64,
            Mode::Exact | Mode::Off => 1,
        };
        profile.time_nanos = self.taken_unix_nanos;
        profile.duration_nanos = self.recorded_nanos;
        profile.drop_frames = profile.intern(&drop_frames());
        let comments = self.comments();
        profile.set_comments(comments.iter().map(String::as_str));
        let mut locations = Locations::new(&mut profile, self);
        for site in self.sites() {
            locations.add_sample(&site, sampled);
        }
        profile
    }

    fn comments(&self) -> Vec<String> {
        let stats = &self.stats;
        let mode = mode_in_words(self.mode);
        let mut comments = Vec::from([
            format!("alloc-tracer {}, {mode}", env!("CARGO_PKG_VERSION")),
            format!(
                "totals: {} allocations, {} frees, {} reallocations, {} bytes allocated, {} bytes live in {} \
                 blocks, peak {} bytes (within {})",
                stats.allocations,
                stats.frees,
                stats.reallocations,
                stats.total_bytes,
                stats.live_bytes,
                stats.live_blocks,
                stats.peak_live_bytes,
                stats.peak_error_bytes,
            ),
            format!(
                "tracer: {} bytes mapped, {} re-entries, {} refusals of memory",
                stats.tracer_mapped_bytes, stats.reentries, stats.tracer_refusals
            ),
            format!("tracer takes: {}", stats.tracer.in_words()),
        ]);
        let untracked = self.untracked.inuse_space.value;
        if untracked > 0.0 {
            comments
                .push(format!("not in this profile: {untracked} bytes live, allocated by untracked code"));
        }
        if stats.lost_blocks > 0 {
            let (blocks, bytes) = (stats.lost_blocks, stats.lost_bytes);
            comments.push(format!(
                "not in this profile: {blocks} blocks, {bytes} bytes that could not be recorded"
            ));
        }
        if stats.stacks_too_deep + stats.stacks_lost > 0 {
            let (deep, lost) = (stats.stacks_too_deep, stats.stacks_lost);
            comments.push(format!("stacks without their outermost frames: {deep} too deep, {lost} lost"));
        }
        if stats.stacks_checked > 0 {
            let (checked, differ) = (stats.stacks_checked, stats.stack_mismatches);
            comments.push(format!("stacks checked by a second walk: {checked}, of which {differ} differ"));
        }
        comments
    }
}

/// A mode as reports name it: `exact`, `sampled every 512 KiB`.
pub(crate) fn mode_in_words(mode: Mode) -> String {
    match mode {
        Mode::Off => String::from("off"),
        Mode::Exact => String::from("exact"),
        Mode::Sampled { interval_bytes } => {
            let whole = |shift: u32| interval_bytes.trailing_zeros() >= shift && interval_bytes != 0;
            let (shift, unit) = [(30, "GiB"), (20, "MiB"), (10, "KiB")]
                .into_iter()
                .find(|(shift, _)| whole(*shift))
                .unwrap_or((0, "B"));
            format!("sampled every {} {unit}", interval_bytes >> shift)
        }
    }
}

/// Locations of return addresses, made once each.
struct Locations<'a> {
    profile: &'a mut Profile,
    /// Start, end and id of each module, by start.
    modules: Vec<(u64, u64, ModuleId)>,
    by_return_address: HashMap<u64, LocationId>,
    by_gap: HashMap<Gap, LocationId>,
    stack: Vec<LocationId>,
}

impl<'a> Locations<'a> {
    fn new(profile: &'a mut Profile, snapshot: &Snapshot) -> Self {
        let mut modules: Vec<_> = snapshot
            .modules
            .iter()
            .map(|loaded| {
                let module = Module {
                    start: loaded.start,
                    limit: loaded.limit,
                    file_offset: loaded.file_offset,
                    path: profile.intern(&loaded.path.to_string_lossy()),
                    build_id: profile.intern(&loaded.build_id),
                    ..Module::default()
                };
                (loaded.start, loaded.limit, profile.add_module(module))
            })
            .collect();
        modules.sort_unstable();
        let (by_return_address, by_gap, stack) = (HashMap::new(), HashMap::new(), Vec::new());
        Locations { profile, modules, by_return_address, by_gap, stack }
    }

    fn add_sample(&mut self, site: &Site, sampled: bool) {
        let mut stack = core::mem::take(&mut self.stack);
        stack.clear();
        stack.extend(site.stack.iter().map(|address| self.location(*address)));
        stack.extend(site.gap.map(|gap| self.gap(gap)));
        let values = &site.values;
        let four = [values.alloc_objects, values.alloc_space, values.inuse_objects, values.inuse_space];
        let mut columns: Vec<i64> = four.iter().map(|estimate| estimate.value.round() as i64).collect();
        if sampled {
            let units = VARIANCE_SAMPLE_TYPES.map(|(_, unit)| match unit {
                "KiB^2" => VARIANCE_UNIT_BYTES2,
                _ => 1.0,
            });
            columns.extend(
                four.iter().zip(units).map(|(estimate, unit)| (estimate.variance / unit).round() as i64),
            );
        }
        self.profile.add_sample(&stack, &columns, &[]);
        self.stack = stack;
    }

    fn location(&mut self, return_address: u64) -> LocationId {
        if let Some(id) = self.by_return_address.get(&return_address) {
            return *id;
        }
        let address = return_address.saturating_sub(1);
        let after = self.modules.partition_point(|(start, ..)| *start <= address);
        let module = after.checked_sub(1).map(|at| self.modules[at]).filter(|(_, limit, _)| address < *limit);
        let location = Location { module: module.map(|(.., id)| id), address, ..Location::default() };
        let id = self.profile.add_location(location);
        self.by_return_address.insert(return_address, id);
        id
    }

    /// A frame that stands for what is missing.
    fn gap(&mut self, gap: Gap) -> LocationId {
        if let Some(id) = self.by_gap.get(&gap) {
            return *id;
        }
        let name = match gap {
            Gap::TooDeep => "[outer frames cut: deeper than 1024]",
            Gap::Lost => "[outer frames unknown: no unwind information]",
            Gap::Reentered => "[no stack: signal handler inside the tracer]",
            Gap::TreeFull => "[no stack: the tracer's memory was full]",
        };
        let id = self.profile.add_location(Location::default());
        self.profile.set_lines(id, &[SourceFrame { name: String::from(name), ..SourceFrame::default() }]);
        self.by_gap.insert(gap, id);
        id
    }
}
