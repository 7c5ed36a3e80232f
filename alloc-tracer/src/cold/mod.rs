//! What runs when somebody asks: configuration, snapshots, names, files. May allocate and lock,
//! always under the guard; reads the hot tables through their read-only views and never holds a
//! lock while it does. The only floor that knows the standard library.
//! Broken by: `tests/`.

pub(crate) extern crate std;

pub(crate) mod baseline;
pub(crate) mod control;
pub(crate) mod estimate;
pub(crate) mod modules;
pub(crate) mod own_cost;
pub mod shrink;
pub(crate) mod sites;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod totals;

#[cfg(feature = "profile")]
pub(crate) mod allocators;
#[cfg(feature = "profile")]
pub(crate) mod config;
#[cfg(feature = "profile")]
pub(crate) mod copies;
#[cfg(feature = "profile")]
pub(crate) mod dump;
#[cfg(feature = "profile")]
pub(crate) mod heap_profile;
#[cfg(feature = "profile")]
pub(crate) mod load;
#[cfg(feature = "profile")]
pub(crate) mod on_signal;
#[cfg(feature = "profile")]
pub(crate) mod own_thread;
#[cfg(feature = "profile")]
pub(crate) mod printable;
#[cfg(feature = "profile")]
pub(crate) mod process_memory;
#[cfg(feature = "profile")]
pub mod profile;
#[cfg(feature = "profile")]
pub(crate) mod report;
#[cfg(feature = "profile")]
pub mod size;
#[cfg(feature = "profile")]
pub(crate) mod symbolise;
