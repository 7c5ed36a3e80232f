//! One scenario under loom: every order of events that its threads allow, up to a bound on how often one
//! thread is interrupted by another.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::sys::atomics::{self, Fences};
use crate::sys::{pages, words};

/// Runs `scenario` in every order of events in which threads are interrupted so often where they could go on,
/// or without a bound. Returns how many executions that were; panics with the first one that fails.
pub(crate) fn explore(interruptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    let scenario = Arc::new(scenario);
    let mut executions = explore_with(Fences::AfterStores, interruptions, &scenario);
    if atomics::used_fences() {
        executions += explore_with(Fences::BeforeAll, interruptions, &scenario);
    }
    words::forget();
    executions
}

fn explore_with(
    fences: Fences,
    interruptions: Option<usize>,
    scenario: &Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    atomics::set_fences(fences);
    loop {
        let executions = Arc::new(AtomicUsize::new(0));
        let (one_more, act) = (Arc::clone(&executions), Arc::clone(scenario));
        let mut builder = loom::model::Builder::new();
        builder.max_branches = 20_000;
        builder.preemption_bound = interruptions;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            builder.check(move || {
                words::begin_execution();
                pages::begin_execution();
                one_more.fetch_add(1, Relaxed);
                act();
            });
        }));
        let again = words::found_new();
        words::end_exploration();
        match ended {
            _ if again => {}
            Ok(()) => return executions.load(Relaxed),
            Err(failure) => resume_unwind(failure),
        }
    }
}

/// Says nothing of a panic whose exploration starts again.
pub(crate) fn quieten_restarts() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |failure| {
        if !words::found_new() {
            say(failure);
        }
    }));
}
