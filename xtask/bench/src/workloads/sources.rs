//! syn parses Rust sources, file by file, and keeps the trees until the last file is parsed. A unit is
//! all files. The environment variable `BENCH_SOURCES` names a list of them, one path a line.

use std::env;
use std::fs;
use std::hint::black_box;

use super::Workload;

/// Texts, and their trees where they are to outlive the round.
pub(crate) struct Sources {
    texts: Vec<String>,
    hold: bool,
    held: Vec<syn::File>,
}

impl Sources {
    pub(crate) fn read(hold: bool) -> Result<Self, String> {
        let list = env::var_os("BENCH_SOURCES").ok_or("BENCH_SOURCES names no list of files")?;
        let list = fs::read_to_string(&list).map_err(|error| format!("BENCH_SOURCES: {error}"))?;
        let read = |path| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let texts = list.lines().map(read).collect::<Result<Vec<_>, _>>()?;
        // Code and allocator are warmed up with the first few files.
        black_box(trees(&texts[..texts.len() / 20]));
        Ok(Sources { texts, hold, held: Vec::new() })
    }
}

impl Workload for Sources {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            let trees = black_box(trees(&self.texts));
            if self.hold {
                self.held = trees;
            }
        }
    }
}

/// A file that is no Rust of its own (included into another, or for a newer compiler) gives no tree.
fn trees(texts: &[String]) -> Vec<syn::File> {
    texts.iter().filter_map(|text| syn::parse_file(text).ok()).collect()
}
