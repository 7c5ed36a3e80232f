//! A process that exits while eight of its threads allocate: it ends, and the profile is whole.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::child_process::{plays, said};
use crate::scenario::{MODES, end_of_act, played, rounds};

pub(crate) const NAME: &str = "exit::beside_eight_threads";

static BLOCKS: AtomicU64 = AtomicU64::new(0);

fn churn() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for round in 0_usize.. {
        let mut block = black_box(vec![1_u8; 1 + round * 7919 % 60_000]);
        block.reserve(100);
        kept.push(block);
        if kept.len() > 100 {
            kept.clear();
            // Leaves the processor to the thread that exits, which has a profile to write.
            std::thread::sleep(Duration::from_micros(500));
        }
        BLOCKS.fetch_add(1, Relaxed);
    }
}

pub(crate) fn beside_eight_threads() {
    if plays(NAME) {
        for _ in 0..8 {
            std::thread::spawn(churn);
        }
        while BLOCKS.load(Relaxed) < 2000 {
            std::thread::yield_now();
        }
        end_of_act();
        std::process::exit(0);
    }
    for mode in MODES {
        for _ in 0..rounds(5, 200) {
            assert_eq!(said(&played(NAME, mode)), "", "{mode}");
        }
        #[cfg(feature = "profile")]
        for _ in 0..rounds(1, 40) {
            played_with_a_whole_file(NAME, mode);
        }
    }
}

/// Plays a scenario with a file to write at the end, which must be there, whole, and have stacks where the
/// mode has any.
#[cfg(feature = "profile")]
pub(crate) fn played_with_a_whole_file(name: &str, mode: &str) {
    let directory = crate::child_process::directory("first_and_last");
    let path = directory.join("heap.pb.gz");
    // Finding names takes most of the time; it is tried in one mode.
    let symbols = if mode == "mode=exact" { "yes" } else { "no" };
    let output = played(name, &format!("{mode},symbols={symbols},out={}", path.display()));
    let said = said(&output);
    assert_eq!(said.matches("profile written").count(), 1, "{name} with {mode}");
    // Also where the first thread has ended, which `/proc/self` stands for.
    assert!(said.contains("alloc-tracer: RSS ") && !said.contains("RSS 0 B"), "{name} with {mode}: {said}");
    let files = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(files, 1, "nothing half-written is left over");
    let profile = alloc_tracer::Profile::read_pprof(std::fs::File::open(path).unwrap()).unwrap();
    let has_stacks = mode.contains("exact") || mode.contains("interval");
    assert!(!has_stacks || profile.total(profile.column("alloc_space").unwrap()) > 0, "{name} with {mode}");
}
