//! `cargo xtask tidy`: the architecture is mostly absences, and each absence is a rule here that a
//! reader can look up by name. Rules are data: where they apply, what they look for, why, and what to
//! do instead. A new rule is an entry in the table of its noun.

mod crate_count;
mod files;
mod floors;
mod source;
mod words;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

use crate::repository;
use source::Source;

const EXAMPLES: &str = "\
Examples:
  cargo xtask tidy      every rule on every file that git knows; exit code 1 if one is broken";

/// A rule about single files.
struct Rule {
    name: &'static str,
    applies_to: fn(path: &str) -> bool,
    find: fn(&Source) -> Vec<Place>,
    why: &'static str,
    instead: &'static str,
}

/// Where a rule is broken, and by what.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    what: String,
}

struct Violation<'a> {
    rule: &'a Rule,
    path: &'a str,
    place: Place,
}

impl fmt::Display for Violation<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Rule { name, why, instead, .. }, Place { line, what }) = (self.rule, &self.place);
        write!(out, "{}:{line}: {what}; {why}; {instead} [{name}]", self.path)
    }
}

pub(crate) fn command() -> clap::Command {
    clap::Command::new("tidy")
        .about("Check the rules of the house: who may name whom, and what a file must not hold")
        .after_help(EXAMPLES)
}

pub(crate) fn run() -> Result<ExitCode> {
    let paths = repository::files()?;
    let mut violations = 0;
    for path in &paths {
        let source = Source::read(path)?;
        for violation in check(&source) {
            println!("{violation}");
            violations += 1;
        }
    }
    let crates = crate_count::count()?;
    println!("alloc-tracer brings {crates} crates (limit {})", crate_count::LIMIT);
    if crates >= crate_count::LIMIT {
        println!("{}", crate_count::COMPLAINT);
        violations += 1;
    }
    println!("{} files, {} rules, {violations} violations", paths.len(), rules().count() + 1);
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    floors::RULES.iter().chain(&files::RULES).chain(&words::RULES)
}

fn check(source: &Source) -> Vec<Violation<'_>> {
    let applicable = rules().filter(|rule| (rule.applies_to)(&source.path));
    applicable
        .flat_map(|rule| {
            let places = (rule.find)(source).into_iter();
            places.map(move |place| Violation { rule, path: &source.path, place })
        })
        .collect()
}

/// The names of the rules that a file breaks, in order.
#[cfg(test)]
fn broken(path: &str, text: &str) -> Vec<&'static str> {
    check(&Source::new(path, text)).into_iter().map(|violation| violation.rule.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_says_where_what_why_and_what_to_do() {
        let source = Source::new("alloc-tracer/src/hot/x.rs", "//! X.\nuse std::vec;\n");
        let lines: Vec<_> = check(&source).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("alloc-tracer/src/hot/x.rs:2: names `std`; "), "{}", lines[0]);
        assert!(lines[0].ends_with(" [hot-is-bare]"), "{}", lines[0]);
    }

    #[test]
    fn rules_have_different_names() {
        let mut names: Vec<_> = rules().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rules().count());
    }
}
