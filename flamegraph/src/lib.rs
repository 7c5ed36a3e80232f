//! Pictures and tables from heap profiles in pprof's format, whoever wrote them.
//!
//! A [`Profile`](alloc_tracer::Profile) and a [`Column`] go in; an SVG, a table or folded stacks
//! come out. Every exporter is a leaf in a file of its own and none names another's format. Shared
//! by all: [`Stacks`] (which frames are visible) and [`FoldedTree`] (stacks added up).
//!
//! ```
//! use alloc_flamegraph::{Column, SvgOptions, write_svg};
//! use alloc_tracer::Profile;
//!
//! fn draw(profile: &mut Profile) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     profile.hide_allocator_frames();
//!     let column = Column::find(profile, Some("inuse_space"))?;
//!     let mut svg = Vec::new();
//!     write_svg(profile, &column, &SvgOptions::default(), &mut svg)?;
//!     Ok(svg)
//! }
//! # let mut profile = Profile::new();
//! # profile.declare_heap_columns(false);
//! # assert!(draw(&mut profile).unwrap().ends_with(b"</svg>\n"));
//! ```

pub mod column;
pub mod diff;
mod empty_svg;
pub mod filter;
pub mod fold;
pub mod folded;
pub mod frame_name;
pub mod origin;
mod picture;
pub mod stack;
mod start_frames;
pub mod svg;
pub mod svg_diff;
pub mod symbolize;
pub mod top;

pub use column::{Column, UnknownColumn};
pub use diff::{DiffOptions, write_diff};
pub use filter::Filter;
pub use fold::FoldedTree;
pub use folded::{FoldedOptions, write_folded};
pub use stack::Stacks;
pub use svg::{Root, SvgOptions, write_svg};
pub use svg_diff::write_svg_diff;
pub use symbolize::{SymbolizeError, Symbolized, symbolize};
pub use top::{TopOptions, write_top};
