//! All demos of a page: each is run in all its variants and drawn in some. Two demos at a time, because a
//! run is a process of mostly one thread and the machine has more to do it with.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use super::amount::in_binary_units;
use super::demo_list::DemoEntry;
use super::demo_run::{DemoRun, Workshop, draw_difference};
use super::picture::Picture;
use super::totals::Figure;
use crate::progress::Progress;

/// More would hold the memory of more demos at once.
const AT_A_TIME: usize = 2;

/// A demo and what its runs left.
pub(super) struct Section {
    pub(super) demo: DemoEntry,
    /// Every variant, in the order of the demo's list.
    pub(super) runs: Vec<DemoRun>,
    /// Which of them are drawn, in the order in which they are shown.
    pub(super) drawn: Vec<usize>,
    /// The difference of the first two that are drawn.
    pub(super) difference: Option<Picture>,
}

impl Section {
    /// The run of the code as it is often written.
    pub(super) fn leaky(&self) -> &DemoRun {
        &self.runs[0]
    }

    /// The run of the first fix, by either of its names.
    pub(super) fn fixed(&self) -> Option<&DemoRun> {
        let names = ["fixed", self.demo.first_fix().unwrap_or_default()];
        self.runs.iter().find(|run| names.contains(&run.variant.as_str()))
    }

    /// The runs that are shown.
    pub(super) fn drawn(&self) -> impl Iterator<Item = &DemoRun> {
        self.drawn.iter().map(|at| &self.runs[*at])
    }

    /// What each variant holds, or what else the demo is about, in one line.
    pub(super) fn summary(&self) -> String {
        let figure = self.demo.figure;
        let one = |run: &DemoRun| {
            let bytes = in_binary_units(run.totals.bytes(figure));
            match figure {
                Figure::Held => format!("{} holds {bytes}", run.variant),
                _ => format!("{} {bytes} {}", run.variant, figure.in_words()),
            }
        };
        self.drawn().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Runs every demo and draws the variants that are to be seen, as far as a demo has them.
pub(super) fn record(
    workshop: &Workshop<'_>,
    demos: &[DemoEntry],
    drawn: &[&str],
    progress: Progress,
) -> Result<Vec<Section>> {
    progress.expect_steps(demos.iter().map(|demo| demo.different_variants(drawn).len() + 1).sum());
    let progress = Mutex::new(progress);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, demo)) = take(demos, &next) {
            match section(workshop, demo, drawn, &progress) {
                Ok(section) => done.push((at, section)),
                Err(error) => {
                    // Nobody needs the rest.
                    next.store(demos.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let done: Vec<Result<Vec<_>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut sections: Vec<_> = done.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    sections.sort_by_key(|(at, _)| *at);
    Ok(sections.into_iter().map(|(_, section)| section).collect())
}

fn take<'a>(demos: &'a [DemoEntry], next: &AtomicUsize) -> Option<(usize, &'a DemoEntry)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    demos.get(at).map(|demo| (at, demo))
}

fn section(
    workshop: &Workshop<'_>,
    demo: &DemoEntry,
    drawn: &[&str],
    progress: &Mutex<Progress>,
) -> Result<Section> {
    let say =
        |what: &str| progress.lock().map(|mut progress| progress.detail(&format!("{} {what}", demo.name)));
    let _ = progress.lock().map(|mut progress| progress.step(&demo.name));
    let title = format!("{} {}", demo.row, demo.name);
    let mut demo = demo.clone();
    demo.read_code(workshop.program)?;
    let mut runs = Vec::new();
    for variant in demo.different_variants(drawn) {
        let _ = say(variant);
        let mut run = DemoRun::record(workshop, &demo, variant)?;
        if drawn.contains(&variant) {
            run.draw(workshop, &title)?;
        }
        runs.push(run);
    }
    let place = |variant: &&str| runs.iter().position(|run| run.variant == **variant);
    let drawn: Vec<usize> = drawn.iter().filter_map(place).collect();
    let difference = match drawn[..] {
        [leak, fix, ..] => Some(draw_difference(workshop, &title, [&runs[leak], &runs[fix]])?),
        _ => None,
    };
    Ok(Section { demo, runs, drawn, difference })
}
