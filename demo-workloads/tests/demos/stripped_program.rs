//! A stripped program still leaves a profile that can be given its names, from the binary that was not
//! stripped.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use alloc_tracer::Profile;

#[test]
fn a_stripped_programs_profile_gets_its_names_from_the_whole_binary() {
    let whole = env!("CARGO_BIN_EXE_demo-workloads");
    let folder = tempfile::tempdir().unwrap();
    let (stripped, file) = (folder.path().join("stripped"), folder.path().join("heap.pb.gz"));
    match Command::new("strip").arg(whole).arg("-o").arg(&stripped).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            // Past `eprintln!`, which the harness hides of tests that pass.
            let line = format!("stripped_program: skipped, no strip here: {error}\n");
            return std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
    let run = Command::new(&stripped)
        .args(["map-delete", "--size", "20000"])
        .env("ALLOC_TRACER", format!("mode=exact,out={}", file.display()))
        .output()
        .unwrap();
    assert!(run.status.success());
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(said.contains("next: alloc-flamegraph symbolize"), "{said}");

    let mut profile = Profile::read_pprof(File::open(file).unwrap()).unwrap();
    let names = |profile: &Profile| -> Vec<String> {
        profile.functions().iter().map(|function| profile.text(function.name).to_owned()).collect()
    };
    assert!(!names(&profile).iter().any(|name| name.contains("SessionStore::open")));
    alloc_flamegraph::symbolize(&mut profile, &[PathBuf::from(whole)]).unwrap();
    assert!(names(&profile).iter().any(|name| name.contains("SessionStore::open")));
}
