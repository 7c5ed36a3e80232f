//! Whether the model can fail: the tables with one order or one step made weaker, each of which a scenario
//! must find. What is changed is a copy.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::outcome::Outcome;
use super::{Effort, model};
use crate::cargo::target_folder;
use crate::repository;

/// A change to a file of `hot/`, and a part of the names of the scenarios that must find it.
struct Weakening {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    found_by: &'static str,
}

const fn weakening(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    found_by: &'static str,
) -> Weakening {
    Weakening { file, from, to, found_by }
}

const WEAKENINGS: [Weakening; 14] = [
    weakening(
        "arena.rs",
        "index.wrapping_add(1), SeqCst, Relaxed",
        "index.wrapping_add(1), Relaxed, Relaxed",
        "arena",
    ),
    weakening(
        "live_table.rs",
        "slot.key.compare_exchange(found, BUSY, Acquire, Relaxed).is_ok()",
        "{ slot.key.store(BUSY, Relaxed); true }",
        "one free slot",
    ),
    weakening(
        "live_table.rs",
        "slot.value.store(value, Release);",
        "slot.value.store(value, Relaxed);",
        "a listing",
    ),
    weakening("live_table.rs", "slot.key.store(key, Release);", "slot.key.store(key, Relaxed);", "a listing"),
    weakening("live_table.rs", "slot.key.load(Relaxed) == key {", "true {", "a listing"),
    weakening(
        "call_tree.rs",
        "list.compare_exchange_weak(first, fresh, Release, Acquire)",
        "list.compare_exchange_weak(first, fresh, Relaxed, Relaxed)",
        "agree on its site",
    ),
    weakening(
        "call_tree.rs",
        "if let Some(found) = self.find(now, first, address) {",
        "if let Some(found) = None {",
        "agree on its site",
    ),
    weakening(
        "call_tree.rs",
        "slot.compare_exchange(0, fresh, Release, Acquire)",
        "{ slot.store(fresh, Release); Ok::<u32, u32>(0) }",
        "new site",
    ),
    weakening(
        "site_values.rs",
        "sum.fetch_add(bytes, Release);",
        "sum.fetch_add(bytes, Relaxed);",
        "shared words",
    ),
    weakening("thread.rs", "(head >> 32).wrapping_add(1) << 32", "head >> 32 << 32", "comes back"),
    weakening(
        "thread.rs",
        "match FREE.compare_exchange_weak(head, next, AcqRel, Relaxed) {",
        "match FREE.compare_exchange_weak(head, next, Relaxed, Relaxed) {",
        "is lent",
    ),
    weakening(
        "thread.rs",
        "self.allocated_limit.store(limit, SeqCst);",
        "self.allocated_limit.store(limit, Relaxed);",
        "limits: no thread misses that everything",
    ),
    weakening(
        "mode.rs",
        "ModeWord(CURRENT.load(SeqCst))",
        "ModeWord(CURRENT.load(Acquire))",
        "limits: no thread misses that everything",
    ),
    weakening("arena.rs", "self.len.load(SeqCst)", "self.len.load(Acquire)", "that begins"),
];

pub(super) fn run(effort: Effort) -> Result<Outcome> {
    if effort == Effort::Quick {
        return Ok(Outcome::Skipped("not with --quick".to_owned()));
    }
    let folder = target_folder().join("checkers/weakened");
    for Weakening { file, from, to, found_by } in &WEAKENINGS {
        copy(&folder)?;
        let path = folder.join("alloc-tracer/src/hot").join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(text.contains(from), "{file} has no `{from}` any more: change the table of weakenings");
        fs::write(&path, text.replacen(from, to, 1))?;
        if let Outcome::Ok(figure) = model::explore(&folder, "2", found_by)? {
            return Ok(Outcome::Failed(format!(
                "`{to}` in {file} instead of `{from}` is not found: {figure}"
            )));
        }
    }
    Ok(Outcome::Ok(format!("{} of {} are found", WEAKENINGS.len(), WEAKENINGS.len())))
}

/// Copies what the model is built from.
fn copy(folder: &Path) -> Result<()> {
    const PARTS: [&str; 3] = ["alloc-tracer/src/hot/", "alloc-tracer/src/sys/", "xtask/model/"];
    for file in repository::files()?.iter().filter(|file| PARTS.iter().any(|part| file.starts_with(part))) {
        let to = folder.join(file);
        fs::create_dir_all(to.parent().context("it is in a folder")?)?;
        fs::copy(repository::root().join(file), &to).with_context(|| format!("cannot copy {file}"))?;
    }
    Ok(())
}
