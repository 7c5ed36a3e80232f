//! The atomic words that everything hot is made of: core's own. The one place that names them, so that
//! `xtask/model` can put words in their place whose every order of events is tried. Broken by:
//! `cargo xtask checkers --only model`.

pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
