//! `rc-cycle`: documents whose sections own them outlive the map and every variable, at the stack that parsed
//! them; a `Weak` upwards or a cut cycle frees them.

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::bytes_of_growth;

const DOCUMENTS: i64 = 100;
const SECTIONS: i64 = 8;
const TEXT_BYTES: i64 = 4 << 10;
/// Each document has a text of its own besides those of its sections.
const TEXTS_BYTES: i64 = DOCUMENTS * (1 + SECTIONS) * TEXT_BYTES;
const PARSE: &str = "parse_document";
const LOAD: &str = "load_text";

#[test]
fn documents_that_their_sections_own_outlive_the_map() {
    let run = ProfiledRun::exact("rc-cycle", "leaky", DOCUMENTS as u64);
    assert_eq!(run.under(LOAD, "inuse_space"), TEXTS_BYTES);
    // A text and an `Rc` for each document and section, and a vector for each document.
    assert_eq!(run.under(PARSE, "inuse_objects"), DOCUMENTS * (2 * (1 + SECTIONS) + 1));
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PARSE, &[LOAD]);
    // Beside the documents the tables that the map grew through, which are gone.
    let beside = run.total("alloc_space") - run.under(PARSE, "alloc_space");
    let tables = bytes_of_growth::<(u64, *const ())>(1 << 7);
    assert!(
        (tables..tables + (64 << 10)).contains(&beside),
        "{beside} beside the documents, tables {tables}"
    );
    // The map holds nothing and nobody else does: what the program holds is what the documents hold.
    assert!(run.total("inuse_space") - run.under(PARSE, "inuse_space") < 2_048, "{}", run.text);
    assert!(run.text.contains("all removed, the map has 0 documents and room for 0: "), "{}", run.text);
    let holders = "100 documents alive, with 800 references, 800 of them from their own sections\n";
    assert!(run.text.ends_with(holders), "{}", run.text);
}

#[test]
fn a_weak_way_up_or_a_cut_cycle_frees_every_document() {
    for fix in ["fixed", "cut"] {
        let run = ProfiledRun::exact("rc-cycle", fix, DOCUMENTS as u64);
        assert_eq!(run.under(PARSE, "inuse_space"), 0, "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert_eq!(run.under(LOAD, "alloc_space"), TEXTS_BYTES, "{fix}: it looks the same");
        assert!(run.text.contains("; 800 sections lead to their document\n"), "{fix}: {}", run.text);
        assert!(run.text.contains("room for 0: 0 B held by the program\n"), "{fix}: {}", run.text);
        assert!(run.text.contains("\n0 documents alive, with 0 references"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "rc-cycle", "leaky", DOCUMENTS as u64);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PARSE, &[LOAD]);
    // A text is four times as large as the interval and sampled with a probability of 98 %; of nine hundred
    // the estimate's standard error is below 0.5 %.
    run.assert_estimates(LOAD, TEXTS_BYTES, 5);
}
