//! Every function of a demo's own that its statement names is a frame of an optimised build's pictures: the compiler
//! makes one function of two that do the same, and a call that comes last leaves no frame of its caller. The tests of the
//! demos, which are built without optimisation, cannot see that.

mod release_builds;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Demos do at this size what they do at their usual one.
const OF_THE_USUAL_SIZE: u64 = 64;

#[test]
fn a_reader_finds_in_the_optimised_pictures_every_function_that_a_demo_speaks_of() {
    let release = Release { folder: release_builds::programs(["demo-workloads", "alloc-flamegraph"]) };
    let demos = release.demos();
    assert!(demos.len() > 20, "{}", demos.len());
    let mut looked_for = 0;
    for demo in &demos {
        let own = own_functions(demo);
        looked_for += own.len();
        let frames = release.frames(demo);
        for name in own {
            let end = format!("::{name}");
            let is_there =
                frames.iter().any(|frame| frame.ends_with(&end) || frame.contains(&format!("{end}::")));
            assert!(is_there, "{}: no picture has a frame of `{name}`", demo["name"]);
        }
    }
    assert!(looked_for > demos.len(), "{looked_for}");
}

type Demo = HashMap<String, String>;

/// What stands in backticks in what the pictures show, and is a function of the demo's own file.
fn own_functions(demo: &Demo) -> Vec<String> {
    let file = format!("../demo-workloads/src/demos/{}.rs", demo["name"].replace('-', "_"));
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a demo has a file");
    let words = format!("{} {}", demo["inuse_space"], demo["alloc_space"]);
    let code = words.split('`').skip(1).step_by(2).map(str::to_owned);
    let is_own = |name: &String| {
        let last = name.rsplit("::").next().unwrap_or_default();
        let is_name = !last.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
        is_name && [format!("fn {last}("), format!("fn {last}<")].iter().any(|start| source.contains(start))
    };
    code.filter(is_own).collect()
}

/// The optimised programs.
struct Release {
    folder: PathBuf,
}

impl Release {
    fn output(&self, program: &str, arguments: &[&str], setting: &str) -> String {
        let mut command = Command::new(self.folder.join(program));
        let output = command.args(arguments).env("ALLOC_TRACER", setting).output().expect("it is built");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("it prints text")
    }

    fn demos(&self) -> Vec<Demo> {
        let table = self.output("demo-workloads", &["--list", "--format", "tsv"], "mode=off");
        let mut rows = table.lines().map(|row| row.split('\t').map(str::to_owned));
        let columns: Vec<String> = rows.next().expect("it has columns").collect();
        rows.map(|row| columns.iter().cloned().zip(row).collect()).collect()
    }

    /// The frames of both pictures of all variants, without type parameters.
    fn frames(&self, demo: &Demo) -> HashSet<String> {
        let usual: u64 = demo["default_size"].parse().expect("it is a number");
        let size = (usual / OF_THE_USUAL_SIZE).max(1).to_string();
        let folder = tempfile::tempdir().expect("there is room");
        let mut frames = HashSet::new();
        for variant in demo["variants"].split(',').filter(|variant| *variant != "fixed") {
            let profile = folder.path().join(format!("{variant}.pb.gz"));
            let profile = profile.to_str().expect("it is text");
            let arguments = [demo["name"].as_str(), "--variant", variant, "--size", &size];
            self.output("demo-workloads", &arguments, &format!("mode=exact,out={profile}"));
            for sample in ["inuse_space", "alloc_space"] {
                let folded = self.output("alloc-flamegraph", &["folded", profile, "--sample", sample], "");
                let stacks = folded.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0));
                frames.extend(
                    stacks.flat_map(|stack| stack.split(';')).map(|frame| frame.replace(['<', '>'], "")),
                );
            }
        }
        frames
    }
}
