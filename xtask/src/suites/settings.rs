//! The ways in which every test is run: without the tracer, and with it in each mode.

/// One way.
#[derive(Debug)]
pub(super) struct Setting {
    /// As the table and the files have it.
    pub(super) name: &'static str,
    /// What `ALLOC_TRACER` says, and the mode that a process must then report. None: no tracer inside.
    pub(super) tracer: Option<(&'static str, &'static str)>,
}

/// What all others are compared to.
pub(super) const PLAIN: Setting = Setting { name: "plain", tracer: None };

/// The tracer as it is by default, dense enough to meet every kind of block, with tags, and with the table
/// of blocks and every stack walked in all ways.
pub(super) const TRACED: [Setting; 4] = [
    Setting { name: "sampled", tracer: Some(("mode=sampled", "sampled/524288")) },
    Setting { name: "dense", tracer: Some(("mode=sampled,interval=4k", "sampled/4096")) },
    Setting { name: "exact", tracer: Some(("mode=exact", "exact")) },
    Setting { name: "checked", tracer: Some(("mode=exact,blocks=listed,check=stacks", "exact")) },
];

/// The one whose allocations are all attributed, and are in the table.
pub(super) const EXACT: &str = "exact";
