//! The table of differences names what grew and what shrank.

mod hand_made;

use alloc_flamegraph::{Column, DiffOptions, write_diff};
use hand_made::{in_use, profile};

#[test]
fn growth_and_shrinking_are_listed_with_totals_and_the_unchanged_is_left_out() {
    let base = in_use(&[(&["main", "cache"], 1024), (&["main", "pool"], 4096), (&["main", "same"], 10)]);
    let new = in_use(&[(&["main", "cache"], 3072), (&["main", "same"], 10), (&["main", "fresh"], 100)]);
    let column = Column::find(&base, None).unwrap();
    let mut out = Vec::new();
    write_diff((&base, &column), (&new, &column), &DiffOptions::default(), &mut out).unwrap();
    let expected = "\
Memory in use: 5.0 KiB (5,130 bytes) -> 3.1 KiB (3,182 bytes), -1.9 KiB
stacks that grew: +2.1 KiB, that shrank: -4.0 KiB
showing 4 of 4 functions that changed
flat change  cum change  cum before  cum after  function
   -4.0 KiB    -4.0 KiB     4.0 KiB        0 B  pool
   +2.0 KiB    +2.0 KiB     1.0 KiB    3.0 KiB  cache
     +100 B      +100 B         0 B      100 B  fresh
        0 B    -1.9 KiB     5.0 KiB    3.1 KiB  main
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn changes_of_estimates_carry_their_standard_error() {
    let columns = [("inuse_objects", "count"), ("inuse_objects_variance", "count^2")];
    let base = profile(&columns, &[(&["a"], &[1000, 9])]);
    let new = profile(&columns, &[(&["a"], &[5000, 16])]);
    let column = Column::find(&base, Some("inuse_objects")).unwrap();
    let mut out = Vec::new();
    write_diff((&base, &column), (&new, &column), &DiffOptions::default(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("Objects in use: 1,000 objects -> 5,000 objects, +4,000 ± 5\n"), "{text}");
    assert!(text.contains("+4,000 ± 5  +4,000 ± 5"), "{text}");
}
