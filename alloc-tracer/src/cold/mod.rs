//! What runs when somebody asks: configuration, snapshots, names, files. May allocate and lock,
//! always under the guard; reads the hot tables through their read-only views and never holds a
//! lock while it does. The only floor that knows the standard library.

pub(crate) extern crate std;

#[cfg(feature = "profile")]
pub mod profile;
