//! Inputs for a property that are the same on every run: those that a fuzzer found worth keeping, and a fixed
//! number of random changes of them. Tests of other packages take in this file as it is. `SEED=n` makes other
//! changes; `EACH_INPUT=1` prints every input before it is used, for a property that ends the process.

extern crate std;

use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use std::{env, eprintln, format, fs};

/// Bytes that mean something to many readers: limits of numbers, separators, signs of markup and of terminals.
const TOKENS: [&[u8]; 20] = [
    &[0],
    &[0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff; 8],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    b" 1",
    b" 1.5",
    b";",
    b"\n",
    b"=",
    b",",
    b"mode=exact",
    b"<a b=\"c\">",
    b"]]>",
    b"-->",
    b"&#0;",
    b"::<",
    b" (",
    b"\x1b[31m",
    "\u{202e}\u{ffff}".as_bytes(),
];

/// Calls `property` with every file of a folder, then with so many changes of them.
pub(crate) fn each_input(folder: &Path, changes: usize, most_bytes: usize, property: impl Fn(&[u8])) {
    let says_each = env::var_os("EACH_INPUT").is_some();
    let kept = files(folder);
    assert!(!kept.is_empty(), "no kept input in {}", folder.display());
    let try_one = |name: &str, input: &[u8]| {
        let told = Told { name, input };
        if says_each {
            told.tell();
        }
        property(input);
        core::mem::forget(told);
    };
    for (path, input) in &kept {
        try_one(&path.display().to_string(), input);
    }
    let seed = env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..changes {
        try_one(&format!("change {number} of SEED={seed}"), &changed(&kept, &mut random, most_bytes));
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the folder of kept inputs is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// One of the inputs after a few changes; rarely bytes of no origin.
fn changed(kept: &[(PathBuf, Vec<u8>)], random: &mut fastrand::Rng, most_bytes: usize) -> Vec<u8> {
    let mut bytes = kept[random.usize(..kept.len())].1.clone();
    if random.u8(..) == 0 {
        bytes.resize(random.usize(..64), 0);
        random.fill(&mut bytes);
    }
    for _ in 0..=random.usize(..8) {
        let (at, other) = (random.usize(..=bytes.len()), &kept[random.usize(..kept.len())].1);
        let end = at + random.usize(..=(bytes.len() - at).min(16));
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => drop(bytes.splice(at..end, TOKENS[random.usize(..TOKENS.len())].iter().copied())),
            5 if !other.is_empty() => {
                let from = random.usize(..other.len());
                let until = from + random.usize(..=(other.len() - from).min(64));
                bytes.splice(at..end, other[from..until].iter().copied());
            }
            _ => bytes.truncate(at),
        }
    }
    bytes.truncate(most_bytes);
    bytes
}

/// Says which input it was, should the property not hold.
struct Told<'a> {
    name: &'a str,
    input: &'a [u8],
}

impl Told<'_> {
    fn tell(&self) {
        let Told { name, input } = self;
        let hexadecimal: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("{name}: {hexadecimal}\n  {:?}", String::from_utf8_lossy(input));
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}
