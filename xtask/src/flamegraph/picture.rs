//! A picture in a file, and how much room a page must keep for it while it is not loaded.

use std::path::Path;

use anyhow::{Context, Result};

/// A drawn flame graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) file: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Picture {
    /// Looks at the file that was drawn `width` pixels wide.
    pub(super) fn read(folder: &Path, file: String, width: u32) -> Result<Self> {
        let path = folder.join(&file);
        let svg =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let height =
            height(&svg).with_context(|| format!("{} does not say how high it is", path.display()))?;
        Ok(Picture { file, width, height })
    }
}

/// The height of the outermost element.
fn height(svg: &str) -> Option<u32> {
    let tag = svg.split_once("<svg ")?.1.split_once('>')?.0;
    tag.split_once(" height=\"")?.1.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::height;

    #[test]
    fn the_height_is_that_of_the_picture_and_not_of_a_part() {
        let svg =
            r#"<?xml version="1.0"?><svg version="1.1" width="1200" height="354"><rect height="16"/></svg>"#;
        assert_eq!(height(svg), Some(354));
        assert_eq!(height(r#"<svg version="1.1"><rect height="16"/></svg>"#), None);
    }
}
