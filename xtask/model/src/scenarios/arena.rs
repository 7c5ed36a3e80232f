//! Arenas: entries are handed out once, and an index below the length has its entry.

use super::{Act, Scenario, at_once, leaked};
use crate::hot::arena::{Arena, Zeroed};
use crate::sys::atomics::{AtomicU64, Ordering::Relaxed};
use crate::sys::pages::Part;

pub(super) const SCENARIOS: [Scenario; 1] =
    [("arena: entries of two threads are different, and below the length is an entry", push_and_read)];

struct Word(AtomicU64);

// SAFETY: zero is a valid word of an atomic, which is `Sync` and has no drop glue.
unsafe impl Zeroed for Word {}

fn push_and_read() -> Act {
    let arena: &Arena<Word, 1, 4> = leaked(Arena::with_reserved(1, Part::CallTree));
    let push = || arena.push().map(|(index, word)| (index, word.0.fetch_add(1, Relaxed)));
    Box::new(move || {
        let reader = loom::thread::spawn(|| {
            let len = arena.len();
            assert!(len == 1 || arena.get(len - 1).is_some(), "entry {} does not exist", len - 1);
        });
        let (theirs, mine) = at_once(move || [push(), push()], push);
        let mut indices = [theirs[0], theirs[1], mine].map(|pushed| pushed.expect("there is room"));
        indices.sort_unstable();
        assert_eq!(indices, [(1, 0), (2, 0), (3, 0)]);
        reader.join().expect("it does not panic");
    })
}
