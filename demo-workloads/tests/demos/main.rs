//! What every demo promises in the first lines of its file, checked from outside: each test runs
//! the real binary in a process of its own and reads the profile it leaves. One module a demo, named
//! like the demo. Never links a demo's code. Breaks with: the demos, the tracer, pprof's reader.

mod arc_range;
mod command_line;
mod conversions;
mod held_guard;
mod json_tree;
mod leak_twice;
mod map_delete;
mod profiled_run;
mod same_text;
mod slow_consumer;
mod stripped_program;
mod sub_slice;
mod vec_truncate;
mod weak_block;
