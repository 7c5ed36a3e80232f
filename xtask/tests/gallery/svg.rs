//! A picture in a window of its own: zoom and search change what is shown, and can be undone.

use crate::made::gallery;
use crate::tab::Tab;

/// Little is left of this one, in several towers.
const PICTURE: &str = "map-delete.fixed.inuse_space.svg";
/// A frame that is not as wide as the picture.
const NARROW: &str = "[...document.querySelectorAll('#frames > g')].find(frame => \
    { const width = parseFloat(frame.querySelector('rect').getAttribute('width')); return width > 2 && width < 98 })";
/// Control.
const CTRL: u32 = 2;

fn widths(tab: &mut Tab) -> Vec<String> {
    tab.texts(
        "[...document.querySelectorAll('#frames > g')].map(frame => frame.classList.contains('hide') ? '' \
        : frame.querySelector('rect').getAttribute('width'))",
    )
}

/// The titles of the frames that are highlighted, and of all.
fn found(tab: &mut Tab) -> (Vec<String>, Vec<String>) {
    let titles = |filter: &str| {
        format!(
            "[...document.querySelectorAll('#frames > g')].filter(frame => {filter}) \
             .map(frame => frame.querySelector('title').textContent)"
        )
    };
    let is_found = "frame.querySelector('rect').getAttribute('fill') === searchcolor";
    (tab.texts(&titles(is_found)), tab.texts(&titles("true")))
}

#[test]
fn a_click_on_a_frame_makes_it_as_wide_as_the_picture_and_reset_undoes_it() {
    let Some(mut tab) = Tab::open("zoom in a picture") else { return };
    tab.load(&gallery().join(PICTURE));
    let before = widths(&mut tab);
    let at = tab.evaluate(&format!("[...document.querySelectorAll('#frames > g')].indexOf({NARROW})"));
    let at = at.as_u64().expect("there is a frame that is not as wide as the picture") as usize;
    tab.click(&format!("({NARROW}).querySelector('rect')"));
    let zoomed = widths(&mut tab);
    assert!(
        before[at].parse::<f64>().is_err() && zoomed[at].starts_with("100"),
        "{} {}",
        before[at],
        zoomed[at]
    );
    assert!(zoomed.iter().any(String::is_empty), "its neighbours are still shown");
    tab.click("document.getElementById('unzoom')");
    assert_eq!(widths(&mut tab), before);
    assert_eq!(tab.complaints(), [""; 0]);
}

#[test]
fn a_search_by_regular_expression_marks_what_it_finds_and_nothing_else() {
    let Some(mut tab) = Tab::open("search in a picture") else { return };
    tab.load(&gallery().join("map-delete.leaky.inuse_space.svg"));
    assert_eq!(found(&mut tab).0, [""; 0]);
    let expect_found = |tab: &mut Tab| {
        let (found, all) = found(tab);
        assert!(!found.is_empty() && found.len() < all.len(), "{found:?} of {all:?}");
        let is_right = |title: &String| title.contains("SessionStore::open");
        assert_eq!(found, all.into_iter().filter(is_right).collect::<Vec<_>>());
        let matched = tab.evaluate("document.getElementById('matched').textContent");
        assert!(
            matched.as_str().is_some_and(|text| text.starts_with("Matched: 9") || text.contains("100")),
            "{matched}"
        );
    };
    tab.click_and_answer("document.getElementById('search')", "Store::(open|close) ");
    expect_found(&mut tab);
    tab.click("document.getElementById('search')");
    assert_eq!(found(&mut tab).0, [""; 0], "Reset Search leaves marks");
    tab.press_and_answer(("f", 70, ""), CTRL, "^demo_workloads::.*Store::o");
    expect_found(&mut tab);
    assert_eq!(tab.complaints(), [""; 0]);
}
