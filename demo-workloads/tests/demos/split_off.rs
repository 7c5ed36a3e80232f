//! `split-off`: a header of 1,024 bytes keeps the whole upload's buffer beside the body's own, `split_off(0)` leaves an
//! empty vector with all of it, the half that `split_at` borrowed keeps the whole; every fix leaves what is needed.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const MIB: u64 = 4;
const UPLOAD_BYTES: i64 = (MIB << 20) as i64;
const HEADER_BYTES: i64 = 1024;
const SMALL_BYTES: i64 = UPLOAD_BYTES / 64;
/// What the process holds beside the demo: its command line, the buffer of its output.
const BESIDE_BYTES: i64 = 64 << 10;
const RECEIVE: &str = "receive_upload";
const STORE: &str = "UploadStore::store";

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("split-off", "leaky", MIB));

#[test]
fn a_header_of_a_kibibyte_holds_the_buffer_of_the_whole_upload() {
    for column in ["inuse_space", "alloc_space"] {
        assert_eq!(LEAKY.under(RECEIVE, column), UPLOAD_BYTES, "{column}");
        assert_eq!(LEAKY.under(STORE, column), UPLOAD_BYTES - HEADER_BYTES, "{column}");
    }
    assert!(LEAKY.text.contains("header       1,024 bytes in a buffer of   4,194,304\n"), "{}", LEAKY.text);
    assert!(LEAKY.text.contains("body     4,193,280 bytes in a buffer of   4,193,280\n"), "{}", LEAKY.text);
    assert!(LEAKY.text.ends_with("stored, 8,387,584 bytes: 8.0 MiB held by the program\n"), "{}", LEAKY.text);
    let beside = LEAKY.total("inuse_space") - (2 * UPLOAD_BYTES - HEADER_BYTES);
    assert!((0..BESIDE_BYTES).contains(&beside), "{beside}");
    let widest = LEAKY.heaviest("inuse_space");
    assert_eq!(widest.value, UPLOAD_BYTES, "{:#?}", widest.frames);
}

#[test]
fn split_off_at_zero_leaves_an_empty_vector_with_the_whole_buffer() {
    let run = ProfiledRun::exact_unnamed("split-off", "zero", MIB);
    let beside = run.total("inuse_space") - 2 * UPLOAD_BYTES;
    assert!((0..BESIDE_BYTES).contains(&beside), "{beside}");
    assert!(run.text.contains("header           0 bytes in a buffer of   4,194,304\n"), "{}", run.text);
}

#[test]
fn a_half_that_split_at_borrowed_keeps_the_whole_vector() {
    let run = ProfiledRun::exact("split-off", "split-at", MIB);
    assert_eq!(run.under(STORE, "alloc_space"), 0);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), RECEIVE, &["with_capacity"]);
    assert_eq!(run.under(RECEIVE, "inuse_space"), UPLOAD_BYTES);
}

#[test]
fn the_head_keeps_its_capacity_wherever_it_is_split() {
    let rows = [
        "        0             0    65,536        65,536    65,536 128.0 KiB\n",
        "    1,024         1,024    65,536        64,512    64,512 127.0 KiB\n",
        "   32,768        32,768    65,536        32,768    32,768  96.0 KiB\n",
        "   65,536        65,536    65,536             0         0  64.0 KiB\n",
    ];
    assert!(LEAKY.text.contains(&rows.concat()), "{}", LEAKY.text);
}

#[test]
fn every_fix_leaves_what_is_needed_and_no_second_buffer() {
    // A shrunk or copied header, the body; nothing but the body; nothing but the header.
    let (both, spare) = (UPLOAD_BYTES, HEADER_BYTES);
    let fixes =
        [("fixed", both), ("shrink", both), ("drain", both + spare), ("take", both), ("to-vec", spare)];
    for (fix, needed) in fixes {
        let run = ProfiledRun::exact_unnamed("split-off", fix, MIB);
        let beside = run.total("inuse_space") - needed;
        assert!((0..BESIDE_BYTES).contains(&beside), "{fix}: {beside}");
        let exactly = alloc_tracer::size::Count(needed);
        assert!(run.text.contains(&format!("upload stored, {exactly} bytes: ")), "{fix}: {}", run.text);
    }
}

#[test]
fn alloc_space_still_shows_what_a_fix_gave_back() {
    let shrunk = ProfiledRun::exact("split-off", "shrink", MIB);
    assert_eq!(shrunk.under(RECEIVE, "inuse_space"), 0);
    assert_eq!(shrunk.under(RECEIVE, "alloc_space"), UPLOAD_BYTES);
    // The body, and the header in the buffer that shrinking asked for.
    assert_eq!(shrunk.under(STORE, "alloc_space"), UPLOAD_BYTES);
    for run in [&LEAKY, &shrunk] {
        assert_eq!(run.under("small_upload", "alloc_space"), 4 * SMALL_BYTES);
        assert_eq!(run.under("small_upload", "inuse_space"), 0);
    }
}

#[test]
fn sampling_finds_the_same_two_stacks() {
    let run = ProfiledRun::sampled("32k", "split-off", "leaky", MIB);
    // Both blocks are 128 times as large as the interval: as good as certain to be sampled, and their
    // weight is then their size.
    for function in [RECEIVE, STORE] {
        run.assert_estimates(function, UPLOAD_BYTES, 1);
    }
}
