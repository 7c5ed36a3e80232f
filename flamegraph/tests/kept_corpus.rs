//! Whatever the names, titles and units in a profile are, folded stacks add up and pictures are well-formed and
//! show them: over the kept corpus in `fuzz/corpus/` and a fixed number of changes of it.

#[path = "../../alloc-tracer/src/properties/kept_inputs.rs"]
mod kept_inputs;
#[path = "../fuzz/properties/mod.rs"]
mod properties;

use std::path::Path;

fn holds(target: &str, changes: usize, property: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    kept_inputs::each_input(&corpus, changes, 512, property);
}

#[test]
fn any_names_make_folded_stacks_that_every_reader_splits_alike_and_that_add_up() {
    holds("any_stacks_fold", 10_000, properties::any_stacks_fold);
}

#[test]
fn no_name_title_or_unit_breaks_out_of_a_picture_or_is_lost_in_it() {
    holds("any_stacks_are_drawn", 400, properties::any_stacks_are_drawn);
}
