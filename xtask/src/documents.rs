//! `cargo xtask documents`: runs the commands that the documents show, so that none of them can rot.
//! Every fenced block marked `sh` is run as one script; blocks of other marks are not.
//! Knows documents and a shell, no package. Broken by: its own tests.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{cargo, ci, repository};

const EXAMPLES: &str = "\
Examples:
  cargo xtask documents     runs the commands of README.md and docs/";

pub(crate) fn command() -> clap::Command {
    clap::Command::new("documents").about("Runs every command that the documents show").after_help(EXAMPLES)
}

pub(crate) fn run() -> Result<ExitCode> {
    let documents = repository::files()?.into_iter().filter(|file| is_document(file));
    let mut count = 0;
    for document in documents {
        let text = fs::read_to_string(repository::root().join(&document))?;
        for block in blocks(&text) {
            let script: Vec<&str> = block.lines.iter().copied().filter(|line| !ci::is_step(line)).collect();
            if script.is_empty() {
                continue;
            }
            let started = Instant::now();
            let status = shell(&script.join("\n")).status().context("cannot run sh")?;
            let place = format!("{document}:{}", block.first_line);
            ensure!(status.success(), "{place}: a command fails ({status})\n{}", script.join("\n"));
            println!("{place}: {} commands ok, {:.1} s", script.len(), started.elapsed().as_secs_f64());
            count += script.len();
        }
    }
    ensure!(count > 0, "no document shows a command");
    Ok(ExitCode::SUCCESS)
}

fn is_document(file: &str) -> bool {
    file == "README.md" || file.starts_with("docs/") && file.ends_with(".md")
}

/// A shell in the repository's root, in which the built binaries are commands.
fn shell(script: &str) -> Command {
    let mut path = cargo::target_folder().join("release").into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", script]).current_dir(repository::root()).env("PATH", path);
    command
}

struct Block<'a> {
    first_line: usize,
    lines: Vec<&'a str>,
}

/// The fenced blocks marked `sh`, without comments and empty lines.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.trim()) {
            (None, "```sh") => open = Some(Block { first_line: index + 2, lines: Vec::new() }),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), command) if !command.is_empty() && !command.starts_with('#') => {
                block.lines.push(command);
            }
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shell_blocks_are_commands() {
        let text = "a\n```sh\n# why\ncargo xtask tidy\n\nls\n```\n```text\nrm -rf everything\n```\n```rust\nfn x() {}\n```\n";
        let found = blocks(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first_line, found[0].lines.clone()), (3, vec!["cargo xtask tidy", "ls"]));
    }
}
