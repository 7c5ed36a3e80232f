//! A `HashMap<String, Vec<String>>` is built, half of it is removed, and the rest cleared. A unit is one map.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;

use super::Workload;

const ENTRIES: usize = 20_000;

/// The hash keys are fixed, so that every run meets the same collisions.
type Map = HashMap<String, Vec<String>, BuildHasherDefault<DefaultHasher>>;

pub(crate) struct Maps;

impl Workload for Maps {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            let mut map = Map::default();
            for key in 0..ENTRIES {
                let values = map.entry(format!("user-{key}")).or_default();
                for value in 0..1 + key % 8 {
                    values.push(format!("session {value} of user {key}"));
                }
            }
            for key in (0..ENTRIES).step_by(2) {
                map.remove(&format!("user-{key}"));
            }
            map.clear();
            black_box(&map);
        }
    }
}
