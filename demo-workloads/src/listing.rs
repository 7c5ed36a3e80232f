//! `--list`, `--explain` and `--code`: the demos for people and for programs. Names the table, no
//! single demo. Columns are only ever added at the end. Broken by: `tests/demos/command_line.rs`.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::demos::{DEMOS, Demo};
use crate::statement::PARTS;

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
    match format {
        ListFormat::Tsv => print_table(out),
        ListFormat::Text => print_text(out),
    }
}

/// What a demo keeps and why, what both pictures show and what fixes it: one paragraph.
pub(crate) fn explain(out: &mut impl Write, demo: &Demo) -> io::Result<()> {
    write!(out, "{}", demo.keeps())?;
    for label in PARTS {
        write!(out, " {label}: {}", demo.part(label))?;
    }
    writeln!(out)
}

fn print_table(out: &mut impl Write) -> io::Result<()> {
    write!(out, "name\tcore\tvariants\tdefault_size\tsize_unit\tkeeps\trow\tgroup\tleaks")?;
    for label in PARTS {
        write!(out, "\t{}", label.to_lowercase())?;
    }
    writeln!(out, "\tfigure")?;
    for demo in DEMOS {
        let core = if demo.is_core { "yes" } else { "no" };
        let (variants, leaks) = (demo.variant_names().join(","), demo.leaks.join(","));
        let (name, size, keeps) = (demo.name, &demo.size, demo.keeps());
        write!(out, "{name}\t{core}\t{variants}\t{}\t{}\t{keeps}", size.default, size.unit)?;
        write!(out, "\t{}\t{}\t{leaks}", demo.row, demo.group())?;
        for label in PARTS {
            write!(out, "\t{}", demo.part(label))?;
        }
        writeln!(out, "\t{}", demo.figure.name())?;
    }
    Ok(())
}

fn print_text(out: &mut impl Write) -> io::Result<()> {
    let mut group = "";
    for demo in DEMOS {
        if demo.group() != group {
            group = demo.group();
            writeln!(out, "{group}\n")?;
        }
        writeln!(out, "{:<4}{} - {}", demo.row, demo.name, demo.keeps())?;
        for label in PARTS {
            writeln!(out, "    {label}: {}", demo.part(label))?;
        }
        let (leaks, fixes) = (demo.leaks.join(", "), demo.fixes.join(", "));
        writeln!(out, "    --variant {leaks}; fixed (= {}): {fixes}", demo.fixes[0])?;
        writeln!(out, "    --size {} ({})\n", demo.size.default, demo.size.unit)?;
    }
    Ok(())
}
