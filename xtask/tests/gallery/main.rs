//! The page of `cargo xtask flamegraph --demo all` as its readers meet it: in a headless Chromium, from the file
//! system, light and dark, wide and narrow, by mouse and by keyboard. Makes the page once, of all demos at
//! a 64th of their size. Without a Chromium it says that it is skipped.

mod browser;
mod keyboard;
mod made;
mod page;
mod place;
mod svg;
mod tab;
