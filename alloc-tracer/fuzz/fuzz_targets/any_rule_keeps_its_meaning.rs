//! See `any_rule_keeps_its_meaning` in `alloc-tracer/src/properties/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alloc_tracer::properties::any_rule_keeps_its_meaning(bytes));
