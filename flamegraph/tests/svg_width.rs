//! A picture that is drawn narrow can be read as an image on a page, and is as wide as its window when it
//! is opened alone.

mod hand_made;

use alloc_flamegraph::{Column, SvgOptions, write_svg, write_svg_diff};
use hand_made::{in_use, see};

const LONG_NAME: &str = "a_module_of_a_service::with_a_long_name::and_a_type_with_a_longer_one::a_method";

fn draw(width: Option<u32>, is_difference: bool) -> String {
    let (base, profile) = (in_use(&[(&["main"], 1)]), in_use(&[(&["main", LONG_NAME], 100)]));
    let (old, new) = (Column::find(&base, None).unwrap(), Column::find(&profile, None).unwrap());
    let options = SvgOptions { width, ..SvgOptions::default() };
    let mut svg = Vec::new();
    match is_difference {
        true => write_svg_diff((&base, &old), (&profile, &new), &options, &mut svg).unwrap(),
        false => write_svg(&profile, &new, &options, &mut svg).unwrap(),
    }
    String::from_utf8(svg).unwrap()
}

fn shown_names(svg: &str) -> Vec<String> {
    let texts = svg.split("<text ").skip(1).filter_map(|text| text.split(['>', '<']).nth(1));
    texts.map(str::to_owned).collect()
}

#[test]
fn names_are_cut_to_the_width_that_is_asked_for_and_kept_whole_for_the_reader_who_points() {
    for is_difference in [false, true] {
        let (narrow, wide) = (draw(Some(400), is_difference), draw(None, is_difference));
        assert!(narrow.contains(r#"width="400""#) && narrow.contains(r#"viewBox="0 0 400 "#), "{narrow}");
        assert!(shown_names(&wide).iter().any(|name| name == LONG_NAME), "{:?}", shown_names(&wide));
        // The method's name is at the end.
        let cut =
            shown_names(&narrow).into_iter().find_map(|name| name.strip_prefix("..").map(str::to_owned));
        let cut = cut.unwrap_or_else(|| panic!("{:?}", shown_names(&narrow)));
        assert!(LONG_NAME.ends_with(&cut) && (30..LONG_NAME.len()).contains(&cut.len()), "{cut}");
        // 380 pixels between the margins, of which 3 are before the name, and 7.2 for each letter.
        assert_eq!(cut.len() + 2, 52);
        let titles = |svg: &str| see(svg.as_bytes()).frame(LONG_NAME).title.clone();
        assert_eq!(titles(&narrow), titles(&wide));
    }
}

#[test]
fn a_cut_name_keeps_its_end_where_it_has_letters_that_xml_writes_otherwise() {
    let name = format!("<{} as core::ops::Fn<A>>::call & <run>", "a".repeat(200));
    let mut svg = Vec::new();
    let profile = in_use(&[(&["main", &name], 100)]);
    let options = SvgOptions { width: Some(400), ..SvgOptions::default() };
    write_svg(&profile, &Column::find(&profile, None).unwrap(), &options, &mut svg).unwrap();
    let names = shown_names(std::str::from_utf8(&svg).unwrap());
    let cut = names.iter().find_map(|name| name.strip_prefix("..")).unwrap_or_else(|| panic!("{names:?}"));
    assert!(cut.ends_with("aaa as core::ops::Fn&lt;A&gt;&gt;::call &amp; &lt;run&gt;"), "{cut}");
}

#[test]
fn a_narrow_picture_opened_alone_fits_its_window_as_a_wide_one_does() {
    for is_difference in [false, true] {
        let script = |svg: &str| {
            let start = svg.find("<script").unwrap();
            svg[start..svg.find("</script>").unwrap()].to_owned()
        };
        let wide = script(&draw(None, is_difference));
        assert!(wide.contains("fluiddrawing = true"), "inferno's script says it in other words now");
        assert_eq!(script(&draw(Some(400), is_difference)), wide);
    }
}
