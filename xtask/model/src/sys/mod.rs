//! The floor that the hot code stands on, for a model: atomic words, pages and thread-local words are the
//! model's own, the rest is the tracer's.

#[allow(dead_code, reason = "each kind has what any of them needs")]
pub(crate) mod atomics;
pub(crate) mod owner_words;
pub(crate) mod pages;
pub(crate) mod thread_exit;
pub(crate) mod thread_local;
pub(crate) mod words;

#[path = "../../../../alloc-tracer/src/sys/clock.rs"]
pub(crate) mod clock;
#[path = "../../../../alloc-tracer/src/sys/lasting_modules.rs"]
pub(crate) mod lasting_modules;
#[path = "../../../../alloc-tracer/src/sys/modules.rs"]
pub(crate) mod modules;
#[path = "../../../../alloc-tracer/src/sys/part.rs"]
mod part;
#[path = "../../../../alloc-tracer/src/sys/process.rs"]
pub(crate) mod process;
#[path = "../../../../alloc-tracer/src/sys/stack.rs"]
pub(crate) mod stack;
