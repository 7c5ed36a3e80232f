//! One run of the demo binary with the tracer switched on, and what its profile says: sums of a
//! column over the stacks that a frame is on, and the heaviest stack. Names the profile model and
//! no demo.

use std::collections::HashMap;
use std::fs::File;
use std::process::Command;

use alloc_tracer::Profile;

/// What one run printed and what it held at exit.
pub(crate) struct ProfiledRun {
    /// But for the sum of RSS, with which every demo ends.
    pub(crate) text: String,
    memory: String,
    profile: Profile,
}

/// The stack with the largest value, its frames from the innermost to the outermost.
#[derive(Debug)]
pub(crate) struct Heaviest {
    pub(crate) frames: Vec<String>,
    pub(crate) value: i64,
}

/// The demo binary, without a setting of the tracer from the outside.
pub(crate) fn demo_workloads() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-workloads"));
    command.env_remove("ALLOC_TRACER");
    command
}

/// What `--list` says of every demo, by the names of its columns.
pub(crate) fn listed_demos() -> Vec<HashMap<String, String>> {
    let output = demo_workloads().args(["--list", "--format", "tsv"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let mut rows = table.lines().map(|row| row.split('\t').map(str::to_owned));
    let columns: Vec<String> = rows.next().unwrap().collect();
    rows.map(|row| columns.iter().cloned().zip(row).collect()).collect()
}

impl ProfiledRun {
    /// Runs with every allocation recorded.
    pub(crate) fn exact(demo: &str, variant: &str, size: u64) -> Self {
        Self::with_mode("mode=exact", demo, variant, size)
    }

    /// Runs with every allocation recorded and no names, which in a debug build take most of a run's time: for
    /// totals and the text.
    pub(crate) fn exact_unnamed(demo: &str, variant: &str, size: u64) -> Self {
        Self::with_mode("mode=exact,symbols=no", demo, variant, size)
    }

    /// Runs with samples of the given mean distance.
    pub(crate) fn sampled(interval: &str, demo: &str, variant: &str, size: u64) -> Self {
        Self::with_mode(&format!("mode=sampled,interval={interval}"), demo, variant, size)
    }

    fn with_mode(mode: &str, demo: &str, variant: &str, size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heap.pb.gz");
        let output = demo_workloads()
            .args([demo, "--variant", variant, "--size", &size.to_string()])
            .env("ALLOC_TRACER", format!("{mode},out={}", file.display()))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{demo} {variant} {size}: {errors}");
        let profile = Profile::read_pprof(File::open(&file).unwrap()).unwrap();
        let all = String::from_utf8(output.stdout).unwrap();
        let (text, memory) = all.split_at(all.rfind("this run: RSS ").unwrap_or(all.len()));
        ProfiledRun { text: text.to_owned(), memory: memory.to_owned(), profile }
    }

    /// The sum of a column over all stacks.
    pub(crate) fn total(&self, column: &str) -> i64 {
        self.profile.total(self.profile.column(column).unwrap())
    }

    /// The sum of a column over the stacks that have a frame of this method or function on them.
    pub(crate) fn under(&self, function: &str, column: &str) -> i64 {
        let matching = |frames: &Vec<String>| frames.iter().any(|frame| is_function(frame, function));
        self.stacks(column).iter().filter(|(frames, _)| matching(frames)).map(|(_, value)| value).sum()
    }

    /// The sum of a column over the stacks that have these words in the name of a frame, of whichever crate.
    pub(crate) fn under_any(&self, words: &str, column: &str) -> i64 {
        let matching = |frames: &Vec<String>| frames.iter().any(|frame| frame.contains(words));
        self.stacks(column).iter().filter(|(frames, _)| matching(frames)).map(|(_, value)| value).sum()
    }

    /// Asserts that the bytes in use under this function, which were sampled, are these within so many percent.
    pub(crate) fn assert_estimates(&self, function: &str, bytes: i64, percent: i64) {
        let found = self.under(function, "inuse_space");
        assert!((found - bytes).abs() * 100 < bytes * percent, "{function}: {found} found, {bytes} held");
    }

    /// The last figure that the run printed with these words behind it, in MiB.
    pub(crate) fn mib(&self, words: &str) -> f64 {
        let all = format!("{}{}", self.text, self.memory);
        let end = all.rfind(&format!(" {words}")).unwrap_or_else(|| panic!("no {words}: {all}"));
        let start = all[..end].rmatch_indices(' ').nth(1).map_or(0, |(at, _)| at + 1);
        printed_bytes(&all[start..end]) / 1048576.0
    }

    /// The term of the sum of RSS with this name, in MiB. A term that is nothing is left out there.
    pub(crate) fn term_mib(&self, name: &str) -> f64 {
        if self.memory.contains(&format!(" {name}")) { self.mib(name) } else { 0.0 }
    }

    /// The last figure that the run printed behind these words, in MiB.
    pub(crate) fn mib_after(&self, words: &str) -> f64 {
        let all = format!("{}{}", self.text, self.memory);
        let (_, rest) = all.rsplit_once(&format!("{words} ")).unwrap_or_else(|| panic!("no {words}: {all}"));
        let mut amount = rest.split_whitespace();
        let (number, unit) = (amount.next().unwrap(), amount.next().unwrap().trim_end_matches(','));
        printed_bytes(&format!("{number} {unit}")) / 1048576.0
    }

    /// The stack with the largest sum.
    pub(crate) fn heaviest(&self, column: &str) -> Heaviest {
        let (frames, value) = self.stacks(column).into_iter().max_by_key(|(_, value)| *value).unwrap();
        Heaviest { frames, value }
    }

    /// The sums over stacks that read the same: a loop that the compiler unrolled has several call
    /// sites and is still one stack to a reader.
    fn stacks(&self, column: &str) -> HashMap<Vec<String>, i64> {
        let column = self.profile.column(column).unwrap();
        let mut sums = HashMap::new();
        for sample in self.profile.samples() {
            let lines = sample.stack.iter().flat_map(|id| &self.profile.location(*id).lines);
            let names = lines.map(|line| self.profile.text(self.profile.function(line.function).name));
            *sums.entry(names.map(str::to_owned).collect()).or_default() += sample.values[column];
        }
        sums
    }
}

impl Heaviest {
    /// Asserts that the stack holds at least 95 % of `total` and has both functions on it, the
    /// container's growth inside (called by) the demo's own function.
    pub(crate) fn assert_dominates(&self, total: i64, demo_function: &str, growth: &[&str]) {
        assert!(self.value * 100 >= total * 95, "holds {} of {total}: {:#?}", self.value, self.frames);
        self.assert_leads(demo_function, growth);
    }

    /// Asserts that the stack leads from the demo's own function to one of these.
    pub(crate) fn assert_leads(&self, demo_function: &str, growth: &[&str]) {
        let outer = self.frames.iter().position(|frame| is_function(frame, demo_function));
        let inner = self.frames.iter().position(|frame| growth.iter().any(|part| frame.contains(part)));
        let (Some(outer), Some(inner)) = (outer, inner) else {
            panic!("no frame of {demo_function} or none of {growth:?}: {:#?}", self.frames);
        };
        assert!(inner < outer, "{growth:?} is not called by {demo_function}: {:#?}", self.frames);
    }
}

/// An amount as the demos print it, such as `1.5 MiB`.
pub(crate) fn printed_bytes(amount: &str) -> f64 {
    let (number, unit) = amount.split_once(' ').unwrap_or_else(|| panic!("not an amount: {amount}"));
    let unit_bytes = match unit {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        unit => panic!("not a unit: {unit} of {amount}"),
    };
    number.parse::<f64>().unwrap() * unit_bytes
}

/// Whether a demangled name is `Type::method` or `function`, in the notation of either mangling
/// (`path::Type::method`, `<path::Type>::method`).
fn is_function(frame: &str, function: &str) -> bool {
    let plain: String = frame.chars().filter(|letter| !"<>".contains(*letter)).collect();
    plain.starts_with("demo_workloads::") && plain.ends_with(&format!("::{function}"))
}
