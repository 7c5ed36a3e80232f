//! Every property over its kept corpus in `fuzz/corpus/` and a fixed number of changes of it, on the stable
//! toolchain.

use super::kept_inputs::each_input;
use crate::cold::std::path::Path;
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::process::Command;
use crate::cold::std::{env, println};

fn holds(target: &str, changes: usize, most_bytes: usize, property: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    each_input(&corpus, changes, most_bytes, property);
}

/// Runs a test of this file in a process of its own: a read outside what it may read ends the process, and
/// the walker's caches belong to it alone. One that hangs is ended after two minutes.
fn alone(test: &str, act: fn()) {
    const PLAYED: &str = "ALLOC_TRACER_TEST_ROLE";
    if env::var_os(PLAYED).is_some_and(|played| played == *test) {
        // SAFETY: an alarm of this process, which has no other.
        unsafe { libc::alarm(120) };
        act();
        return;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PLAYED, test);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let has_run = output.status.success() && said[0].contains("1 passed");
    assert!(has_run, "{test}: {}\n{}\n{}", output.status, said[0], said[1]);
    println!("{}", said[0]);
}

#[test]
fn any_stack_ends_is_read_within_its_bounds_and_is_the_same_however_it_is_walked() {
    let name = "properties::kept_corpus::any_stack_ends_is_read_within_its_bounds_and_is_the_same_however_it_is_walked";
    alone(name, || holds("any_stack_is_walked", 20_000, 512, super::any_stack_is_walked));
}

#[test]
fn damaged_unwind_tables_give_no_panic_no_allocation_and_no_read_outside_their_module() {
    let name = "properties::kept_corpus::damaged_unwind_tables_give_no_panic_no_allocation_and_no_read_outside_their_module";
    alone(name, || holds("any_unwind_table_is_read", 20_000, 1024, super::any_unwind_table_is_read));
}

#[test]
fn a_rule_means_the_same_to_the_fast_step_and_to_the_slow_one() {
    holds("any_rule_keeps_its_meaning", 200_000, 16, super::any_rule_keeps_its_meaning);
}

#[test]
fn any_profile_file_is_refused_with_a_reason_or_comes_back_as_it_was_written() {
    holds("any_file_is_read", 5_000, 4096, super::any_file_is_read);
}

#[test]
fn any_value_of_the_variable_is_read_and_its_mistakes_are_single_lines() {
    holds("any_variable_is_read", 50_000, 256, super::any_variable_is_read);
}
