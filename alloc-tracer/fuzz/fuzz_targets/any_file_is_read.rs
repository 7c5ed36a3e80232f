//! See `any_file_is_read` in `alloc-tracer/src/properties/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alloc_tracer::properties::any_file_is_read(bytes));
