//! What every demo promises in the first lines of its file, checked from outside: each test runs
//! the real binary in a process of its own and reads the profile it leaves. One module a demo, named
//! like the demo. Never links a demo's code. Breaks with: the demos, the tracer, pprof's reader.

mod command_line;
mod map_churn;
mod map_delete;
mod map_sparse;
mod profiled_run;
mod same_text;
mod stripped_program;
mod sub_slice;
mod vec_truncate;
