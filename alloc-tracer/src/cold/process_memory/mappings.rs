//! `/proc/thread-self/smaps`: every mapping of the process, and how much of it is in memory. Names the kernel's
//! fields (proc_pid_smaps(5)) and no part of the tracer. Broken by: tests below.

use core::ops::Range;

use crate::cold::std::fs::File;
use crate::cold::std::io::{self, BufRead, BufReader};
use crate::cold::std::prelude::rust_2024::*;

/// Not `/proc/self`, which is the first thread: once that has ended, it has no memory.
const SMAPS: &str = "/proc/thread-self/smaps";

/// One mapping. Sizes are in bytes, of which the kernel tells whole KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) range: Range<usize>,
    pub(super) origin: Origin,
    pub(super) resident_bytes: u64,
    pub(super) proportional_bytes: u64,
    pub(super) anonymous_bytes: u64,
    pub(super) swapped_bytes: u64,
}

/// What a mapping was made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// `mmap` without a file: allocators, threads' stacks, zeroed data of the program.
    #[default]
    Anonymous,
    /// What `brk` extends: the main heap of glibc.
    Heap,
    /// The first thread's stack.
    Stack,
    /// Files, shared memory, and pages of the kernel's.
    Named,
}

/// Hands out all mappings, in the order of their addresses.
///
/// # Errors
/// Names the file that cannot be read, or that is not as the kernel writes it.
pub(super) fn each(take: impl FnMut(&Mapping)) -> io::Result<()> {
    let in_words = |error: io::Error| io::Error::new(error.kind(), super::reading(SMAPS, &error));
    let file = File::open(SMAPS).map_err(in_words)?;
    read(BufReader::with_capacity(32 << 10, file), take).map_err(in_words)
}

fn read(mut text: impl BufRead, mut take: impl FnMut(&Mapping)) -> io::Result<()> {
    let mut line = Vec::new();
    let mut mapping: Option<Mapping> = None;
    loop {
        line.clear();
        // By bytes: a path need not be UTF-8.
        let is_end = text.read_until(b'\n', &mut line)? == 0;
        let field = if is_end { None } else { field(&line) };
        if let (Some((name, bytes)), Some(mapping)) = (field, &mut mapping) {
            match name {
                b"Rss" => mapping.resident_bytes = bytes,
                b"Pss" => mapping.proportional_bytes = bytes,
                b"Anonymous" => mapping.anonymous_bytes = bytes,
                b"Swap" => mapping.swapped_bytes = bytes,
                _ => {}
            }
            continue;
        }
        let first = if is_end { None } else { first_line(&line) };
        if is_end || first.is_some() {
            if let Some(whole) = &mapping {
                take(whole);
            }
            mapping = first;
        }
        if is_end {
            return Ok(());
        }
    }
}

/// `Rss:     12 kB`
fn field(line: &[u8]) -> Option<(&[u8], u64)> {
    let line = line.trim_ascii_end();
    let colon = line.iter().position(|byte| *byte == b':')?;
    let kib = str::from_utf8(line.strip_suffix(b" kB")?.get(colon + 1..)?).ok()?;
    Some((&line[..colon], kib.trim().parse::<u64>().ok()? << 10))
}

/// `55d0c000-55d0e000 r--p 00000000 fe:00 247030     /usr/bin/cat`
fn first_line(line: &[u8]) -> Option<Mapping> {
    let text = line.trim_ascii();
    let mut words = text.splitn(6, |byte| *byte == b' ');
    let (low, high) = str::from_utf8(words.next()?).ok()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(low)?..address(high)?;
    let [_permissions, _offset, _device, inode] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    let origin = match words.next().unwrap_or_default().trim_ascii() {
        b"[heap]" => Origin::Heap,
        b"[stack]" => Origin::Stack,
        name if name.starts_with(b"[anon") && inode == b"0" => Origin::Anonymous,
        b"" => Origin::Anonymous,
        _ => Origin::Named,
    };
    Some(Mapping { range, origin, ..Mapping::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
55d0c000-55d0e000 r--p 00000000 fe:00 247030                     /usr/bin/a file: 1 kB
Size:                  8 kB
Rss:                   8 kB
Pss:                   2 kB
Anonymous:             4 kB
VmFlags: rd mr mw me 
60000000-60100000 rw-p 00000000 00:00 0                          [heap]
Rss:                 512 kB
Pss_Dirty:           999 kB
Swap:                 16 kB
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
Rss:                   4 kB
7f0000002000-7f0000003000 rw-p 00000000 00:00 0                  [anon: pool]
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                  [stack]
";

    fn mappings(text: &str) -> Vec<Mapping> {
        let mut all = Vec::new();
        read(text.as_bytes(), |mapping| all.push(mapping.clone())).unwrap();
        all
    }

    #[test]
    fn mappings_have_the_figures_below_their_first_line() {
        let all = mappings(TEXT);
        let origins: Vec<_> = all.iter().map(|mapping| mapping.origin).collect();
        let expected = [Origin::Named, Origin::Heap, Origin::Anonymous, Origin::Anonymous, Origin::Stack];
        assert_eq!(origins, expected);
        let expected = Mapping {
            range: 0x55d0_c000..0x55d0_e000,
            origin: Origin::Named,
            resident_bytes: 8 << 10,
            proportional_bytes: 2 << 10,
            anonymous_bytes: 4 << 10,
            swapped_bytes: 0,
        };
        assert_eq!(all[0], expected);
        assert_eq!((all[1].resident_bytes, all[1].swapped_bytes), (512 << 10, 16 << 10));
        assert_eq!(all[2].resident_bytes, 4 << 10);
    }

    #[test]
    fn this_process_is_in_memory() {
        let mut resident_bytes = 0;
        each(|mapping| resident_bytes += mapping.resident_bytes).unwrap();
        assert!(resident_bytes > 100 << 10);
        assert_eq!(mappings(""), []);
    }
}
