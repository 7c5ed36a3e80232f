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
    for words in ["from the system,", "in use,", "live +", "tracer +", "stacks +", "files +", "unexplained"] {
        run.mib(words);
    }
}

#[test]
fn one_buffer_has_no_slack() {
    let run = ProfiledRun::exact("tiny-blocks", "joined", WORDS);
    assert_eq!(run.under("JoinedWords::insert", "inuse_objects"), 2);
    assert!(run.mib("slack in glibc") < 0.1, "{}", run.text);
}
