//! What every demo promises in the first lines of its file, checked from outside: each test runs
//! the real binary in a process of its own and reads the profile it leaves. One module a demo, named
//! like the demo. Never links a demo's code. Breaks with: the demos, the tracer, pprof's reader.

mod arc_range;
mod broken_key;
mod collect_in_place;
mod command_line;
mod conversions;
mod held_elsewhere;
mod held_guard;
mod json_tree;
mod leak_twice;
mod leaked_on_purpose;
mod map_capacity;
mod map_churn;
mod map_delete;
mod map_growth;
mod map_of_lists;
mod map_share;
mod map_shared;
mod map_sparse;
mod other_buffers;
mod pin_pages;
mod profiled_run;
mod rc_cycle;
mod return_pages;
mod same_text;
mod scratch_pool;
mod session_cache;
mod slow_consumer;
mod split_off;
mod stripped_program;
mod sub_slice;
mod table_bytes;
mod task_size;
mod tiny_blocks;
mod tree_map;
mod two_pictures;
mod vec_growth;
mod vec_truncate;
mod weak_block;
