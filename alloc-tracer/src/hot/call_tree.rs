//! All call stacks, as a tree of return addresses with the thread's first function at the root:
//! stacks that share their outer frames share nodes. A site is a node. Lock-free, append-only.
//!
//! ```text
//!   node: address, parent, first child ─┐            children of a node are a list, newest first;
//!                                       ▼            a node is complete before it is linked in,
//!                            child ─► sibling ─► 0   and its sibling never changes afterwards
//! ```
//!
//! Broken by: the tests below, `tests/exact_counts.rs`.

use super::arena::{Arena, Zeroed};
use super::site_values::{SITE_VALUES, SiteValues};
use crate::sys::atomics::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sys::pages::Part;

/// Index of a node. The first few are fixed; see the constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

/// Which of the two trees a stack belongs to: values under one root are counts, under the other
/// sums of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Exact,
    Sampled,
}

/// Why a block has no stack, or a stack no root-side end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mark {
    /// The block was allocated in a section of code that asked not to be tracked.
    Untracked = 1,
    /// The block was allocated while the same thread was inside the recorder (a signal handler).
    Reentered = 2,
    /// The tree is full, or the system refused memory for it.
    TreeFull = 3,
    /// The stack is deeper than the walker's limit; the frames near the leaf are there.
    TooDeep = 4,
    /// The walk met code without unwind information; the frames near the leaf are there.
    Lost = 5,
}

/// All marks.
pub(crate) const MARKS: [Mark; 5] =
    [Mark::Untracked, Mark::Reentered, Mark::TreeFull, Mark::TooDeep, Mark::Lost];

const MARKS_PER_ROOT: u32 = 8;

impl Root {
    /// The root's own node.
    pub(crate) const fn node(self) -> NodeId {
        match self {
            Root::Exact => NodeId(0),
            Root::Sampled => NodeId(MARKS_PER_ROOT),
        }
    }

    /// The node of a mark below this root.
    pub(crate) const fn mark(self, mark: Mark) -> NodeId {
        NodeId(self.node().0.wrapping_add(mark as u32))
    }
}

/// Nodes that exist from the start: two roots with their marks.
pub(crate) const FIXED_NODES: u32 = 2 * MARKS_PER_ROOT;

/// A return address below its caller.
#[derive(Default)]
pub(crate) struct Node {
    address: AtomicU64,
    parent: AtomicU32,
    sibling: AtomicU32,
    first_child: AtomicU32,
    values: AtomicU32,
}

// SAFETY: zeroed atomics are valid, `Sync`, and have no drop glue.
unsafe impl Zeroed for Node {}

const _: () = assert!(size_of::<Node>() == 24);

/// The tree; 2^26 nodes at most, which is what a live block's record can name.
pub(crate) struct CallTree {
    nodes: Arena<Node, 14, 4096>,
}

/// Bits that a [`NodeId`] may take up.
pub(crate) const NODE_BITS: u32 = 26;
const _: () = assert!(4096_u64 << 14 == 1 << NODE_BITS);

/// The process's call tree.
pub(crate) static CALL_TREE: CallTree = CallTree::new();

impl CallTree {
    pub(crate) const fn new() -> Self {
        CallTree { nodes: Arena::with_reserved(FIXED_NODES, Part::CallTree) }
    }

    /// The child of `parent` with this address, made if it does not exist; `None` if the tree is full.
    pub(crate) fn child(&self, parent: NodeId, address: u64) -> Option<NodeId> {
        let list = &self.nodes.get_or_map(parent.0)?.first_child;
        let mut first = list.load(Acquire);
        if let Some(found) = self.find(first, 0, address) {
            return Some(found);
        }
        let (fresh, node) = self.nodes.push()?;
        node.address.store(address, Relaxed);
        node.parent.store(parent.0, Relaxed);
        loop {
            node.sibling.store(first, Relaxed);
            match list.compare_exchange_weak(first, fresh, Release, Acquire) {
                Ok(_) => return Some(NodeId(fresh)),
                Err(now) => {
                    // Only the nodes that others put in front can be the one that is wanted. If it
                    // is there, `fresh` stays unused: 24 bytes per lost race.
                    if let Some(found) = self.find(now, first, address) {
                        return Some(found);
                    }
                    first = now;
                }
            }
        }
    }

    /// Looks through a list from `from` up to but without `until`.
    fn find(&self, from: u32, until: u32, address: u64) -> Option<NodeId> {
        let mut id = from;
        while id != until {
            let node = self.nodes.get(id)?;
            if node.address.load(Relaxed) == address {
                return Some(NodeId(id));
            }
            id = node.sibling.load(Relaxed);
        }
        None
    }

    /// The values of a site, made if it has none; `None` if memory is refused.
    pub(crate) fn values(&self, site: NodeId) -> Option<&'static SiteValues> {
        let slot = &self.nodes.get_or_map(site.0)?.values;
        let index = slot.load(Acquire);
        if index != 0 {
            return SITE_VALUES.get(index);
        }
        let (fresh, values) = SITE_VALUES.push()?;
        match slot.compare_exchange(0, fresh, Release, Acquire) {
            Ok(_) => Some(values),
            Err(theirs) => SITE_VALUES.get(theirs),
        }
    }

    /// How many nodes there are, the fixed ones included.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len()
    }

    /// Parent and address of a node, and its values if it is a site.
    pub(crate) fn read(&self, id: NodeId) -> Option<(NodeId, u64, Option<&'static SiteValues>)> {
        let node = self.nodes.get(id.0)?;
        let values = match node.values.load(Acquire) {
            0 => None,
            index => SITE_VALUES.get(index),
        };
        Some((NodeId(node.parent.load(Relaxed)), node.address.load(Relaxed), values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    fn intern(tree: &CallTree, start: NodeId, stack: &[u64]) -> Option<NodeId> {
        stack.iter().rev().try_fold(start, |parent, address| tree.child(parent, *address))
    }

    fn stack_of(tree: &CallTree, mut id: NodeId) -> Vec<u64> {
        let mut stack = Vec::new();
        while id.0 >= FIXED_NODES {
            let (parent, address, _) = tree.read(id).unwrap();
            stack.push(address);
            id = parent;
        }
        stack
    }

    #[test]
    fn a_stack_comes_back_as_it_went_in_and_equal_stacks_are_one_site() {
        static TREE: CallTree = CallTree::new();
        let root = Root::Exact.node();
        let a = intern(&TREE, root, &[3, 2, 1]).unwrap();
        let b = intern(&TREE, root, &[4, 2, 1]).unwrap();
        assert_ne!(a, b);
        assert_eq!(intern(&TREE, root, &[3, 2, 1]), Some(a));
        assert_eq!((stack_of(&TREE, a), stack_of(&TREE, b)), (std::vec![3, 2, 1], std::vec![4, 2, 1]));
        assert_ne!(intern(&TREE, Root::Sampled.node(), &[3, 2, 1]), Some(a));
        assert_eq!(TREE.len(), FIXED_NODES + 4 + 3);
    }

    #[test]
    fn threads_that_intern_the_same_stacks_agree_on_the_sites() {
        static TREE: CallTree = CallTree::new();
        let count = if cfg!(miri) { 60 } else { 2000_u64 };
        let intern_all = || -> Vec<Option<NodeId>> {
            (0..count).map(|i| intern(&TREE, Root::Exact.node(), &[i, i % 50, i % 7])).collect()
        };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(intern_all)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all[0].iter().all(Option::is_some));
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
