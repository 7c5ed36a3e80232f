//! `tiny-blocks`: what was asked for is a fraction of RSS, and the sum says where the rest is.

use crate::profiled_run::ProfiledRun;

const WORDS: u64 = 200_000;
const LETTERS: i64 = 5;
const INSERT: &str = "WordIndex::insert";

/// glibc's smallest chunk. Source: malloc/malloc.c, `MINSIZE`.
const SMALLEST_BYTES: f64 = 32.0;

#[test]
fn tiny_blocks_take_several_times_what_they_were_asked_for() {
    let run = ProfiledRun::exact("tiny-blocks", "leaky", WORDS);
    // Pointer and length of each word, in a vector that doubles from four.
    let vector_bytes = WORDS.next_power_of_two() as i64 * 16;
    let words_bytes = WORDS as i64 * LETTERS;
    assert_eq!(run.under(INSERT, "inuse_space"), words_bytes + vector_bytes);
    assert_eq!(run.under(INSERT, "alloc_space"), words_bytes + 2 * vector_bytes - 4 * 16);
    assert!(run.under(INSERT, "inuse_space") * 100 > run.total("inuse_space") * 99);
    let slack_mib = WORDS as f64 * (SMALLEST_BYTES - LETTERS as f64) / 1048576.0;
    let told_mib = run.mib("slack in glibc");
    assert!((told_mib / slack_mib - 1.0).abs() < 0.05, "{told_mib} told, {slack_mib} expected");
}

#[test]
fn one_line_adds_up_to_rss_and_the_figures_before_it_have_their_names() {
    let run = ProfiledRun::exact_unnamed("tiny-blocks", "leaky", WORDS);
    let terms = ["live", "slack in glibc", "free in glibc", "tracer", "stacks", "files", "unexplained"];
    let sum = terms.iter().map(|term| run.term_mib(term)).sum::<f64>() - run.term_mib("not in memory");
    // Each term is rounded by a twentieth of a MiB at most.
    let resident = run.mib_after("this run: RSS");
    assert!((sum - resident).abs() < 0.05 * (terms.len() + 2) as f64, "{sum} of {resident}");
    for words in ["from the system,", "in use,", "free, (not told) returned\n"] {
        run.mib(words);
    }
    for words in ["process: RSS", ", PSS", ", swap", ", peak", ", anonymous", ", stacks"] {
        run.mib_after(words);
    }
    assert!(run.text.contains("200,001 allocations, 16 reallocations, 0 frees, "), "{}", run.text);
}

#[test]
fn one_buffer_has_no_slack() {
    let run = ProfiledRun::exact("tiny-blocks", "fixed", WORDS);
    assert_eq!(run.under("JoinedWords::insert", "inuse_objects"), 2);
    assert!(run.mib("slack in glibc") < 0.1, "{}", run.text);
}
