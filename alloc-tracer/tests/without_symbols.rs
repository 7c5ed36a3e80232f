//! A file without symbols carries what is needed to add them later: addresses inside modules, each
//! with its range, offset, path and build id.
#![cfg(feature = "profile")]

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn addresses_lie_in_modules_with_build_ids_and_no_frame_has_a_name() {
    let kept = vec![0_u8; 100_000];
    let profile = alloc_tracer::snapshot().profile_without_symbols();
    assert_eq!(profile.functions().len(), 0);
    assert!(profile.locations().len() > 5);
    for location in profile.locations() {
        let module = profile.module(location.module.expect("every frame is in a module"));
        assert!((module.start..module.limit).contains(&location.address));
        assert!(!profile.text(module.path).is_empty());
        assert!(!module.symbolised.functions);
    }
    let program = &profile.modules()[0];
    let path = profile.text(program.path);
    assert_eq!(std::path::Path::new(path), std::env::current_exe().unwrap());
    assert_eq!(Some(profile.text(program.build_id)), build_id_by_readelf(path).as_deref());
    drop(kept);
}

/// The build id as binutils print it; the test program's own reading if they are not installed.
fn build_id_by_readelf(path: &str) -> Option<String> {
    let output = std::process::Command::new("readelf").args(["--notes", "--wide", path]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let id = text.split("Build ID: ").nth(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned());
    Some(id.unwrap_or_default())
}
