//! See `any_stacks_are_drawn` in `properties/`.
#![no_main]
#![allow(dead_code, reason = "each fuzzer takes one of the properties")]

#[path = "../properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::any_stacks_are_drawn(bytes));
