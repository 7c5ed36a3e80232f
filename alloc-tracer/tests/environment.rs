//! What `ALLOC_TRACER` promises: a profile and a short block at exit, one clear line for each mistake,
//! and a program that behaves as it would without.
#![cfg(feature = "profile")]

mod child_process;

use std::fs;

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

#[test]
fn holder() {
    if plays("holder") {
        hold_three_mebibytes();
        println!("the program's own words");
        std::process::exit(7);
    }
}

#[inline(never)]
fn hold_three_mebibytes() {
    std::mem::forget(vec![1_u8; 3 << 20]);
}

#[test]
fn at_exit_the_block_says_who_holds_most_where_the_file_is_and_what_to_type_next() {
    let file = directory("at_exit").join("heap-%p.pb.gz");
    let child = output_within_a_minute(role("holder", &format!("mode=exact,out={}", file.display())));
    assert_eq!(child.status.code(), Some(7));
    let text = said(&child);
    let written = fs::read_dir(file.parent().unwrap()).unwrap().next().unwrap().unwrap().path();
    assert_ne!(written, file, "%p stands for the process id");
    for expected in [
        "alloc-tracer: exact;",
        "3.0 MiB live",
        "peak 3.",
        "hold_three_mebibytes",
        "tests/environment.rs:",
        "alloc-tracer: RSS ",
        " unexplained\n",
        &format!("profile written to {}", written.display()),
        &format!("alloc-flamegraph svg {} --sample inuse_space", written.display()),
        &format!("go tool pprof -http=: {}", written.display()),
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(text.lines().count() <= 9, "{text}");
    let profile = Profile::read_pprof(fs::File::open(written).unwrap()).unwrap();
    assert!(profile.total(profile.column("inuse_space").unwrap()) >= 3 << 20);
}

#[test]
fn a_sampled_run_prints_the_standard_error_of_its_estimates() {
    let file = directory("sampled").join("heap.pb.gz");
    let child = output_within_a_minute(role("holder", &format!("interval=64k,out={}", file.display())));
    let text = said(&child);
    assert!(text.contains("sampled every 64 KiB") && text.contains(" ± "), "{text}");
    let profile = Profile::read_pprof(fs::File::open(file).unwrap()).unwrap();
    assert_eq!(profile.period, 64 << 10);
    assert!(profile.column("inuse_space_variance").is_some());
}

#[test]
fn without_out_nothing_is_said_or_written() {
    for variable in ["", "mode=exact", "mode=sampled,interval=4k", "mode=off"] {
        let child = output_within_a_minute(role("holder", variable));
        assert_eq!((child.status.code(), said(&child)), (Some(7), String::new()), "{variable:?}");
    }
}

#[test]
fn a_mistyped_key_is_one_line_with_the_nearest_key_and_the_program_runs_on() {
    let child = output_within_a_minute(role("holder", "moed=exact,intervall=4k"));
    assert_eq!(child.status.code(), Some(7));
    let text = said(&child);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("did you mean \"mode\"?") && text.contains("did you mean \"interval\"?"), "{text}");
}

#[test]
fn the_program_prints_the_same_in_every_mode() {
    let words = |variable: &str| output_within_a_minute(role("holder", variable)).stdout;
    let plain = words("mode=off");
    assert!(String::from_utf8_lossy(&plain).contains("the program's own words"));
    for variable in ["mode=exact", "mode=sampled,interval=1k"] {
        assert_eq!(words(variable), plain, "{variable}");
    }
}

#[test]
fn program_with_a_busy_standard_error() {
    if plays("program_with_a_busy_standard_error") {
        std::thread::spawn(|| {
            let _held = std::io::stderr().lock();
            std::thread::sleep(std::time::Duration::from_secs(1000));
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        std::process::exit(4);
    }
}

#[test]
fn a_thread_that_holds_standard_error_does_not_keep_the_program_from_its_end() {
    let file = directory("busy").join("heap.pb.gz");
    let variable = format!("mode=exact,out={}", file.display());
    let output = output_within_a_minute(role("program_with_a_busy_standard_error", &variable));
    assert_eq!(output.status.code(), Some(4));
    assert!(said(&output).contains("profile written"));
}

#[test]
fn an_interval_without_sampling_is_said_to_have_no_meaning() {
    let text = said(&output_within_a_minute(role("holder", "mode=exact,interval=4k")));
    assert!(text.contains("interval= has a meaning with mode=sampled only"), "{text}");
}

#[test]
fn holder_of_many_sizes() {
    if plays("holder_of_many_sizes") {
        hold_many_sizes();
        std::process::exit(0);
    }
}

#[inline(never)]
fn hold_many_sizes() {
    (1..1000).for_each(|size| std::mem::forget(std::hint::black_box(vec![1_u8; size])));
}

#[test]
fn the_same_seed_gives_the_same_samples() {
    let run = |seed: u32, name: &str| {
        let file = directory(name).join("heap.pb.gz");
        let variable = format!("mode=sampled,interval=1k,seed={seed},out={}", file.display());
        output_within_a_minute(role("holder_of_many_sizes", &variable));
        let profile = Profile::read_pprof(fs::File::open(file).unwrap()).unwrap();
        let function_of = |line: &alloc_tracer::profile::Line| profile.function(line.function).name;
        let is_holder = |id: &alloc_tracer::profile::LocationId| {
            let mut names = profile.location(*id).lines.iter().map(|line| profile.text(function_of(line)));
            names.any(|name| name.contains("hold_many_sizes"))
        };
        // What the harness allocates on its own thread meanwhile is another matter.
        let samples = profile.samples().filter(|sample| sample.stack.iter().any(is_holder));
        samples.map(|sample| sample.values.to_vec()).collect::<Vec<_>>()
    };
    let first = run(7, "seed-a");
    assert!(!first.is_empty());
    assert_eq!(run(7, "seed-b"), first);
    assert_ne!(run(8, "seed-c"), first);
}
