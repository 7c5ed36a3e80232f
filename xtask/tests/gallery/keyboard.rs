//! The page without a mouse.

use crate::made::gallery;
use crate::tab::{ENTER, TAB, Tab};

/// What has the focus: its text, and whether a reader can see where it is.
const FOCUSED: &str = "(() => { const one = document.activeElement, box = one.getBoundingClientRect(); \
    const isSeen = box.width > 0 && box.bottom > 0 && box.top < innerHeight && getComputedStyle(one).outlineStyle !== 'none'; \
    return [one.getAttribute('href') ?? one.tagName, `${isSeen}`] })()";

/// Presses Tab until an element is reached, at every step of which the focus can be seen.
fn tab_to(tab: &mut Tab, wanted: &str) {
    for _ in 0..500 {
        tab.press(TAB, 0);
        let focused = tab.texts(FOCUSED);
        assert_eq!(focused[1], "true", "the focus on {} cannot be seen", focused[0]);
        if focused[0] == wanted {
            return;
        }
    }
    panic!("no Tab leads to {wanted}");
}

#[test]
fn the_first_tab_shows_a_link_past_the_overview_and_enter_follows_it() {
    let Some(mut tab) = Tab::open("the skip link") else { return };
    tab.load(&gallery().join("index.html"));
    assert_eq!(tab.evaluate("document.querySelector('.skip').getBoundingClientRect().bottom < 0"), true);
    tab.press(TAB, 0);
    assert_eq!(tab.texts(FOCUSED), ["#demos", "true"]);
    tab.press(ENTER, 0);
    assert_eq!(tab.evaluate("location.hash + document.activeElement.id"), "#demosdemos");
    // What is reached next is in the first demo, not in the overview.
    tab.press(TAB, 0);
    assert_eq!(tab.evaluate("document.activeElement.closest('article').id"), "map-delete");
}

#[test]
fn tab_reaches_every_demo_in_the_overview_and_enter_goes_to_it_and_back() {
    let Some(mut tab) = Tab::open("links by keyboard") else { return };
    tab.load(&gallery().join("index.html"));
    let demos = tab
        .texts("[...document.querySelectorAll('#overview tbody a')].map(link => link.getAttribute('href'))");
    assert!(demos.len() >= 3, "{demos:?}");
    for demo in &demos {
        tab_to(&mut tab, demo);
    }
    tab.press(ENTER, 0);
    let last = demos.last().expect("there are some");
    assert_eq!(tab.evaluate("location.hash"), last.as_str());
    let top = format!("document.querySelector('{last}').getBoundingClientRect().top");
    let is_in_sight = tab.evaluate(&format!("{top} >= 0 && {top} < innerHeight"));
    assert_eq!(is_in_sight, true, "{last} is not in sight");
    tab_to(&mut tab, "#overview");
    tab.press(ENTER, 0);
    assert_eq!(tab.evaluate("location.hash"), "#overview");
}

#[test]
fn enter_unfolds_the_table_below_a_picture() {
    let Some(mut tab) = Tab::open("details by keyboard") else { return };
    tab.load(&gallery().join("index.html"));
    tab.press(TAB, 0);
    tab.press(ENTER, 0);
    tab_to(&mut tab, "SUMMARY");
    let is_open = "document.activeElement.parentElement.open";
    assert_eq!(tab.evaluate(is_open), false);
    tab.press(ENTER, 0);
    assert_eq!(tab.evaluate(is_open), true);
}
