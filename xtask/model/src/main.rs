//! Model checking of the tracer's lock-free tables. `hot/` is the tracer's own source, compiled once more
//! over a floor `sys/` of which loom watches the atomic words; no line of it is copied or knows of this.
//! Scenarios are two or three threads and what must hold whatever they do to each other.

mod exploration;
mod scenarios;
mod sys;

#[allow(dead_code, unused_imports, reason = "a scenario uses a part of the hot code")]
#[path = "../../../alloc-tracer/src/hot/mod.rs"]
mod hot;

use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::thread;

const USAGE: &str = "\
usage: hot-model INTERRUPTIONS [PART OF A NAME]
INTERRUPTIONS: how often a thread is interrupted where it could go on, or `all` for no bound
Every scenario whose name has that part runs in a process of its own.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (bound, name, is_child) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [bound] => (bound, "", false),
        [bound, name] => (bound, name, false),
        [bound, name, "here"] => (bound, name, true),
        _ => ("", "", false),
    };
    let interruptions = bound.parse().ok();
    if interruptions.is_none() && bound != "all" {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    if !is_child {
        return run_all(bound, name);
    }
    exploration::quieten_restarts();
    for (_, prepare) in scenarios::all().filter(|(known, _)| *known == name) {
        println!("{}", exploration::explore(interruptions, prepare()));
    }
    ExitCode::SUCCESS
}

/// Runs scenarios on all processors. The last line is what a script reads.
fn run_all(bound: &str, part: &str) -> ExitCode {
    let waiting = Mutex::new(scenarios::all().map(|(name, _)| *name).filter(|name| name.contains(part)));
    let sums = Mutex::new([0_u64; 3]);
    let work = || {
        while let Some(name) = take(&waiting) {
            let output = play(bound, name);
            let executions = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>();
            let [scenarios, all, failed] = &mut *sums.lock().expect("nobody panics with it");
            *scenarios += 1;
            if let (true, Ok(executions)) = (output.status.success(), executions) {
                println!("ok     {name}: {executions} executions");
                *all += executions;
            } else {
                println!("FAILED {name}\n{}", String::from_utf8_lossy(&output.stderr));
                *failed += 1;
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..processors).for_each(|_| drop(scope.spawn(work))));
    let [scenarios, executions, failed] = *sums.lock().expect("nobody panics with it");
    println!("{scenarios} scenarios, {executions} executions, {failed} failed");
    if failed == 0 && scenarios > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn take(waiting: &Mutex<impl Iterator<Item = &'static str>>) -> Option<&'static str> {
    waiting.lock().expect("nobody panics with it").next()
}

fn play(bound: &str, name: &str) -> Output {
    let this = std::env::current_exe().expect("it has a path");
    Command::new(this).args([bound, name, "here"]).output().expect("it runs once more")
}
