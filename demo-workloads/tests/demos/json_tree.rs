//! `json-tree`: a tree of maps takes ten times its text and more, nearly all of it nodes with room for eleven fields;
//! the struct takes what its fields need, to the byte.

use serde_json::Value;

use crate::profiled_run::{ProfiledRun, demo_workloads};

const ORDERS: u64 = 1000;
const COUNT: i64 = ORDERS as i64;
const PARSE_TREE: &str = "parse_tree";
const PARSE_TYPED: &str = "parse_typed";
const PARSE_BORROWED: &str = "parse_borrowed";
/// The text has two lines in each order, each an object of its own.
const LINES: i64 = 2;
const KEYS_BYTES: i64 = ("idcustomerpaidlines".len() as i64) + LINES * ("skuquantity".len() as i64);
const STRINGS_BYTES: i64 = ("customer-000000000000".len() as i64) + LINES * ("sku-000000000000".len() as i64);
/// A vector of elements of at most 1 KiB that grows begins with four.
/// Source: the standard library, `alloc/src/raw_vec/mod.rs`, `min_non_zero_cap`.
const SMALLEST_VEC: i64 = 4;

/// Source: the standard library, `alloc/src/collections/btree/node.rs`, `LeafNode` and `CAPACITY`.
#[expect(dead_code, reason = "only its size is asked for")]
struct LeafNode {
    parent: *const (),
    parent_idx: u16,
    len: u16,
    keys: [String; 11],
    values: [Value; 11],
}

const fn bytes<T>() -> i64 {
    size_of::<T>() as i64
}

/// What a vector of all orders holds at the end, and gave back while it grew.
fn orders_vec<T>() -> (i64, i64) {
    let capacity = (ORDERS.next_power_of_two() as i64).max(SMALLEST_VEC);
    (capacity * bytes::<T>(), (capacity - SMALLEST_VEC) * bytes::<T>())
}

#[test]
fn the_tree_holds_a_node_with_room_for_eleven_fields_for_each_object() {
    let run = ProfiledRun::exact("json-tree", "leaky", ORDERS);
    let nodes = COUNT * (1 + LINES) * bytes::<LeafNode>();
    let strings_and_lines = COUNT * (KEYS_BYTES + STRINGS_BYTES + SMALLEST_VEC * bytes::<Value>());
    let (orders, outgrown) = orders_vec::<Value>();
    let held = nodes + strings_and_lines + orders;
    assert_eq!(run.under(PARSE_TREE, "inuse_space"), held);
    assert_eq!(run.under(PARSE_TREE, "alloc_space"), held + outgrown);
    assert!(nodes * 100 > held * 85, "{nodes} of {held}");
    // The nodes of the lines, twice as many as orders.
    let heaviest = run.heaviest("inuse_space");
    assert_eq!(heaviest.value, COUNT * LINES * bytes::<LeafNode>());
    heaviest.assert_leads(PARSE_TREE, &["BTreeMap"]);
    heaviest.assert_leads(PARSE_TREE, &["new_leaf"]);
    for parse in [PARSE_TYPED, PARSE_BORROWED] {
        assert_eq!(run.under(parse, "inuse_space"), 0, "{parse}");
    }
}

#[test]
fn the_struct_holds_its_strings_and_vectors() {
    let run = ProfiledRun::exact("json-tree", "fixed", ORDERS);
    let line = bytes::<(String, u32)>();
    let (orders, outgrown) = orders_vec::<(String, Vec<()>, bool)>();
    let held = COUNT * (STRINGS_BYTES + SMALLEST_VEC * line) + orders;
    assert_eq!(run.under(PARSE_TYPED, "inuse_space"), held);
    assert_eq!(run.under(PARSE_TYPED, "alloc_space"), held + outgrown);
    assert_eq!(run.under(PARSE_TREE, "inuse_space"), 0);
    // All three are in alloc_space, side by side.
    assert!(run.under(PARSE_TREE, "alloc_space") > 5 * held);
    assert!(run.under(PARSE_BORROWED, "alloc_space") > 0);
    assert!(run.total("inuse_space") - held < 4096, "besides {}", run.total("inuse_space") - held);
}

#[test]
fn borrowed_strings_leave_the_vectors_and_the_text() {
    let run = ProfiledRun::exact("json-tree", "borrowed", ORDERS);
    let line = bytes::<(&str, u32)>();
    let (orders, _) = orders_vec::<(&str, Vec<()>, bool)>();
    assert_eq!(run.under(PARSE_BORROWED, "inuse_space"), COUNT * SMALLEST_VEC * line + orders);
    assert_eq!(run.under(PARSE_TREE, "inuse_space"), 0);
    // The strings, the keys and some punctuation.
    assert!(run.under("export", "inuse_space") > COUNT * (STRINGS_BYTES + KEYS_BYTES));
}

#[test]
fn the_table_compares_the_three_and_all_find_the_same() {
    let output = demo_workloads().args(["json-tree", "--size", &ORDERS.to_string()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let per_text = |way: &str| -> f64 {
        let row = text.lines().find(|line| line.starts_with(way)).unwrap();
        row.split(' ').next_back().unwrap().parse().unwrap()
    };
    let [tree, typed, borrowed] =
        ["serde_json::Value", "Vec<Order<String>>", "Vec<Order<&str>>"].map(per_text);
    assert!(tree > 10.0 && typed < 2.0 && (1.0..2.5).contains(&borrowed), "{text}");
    let found = text.lines().filter(|line| line.starts_with("paid pieces"));
    let found: Vec<_> = found.map(|line| line.rsplit(' ').next().unwrap()).collect();
    // Every second order is paid and asks for three pieces; the house's first order and one line do not count.
    assert_eq!(found, ["1,494", "1,494", "1,494"], "{text}");
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("4k", "json-tree", "leaky", ORDERS);
    run.heaviest("inuse_space").assert_leads(PARSE_TREE, &["new_leaf"]);
    // Nodes are sampled one in seven: four standard errors of some 3,000 are a fifth.
    let nodes = COUNT * (1 + LINES) * bytes::<LeafNode>();
    run.assert_estimates(PARSE_TREE, nodes * 8 / 7, 22);
}
