//! The crates whose tests are run, as data: which of their tests, and which not, and why. Their versions
//! are in `xtask/suites/Cargo.toml`. A new crate is a line there and an entry here.

use anyhow::{Context, Result};

use crate::UsageError;

/// A crate and the part of its tests that is run.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) features: &'static str,
    /// What of it, in cargo's words.
    pub(super) targets: &'static [&'static str],
    /// Test programs that have an allocator of their own, and what they want it for.
    pub(super) apart: &'static [(&'static str, &'static str)],
    /// Whether tests of it look at clocks, so that one may fail once where the machine is busy.
    pub(super) timed: bool,
    /// Whether `--quick` takes it.
    pub(super) quick: bool,
}

const ALL: Suite =
    Suite { name: "", features: "", targets: &["--lib", "--tests"], apart: &[], timed: false, quick: false };

/// All of them, small ones first.
pub(super) const SUITES: [Suite; 9] = [
    Suite {
        name: "smallvec",
        features: "serde,write,union,const_new,drain_keep_rest,impl_bincode",
        quick: true,
        ..ALL
    },
    Suite {
        name: "bytes",
        features: "serde",
        apart: &[
            ("test_bytes_odd_alloc", "hands out odd addresses"),
            ("test_bytes_vec_alloc", "checks the sizes that are freed"),
        ],
        quick: true,
        ..ALL
    },
    Suite { name: "crossbeam-channel", apart: &[("golang", "counts bytes")], timed: true, ..ALL },
    Suite { name: "serde_json", features: "float_roundtrip,raw_value,unbounded_depth", ..ALL },
    Suite { name: "indexmap", features: "rayon,serde", ..ALL },
    Suite { name: "hashbrown", features: "rayon,serde", ..ALL },
    Suite { name: "rayon", targets: &["--lib"], ..ALL },
    Suite { name: "redb", ..ALL },
    Suite {
        name: "tokio",
        features: "full,test-util",
        targets: &["--lib", "--test", "rt_*", "--test", "sync_*"],
        timed: true,
        ..ALL
    },
];

/// The crates of these names; all of them if there are no names.
pub(super) fn select(names: &[&str]) -> Result<Vec<&'static Suite>> {
    for name in names {
        if !SUITES.iter().any(|suite| suite.name == *name) {
            let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
            let error = format!("there is no crate {name:?} here; there are: {}", known.join(", "));
            return Err(UsageError(error).into());
        }
    }
    Ok(SUITES.iter().filter(|suite| names.is_empty() || names.contains(&suite.name)).collect())
}

/// The version that a manifest pins a crate to.
pub(super) fn version<'a>(manifest: &'a str, name: &str) -> Result<&'a str> {
    let pinned = |line: &'a str| line.strip_prefix(name)?.strip_prefix(" = \"=")?.strip_suffix('"');
    manifest.lines().find_map(pinned).with_context(|| format!("no version of {name} is pinned"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_pinned_and_no_other() {
        let manifest = include_str!("../../suites/Cargo.toml");
        for suite in &SUITES {
            version(manifest, suite.name).unwrap();
        }
        assert_eq!(manifest.matches("\"=").count(), SUITES.len());
    }

    #[test]
    fn an_unknown_crate_is_a_mistake_that_names_the_known_ones() {
        assert_eq!(select(&["bytes"]).unwrap().len(), 1);
        assert_eq!(select(&[]).unwrap().len(), SUITES.len());
        assert!(select(&["byte"]).unwrap_err().to_string().contains("bytes, "));
    }
}
