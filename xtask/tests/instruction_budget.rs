//! The one gate on cost: how many instructions each mode adds to allocating and freeing 64 bytes, counted
//! by callgrind. A count is the same however busy the machine is; no test here looks at a clock. Without
//! valgrind, and on other processors, it says that it is skipped.

mod release_builds;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Instructions that a mode may add to a pair: a quarter above what they were when this was written
/// (43, 76 and 264 with Rust 1.95). Whoever makes the tracer cheaper lowers them.
const BUDGETS: [(&str, f64); 3] = [("off", 54.0), ("sampled", 95.0), ("exact", 330.0)];

/// A count is the difference of a run with so many pairs and one with twice as many.
const PAIRS: u64 = 100_000;

fn main() -> ExitCode {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("instruction_budget: skipped, the budgets are for x86-64 Linux");
        return ExitCode::SUCCESS;
    }
    let Some(valgrind) = on_path("valgrind") else {
        println!("instruction_budget: skipped, valgrind is not installed");
        return ExitCode::SUCCESS;
    };
    let [traced, untraced] = release_builds::examples(["pair", "pair_untraced"]);
    let bare = per_pair(&valgrind, &untraced, "");
    let mut code = ExitCode::SUCCESS;
    for (mode, budget) in BUDGETS {
        let added = per_pair(&valgrind, &traced, mode) - bare;
        println!(
            "instruction_budget: {mode} adds {added:.1} instructions to the {bare:.1} of a pair (budget {budget})"
        );
        if added > budget {
            println!(
                "instruction_budget: too many. See what changed: ALLOC_TRACER=mode={mode} valgrind \
                 --tool=callgrind {} {PAIRS}, then callgrind_annotate",
                traced.display()
            );
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn per_pair(valgrind: &Path, program: &Path, mode: &str) -> f64 {
    let [few, many] = [PAIRS, 2 * PAIRS].map(|pairs| instructions(valgrind, program, mode, pairs));
    (many - few) / PAIRS as f64
}

/// Counts a whole process, with nothing of the user's in its environment.
fn instructions(valgrind: &Path, program: &Path, mode: &str, pairs: u64) -> f64 {
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).arg(pairs.to_string());
    command.env_clear().env("ALLOC_TRACER", format!("mode={mode},seed=1"));
    if mode.is_empty() {
        command.env_remove("ALLOC_TRACER");
    }
    let output = command.output().expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed ({}): {said}", output.status);
    let count = said.lines().find_map(|line| line.split_once("Collected : "));
    let count = count.and_then(|(_, count)| count.trim().parse().ok());
    count.unwrap_or_else(|| panic!("{command:?} counted nothing: {said}"))
}
