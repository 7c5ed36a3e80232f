//! The call tree and the sums of its sites: equal stacks are one site, none is lost, and no number either.

use loom::thread;

use super::{Act, Scenario, at_once, leaked};
use crate::hot::call_tree::{CALL_TREE, CallTree, FIXED_NODES, NodeId, Root};
use crate::hot::site_values::ExactSums;

pub(super) const SCENARIOS: [Scenario; 5] = [
    ("call tree: two threads that meet one stack agree on its site", one_stack),
    ("call tree: of three threads' stacks below one frame none is lost", three_stacks),
    ("call tree: what is below the length can be read while it grows", reading),
    ("site values: two threads at a new site count into the same words", new_site),
    ("site values: weights of two threads are all in the sum", weights),
];

const ROOT: NodeId = Root::Exact.node();

fn child(tree: &CallTree, parent: NodeId, address: u64) -> NodeId {
    tree.child(parent, address).expect("there is room")
}

fn one_stack() -> Act {
    let tree = leaked(CallTree::new());
    child(tree, Root::Sampled.node(), 1);
    Box::new(move || {
        let stack = |leaf| child(tree, child(tree, ROOT, 10), leaf);
        let (theirs, mine) = at_once(move || [stack(20), stack(21)], || [stack(21), stack(20)]);
        assert_eq!(theirs, [mine[1], mine[0]]);
        let (parent, address, _) = tree.read(mine[0]).expect("it exists");
        assert_eq!(
            (address, tree.read(parent).map(|(root, frame, _)| (root, frame))),
            (21, Some((ROOT, 10)))
        );
    })
}

fn three_stacks() -> Act {
    let tree = leaked(CallTree::new());
    Box::new(move || {
        let others = [10, 20].map(|address| thread::spawn(move || child(tree, ROOT, address)));
        let mine = child(tree, ROOT, 30);
        let others = others.map(|thread| thread.join().expect("it does not panic"));
        for (address, id) in [(10, others[0]), (20, others[1]), (30, mine)] {
            assert_eq!(child(tree, ROOT, address), id, "the stack of {address} was recorded twice");
        }
        assert_eq!(tree.len(), FIXED_NODES + 3);
    })
}

fn reading() -> Act {
    let tree = leaked(CallTree::new());
    Box::new(move || {
        let read = || {
            for id in FIXED_NODES..tree.len() {
                let (parent, address, values) = tree.read(NodeId(id)).expect("it is below the length");
                assert!(parent.0 < id && [0, 10, 20].contains(&address) && values.is_none());
            }
        };
        at_once(read, || child(tree, child(tree, ROOT, 10), 20));
    })
}

fn new_site() -> Act {
    let site = child(&CALL_TREE, ROOT, 10);
    Box::new(move || {
        let count = move |bytes| CALL_TREE.values(site).expect("there is room").add_allocation(bytes);
        at_once(move || count(100), || count(20));
        let sums = CALL_TREE.read(site).and_then(|(_, _, values)| values).expect("it has values").allocated();
        assert_eq!(sums, ExactSums { count: 2, bytes: 120 });
    })
}

fn weights() -> Act {
    let site = child(&CALL_TREE, Root::Sampled.node(), 10);
    let values = CALL_TREE.values(site).expect("there is room");
    Box::new(move || {
        at_once(|| values.add_sample(64, 3.0), || values.add_sample(32, 5.0));
        let sums = values.sampled();
        assert_eq!((sums.allocations, sums.allocated_bytes), (8.0, 352.0));
    })
}
