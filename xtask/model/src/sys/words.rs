//! Which words of memory loom watches in the execution that runs now. The hot code makes its words in
//! statics and in zeroed pages; loom's must be made in each execution before its threads start. So an
//! atomic is a plain word in memory that holds its value at the start of every execution, and is not
//! written while one runs; the word that loom watches is found by its address, which is the same in every
//! execution. One that is written for the first time is noted, and the exploration starts again; one that no
//! execution writes keeps its value, and needs no watching.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use loom::sync::atomic::{AtomicBool, Ordering};

type Make = fn(usize) -> Rc<dyn Any>;
type Key = (usize, TypeId);

/// A word as loom has it in one execution.
#[derive(Clone)]
struct Watched {
    word: Rc<dyn Any>,
    /// Every access to the word begins with a change of this one, so that loom tries both orders of any two
    /// of them. By itself it compares an access with the last one only: in `load; load, compare_exchange`,
    /// where the first load is another thread's, it misses that the exchange might come first.
    turn: Rc<AtomicBool>,
}

impl Watched {
    fn new(word: Rc<dyn Any>) -> Self {
        Watched { word, turn: Rc::new(AtomicBool::new(false)) }
    }
}

#[derive(Default)]
struct Words {
    /// Every word that an execution wrote, in the order in which they were found.
    known: Vec<(Key, Make)>,
    /// Those of this execution.
    made: HashMap<Key, Watched>,
}

/// loom ends an execution that goes on for ever; but it does not hear of loads of words that nobody writes.
const MAX_UNWATCHED_LOADS: u32 = 1 << 20;

thread_local! {
    // loom runs all threads of an execution on one thread of the system.
    static WORDS: RefCell<Words> = RefCell::default();
    static RUNS: Cell<bool> = const { Cell::new(false) };
    static UNWATCHED_LOADS: Cell<u32> = const { Cell::new(0) };
    static FOUND_NEW: Cell<bool> = const { Cell::new(false) };
}

/// Whether an execution runs on this thread. Before and after, words are what they are in memory.
pub(crate) fn is_running() -> bool {
    RUNS.get()
}

/// Whether this exploration must start again, because it met a word that is new.
pub(crate) fn found_new() -> bool {
    FOUND_NEW.get()
}

/// Makes the words that are known. To be called first in every execution.
pub(crate) fn begin_execution() {
    assert!(!found_new(), "a new word was found: the exploration starts again");
    RUNS.set(true);
    UNWATCHED_LOADS.set(0);
    WORDS.with_borrow_mut(|words| {
        words.made.clear();
        let made = words.known.iter().map(|(key, make)| (*key, Watched::new(make(key.0))));
        words.made = made.collect();
    });
}

/// Ends an exploration, or a try of one. Words stay known until [`forget`].
pub(crate) fn end_exploration() {
    RUNS.set(false);
    FOUND_NEW.set(false);
    WORDS.with_borrow_mut(|words| words.made.clear());
}

/// Forgets all words: the next exploration uses others.
pub(crate) fn forget() {
    WORDS.with_borrow_mut(|words| *words = Words::default());
}

/// The word that loom watches for the one at this address; none if no execution writes it.
pub(crate) fn watched<Word: 'static>(address: usize) -> Option<Rc<Word>> {
    let key = (address, TypeId::of::<Word>());
    let Some(Watched { word, turn }) = WORDS.with_borrow(|words| words.made.get(&key).cloned()) else {
        let loads = UNWATCHED_LOADS.get() + 1;
        UNWATCHED_LOADS.set(loads);
        assert!(loads < MAX_UNWATCHED_LOADS, "a loop does not end");
        return None;
    };
    turn.swap(true, Ordering::Relaxed);
    word.downcast().ok()
}

/// The word that loom watches from now on for the one at this address, which is about to be written.
pub(crate) fn written<Word: 'static>(address: usize, make: Make) -> Rc<Word> {
    watched(address).unwrap_or_else(|| {
        FOUND_NEW.set(true);
        let word = make(address);
        let key = (address, TypeId::of::<Word>());
        WORDS.with_borrow_mut(|words| {
            words.known.push((key, make));
            words.made.insert(key, Watched::new(Rc::clone(&word)));
        });
        word.downcast().expect("it was made for this type")
    })
}
