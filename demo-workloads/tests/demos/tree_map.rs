//! `tree-map`: the same store removes its sessions from a `HashMap`, which holds its table to the end, and from a
//! `BTreeMap`, which releases a tenth of its nodes with every tenth of its sessions.

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_growth, table_bytes};

const SESSIONS: u64 = 50_000;
const OPEN: &str = "SessionStore::open";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];
type Pair = (u64, [u8; 64]);
/// What the bytes of the rows are rounded to, in percent.
const ROUNDING: f64 = 0.1;

/// The percentages of the rows, of which there is one before the removals and one for each tenth of them.
fn shares(run: &ProfiledRun) -> Vec<f64> {
    let rows = run.text.lines().filter(|line| line.contains(" %  "));
    let shares: Vec<f64> = rows.map(|row| row.split_whitespace().nth(4).unwrap().parse().unwrap()).collect();
    assert_eq!(shares.len(), 11, "{}", run.text);
    shares
}

#[test]
fn a_hash_map_holds_its_table_through_every_tenth_of_the_removals() {
    let run = ProfiledRun::exact("tree-map", "leaky", SESSIONS);
    let table = table_bytes::<Pair>(SESSIONS);
    assert_eq!(run.under(OPEN, "inuse_space"), table);
    assert_eq!(run.under(OPEN, "inuse_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    assert_eq!(shares(&run), [100.0; 11]);
    assert!(run.text.ends_with("no session is left: 4.6 MiB held by the program\n"), "{}", run.text);
    assert_eq!(run.under(OPEN, "alloc_space"), bytes_of_growth::<Pair>(1 << 16));
}

#[test]
fn a_tree_releases_a_tenth_of_its_nodes_with_every_tenth_of_its_sessions() {
    let run = ProfiledRun::exact("tree-map", "fixed", SESSIONS);
    for (tenths, share) in shares(&run).iter().enumerate() {
        let left = 100.0 - 10.0 * tenths as f64;
        assert!((share - left).abs() <= 2.0 * ROUNDING, "{}", run.text);
    }
    assert_only_the_root_is_left(&run);
    // Nodes are made once and never copied into larger ones: what was allocated is what was held.
    let nodes = run.under(OPEN, "alloc_space");
    assert!(run.text.contains(&format!("   0 % {:>10}  100.0 %", alloc_tracer::size::Bytes(nodes))));
}

#[test]
fn a_tree_releases_as_well_when_sessions_go_in_no_order() {
    let run = ProfiledRun::exact("tree-map", "scattered", SESSIONS);
    let shares = shares(&run);
    assert!(shares.windows(2).all(|pair| pair[1] <= pair[0] - 3.0), "{}", run.text);
    // Nodes are half full after ids in ascending order, so removals all over the tree soon merge many of them:
    // the first tenth releases more than a tenth.
    assert!(shares[1] < 89.0, "{}", run.text);
    assert_only_the_root_is_left(&run);
}

/// A `LeafNode` has a parent, two numbers of 16 bits, and eleven keys and values. Source: alloc,
/// `collections/btree/node.rs`, `LeafNode`.
fn assert_only_the_root_is_left(run: &ProfiledRun) {
    let leaf = (8 + 11 * size_of::<Pair>() + 2 * 2_usize).next_multiple_of(8);
    assert_eq!(run.under(OPEN, "inuse_space"), leaf as i64);
    assert_eq!(run.under(OPEN, "inuse_objects"), 1);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
    assert!(run.text.ends_with("no session is left: 808 B held by the program\n"), "{}", run.text);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("32k", "tree-map", "leaky", SESSIONS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    // A block 146 times as large as the interval is as good as certain to be sampled, and its
    // weight is then its size.
    let table = table_bytes::<Pair>(SESSIONS);
    run.assert_estimates(OPEN, table, 1);
}
