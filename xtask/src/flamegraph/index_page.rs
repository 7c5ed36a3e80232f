//! `index.html`: all demos in an overview, then each with its words, figures, pictures and code. This file
//! knows what the page says, the templates in `page/` how it looks. Names no file but those of a run.

use anyhow::{Context, Result};
use minijinja::{Environment, Value, context};

use super::amount::{against, in_binary_units, in_thousands, percent};
use super::code_lines::Role;
use super::demo_run::{DemoRun, Measure};
use super::gallery::Section;
use super::picture::Picture;
use super::prose::{prose, sentence};
use super::size::Size;
use super::totals::{Figure, Totals};

/// A template's name ends as what it makes, which turns on the escaping of HTML.
const TEMPLATES: [(&str, &str); 4] = [
    ("index.html", include_str!("page/index.html.jinja")),
    ("overview.html", include_str!("page/overview.html.jinja")),
    ("demo.html", include_str!("page/demo.html.jinja")),
    ("parts.html", include_str!("page/parts.html.jinja")),
];

/// The whole page.
pub(super) fn render(sections: &[Section], mode: &str, size: Size) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, template) in TEMPLATES {
        environment.add_template(name, template).context("the page's template is damaged")?;
    }
    let groups = sections.chunk_by(|one, next| one.demo.group == next.demo.group);
    let groups: Vec<Value> = groups.map(|sections| group_value(sections, size)).collect();
    let held = |run: fn(&Section) -> Option<&DemoRun>| -> u64 {
        sections.iter().filter_map(run).map(|run| run.totals.held_bytes).sum()
    };
    Ok(environment.get_template("index.html")?.render(context! {
        style => Value::from_safe_string(include_str!("page/page.css").to_owned()),
        demos => sections.len(),
        held_leaky => in_binary_units(held(|section| Some(section.leaky()))),
        held_fixed => in_binary_units(held(Section::fixed)),
        is_exact => mode == "exact",
        is_usual_size => size == Size::Usual,
        mode,
        groups,
    })?)
}

fn group_value(sections: &[Section], size: Size) -> Value {
    let demo = &sections[0].demo;
    let letter = demo.row.chars().take_while(char::is_ascii_alphabetic).collect::<String>();
    context! {
        id => format!("group-{}", letter.to_lowercase()),
        name => demo.group,
        demos => sections.iter().map(|section| section_value(section, size)).collect::<Vec<_>>(),
    }
}

fn section_value(section: &Section, size: Size) -> Value {
    let demo = &section.demo;
    let columns = section.drawn().next().map_or(0, |run| run.measures.len());
    let (drawn, others): (Vec<_>, Vec<_>) =
        section.runs.iter().enumerate().partition(|(at, _)| section.drawn.contains(at));
    let text = |(_, run): &(usize, &DemoRun)| {
        let is_leak = demo.leaks.contains(&run.variant);
        context! { variant => run.variant, is_leak, text => run.text.trim_end() }
    };
    let size = size.of(demo.default_size);
    context! {
        name => demo.name,
        row => demo.row,
        size => if size < 10_000 { size.to_string() } else { in_thousands(size) },
        size_unit => demo.size_unit,
        keeps => prose(&demo.keeps),
        kept => sentence(&demo.kept),
        why => sentence(&demo.why),
        words => context! { inuse_space => sentence(&demo.inuse_space), alloc_space => sentence(&demo.alloc_space) },
        fix => sentence(&demo.fix),
        summary => summary_value(section),
        variants => variant_values(section),
        columns => (0..columns).map(|column| column_value(section, column)).collect::<Vec<_>>(),
        heaviest => section.drawn().next().and_then(|run| Some(heaviest_value(run, run.measures.first()?))),
        difference => section.difference.as_ref().map(|picture| difference_value(section, picture)),
        code => code_values(section),
        texts => drawn.iter().map(text).collect::<Vec<_>>(),
        other_texts => others.iter().map(text).collect::<Vec<_>>(),
    }
}

/// Leaky and fixed beside each other, for the overview.
fn summary_value(section: &Section) -> Vec<Value> {
    let figure = section.demo.figure;
    let runs = std::iter::once(section.leaky()).chain(section.fixed());
    let largest = runs.map(|run| run.totals.bytes(figure)).max().unwrap_or(0);
    let line = |name: &str, totals: Totals| {
        context! {
            name,
            amount => in_binary_units(totals.bytes(figure)),
            of_what => figure.in_words(),
            percent => format!("{:.2}", percent(totals.bytes(figure), largest)),
            allocated => in_binary_units(totals.allocated_bytes),
        }
    };
    let fixed = section.fixed().map(|run| line("fixed", run.totals));
    std::iter::once(line("leaky", section.leaky().totals)).chain(fixed).collect()
}

/// A row of figures for each variant, against the first.
fn variant_values(section: &Section) -> Vec<Value> {
    let first = section.leaky().totals;
    let figure_of_demo = section.demo.figure;
    let largest = section.runs.iter().map(|run| run.totals.bytes(figure_of_demo)).max().unwrap_or(0);
    let row = |run: &DemoRun| {
        let totals = run.totals;
        let bar = format!("{:.2}", percent(totals.bytes(figure_of_demo), largest));
        let bytes = |figure: Option<Figure>, amount: Option<u64>, leaky: Option<u64>| {
            context! {
                shown => amount.map_or("-".to_owned(), in_binary_units),
                against => against(amount.unwrap_or(0), leaky.unwrap_or(0)),
                bar => (figure == Some(figure_of_demo)).then(|| bar.clone()),
            }
        };
        let count =
            |amount, leaky| context! { shown => in_thousands(amount), against => against(amount, leaky) };
        context! {
            variant => run.variant,
            stands_for => if run.variant == "fixed" { section.demo.first_fix() } else { None },
            is_leak => section.demo.leaks.contains(&run.variant),
            is_first => run.variant == section.leaky().variant,
            figures => [
                bytes(Some(Figure::Held), Some(totals.held_bytes), Some(first.held_bytes)),
                count(totals.held_blocks, first.held_blocks),
                bytes(Some(Figure::AtPeak), totals.process.peak_bytes, first.process.peak_bytes),
                bytes(None, Some(totals.allocated_bytes), Some(first.allocated_bytes)),
                count(totals.allocations, first.allocations),
                bytes(Some(Figure::InMemory), totals.process.resident_bytes, first.process.resident_bytes),
            ],
            profile => run.file("pb.gz"),
        }
    };
    section.runs.iter().map(row).collect()
}

/// One column of the profiles, of all runs that are drawn.
fn column_value(section: &Section, column: usize) -> Value {
    let measures: Vec<(&DemoRun, &Measure)> =
        section.drawn().filter_map(|run| Some((run, run.measures.get(column)?))).collect();
    let largest = measures.iter().map(|(_, measure)| measure.stacks.total).max().unwrap_or(0).max(1);
    let is_next_to_nothing = |measure: &Measure| measure.stacks.total < largest / 100;
    let cells: Vec<Value> = measures
        .iter()
        .map(|(run, measure)| {
            let bytes = measure.stacks.total;
            context! {
                variant => run.variant,
                is_leak => section.demo.leaks.contains(&run.variant),
                picture => picture_value(&measure.picture),
                table => measure.table.trim_end(),
                bytes => in_binary_units(bytes),
                is_empty => bytes == 0,
                percent => format!("{:.2}", percent(bytes, largest)),
                // Drawn as wide as its neighbour it would look as large.
                is_next_to_nothing => is_next_to_nothing(measure),
            }
        })
        .collect();
    // Room goes to the picture that there is.
    let is_uneven = matches!(measures[..], [_, (_, second)] if is_next_to_nothing(second));
    context! { sample => measures.first().map(|(_, measure)| measure.sample), cells, is_uneven }
}

/// Who asked for most of what the first run holds.
fn heaviest_value(run: &DemoRun, measure: &Measure) -> Value {
    let stacks = &measure.stacks;
    context! {
        variant => run.variant,
        bytes => in_binary_units(stacks.heaviest),
        percent => format!("{:.1}", percent(stacks.heaviest, stacks.total)),
        frames => stacks.frames_within_main(),
    }
}

fn difference_value(section: &Section, picture: &Picture) -> Value {
    let variants: Vec<&str> = section.drawn().map(|run| run.variant.as_str()).collect();
    let note = match section.demo.figure {
        Figure::Held => None,
        Figure::AtPeak => {
            Some("This demo is about the peak; what is held at the end is not where they differ.")
        }
        Figure::InMemory => {
            Some("This demo is about RSS, of which a picture of blocks shows only what is held.")
        }
    };
    context! { leak => variants[0], fix => variants[1], picture => picture_value(picture), note }
}

fn picture_value(picture: &Picture) -> Value {
    context! { file => picture.file, width => picture.width, height => picture.height }
}

fn code_values(section: &Section) -> Vec<Value> {
    let line = |line: &super::code_lines::CodeLine| {
        let role = match line.role {
            Role::Plain => None,
            Role::Leak => Some("leak"),
            Role::Fix => Some("fix"),
        };
        context! { text => line.text, role }
    };
    section.demo.code.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::any_page::section;
    use super::*;

    fn page(sections: &[Section]) -> String {
        render(sections, "exact", Size::Usual).unwrap()
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let mut one = section("m", 7);
        one.runs[0].text = "<b> & \"c\"".to_owned();
        one.runs[0].measures[0].stacks.heaviest_frames = vec!["<a as b>::c".to_owned()];
        let page = page(&[one]);
        assert!(page.contains("&lt;b&gt; &amp; &quot;c&quot;"));
        assert!(page.contains("&lt;a as b&gt;::c") && !page.contains("<a as b>"));
    }

    #[test]
    fn every_picture_is_linked_and_described_and_keeps_its_place_until_it_is_loaded() {
        let page = page(&[section("m", 7)]);
        for picture in ["m.leaky.inuse_space.svg", "m.fixed.alloc_space.svg", "m.diff.svg"] {
            let image = format!("href=\"{picture}\"><img src=\"{picture}\" width=\"640\" height=\"200\" ");
            assert!(
                page.contains(&format!("{image}loading=\"lazy\" decoding=\"async\" alt=\"Flame")),
                "{picture}"
            );
        }
    }

    #[test]
    fn what_stands_in_backticks_is_code() {
        let mut one = section("m", 7);
        one.demo.fix = "call `Vec<u8>` now.".to_owned();
        let page = page(&[one]);
        assert!(page.contains("<dd>Call <code>Vec&lt;u8&gt;</code> now."), "{page}");
    }

    #[test]
    fn a_line_that_leaks_and_one_that_fixes_differ_from_the_others() {
        let mut one = section("m", 7);
        one.demo.code = super::super::code_lines::parse("plain();\nkeep(); // leak\nrelease(); // fix");
        let page = page(&[one]);
        assert!(page.contains("<span>plain();</span>"), "{page}");
        assert!(page.contains("<mark class=\"leak\">keep(); &#x2f;&#x2f; leak</mark>"));
        assert!(page.contains("<mark class=\"fix\">release(); &#x2f;&#x2f; fix</mark>"));
    }

    #[test]
    fn what_is_next_to_nothing_does_not_look_large() {
        let mut one = section("m", 70_000);
        one.runs[1].measures[0].stacks.total = 604;
        assert_eq!(page(std::slice::from_ref(&one)).matches("604 B, magnified").count(), 1);
        one.runs[1].measures[0].stacks.total = 0;
        let sampled = render(&[one], "sampled", Size::Usual).unwrap();
        assert!(sampled.contains("Nothing is left that a sample hit."));
    }

    #[test]
    fn every_variant_has_its_figures_against_the_leak() {
        let mut one = section("m", 7);
        one.runs[0].totals = Totals { held_bytes: 4 << 20, held_blocks: 2000, ..Totals::default() };
        one.runs[2].totals = Totals { held_bytes: 1 << 20, held_blocks: 3000, ..Totals::default() };
        let page = page(&[one]);
        let rows: Vec<_> = page.split("<th scope=\"row\"><span class=\"variant\">").skip(1).collect();
        assert_eq!(rows.len(), 3, "one for each variant");
        assert!(rows[0].contains("<td>4.0 MiB<") && rows[0].contains("<td>2,000<"), "{}", rows[0]);
        assert!(rows[2].contains(">1.0 MiB <span class=\"against\">25 %<"), "{}", rows[2]);
        assert!(rows[2].contains(">3,000 <span class=\"against\">150 %<"), "{}", rows[2]);
        assert!(rows[2].contains("width:25.00%") && rows[1].contains("= shrink"), "{}", rows[1]);
    }

    #[test]
    fn the_overview_has_a_table_for_each_group_and_a_row_for_each_demo_with_what_leaky_and_fixed_hold() {
        let mut sections = vec![section("m", 7), section("n", 7), section("v", 7)];
        sections[2].demo.row = "T1".to_owned();
        sections[2].demo.group = "T. Vectors".to_owned();
        sections[1].runs[0].totals.held_bytes = 146 << 20;
        sections[1].runs[1].totals.held_bytes = 604;
        let page = page(&sections);
        let overview = &page[page.find("<nav").unwrap()..page.find("</nav>").unwrap()];
        assert_eq!(overview.matches("<table").count(), 2);
        for demo in ["m", "n", "v"] {
            assert!(overview.contains(&format!("<a href=\"#{demo}\">")), "{demo}");
            assert!(page.contains(&format!("<article id=\"{demo}\">")), "{demo}");
        }
        assert!(overview.contains("146.0 MiB") && overview.contains("604 B"));
        assert!(page.contains("<section id=\"group-t\"") && overview.contains("href=\"#group-t\""));
    }

    #[test]
    fn a_demo_that_is_about_another_figure_is_compared_in_it() {
        let mut one = section("m", 7);
        one.demo.figure = Figure::InMemory;
        one.runs[0].totals.process.resident_bytes = Some(200 << 20);
        one.runs[1].totals.process.resident_bytes = Some(50 << 20);
        let page = page(&[one]);
        let overview = &page[page.find("<nav").unwrap()..page.find("</nav>").unwrap()];
        assert!(overview.contains("200.0 MiB</span> <span class=\"soft\">RSS<"), "{overview}");
        assert!(overview.contains("width:25.00%"), "{overview}");
        assert!(page.contains("<td>200.0 MiB") && page.contains("<td>-"), "the peak is not known");
        assert!(page.contains("<p>This demo is about RSS,") && page.contains("m.diff.svg"), "{page}");
    }

    #[test]
    fn a_run_without_any_stack_is_a_page_too() {
        let mut one = section("m", 0);
        one.runs.iter_mut().for_each(|run| run.totals = Totals::default());
        let page = render(&[one], "sampled", Size::Part(64)).unwrap();
        assert!(page.contains("0 B") && !page.contains("NaN") && page.contains("another size"));
    }
}
