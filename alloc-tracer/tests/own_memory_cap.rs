//! When the tracer may have no more memory of its own, the program runs on as before, and what could
//! not be recorded is a number.
#![cfg(feature = "profile")]

mod child_process;

use alloc_tracer::AllocTracer;
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn many_small_blocks() {
    if plays("many_small_blocks") {
        let blocks: Vec<Vec<u8>> = (0..200_000).map(|i| vec![1; 16 + i % 32]).collect();
        let stats = alloc_tracer::stats();
        // What the first allocation needs is mapped before the environment is read.
        assert!(stats.tracer_mapped_bytes <= 2 << 20, "{stats:?}");
        assert!(stats.lost_blocks > 0 && stats.tracer_refusals > 0, "{stats:?}");
        assert!(stats.live_blocks >= 200_000, "counters stay exact: {stats:?}");
        // The profile says what it holds and no more; what it holds and what it lost is the truth.
        let snapshot = alloc_tracer::snapshot();
        let held: f64 = snapshot.sites().map(|site| site.values.inuse_objects.value).sum();
        assert!(held + stats.lost_blocks as f64 >= 200_000.0 && held < 200_000.0, "{held} {stats:?}");
        drop(blocks);
        std::mem::forget(vec![0_u8; 1000]);
        std::process::exit(0);
    }
}

#[test]
fn the_program_runs_on_and_the_loss_is_a_number_in_the_report() {
    for cap in ["0", "64k", "2m"] {
        let path = directory("cap").join("heap.pb.gz");
        let orders = format!("blocks=listed,max_memory={cap},out={}", path.display());
        let output = output_within_a_minute(role("many_small_blocks", &orders));
        assert!(output.status.success(), "{cap}: {}", String::from_utf8_lossy(&output.stderr));
        let text = said(&output);
        assert!(text.contains("incomplete: the tracer was refused memory"), "{cap}: {text}");
    }
}
