//! `index.html`: the demos side by side, with the words that say what to look at. This file knows
//! what the page says, `index.html.jinja` how it looks. Names no file but those of a run.

use anyhow::{Context, Result};
use minijinja::{Environment, Value, context};

use super::demo_list::DemoEntry;
use super::demo_run::{DemoRun, Measure};
use super::folded::in_binary_units;

/// A demo and its runs, in the order of the columns.
pub(super) struct Section {
    pub(super) demo: DemoEntry,
    pub(super) runs: Vec<DemoRun>,
    /// The name of the picture of the difference of the first two runs.
    pub(super) difference: Option<String>,
}

impl Section {
    /// What each variant holds, in one line.
    pub(super) fn summary(&self) -> String {
        let held = self.runs.iter().filter_map(|run| {
            let measure = run.measures.first()?;
            Some(format!("{} holds {}", run.variant, in_binary_units(measure.stacks.total_bytes)))
        });
        held.collect::<Vec<_>>().join(", ")
    }
}

/// The whole page.
pub(super) fn render(sections: &[Section], mode: &str) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    // The name's ending turns on the escaping of HTML.
    environment
        .add_template("index.html", include_str!("index.html.jinja"))
        .context("the page's template is damaged")?;
    let demos: Vec<Value> = sections.iter().map(section_value).collect();
    Ok(environment.get_template("index.html")?.render(context! { demos, mode })?)
}

fn section_value(section: &Section) -> Value {
    let columns = section.runs.first().map_or(0, |run| run.measures.len());
    let rows: Vec<Value> = (0..columns).map(|column| row_value(&section.runs, column)).collect();
    let runs: Vec<Value> = section
        .runs
        .iter()
        .map(|run| context! { variant => run.variant, text => run.text.trim_end(), profile => run.file("pb.gz") })
        .collect();
    let heaviest = section.runs.first().and_then(|run| run.measures.first()).map(heaviest_value);
    context! {
        name => section.demo.name,
        keeps => prose(&section.demo.keeps),
        explanation => prose(&section.demo.explanation),
        difference => section.difference,
        runs,
        rows,
        heaviest,
    }
}

/// One column of the profiles, of all runs.
fn row_value(runs: &[DemoRun], column: usize) -> Value {
    let totals = runs.iter().map(|run| run.measures[column].stacks.total_bytes);
    let largest = totals.max().unwrap_or(0).max(1);
    let is_next_to_nothing = |run: &DemoRun| run.measures[column].stacks.total_bytes < largest / 100;
    let cells: Vec<Value> = runs
        .iter()
        .map(|run| {
            let measure = &run.measures[column];
            let bytes = measure.stacks.total_bytes;
            context! {
                variant => run.variant,
                picture => run.file(&format!("{}.svg", measure.sample)),
                table => measure.table.trim_end(),
                bytes => in_binary_units(bytes),
                is_empty => bytes == 0,
                percent => format!("{:.2}", bytes as f64 * 100.0 / largest as f64),
                // Drawn as wide as its neighbour it would look as large.
                is_next_to_nothing => is_next_to_nothing(run),
            }
        })
        .collect();
    // Room goes to the picture that there is.
    let is_uneven = runs.len() == 2 && is_next_to_nothing(&runs[1]);
    context! { sample => runs[0].measures[column].sample, cells, is_uneven }
}

/// Who asked for most of what the first run holds.
fn heaviest_value(measure: &Measure) -> Value {
    let stacks = &measure.stacks;
    context! {
        bytes => in_binary_units(stacks.heaviest_bytes),
        percent => format!("{:.1}", stacks.heaviest_bytes as f64 * 100.0 / stacks.total_bytes.max(1) as f64),
        frames => within_main(&stacks.heaviest_frames),
    }
}

/// Words and `code` in turn, as the demos mark them.
fn prose(text: &str) -> Vec<Value> {
    let parts = text.split('`').enumerate();
    parts.map(|(at, text)| context! { is_code => at % 2 == 1, text }).collect()
}

/// The frames that `main` called: what starts a program says nothing about its memory.
fn within_main(frames: &[String]) -> &[String] {
    let is_main = |frame: &String| frame == "main" || frame.ends_with("::main");
    match frames.iter().rposition(is_main) {
        Some(main) if main + 1 < frames.len() => &frames[main + 1..],
        _ => frames,
    }
}

#[cfg(test)]
mod tests {
    use super::super::folded::Folded;
    use super::*;

    fn section(text: &str, folded: &str) -> Section {
        let run = |variant: &str| DemoRun {
            demo: "m".to_owned(),
            variant: variant.to_owned(),
            text: text.to_owned(),
            measures: ["inuse_space", "alloc_space"]
                .map(|sample| Measure {
                    sample,
                    stacks: Folded::parse(folded).unwrap(),
                    table: "flat".to_owned(),
                })
                .into(),
        };
        Section {
            demo: DemoEntry { name: "m".to_owned(), ..DemoEntry::default() },
            runs: vec![run("leaky"), run("fixed")],
            difference: Some("m.diff.svg".to_owned()),
        }
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let page = render(&[section("<b> & \"c\"", "main;<a as b>::c 7")], "exact").unwrap();
        assert!(page.contains("&lt;b&gt; &amp; &quot;c&quot;"));
        assert!(page.contains("&lt;a as b&gt;::c") && !page.contains("<a as b>"));
    }

    #[test]
    fn every_picture_is_linked_and_described() {
        let page = render(&[section("", "main;a 7")], "exact").unwrap();
        for picture in ["m.leaky.inuse_space.svg", "m.fixed.alloc_space.svg", "m.diff.svg"] {
            assert!(page.contains(&format!("<a href=\"{picture}\">")), "{picture}");
            assert!(page.contains(&format!("<img src=\"{picture}\" alt=\"")), "{picture}");
        }
    }

    #[test]
    fn what_stands_in_backticks_is_code() {
        let mut one = section("", "main;a 7");
        one.demo.explanation = "Call `Vec<u8>` now.".to_owned();
        let page = render(&[one], "exact").unwrap();
        assert!(page.contains("<p>Call <code>Vec&lt;u8&gt;</code> now.</p>"), "{page}");
    }

    #[test]
    fn what_is_next_to_nothing_does_not_look_large() {
        let mut one = section("", "main;a 70000");
        one.runs[1].measures[0].stacks.total_bytes = 604;
        let page = render(std::slice::from_ref(&one), "exact").unwrap();
        assert_eq!(page.matches("604 B, magnified").count(), 1);
        one.runs[1].measures[0].stacks.total_bytes = 0;
        assert!(render(&[one], "sampled").unwrap().contains("Nothing is left that a sample hit."));
    }

    #[test]
    fn a_run_without_any_stack_is_a_page_too() {
        let page = render(&[section("", "")], "sampled").unwrap();
        assert!(page.contains("0 B") && !page.contains("NaN"));
    }

    #[test]
    fn the_start_of_a_program_is_left_out() {
        let frames = ["_start", "x::main", "x::run", "y"].map(str::to_owned);
        assert_eq!(within_main(&frames), ["x::run", "y"]);
        assert_eq!(within_main(&frames[..2]), ["_start", "x::main"]);
    }
}
