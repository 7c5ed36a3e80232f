//! `task-size`: every waiting task holds the buffer that lives across its await, taken branch or not; a scope, a
//! smaller buffer and a boxed branch end that. A recursion costs stack, which no profile of the heap has, and a `Vec`
//! instead of it costs heap.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const TASKS: i64 = 400;
const BUFFER_BYTES: i64 = 16 << 10;
/// What else a future, its task and tokio's queues may take, each.
const BESIDE_BYTES: i64 = 512;
const LEVELS: i64 = 16 * TASKS;
const OPEN: &str = "open_connection";

const TASKS_WAIT: &str = "400 tasks wait,";

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| run("leaky"));

fn run(variant: &str) -> ProfiledRun {
    ProfiledRun::exact("task-size", variant, TASKS as u64)
}

fn unnamed_run(variant: &str) -> ProfiledRun {
    ProfiledRun::exact_unnamed("task-size", variant, TASKS as u64)
}

/// Asserts that the process holds so much, and what the runtime and the process themselves take.
fn assert_about(run: &ProfiledRun, bytes: i64) {
    let beside = run.total("inuse_space") - bytes;
    assert!((0..64 << 10).contains(&beside), "{beside}: {}", run.text);
}

/// The number that follows `words` in the text, with its separators taken out.
fn number_after(run: &ProfiledRun, words: &str) -> i64 {
    let (_, rest) = run.text.split_once(words).unwrap_or_else(|| panic!("no `{words}`: {}", run.text));
    let digits = rest.trim_start().chars().take_while(|letter| letter.is_ascii_digit() || *letter == ',');
    digits.filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn every_waiting_task_holds_the_buffer_that_lives_across_its_await() {
    let future_bytes = number_after(&LEAKY, "buffer across the await");
    assert!((BUFFER_BYTES..BUFFER_BYTES + BESIDE_BYTES).contains(&future_bytes), "{}", LEAKY.text);
    let each = number_after(&LEAKY, TASKS_WAIT);
    assert_eq!(LEAKY.under(OPEN, "inuse_space"), TASKS * each);
    // The future, and the task with a pointer to it.
    assert_eq!(LEAKY.under(OPEN, "inuse_objects"), 2 * TASKS);
    let widest = LEAKY.heaviest("inuse_space");
    assert_eq!(widest.value, TASKS * future_bytes);
    widest.assert_dominates(LEAKY.total("inuse_space"), OPEN, &["Box"]);
    assert_eq!(LEAKY.under(OPEN, "alloc_space"), LEAKY.under(OPEN, "inuse_space"));
}

#[test]
fn a_branch_that_one_task_in_a_hundred_takes_makes_all_of_them_large() {
    let run = unnamed_run("branch");
    let (future_bytes, each) =
        (number_after(&run, "buffer in a rare branch"), number_after(&run, TASKS_WAIT));
    assert!((BUFFER_BYTES..each).contains(&future_bytes), "{}", run.text);
    assert_about(&run, TASKS * each);
}

#[test]
fn a_scope_and_a_smaller_buffer_leave_small_tasks() {
    for (fix, what, buffer_bytes) in [("fixed", "a scope before it", 0), ("small", "smaller buffer", 512)] {
        let run = unnamed_run(fix);
        let (future_bytes, each) = (number_after(&run, what), number_after(&run, TASKS_WAIT));
        assert!((buffer_bytes..buffer_bytes + BESIDE_BYTES).contains(&future_bytes), "{}", run.text);
        assert!((future_bytes..future_bytes + BESIDE_BYTES).contains(&each), "{}", run.text);
        assert_about(&run, TASKS * each);
    }
}

#[test]
fn a_boxed_branch_costs_only_the_tasks_that_take_it() {
    let run = unnamed_run("box-branch");
    let boxed_bytes = TASKS / 100 * number_after(&run, "buffer across the await");
    let of_tasks = TASKS * number_after(&run, TASKS_WAIT) - boxed_bytes;
    assert!((0..TASKS * BESIDE_BYTES).contains(&of_tasks), "{}", run.text);
    assert_about(&run, of_tasks + boxed_bytes);
}

#[test]
fn a_recursion_takes_stack_that_no_profile_of_the_heap_shows() {
    let run = run("recursion");
    assert_eq!(run.under("validate_recursively", "alloc_space"), 0);
    assert!(
        run.text.contains("recursion: 6,399 sections wrong; stack ") && run.text.contains(", heap 0 B\n")
    );
    // A return address and one saved register take 16 bytes already.
    assert!(number_after(&run, "for each level: stack") > 16, "{}", run.text);
    assert_about(&run, run.under("nested_sections", "inuse_space"));
    assert!(run.text.contains("\nthis run: after it returned the process had "), "{}", run.text);
}

#[test]
fn an_explicit_stack_takes_heap_that_the_profile_shows() {
    const ENTRY_BYTES: i64 = size_of::<(usize, u32)>() as i64;
    let run = run("explicit-stack");
    // One section after each level is put off at the deepest: a vector of small elements has room for
    // four at first and doubles.
    let capacity = (LEVELS as u64).next_power_of_two() as i64;
    assert_eq!(run.under("validate_with_a_stack", "inuse_space"), capacity * ENTRY_BYTES);
    assert_eq!(run.under("validate_with_a_stack", "alloc_space"), (2 * capacity - 4) * ENTRY_BYTES);
    assert!(run.text.contains("explicit-stack: 6,399 sections wrong; stack "), "{}", run.text);
    assert_eq!(number_after(&run, "for each level: stack"), 0, "{}", run.text);
    assert_eq!(number_after(&run, "bytes, heap"), capacity * ENTRY_BYTES / LEVELS, "{}", run.text);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("4k", "task-size", "leaky", TASKS as u64);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &["Box"]);
    // A block of four intervals is missed once in 55 times, so the estimate of 400 of them is off by 0.7 %
    // (its standard error): a tenth is fourteen times that.
    let held = LEAKY.under(OPEN, "inuse_space");
    run.assert_estimates(OPEN, held, 10);
}
