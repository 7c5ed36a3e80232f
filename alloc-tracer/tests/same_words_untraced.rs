//! Without the tracer the program prints what `same_words.rs` prints with it. After a deliberate change
//! of the work, `BLESS=1 cargo test --test same_words_untraced` records the new words.

mod workload;

#[test]
fn the_words_are_those_of_the_traced_program() {
    let words = workload::words();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/same_words.txt"), &words).unwrap();
    }
    assert_eq!(words, include_str!("data/same_words.txt"));
    assert_eq!(alloc_tracer::stats().allocations, 0, "the tracer is not this program's allocator");
}
