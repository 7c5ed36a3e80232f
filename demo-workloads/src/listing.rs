//! `--list`: the table of demos for people and for programs. Names the table, no single demo.
//! Columns are only ever added at the end. Broken by: `tests/demos/command_line.rs`.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::demos::DEMOS;

/// How the list is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    Text,
    /// A line of column names, then one line a demo; columns are separated by tabs.
    Tsv,
}

/// Prints all demos.
pub(crate) fn print(out: &mut impl Write, format: ListFormat) -> io::Result<()> {
    if format == ListFormat::Tsv {
        writeln!(out, "name\tcore\tvariants\tdefault_size\tsize_unit\tkeeps")?;
    }
    for demo in &DEMOS {
        let (name, keeps, size) = (demo.name, demo.keeps, &demo.size);
        match format {
            ListFormat::Tsv => {
                let core = if demo.is_core { "yes" } else { "no" };
                let variants = demo.variant_names().join(",");
                writeln!(out, "{name}\t{core}\t{variants}\t{}\t{}\t{keeps}", size.default, size.unit)?;
            }
            ListFormat::Text => {
                writeln!(out, "{name:<13} {keeps}")?;
                let (leaks, fixes) = (demo.leaks.join(", "), demo.fixes.join(", "));
                writeln!(out, "{:<13} --variant {leaks}; fixed (= {}): {fixes}", "", demo.fixes[0])?;
                writeln!(out, "{:<13} --size {} ({})", "", size.default, size.unit)?;
            }
        }
    }
    Ok(())
}
