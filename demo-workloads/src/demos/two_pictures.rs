//! Traffic and a leak: the widest tower of alloc_space is innocent, the leak is hardly to be seen in it.
//!
//! Kept: a line of an audit log for every request, for ever, in a service whose requests allocate 256 times as
//! much and give all of it back.
//! Why: nothing ever removes from the log. Each line is small, so whoever looks for who allocates most sees
//! the parser of requests, and optimises the wrong thing.
//! inuse_space: one tower fills the width, `AuditLog::append`; `parse_request`, which is most of alloc_space, is not
//! there.
//! alloc_space: one tower fills nearly the width, `parse_request`; `AuditLog::append` is a sliver. Only both pictures
//! together tell traffic from a leak: wide in the first and absent in the second is traffic.
//! Fix: bound the log: keep the last lines (`bounded`) or write them out and forget them (`flushed`).
//! Broken by: `tests/demos/two_pictures.rs`.

use std::collections::VecDeque;
use std::io;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "two-pictures",
    row: "A6",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 20_000, unit: "requests" },
    leaks: &["leaky"],
    fixes: &["bounded", "flushed"],
    source: include_str!("two_pictures.rs"),
    run,
};

const BODY_BYTES: usize = 64 << 10;
const LINE_BYTES: usize = 256;
const KEPT_LINES: usize = 100;

// The core.
#[derive(Default)]
struct AuditLog {
    lines: VecDeque<Box<[u8]>>,
    flushed: u64,
}

impl AuditLog {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn append(&mut self, line: &[u8], variant: &str) {
        self.lines.push_back(line.into()); // leak
        if self.lines.len() > KEPT_LINES && variant != "leaky" {
            match variant {
                "flushed" => self.flush(),
                _ => drop(self.lines.pop_front()), // fix
            }
        }
    }

    fn flush(&mut self) {
        let written = self.lines.drain(..).map(|line| line.len() as u64); // fix
        self.flushed += written.sum::<u64>();
    }
}

struct Request {
    body: Vec<u8>,
}

#[inline(never)]
fn parse_request(received: &[u8]) -> Request {
    Request { body: received.to_vec() }
}

fn serve(received: &[u8], log: &mut AuditLog, variant: &str) {
    let request = parse_request(received);
    log.append(&request.body[..LINE_BYTES], variant);
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let received = vec![b'x'; BODY_BYTES];
    let before = alloc_tracer::stats().total_bytes;
    let mut log = AuditLog::default();
    let mut served = 0;
    for part in 1..=4_usize {
        while served < size * part / 4 {
            serve(&received, &mut log, variant);
            served += 1;
        }
        let asked = alloc_tracer::stats().total_bytes - before;
        let (requests, asked) = (Count::from(served), Bytes::unsigned(asked));
        ledger.line(
            format_args!("{requests:>7} requests served: {asked:>10} asked for so far,"),
            "held by the program",
        )?;
    }
    std::hint::black_box(log.flushed);
    Ok(Box::new(log))
}
