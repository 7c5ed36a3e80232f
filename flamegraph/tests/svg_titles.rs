//! A picture's title, subtitle and widths are those of the profile, whoever wrote it.

mod hand_made;

use alloc_flamegraph::{Column, Root, SvgOptions, write_svg};
use alloc_tracer::Profile;
use alloc_tracer::profile::Module;
use hand_made::{GO, in_use, see};

fn draw(profile: &Profile, sample: Option<&str>, options: &SvgOptions) -> Vec<u8> {
    let mut svg = Vec::new();
    write_svg(profile, &Column::find(profile, sample).unwrap(), options, &mut svg).unwrap();
    svg
}

#[test]
fn the_root_is_as_wide_as_the_sum_of_the_column_in_the_files_of_go() {
    for (name, bytes) in GO {
        let profile = Profile::read_pprof(bytes).unwrap();
        for column in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
            let index = profile.column(column).unwrap();
            let total: i64 = profile.samples().map(|sample| sample.values[index]).sum();
            for root in [Root::Top, Root::Bottom] {
                let seen = see(&draw(&profile, Some(column), &SvgOptions { root, ..SvgOptions::default() }));
                let all = seen.frame("all");
                assert_eq!(all.width, total as u64, "{name} {column}");
                let digits: String = all.title.split_once(',').map_or("", |_| &all.title)
                    [5..all.title.rfind(" objects").or(all.title.rfind(" bytes")).unwrap()]
                    .replace(',', "");
                assert_eq!(digits, total.to_string(), "{name} {column}: {}", all.title);
                let title = &seen.texts["title"];
                let shown = match column.ends_with("space") {
                    true => format!("{:.1} MiB", total as f64 / 1048576.0),
                    false => digits.clone(),
                };
                assert!(title.replace(',', "").ends_with(&shown), "{name} {column}: {title} {shown}");
                assert!(seen.texts["subtitle"].contains("sampled every 4 KiB"), "{:?}", seen.texts);
            }
        }
    }
}

#[test]
fn the_same_profile_gives_the_same_bytes() {
    for (name, bytes) in GO {
        let draw = || draw(&Profile::read_pprof(bytes).unwrap(), None, &SvgOptions::default());
        assert!(draw() == draw(), "{name}");
    }
}

#[test]
fn title_and_subtitle_tell_column_total_mode_date_and_program() {
    let mut profile = in_use(&[(&["main", "grow"], 3 << 20)]);
    profile.set_comments(["alloc-tracer 0.1.0, sampled every 512 KiB", "anything"]);
    profile.time_nanos = 1_700_000_000_000_000_000;
    let path = profile.intern("/srv/bin/server");
    profile.add_module(Module { path, ..Module::default() });
    let seen =
        see(&draw(&profile, None, &SvgOptions { title: Some("demo <1>".into()), ..SvgOptions::default() }));
    assert_eq!(seen.texts["title"], "demo <1> · Memory in use: 3.0 MiB");
    assert_eq!(seen.texts["subtitle"], "sampled every 512 KiB · 2023-11-14 22:13:20 UTC · server");
    assert_eq!(seen.frame("grow").title, "grow (3,145,728 bytes, 100.00%; 3.0 MiB)");
}

#[test]
fn an_estimate_tells_its_standard_error() {
    let columns = [("inuse_space", "bytes"), ("inuse_space_variance", "KiB^2")];
    let profile = hand_made::profile(&columns, &[(&["a"], &[5000, 9]), (&["b"], &[7000, 16])]);
    let seen = see(&draw(&profile, Some("inuse_space"), &SvgOptions::default()));
    assert_eq!(seen.texts["subtitle"], "standard error ± 5.0 KiB");
}

#[test]
fn callers_are_above_callees_and_the_largest_is_first() {
    let profile = in_use(&[(&["main", "small"], 10), (&["main", "large"], 90)]);
    let top = see(&draw(&profile, None, &SvgOptions::default()));
    assert!(top.frame("main").y < top.frame("large").y);
    assert_eq!((top.frame("large").x, top.frame("small").x), (0, 90));
    let bottom = see(&draw(&profile, None, &SvgOptions { root: Root::Bottom, ..SvgOptions::default() }));
    assert!(bottom.frame("main").y > bottom.frame("large").y);
}

#[test]
fn a_function_and_its_closure_as_siblings_are_one_frame_each() {
    let profile =
        in_use(&[(&["run"], 10), (&["run::{{closure}}"], 20), (&["run", "grow"], 30), (&["run b"], 5)]);
    let seen = see(&draw(&profile, None, &SvgOptions::default()));
    assert_eq!(seen.frame("run").width, 40);
    assert_eq!(seen.frame("run::{{closure}}").width, 20);
}

#[test]
fn the_start_of_the_runtime_is_shown_on_demand_only() {
    let start =
        ["_start", "main", "std::rt::lang_start", "std::sys::backtrace::__rust_begin_short_backtrace"];
    let stack: Vec<&str> = start.into_iter().chain(["app::main", "app::grow"]).collect();
    let profile = in_use(&[(&stack, 100)]);
    let short = see(&draw(&profile, None, &SvgOptions::default()));
    assert_eq!(
        short.frames.iter().map(|frame| frame.name()).collect::<Vec<_>>().len(),
        3,
        "{:?}",
        short.frames
    );
    let full = see(&draw(&profile, None, &SvgOptions { full_stacks: true, ..SvgOptions::default() }));
    assert_eq!(full.frames.len(), 7);
    assert_eq!(full.frame("std::rt::lang_start").width, 100);
}

#[test]
fn sums_beyond_what_a_browser_can_count_keep_their_proportions() {
    let huge = i64::MAX / 2;
    let profile = in_use(&[(&["a"], huge), (&["b"], huge), (&["c"], huge)]);
    let seen = see(&draw(&profile, None, &SvgOptions::default()));
    let all = seen.frame("all").width;
    assert!(all <= 1 << 53);
    assert!((seen.frame("b").width * 3).abs_diff(all) < 10);
}

#[test]
fn ten_thousand_small_stacks_and_a_deep_one_are_drawn_in_a_small_file() {
    let names: Vec<String> = (0..10_000).map(|i| format!("f{i}")).collect();
    let stacks: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let mut samples: Vec<(&[&str], i64)> = stacks.iter().map(|stack| (&stack[..], 1)).collect();
    let deep = vec!["recurse"; 2_000];
    samples.push((&deep, 10_000));
    let svg = draw(&in_use(&samples), None, &SvgOptions::default());
    assert!(svg.len() < 1 << 20, "{} bytes", svg.len());
    let seen = see(&svg);
    assert_eq!(seen.frames.iter().filter(|frame| frame.name() == "recurse").count(), 2_000);
    assert_eq!(
        seen.frame("[many small stacks]").title,
        "[many small stacks] (10,000 bytes, 50.00%; 9.8 KiB)"
    );
}
