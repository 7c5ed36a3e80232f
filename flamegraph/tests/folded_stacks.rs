//! Folded stacks add up to the column and no name breaks a line.

mod hand_made;

use alloc_flamegraph::{Column, FoldedOptions, write_folded};
use alloc_tracer::Profile;
use hand_made::{GO, in_use};

fn folded(profile: &Profile, sample: Option<&str>) -> String {
    let mut out = Vec::new();
    write_folded(profile, &Column::find(profile, sample).unwrap(), &FoldedOptions::default(), &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn equal_stacks_are_one_line_and_negative_ones_none() {
    let profile = in_use(&[
        (&["main", "<[u8; 4] as Fill>::fill"], 7),
        (&["main", "worker 12"], 5),
        (&["main", "<[u8; 4] as Fill>::fill"], 3),
        (&["main", "freed"], -9),
        (&["main"], 1),
        (&[], 2),
    ]);
    let expected = "[no stack] 2\nmain 1\nmain;<[u8, 4] as Fill>::fill 10\nmain;worker\u{a0}12 5\n";
    assert_eq!(folded(&profile, None), expected);
}

#[test]
fn the_lines_of_a_file_of_go_add_up_to_its_columns() {
    for (name, bytes) in GO {
        let profile = Profile::read_pprof(bytes).unwrap();
        for column in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
            let sum: i64 = folded(&profile, Some(column))
                .lines()
                .map(|line| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap())
                .sum();
            assert_eq!(sum, profile.total(profile.column(column).unwrap()), "{name} {column}");
        }
    }
}
