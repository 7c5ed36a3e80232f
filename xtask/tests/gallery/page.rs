//! What is on the page: it loads from the file system without a complaint, leads nowhere else, fits its window
//! and can be read.

use crate::made::{gallery, names};
use crate::tab::{Tab, VIEWS};

/// Brings everything into view that a reader can unfold.
const UNFOLD: &str = "document.querySelectorAll('details').forEach(one => one.open = true)";

#[test]
fn the_page_and_its_pictures_load_from_the_file_system_without_an_error_or_an_outside_request() {
    let Some(mut tab) = Tab::open("the page loads") else { return };
    for view in VIEWS {
        tab.look(view);
        tab.load(&gallery().join("index.html"));
        tab.evaluate(UNFOLD);
        let pictures = tab.texts(
            "Promise.all([...document.images].map(async image => { image.loading = 'eager'; \
             await image.decode(); return `${image.naturalWidth > 0}` }))",
        );
        assert!(pictures.len() >= 12 && pictures.iter().all(|loaded| loaded == "true"), "{pictures:?}");
        assert_eq!(tab.complaints(), [""; 0], "{view:?}");
    }
}

#[test]
fn every_picture_is_a_document_that_opens_without_an_error() {
    let Some(mut tab) = Tab::open("pictures open") else { return };
    let pictures: Vec<String> = names(gallery()).into_iter().filter(|name| name.ends_with(".svg")).collect();
    assert!(pictures.len() >= 15, "{pictures:?}");
    for picture in pictures {
        tab.load(&gallery().join(&picture));
        let root = "document.documentElement.tagName + document.querySelectorAll('parsererror').length";
        assert_eq!(tab.evaluate(root), "svg0", "{picture}");
        assert_eq!(tab.complaints(), [""; 0], "{picture}");
    }
}

#[test]
fn every_link_leads_to_a_file_or_a_place_on_the_page_and_every_file_has_a_link() {
    let Some(mut tab) = Tab::open("links lead somewhere") else { return };
    tab.load(&gallery().join("index.html"));
    let dangling = tab.texts(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.getAttribute('href')) \
         .filter(place => !document.getElementById(place.slice(1)))",
    );
    assert_eq!(dangling, [""; 0]);
    let twice = tab.texts(
        "[...document.querySelectorAll('[id]')].map(one => one.id).filter((id, at, all) => all.indexOf(id) !== at)",
    );
    assert_eq!(twice, [""; 0]);
    let mut linked = tab.texts(
        "[...new Set([...document.querySelectorAll('a[href]:not([href^=\"#\"])')].map(link => link.getAttribute('href')))]",
    );
    linked.sort();
    let mut files = names(gallery());
    files.retain(|name| name.ends_with(".svg") || name.ends_with(".pb.gz"));
    assert_eq!(linked, files);
}

#[test]
fn nothing_makes_a_narrow_window_scroll_sideways() {
    let Some(mut tab) = Tab::open("narrow windows") else { return };
    for view in VIEWS {
        tab.look(view);
        tab.load(&gallery().join("index.html"));
        tab.evaluate(UNFOLD);
        let [all, seen] = ["scrollWidth", "clientWidth"]
            .map(|width| tab.evaluate(&format!("document.documentElement.{width}")).as_u64());
        assert!(all == seen && all <= Some(view.width.into()), "{view:?}: {all:?} in {seen:?}");
    }
}

#[test]
fn every_word_stands_out_from_its_ground_and_every_region_that_scrolls_can_be_reached() {
    let Some(mut tab) = Tab::open("words can be read") else { return };
    for view in VIEWS {
        tab.look(view);
        tab.load(&gallery().join("index.html"));
        tab.evaluate(UNFOLD);
        let faint = tab.texts(include_str!("faint_words.js"));
        assert_eq!(faint, [""; 0], "{view:?}");
        let unreachable = tab.texts(
            "[...document.querySelectorAll('body *')].filter(one => one.scrollWidth > one.clientWidth + 1 \
             && getComputedStyle(one).overflowX === 'auto' && one.tabIndex < 0).map(one => one.outerHTML.slice(0, 200))",
        );
        assert_eq!(unreachable, [""; 0], "{view:?}");
        let moving = tab.texts(
            "[...document.querySelectorAll('*')].filter(one => { const style = getComputedStyle(one); \
             return style.animationName !== 'none' || style.transitionDuration !== '0s' || style.scrollBehavior !== 'auto' }) \
             .map(one => one.tagName)",
        );
        assert_eq!(moving, [""; 0], "what moves must ask for prefers-reduced-motion");
    }
}

#[test]
fn headings_figures_and_pictures_mean_something_to_a_reader_who_does_not_see_them() {
    let Some(mut tab) = Tab::open("the page's meaning") else { return };
    tab.load(&gallery().join("index.html"));
    let skipping = tab.texts(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter((one, at, all) => \
         +one.tagName[1] > (at ? +all[at - 1].tagName[1] + 1 : 1)).map(one => one.textContent)",
    );
    assert_eq!(skipping, [""; 0], "headings that leave out a level");
    let silent = tab.texts(
        "[...document.querySelectorAll('img:not([alt*=\" \"]), th:not([scope]), table:not([aria-labelledby]):not(:has(caption)), \
         [role=region]:not([aria-label])')].map(one => one.outerHTML.slice(0, 200))",
    );
    assert_eq!(silent, [""; 0]);
    assert_eq!(tab.evaluate("document.querySelectorAll('h1').length + document.documentElement.lang"), "1en");
}
