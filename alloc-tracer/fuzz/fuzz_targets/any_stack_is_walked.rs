//! See `any_stack_is_walked` in `alloc-tracer/src/properties/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alloc_tracer::properties::any_stack_is_walked(bytes));
