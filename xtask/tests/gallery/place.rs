//! The folder of the page, without a browser: nothing of an earlier run misleads, and a run that is
//! interrupted leaves all as it was.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::made::{SMALL, flamegraph, folder, names};

fn draw(out: &std::path::Path, demo: &str) {
    let output = flamegraph(out, SMALL).args(["--demo", demo]).output().expect("xtask runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn pictures_of_an_earlier_run_do_not_stay_beside_a_page_that_does_not_show_them() {
    let out = folder("gallery-earlier");
    draw(&out, "sub-slice");
    std::fs::write(out.join("notes.txt"), "the user's own").unwrap();
    let is_of = |demo: &str| names(&out).iter().filter(|name| name.starts_with(demo)).count();
    assert!(is_of("sub-slice.") >= 9);
    draw(&out, "vec-truncate");
    assert_eq!(is_of("sub-slice."), 0, "{:?}", names(&out));
    assert!(is_of("vec-truncate.") >= 9 && is_of("notes.txt") == 1 && is_of("index.html") == 1);
}

#[test]
fn a_run_that_is_interrupted_leaves_the_page_and_its_files_as_they_were() {
    let out = folder("gallery-interrupted");
    draw(&out, "sub-slice");
    let contents = || names(&out).into_iter().map(|name| (std::fs::read(out.join(&name)).ok(), name));
    let before: Vec<_> = contents().collect();
    // At their usual size, so that there is time to interrupt them.
    let mut run = flamegraph(&out, "1/1");
    let run = run.args(["--demo", "all"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut run = run.spawn().expect("xtask runs");
    // The first demo is begun: its name is said once the folder of unfinished files is there.
    let mut said = String::new();
    let mut stderr = run.stderr.take().expect("it is piped");
    let mut letter = [0];
    while !said.ends_with("map-delete\n") {
        assert_eq!(stderr.read(&mut letter).expect("it speaks"), 1, "it ended too early: {said}");
        said.push(char::from(letter[0]));
    }
    let interrupt = Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(interrupt.expect("there is a kill").success());
    stderr.read_to_string(&mut said).expect("it speaks");
    assert!(!run.wait().expect("it ends").success());
    assert!(said.contains("interrupted; nothing was left behind"), "{said}");
    assert!(before == contents().collect::<Vec<_>>(), "{:?}", names(&out));
}
