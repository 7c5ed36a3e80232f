//! `cargo xtask documents`: runs the commands that the documents show, so that none of them can rot.
//! Every fenced block marked `sh` is run as one script; blocks of other marks are not. A block marked `text` with
//! nothing but empty lines between it and the `sh` block before it is what those commands print, standard output
//! and standard error together as a terminal shows them, where `[...]` stands for any text.
//! Knows documents and a shell, no package. Broken by: its own tests.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgMatches};

use crate::{UsageError, cargo, ci, repository, shown_output};

const EXAMPLES: &str = "\
Examples:
  cargo xtask documents                   runs the commands of README.md and docs/, compares what they print
  cargo xtask documents docs/guide.md     those of one document";

pub(crate) fn command() -> clap::Command {
    clap::Command::new("documents")
        .about("Runs every command that the documents show, compares its output")
        .arg(Arg::new("document").value_name("DOCUMENT").num_args(0..).help("Only these [default: all]"))
        .after_help(EXAMPLES)
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    let only: Vec<&String> = arguments.get_many("document").unwrap_or_default().collect();
    let documents: Vec<String> = repository::files()?.into_iter().filter(|file| is_document(file)).collect();
    if let Some(unknown) = only.iter().find(|name| !documents.contains(name)) {
        let known = documents.join(", ");
        return Err(UsageError(format!("no document is called `{unknown}`; documents: {known}")).into());
    }
    let documents = documents.into_iter().filter(|file| only.is_empty() || only.contains(&file));
    let mut count = 0;
    for document in documents {
        let text = fs::read_to_string(repository::root().join(&document))?;
        for block in blocks(&text) {
            let script: Vec<&str> = block.lines.iter().copied().filter(|line| !ci::is_step(line)).collect();
            if script.is_empty() {
                continue;
            }
            let started = Instant::now();
            let place = format!("{document}:{}", block.first_line);
            let compared = block.run(&script.join("\n")).context(place.clone())?;
            let seconds = started.elapsed().as_secs_f64();
            println!("{place}: {} commands ok{compared}, {seconds:.1} s", script.len());
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
    /// The lines of the block below it, if they are what it prints.
    output: Option<Vec<&'a str>>,
}

impl Block<'_> {
    /// Runs the script; tells whether its output was compared.
    fn run(&self, script: &str) -> Result<&'static str> {
        let Some(expected) = &self.output else {
            let status = shell(script).status().context("cannot run sh")?;
            ensure!(status.success(), "a command fails ({status})\n{script}");
            return Ok("");
        };
        // Both into one pipe, so that they come in the order in which they were written.
        let mut command = shell(&format!("exec 2>&1\n{script}"));
        let output = command.stdin(Stdio::null()).output().context("cannot run sh")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "a command fails ({})\n{script}\n{text}", output.status);
        shown_output::compare(expected, &text).with_context(|| script.to_owned())?;
        Ok(", output as shown")
    }
}

/// The fenced blocks marked `sh`, without comments and empty lines, each with the output below it.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = Open::Nothing;
    // Whether nothing stands between here and the end of the last block.
    let mut is_below = false;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.trim()) {
            (Open::Nothing, "```sh") => {
                blocks.push(Block { first_line: index + 2, lines: Vec::new(), output: None });
                open = Open::Commands;
            }
            (Open::Nothing, "```text") if is_below => {
                blocks.last_mut().expect("a block above").output = Some(Vec::new());
                open = Open::Output;
            }
            (Open::Nothing, fence) if fence.starts_with("```") => open = Open::Other,
            (Open::Nothing, words) => is_below &= words.is_empty(),
            (_, "```") => {
                is_below = matches!(open, Open::Commands);
                open = Open::Nothing;
            }
            (Open::Commands, command) if !command.is_empty() && !command.starts_with('#') => {
                blocks.last_mut().expect("it is open").lines.push(command);
            }
            (Open::Output, _) => {
                blocks.last_mut().and_then(|block| block.output.as_mut()).expect("it is open").push(line);
            }
            (Open::Commands | Open::Other, _) => {}
        }
    }
    blocks
}

/// The kind of block that a line is in.
enum Open {
    Nothing,
    Commands,
    Output,
    Other,
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

    #[test]
    fn text_right_below_commands_is_their_output_and_no_other_text_is() {
        let text = "```sh\nls\n```\n\n```text\n# a\n\n  b\n```\n\n```text\nno more\n```\n\
            ```sh\nls\n```\nWords.\n```text\nan example\n```\n```rust\n```\n```text\nnothing\n```\n";
        let outputs: Vec<_> = blocks(text).into_iter().map(|block| block.output).collect();
        assert_eq!(outputs, [Some(vec!["# a", "", "  b"]), None]);
    }

    #[test]
    fn what_is_printed_is_compared_with_what_is_shown() {
        let run = |script: &str, output: Option<&[&'static str]>| {
            let block = Block { first_line: 1, lines: Vec::new(), output: output.map(<[_]>::to_vec) };
            block.run(script).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(run("echo 1; echo 2 >&2; echo 3", Some(&["1", "2", "[...]"])), Ok(", output as shown"));
        let error = run("echo 1", Some(&["2"])).unwrap_err();
        assert!(error.contains("expected:\n    2\nactual:\n    1"), "{error}");
        let error = run("echo seen; false", Some(&["seen"])).unwrap_err();
        assert!(error.contains("a command fails") && error.ends_with("seen\n"), "{error}");
        assert_eq!(run("true", None), Ok(""));
        assert!(run("false", None).is_err());
    }
}
