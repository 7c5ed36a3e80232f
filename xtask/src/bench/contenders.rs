//! The allocators under test, as data: which program, how it is built and started, and what it is
//! compared to. A new peer is an entry here and a file in `xtask/bench/src/bin/`.

use anyhow::Result;

use crate::UsageError;

/// An allocator in one of its settings.
#[derive(Debug)]
pub(super) struct Contender {
    /// As the command line and the CSV have it.
    pub(super) name: &'static str,
    /// As the tables have it.
    pub(super) title: &'static str,
    pub(super) kind: Kind,
    /// The binary of the package `bench-workloads`, and the feature it needs.
    pub(super) program: &'static str,
    pub(super) feature: Option<&'static str>,
    /// Whether it is built with `-C force-frame-pointers=yes`.
    pub(super) frame_pointers: bool,
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// The contender whose ratio is 1: the same build without recording.
    pub(super) baseline: &'static str,
    /// How many times fewer units it gets, so that a run takes seconds.
    pub(super) slowness: u64,
}

/// Which table a contender is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Is compared to, and in no table.
    Baseline,
    /// Counts, or samples.
    Light,
    /// Knows the stack of every allocation.
    Exact,
}

const PLAIN: Contender = Contender {
    name: "bare",
    title: "",
    kind: Kind::Baseline,
    program: "bare",
    feature: None,
    frame_pointers: false,
    environment: &[],
    baseline: "bare",
    slowness: 1,
};

const TRACED: Contender = Contender { program: "traced", ..PLAIN };
const FRAME_POINTERS: Contender = Contender { frame_pointers: true, baseline: "bare-fp", ..PLAIN };
const JEMALLOC: Contender =
    Contender { program: "jemalloc", feature: Some("jemalloc"), baseline: "jemalloc", ..PLAIN };
const HEAPSCOPE: Contender = Contender { program: "heapscope", feature: Some("heapscope"), ..FRAME_POINTERS };
const PPROF_ALLOC: Contender =
    Contender { program: "pprof_alloc", feature: Some("pprof-alloc"), ..FRAME_POINTERS };

/// All of them, each after what it is compared to.
pub(super) const CONTENDERS: [Contender; 18] = [
    PLAIN,
    Contender {
        name: "off",
        title: "**alloc-tracer, off**",
        kind: Kind::Light,
        environment: &[("ALLOC_TRACER", "mode=off")],
        ..TRACED
    },
    Contender {
        name: "sampled",
        title: "**alloc-tracer, sampled**",
        kind: Kind::Light,
        environment: &[("ALLOC_TRACER", "mode=sampled")],
        ..TRACED
    },
    Contender {
        name: "exact",
        title: "**alloc-tracer, exact, unwind tables only**",
        kind: Kind::Exact,
        environment: &[("ALLOC_TRACER", "mode=exact")],
        ..TRACED
    },
    Contender { name: "bare-fp", ..FRAME_POINTERS },
    Contender {
        name: "sampled-fp",
        title: "**alloc-tracer, sampled**, frame pointers",
        kind: Kind::Light,
        program: "traced",
        environment: &[("ALLOC_TRACER", "mode=sampled")],
        ..FRAME_POINTERS
    },
    Contender {
        name: "exact-fp",
        title: "**alloc-tracer, exact**, frame pointers",
        kind: Kind::Exact,
        program: "traced",
        environment: &[("ALLOC_TRACER", "mode=exact")],
        ..FRAME_POINTERS
    },
    Contender {
        name: "stats-alloc",
        title: "stats_alloc 0.1.10 (counters)",
        kind: Kind::Light,
        program: "stats_alloc",
        feature: Some("stats_alloc"),
        ..PLAIN
    },
    Contender {
        name: "tracking-allocator",
        title: "tracking-allocator 0.4.0 (two counters)",
        kind: Kind::Light,
        program: "tracking_allocator",
        feature: Some("tracking-allocator"),
        ..PLAIN
    },
    Contender { name: "jemalloc", environment: &[("_RJEM_MALLOC_CONF", "prof:false")], ..JEMALLOC },
    Contender {
        name: "jemalloc-sampled",
        title: "jemalloc 5.3.1, sampled, against itself without",
        kind: Kind::Light,
        environment: &[("_RJEM_MALLOC_CONF", "prof:true,prof_active:true,lg_prof_sample:19")],
        ..JEMALLOC
    },
    Contender {
        name: "heapscope-sampled",
        title: "heapscope 0.3.0, sampled, frame pointers",
        kind: Kind::Light,
        environment: &[("BENCH_INTERVAL", "524288")],
        ..HEAPSCOPE
    },
    Contender {
        name: "pprof-alloc-sampled",
        title: "pprof-alloc 0.6.0, sampled, frame pointers",
        kind: Kind::Light,
        environment: &[("PPROF_ALLOC_SAMPLE_RATE", "524288")],
        ..PPROF_ALLOC
    },
    Contender {
        name: "heapscope",
        title: "heapscope 0.3.0, exact, frame pointers",
        kind: Kind::Exact,
        slowness: 10,
        ..HEAPSCOPE
    },
    Contender {
        name: "heaptrack",
        title: "heaptrack, in-process part",
        kind: Kind::Exact,
        program: "heaptrack",
        slowness: 10,
        ..PLAIN
    },
    Contender {
        name: "pprof-alloc",
        title: "pprof-alloc 0.6.0, rate 1, frame pointers",
        kind: Kind::Exact,
        environment: &[("PPROF_ALLOC_SAMPLE_RATE", "1")],
        slowness: 20,
        ..PPROF_ALLOC
    },
    Contender {
        name: "dhat",
        title: "dhat 0.3.3, 10 frames",
        kind: Kind::Exact,
        program: "dhat",
        feature: Some("dhat"),
        slowness: 50,
        ..PLAIN
    },
    Contender {
        name: "jemalloc-exact",
        title: "jemalloc 5.3.1, every allocation, against itself without",
        kind: Kind::Exact,
        environment: &[("_RJEM_MALLOC_CONF", "prof:true,prof_active:true,lg_prof_sample:0")],
        slowness: 100,
        ..JEMALLOC
    },
];

/// Ours, and what they are compared to.
pub(super) const OURS: [&str; 4] = ["bare", "off", "sampled", "exact"];

/// The contenders of these names and what they are compared to; all of them if there are no names.
pub(super) fn select(names: &[&str]) -> Result<Vec<&'static Contender>> {
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        let found = CONTENDERS.iter().find(|contender| contender.name == *name);
        let Some(contender) = found else {
            let known: Vec<&str> = CONTENDERS.iter().map(|contender| contender.name).collect();
            let error = format!("there is no contender {name:?}; there are: {}", known.join(", "));
            return Err(UsageError(error).into());
        };
        wanted.extend([contender.name, contender.baseline]);
    }
    let is_wanted = |contender: &&Contender| names.is_empty() || wanted.contains(&contender.name);
    Ok(CONTENDERS.iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_baselines_come_first() {
        for (at, contender) in CONTENDERS.iter().enumerate() {
            assert!(CONTENDERS[..at].iter().all(|before| before.name != contender.name));
            let earlier = CONTENDERS[..=at].iter().find(|other| other.name == contender.baseline);
            let baseline = earlier.unwrap_or_else(|| panic!("{} is compared to nothing", contender.name));
            assert_eq!((baseline.kind, baseline.baseline), (Kind::Baseline, baseline.name));
        }
    }

    #[test]
    fn a_contender_brings_what_it_is_compared_to() {
        let names = |names: &[&str]| -> Vec<_> { select(names).unwrap().iter().map(|c| c.name).collect() };
        assert_eq!(names(&["exact-fp", "off"]), ["bare", "off", "bare-fp", "exact-fp"]);
        assert_eq!(names(&[]).len(), CONTENDERS.len());
        assert!(select(&["exakt"]).unwrap_err().to_string().contains("exact-fp"));
    }
}
