//! Whichever call of the inner allocator is refused, nothing is lost: what the program gets is null, no number
//! moves, and the block whose reallocation failed is as it was, on the same call stack, to the byte, and goes back
//! by its own layout. In every mode, at odd addresses, whether the tracer reallocates in one call or in several.

mod child_process;
mod hostile_inner;

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;

use alloc_tracer::{AllocTracer, Mode, Stats, stats};
use child_process::{output_within_a_minute, plays, role};
use hostile_inner::{Hostile, REFUSED, last_layout, next_random, refuse_nth};

#[global_allocator]
static ALLOC: AllocTracer<Hostile> = AllocTracer::new(Hostile);

const SEED: &str = "ALLOC_TRACER_TEST_SEED";

/// What every call stack holds: blocks and bytes.
type Held = HashMap<Vec<u64>, (f64, f64)>;

fn held() -> Held {
    alloc_tracer::untracked(|| {
        let snapshot = alloc_tracer::snapshot();
        let sites = snapshot.sites().filter(|site| site.values.inuse_objects.value != 0.0);
        let values =
            sites.map(|site| (site.stack, site.values.inuse_objects.value, site.values.inuse_space.value));
        values.map(|(stack, objects, space)| (stack, (objects, space))).collect()
    })
}

fn forget(held: Held) {
    alloc_tracer::untracked(|| drop(held));
}

fn totals() -> [u64; 6] {
    let Stats { allocations, frees, reallocations, total_bytes, live_bytes, live_blocks, .. } = stats();
    [allocations, frees, reallocations, total_bytes, live_bytes, live_blocks]
}

/// What became of the calls of which an inner one was to be refused.
#[derive(Debug, Default)]
struct Seen {
    null: [u32; 3],
    /// Blocks whose reallocation failed although the first inner call of it had succeeded.
    later: u32,
    apart: u32,
}

fn round(random: &mut u64, seen: &mut Seen) {
    let mut below = |limit: usize| next_random(random) as usize % limit;
    let mut size = || match below(8) {
        0 => 32_000 + below(100_000),
        1..3 => 400 + below(200),
        _ => 1 + below(4000),
    };
    let (size, new_size) = (size(), size());
    let align = 1 << below(10);
    let (layout, new_layout) =
        (Layout::from_size_align(size, align).unwrap(), Layout::from_size_align(new_size, align).unwrap());
    let (kind, nth) = (below(5).min(2), 1 + below(2) as u64);
    // SAFETY: the layouts have sizes; each block is used and given back by the layout that it has.
    unsafe {
        let block = black_box(alloc(layout));
        seen.apart += u32::from(last_layout().align() != align);
        block.write_bytes(0xA7, size);

        let held_before = held();
        let (before, refused_before) = (totals(), REFUSED.load(Relaxed));
        refuse_nth(nth);
        let result = black_box(match kind {
            0 => alloc(new_layout),
            1 => alloc_zeroed(new_layout),
            _ => realloc(block, layout, new_size),
        });
        refuse_nth(0);
        let (after, is_refused) = (totals(), REFUSED.load(Relaxed) != refused_before);
        if result.is_null() {
            assert!(is_refused);
            assert_eq!(after, before, "{layout:?} to {new_size}");
            let held_after = held();
            assert_eq!(held_after, held_before, "{layout:?} to {new_size}");
            forget(held_after);
            seen.null[kind] += 1;
            seen.later += u32::from(kind == 2 && nth == 2);
        } else {
            assert!(!is_refused || nth == 2);
            dealloc(result, new_layout);
        }
        if result.is_null() || kind != 2 {
            let bytes = std::slice::from_raw_parts(block, size);
            assert!(bytes.iter().all(|byte| *byte == 0xA7), "{layout:?} lost its bytes");
            dealloc(block, layout);
        }
        forget(held_before);
    }
}

fn rounds() {
    let mut random = std::env::var(SEED).unwrap().parse::<u64>().unwrap();
    let mut seen = Seen::default();
    let mut play = |rounds: u32, seen: &mut Seen| {
        let (held_before, before) = (held(), totals());
        (0..rounds).for_each(|_| round(&mut random, seen));
        assert_eq!(totals()[4..], before[4..]);
        let held_after = held();
        assert_eq!(held_after, held_before, "stale records");
        forget(held_after);
        forget(held_before);
    };
    play(700, &mut seen);
    eprintln!("{seen:?}");
    for mode in [
        Mode::Exact,
        Mode::Sampled { interval_bytes: 40 << 10 },
        Mode::Off,
        Mode::Sampled { interval_bytes: 1 },
    ] {
        alloc_tracer::set_mode(mode).unwrap();
        play(100, &mut seen);
    }
    assert!(seen.null.iter().all(|count| *count > 50), "{seen:?}");
}

fn plays_the_rounds(mode: &str) -> String {
    let seed = std::env::var(SEED).unwrap_or_else(|_| "1".to_owned());
    let mut command = role("rounds", &format!("{mode},seed={seed}"));
    command.env(SEED, &seed);
    let output = output_within_a_minute(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{mode}, {SEED}={seed}: {} {said}", output.status);
    print!("{SEED}={seed}, {mode}: {said}");
    said
}

fn main() {
    if plays("rounds") {
        return rounds();
    }
    a_block_whose_reallocation_failed_stays_what_and_where_it_was();
    a_refusal_while_the_tracer_has_no_memory_either_changes_no_layout();
    println!("refused_calls: ok");
}

fn a_block_whose_reallocation_failed_stays_what_and_where_it_was() {
    for mode in ["mode=off", "interval=1", "interval=32k", "mode=exact", "mode=exact,blocks=listed"] {
        let said = plays_the_rounds(mode);
        assert_eq!(said.contains("apart: 0"), mode != "interval=32k");
    }
}

fn a_refusal_while_the_tracer_has_no_memory_either_changes_no_layout() {
    for mode in ["mode=exact,max_memory=64k", "mode=exact,blocks=listed,max_memory=64k"] {
        plays_the_rounds(mode);
    }
    let said = plays_the_rounds("interval=32k,max_memory=0");
    assert!(!said.contains("later: 0"), "no reallocation failed at its second call");
}
