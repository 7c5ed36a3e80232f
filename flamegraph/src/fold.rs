//! Stacks added up: one node per distinct path from the root, with the values of one column and of
//! a base to compare with. Names `stack`, `frame_name` and the profile model; knows no format.
//! Broken by: `tests/svg_titles.rs`, `tests/svg_diff.rs`, `tests/folded_stacks.rs`.

use std::collections::HashMap;

use alloc_tracer::Profile;
use alloc_tracer::profile::Sample;

use crate::column::Column;
use crate::filter::Filter;
use crate::frame_name::foldable;
use crate::stack::Stacks;
use crate::start_frames::StartFrames;

/// The stacks of one column, or of two to compare, as a tree. Node 0 is the root and stands for all.
/// A node's children have higher indices than the node.
#[derive(Debug, Clone, Default)]
pub struct FoldedTree {
    nodes: Vec<Node>,
    names: Vec<String>,
    name_ids: HashMap<String, u32>,
    /// From caller and name to the node, while the tree is built.
    children: HashMap<(u32, u32), u32>,
    most_nodes: usize,
}

/// The children of all nodes of a tree.
#[derive(Debug, Clone)]
pub struct Children {
    /// Where each node's children begin in `ids`; one more for the end.
    starts: Vec<u32>,
    ids: Vec<u32>,
}

impl Children {
    /// The children of a node.
    pub fn of(&self, node: u32) -> &[u32] {
        &self.ids[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

/// Most nodes of a tree: about 2 GiB. A file may have as many different paths as it has bytes.
const MOST_NODES: usize = 1 << 24;

/// The name of what stands for stacks that the tree has no room for.
const NO_ROOM: &str = "[stacks beyond the limit of 16,777,216 different frames]";

/// A function called through one path.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The caller; the root is its own.
    pub parent: u32,
    /// Distance from the root.
    pub depth: u32,
    /// Values of the stacks that end here.
    pub own: i64,
    /// The same in the base.
    pub own_base: i64,
    /// Values of the stacks that end here or beneath.
    pub total: i64,
    /// The same in the base.
    pub total_base: i64,
    name: u32,
}

impl FoldedTree {
    /// The stacks of a column that count. Without `full_stacks` the runtime's start frames are left out.
    pub fn of(profile: &Profile, column: &Column, filter: &Filter, full_stacks: bool) -> FoldedTree {
        let mut tree = FoldedTree::empty();
        tree.add(profile, column.index, filter, full_stacks, |node| &mut node.own);
        tree.add_up();
        tree
    }

    /// The stacks of a column in two profiles.
    pub fn between(
        base: (&Profile, &Column),
        new: (&Profile, &Column),
        filter: &Filter,
        full_stacks: bool,
    ) -> FoldedTree {
        let mut tree = FoldedTree::empty();
        tree.add(base.0, base.1.index, filter, full_stacks, |node| &mut node.own_base);
        tree.add(new.0, new.1.index, filter, full_stacks, |node| &mut node.own);
        tree.add_up();
        tree
    }

    /// All nodes, the root first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root, which has the totals.
    pub fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// A node's name, safe as one frame of a folded stack; `all` for the root.
    pub fn name(&self, node: &Node) -> &str {
        &self.names[node.name as usize]
    }

    /// For every node those of its children that are to be kept, ordered by `by`, then by name.
    pub fn children<K: Ord>(&self, keep: impl Fn(u32) -> bool, by: impl Fn(u32) -> K) -> Children {
        let kept = || (1..self.nodes.len() as u32).filter(|id| keep(*id));
        let mut starts = vec![0_u32; self.nodes.len() + 1];
        for id in kept() {
            starts[self.nodes[id as usize].parent as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut ids = vec![0_u32; starts[self.nodes.len()] as usize];
        let mut next = starts.clone();
        for id in kept() {
            let slot = &mut next[self.nodes[id as usize].parent as usize];
            ids[*slot as usize] = id;
            *slot += 1;
        }
        let ranks = self.ranks_of_names();
        for parent in 0..self.nodes.len() {
            ids[starts[parent] as usize..starts[parent + 1] as usize]
                .sort_unstable_by_key(|id| (by(*id), ranks[self.nodes[*id as usize].name as usize]));
        }
        Children { starts, ids }
    }

    /// Every name's place in the alphabet of names.
    fn ranks_of_names(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..self.names.len() as u32).collect();
        sorted.sort_unstable_by_key(|id| &self.names[*id as usize]);
        let mut ranks = vec![0; self.names.len()];
        for (rank, id) in sorted.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }

    /// The sums of the stacks with more and of those with less than in the base; both positive.
    pub fn grown_and_shrunk(&self) -> (i64, i64) {
        let changes = self.nodes.iter().map(Node::own_change);
        changes.fold((0, 0), |(grown, shrunk): (i64, i64), change| match change > 0 {
            true => (grown.saturating_add(change), shrunk),
            false => (grown, shrunk.saturating_sub(change)),
        })
    }

    fn empty() -> FoldedTree {
        let mut tree = FoldedTree { most_nodes: MOST_NODES, ..FoldedTree::default() };
        let name = tree.intern("all".into());
        tree.nodes.push(Node { name, ..Node::default() });
        tree
    }

    fn add(
        &mut self,
        profile: &Profile,
        column: usize,
        filter: &Filter,
        full_stacks: bool,
        own: fn(&mut Node) -> &mut i64,
    ) {
        let stacks = Stacks::of(profile);
        let filter = filter.of(&stacks);
        let mut starts = StartFrames::of(&stacks);
        let names: Vec<u32> = stacks.names().iter().map(|name| self.intern(foldable(name))).collect();
        let mut frames = Vec::new();
        let counts = |sample: &Sample<'_>| sample.values[column] != 0 && filter.counts(sample);
        for sample in profile.samples().filter(counts) {
            stacks.frames(&sample, &mut frames);
            if !full_stacks {
                starts.trim(&mut frames);
            }
            let mut node = 0;
            for id in frames.iter().rev() {
                let Some(child) = self.child_if_room(node, names[id.0 as usize]) else {
                    let name = self.intern(NO_ROOM.into());
                    node = self.child(0, name);
                    break;
                };
                node = child;
            }
            if frames.is_empty() {
                let name = self.intern("[no stack]".into());
                node = self.child(0, name);
            }
            let value = own(&mut self.nodes[node as usize]);
            *value = value.saturating_add(sample.values[column]);
        }
    }

    fn add_up(&mut self) {
        // Needed for building only, and as large as the nodes.
        self.children = HashMap::new();
        for index in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[index];
            node.total = node.total.saturating_add(node.own);
            node.total_base = node.total_base.saturating_add(node.own_base);
            let (parent, total, total_base) = (node.parent as usize, node.total, node.total_base);
            if index > 0 {
                let parent = &mut self.nodes[parent];
                parent.total = parent.total.saturating_add(total);
                parent.total_base = parent.total_base.saturating_add(total_base);
            }
        }
    }

    /// The child of this name; nothing if there is none and no room for it.
    fn child_if_room(&mut self, parent: u32, name: u32) -> Option<u32> {
        match self.nodes.len() < self.most_nodes || self.children.contains_key(&(parent, name)) {
            true => Some(self.child(parent, name)),
            false => None,
        }
    }

    fn child(&mut self, parent: u32, name: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let id = *self.children.entry((parent, name)).or_insert(next);
        if id == next {
            let depth = self.nodes[parent as usize].depth + 1;
            self.nodes.push(Node { parent, depth, name, ..Node::default() });
        }
        id
    }

    fn intern(&mut self, name: String) -> u32 {
        let next = self.names.len() as u32;
        match self.name_ids.get(&name) {
            Some(id) => *id,
            None => {
                self.names.push(name.clone());
                self.name_ids.insert(name, next);
                next
            }
        }
    }
}

impl Node {
    /// Takes the totals of a part out of the totals of a whole.
    pub(crate) fn subtract(&mut self, part: &Node) {
        self.total = self.total.saturating_sub(part.total);
        self.total_base = self.total_base.saturating_sub(part.total_base);
    }

    /// How much more than in the base ends here; negative if less.
    pub fn own_change(&self) -> i64 {
        self.own.saturating_sub(self.own_base)
    }

    /// How much more than in the base ends here or beneath; negative if less.
    pub fn change(&self) -> i64 {
        self.total.saturating_sub(self.total_base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_tracer::profile::Location;

    /// A root, ten frames, and what there is no room for; no value is lost.
    #[test]
    fn stacks_beyond_the_limit_stand_under_one_frame_that_says_so() {
        let mut profile = Profile::new();
        profile.add_sample_type("inuse_space", "bytes");
        let ids: Vec<_> = (1..=20)
            .map(|address| profile.add_location(Location { address, ..Location::default() }))
            .collect();
        for depth in [10, 20, 5, 15] {
            let stack: Vec<_> = ids[..depth].iter().rev().copied().collect();
            profile.add_sample(&stack, &[100], &[]);
        }
        let mut tree = FoldedTree { most_nodes: 11, ..FoldedTree::empty() };
        tree.add(&profile, 0, &Filter::default(), true, |node| &mut node.own);
        tree.add_up();
        assert_eq!((tree.nodes().len(), tree.root().total), (12, 400));
        let rest = tree.nodes().iter().find(|node| tree.name(node) == NO_ROOM).unwrap();
        assert_eq!((rest.depth, rest.own), (1, 200));
    }
}
