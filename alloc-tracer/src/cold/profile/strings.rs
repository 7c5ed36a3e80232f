//! Texts stored once each, in one buffer, so that a hostile file cannot multiply a long text by
//! naming it often. Names only std. Broken by: the tests below.

use crate::cold::std::collections::HashMap;
use crate::cold::std::hash::{BuildHasher, RandomState};
use crate::cold::std::prelude::rust_2024::*;

/// Index of a text in its profile; 0 is the empty text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StringId(pub u32);

/// Distinct texts in one buffer.
#[derive(Debug, Clone)]
pub struct Strings {
    buffer: String,
    ends: Vec<u32>,
    hasher: RandomState,
    /// From the hash of a text to the first id with that hash; the rest chain through `next`.
    first: HashMap<u64, StringId>,
    next: HashMap<StringId, StringId>,
}

impl Default for Strings {
    fn default() -> Self {
        let mut strings = Strings {
            buffer: String::new(),
            ends: Vec::new(),
            hasher: RandomState::new(),
            first: HashMap::new(),
            next: HashMap::new(),
        };
        strings.intern("");
        strings
    }
}

impl Strings {
    /// The id of a text; the text is copied when it is new.
    pub fn intern(&mut self, text: &str) -> StringId {
        let hash = self.hasher.hash_one(text);
        let mut last = None;
        let mut candidate = self.first.get(&hash).copied();
        while let Some(id) = candidate {
            if self.get(id) == text {
                return id;
            }
            last = Some(id);
            candidate = self.next.get(&id).copied();
        }
        let id = StringId(self.ends.len() as u32);
        self.buffer.push_str(text);
        self.ends
            .push(u32::try_from(self.buffer.len()).expect("the readers bound a profile's texts to 4 GiB"));
        match last {
            Some(last) => self.next.insert(last, id),
            None => self.first.insert(hash, id),
        };
        id
    }

    /// The text behind an id.
    pub fn get(&self, id: StringId) -> &str {
        let end = self.ends[id.0 as usize] as usize;
        let start = match (id.0 as usize).checked_sub(1) {
            Some(before) => self.ends[before] as usize,
            None => 0,
        };
        &self.buffer[start..end]
    }

    /// How many distinct texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: the empty text is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// All texts in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|id| self.get(StringId(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_an_id_and_the_empty_text_is_zero() {
        let mut strings = Strings::default();
        let a = strings.intern("alpha");
        let b = strings.intern("beta");
        assert_eq!(strings.intern("alpha"), a);
        assert_ne!(a, b);
        assert_eq!(strings.intern(""), StringId(0));
        assert_eq!((strings.get(a), strings.get(b), strings.len()), ("alpha", "beta", 3));
    }
}
