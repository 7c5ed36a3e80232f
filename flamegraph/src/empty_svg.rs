//! The picture of a column that holds nothing, in the same look as a full one: inferno draws the
//! word ERROR for it. Names quick-xml's escaping only. Broken by: `tests/svg_empty.rs`.

use std::io::{self, Write};

use quick_xml::escape::escape;

/// What to say.
pub(crate) struct EmptyPicture<'a> {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) message: &'a str,
}

impl EmptyPicture<'_> {
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (title, subtitle, message) = (escape(&self.title), escape(&self.subtitle), escape(self.message));
        // Width, background and type sizes are those of inferno's pictures.
        write!(
            out,
            r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<svg version="1.1" width="100%" height="140" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}">
<defs><linearGradient id="background" y1="0" y2="1" x1="0" x2="0"><stop stop-color="#eef2ee" offset="5%"/><stop stop-color="#e0ffe0" offset="95%"/></linearGradient></defs>
<style type="text/css">text {{ font-family:monospace; font-size:12px; text-anchor:middle }} #title {{ font-size:17px }} #message {{ font-size:14px }}</style>
<rect x="0" y="0" width="100%" height="140" fill="url(#background)"/>
<text id="title" x="50%" y="24">{title}</text>
<text id="subtitle" x="50%" y="48">{subtitle}</text>
<text id="message" x="50%" y="96">{message}</text>
</svg>
"##
        )
    }
}
