//! A program's work whose words do not depend on where its blocks lie: text, maps, threads, errors.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::mpsc;

/// All that the program would print.
pub(crate) fn words() -> String {
    let mut out = String::new();
    let value: serde_json::Value =
        serde_json::from_str(r#"{"b":[1,2.5,"x"],"a":{"deep":[null,true]}}"#).unwrap();
    writeln!(out, "{value:#}").unwrap();

    let counts = "the quick brown fox jumps over the lazy dog the end".split(' ').fold(
        HashMap::<&str, u32>::new(),
        |mut counts, word| {
            *counts.entry(word).or_default() += 1;
            counts
        },
    );
    let sorted: BTreeMap<_, _> = counts.into_iter().collect();
    writeln!(out, "{sorted:?}").unwrap();

    let (send, receive) = mpsc::channel();
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let send = send.clone();
            std::thread::spawn(move || {
                let squares: Vec<u64> = (0..1000).map(|n| n * n * (thread + 1)).collect();
                send.send((thread, squares.iter().sum::<u64>(), squares.len())).unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(send);
    let mut sums: Vec<_> = receive.iter().collect();
    sums.sort_unstable();
    writeln!(out, "{sums:?}").unwrap();

    let error = "not a number".parse::<i32>().unwrap_err();
    let too_much = Vec::<u8>::new().try_reserve(usize::MAX).unwrap_err();
    writeln!(out, "{error}; {too_much}").unwrap();
    out
}
