//! `sub-slice`: ids of 100 bytes hold whole messages, at the stack that received them; a copy holds
//! 100 bytes and the messages are gone.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const MIB_PER_MESSAGE: u64 = 2;
const MESSAGES: i64 = 4;
const MESSAGE_BYTES: i64 = (MIB_PER_MESSAGE << 20) as i64;
const READ_BYTES: i64 = 64 << 10;
const RECEIVE: &str = "receive_message";
const REMEMBER: &str = "MessageIndex::remember";
const GROWTH: [&str; 2] = ["BytesMut", "RawVec"];

static LEAKY: LazyLock<ProfiledRun> =
    LazyLock::new(|| ProfiledRun::exact("sub-slice", "leaky", MIB_PER_MESSAGE));
static COPIED: LazyLock<ProfiledRun> =
    LazyLock::new(|| ProfiledRun::exact("sub-slice", "fixed", MIB_PER_MESSAGE));

#[test]
fn slices_hold_whole_messages_at_the_stack_that_received_them() {
    let split = ProfiledRun::exact("sub-slice", "split-to", MIB_PER_MESSAGE);
    for (leak, run) in [("leaky", &*LEAKY), ("split-to", &split)] {
        assert_eq!(run.under(RECEIVE, "inuse_space"), MESSAGES * MESSAGE_BYTES, "{leak}");
        assert_eq!(run.under(RECEIVE, "inuse_objects"), MESSAGES, "{leak}");
        run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), RECEIVE, &GROWTH);
        // The index allocates its own vector and one reference count per message.
        assert!(run.under(REMEMBER, "inuse_space") < 1024, "{leak}");
        assert!(run.text.contains("400 bytes of ids"), "{}", run.text);
        assert!(run.text.contains("still 8.0 MiB held by the program\n"), "{}", run.text);
        assert!(
            run.text.contains("holders: 4 of the 4 ids in MessageIndex::ids are the last"),
            "{}",
            run.text
        );
    }
}

#[test]
fn alloc_space_counts_the_growth_of_each_message() {
    for (variant, run) in [("leaky", &*LEAKY), ("copy", &*COPIED)] {
        // A buffer starts with one read and doubles up to the message: a geometric sum.
        let per_message = 2 * MESSAGE_BYTES - READ_BYTES;
        assert_eq!(run.under(RECEIVE, "alloc_space"), MESSAGES * per_message, "{variant}");
    }
}

#[test]
fn copied_ids_let_the_messages_go() {
    assert_eq!(COPIED.under(RECEIVE, "inuse_space"), 0);
    assert!(COPIED.total("inuse_space") < 64 << 10, "leaves {}", COPIED.total("inuse_space"));
    assert!((400..1024).contains(&COPIED.under(REMEMBER, "inuse_space")));
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("16k", "sub-slice", "leaky", MIB_PER_MESSAGE);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), RECEIVE, &GROWTH);
    // Each message is 128 times as large as the interval: as good as certain to be sampled, and its
    // weight is then its size.
    let held = MESSAGES * MESSAGE_BYTES;
    run.assert_estimates(RECEIVE, held, 1);
}
