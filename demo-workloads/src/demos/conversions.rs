//! `String::from_utf8` does not copy: a short text keeps the buffer that it was read into.
//!
//! Kept: a read buffer of 16 KiB for each client, by a table of names of 24 bytes.
//! Why: a conversion either takes the buffer over, with all of its spare room, or copies. `String::from_utf8`,
//! `Bytes::from(vec)` (`bytes`) and `into_bytes` take it over; `to_string`, `to_owned`, `format!` and `Arc::from` copy
//! the text; `str::from_utf8` lends it; `from_utf8_lossy` lends where it can and copies where a byte must be replaced.
//! inuse_space: one tower fills the width, `read_hello`, which asked for the read buffers; the names that keep them
//! were made without an allocation, so no frame of `ClientTable` has any width.
//! alloc_space: the same tower, and with a fix hardly more: the copy that it costs is as long as the name. The sliver
//! beside it is the printed table, which has the allocations and bytes of each conversion.
//! Fix: copy the text out of the buffer: `str::from_utf8(&buffer)?.to_owned()` (`copy`), or, where wrong bytes are to
//! be replaced, `String::from_utf8_lossy(&buffer).into_owned()` (`lossy`); or give the spare room back:
//! `into_boxed_str()` (`boxed`), `shrink_to_fit()` (`shrink`).
//! Broken by: `tests/demos/conversions.rs`.

use std::borrow::Cow;
use std::error::Error;
use std::hint::black_box;
use std::io;
use std::str;
use std::sync::Arc;

use alloc_tracer::size::{Bytes as InBytes, Count};
use bytes::Bytes;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "conversions",
    row: "S5",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 2048, unit: "clients" },
    leaks: &["leaky", "bytes"],
    fixes: &["copy", "boxed", "shrink", "lossy"],
    source: include_str!("conversions.rs"),
    run,
};

const READ_BYTES: usize = 16 << 10;
const NAME_BYTES: usize = 24;
/// The text that each row of the table converts, in a buffer of `READ_BYTES`.
const TEXT_BYTES: usize = 1000;

// The core.
enum Name {
    Text(String),
    Boxed(Box<str>),
    Bytes(Bytes),
}

#[derive(Default)]
struct ClientTable {
    names: Vec<Name>,
}

impl ClientTable {
    fn greet(&mut self, hello: Vec<u8>, variant: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.names.push(match variant {
            "copy" => Name::Text(str::from_utf8(&hello)?.to_owned()), // fix
            "boxed" => Name::Boxed(String::from_utf8(hello)?.into_boxed_str()), // fix
            "lossy" => Name::Text(String::from_utf8_lossy(&hello).into_owned()), // fix
            "shrink" => {
                let mut name = String::from_utf8(hello)?;
                name.shrink_to_fit(); // fix
                Name::Text(name)
            }
            "bytes" => Name::Bytes(Bytes::from(hello)), // leak
            _ => Name::Text(String::from_utf8(hello)?), // leak
        });
        Ok(())
    }
}

// Never inlined: this frame is the one that the pictures must name.
#[inline(never)]
fn read_hello(client: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    buffer.resize(NAME_BYTES, b'a' + (client % 26) as u8);
    buffer
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    print_table(ledger)?;
    let mut clients = ClientTable { names: Vec::with_capacity(size) };
    for client in 0..size {
        clients.greet(read_hello(client), variant).map_err(io::Error::other)?;
    }
    let named = Count::from(size);
    let lengths = clients.names.iter().map(|name| match name {
        Name::Text(name) => name.len(),
        Name::Boxed(name) => name.len(),
        Name::Bytes(name) => name.len(),
    });
    let bytes = Count::from(lengths.sum::<usize>());
    ledger.line(format_args!("{named} clients, {bytes} bytes of names:"), "held by the program")?;
    Ok(Box::new(clients))
}

/// A text of ASCII in a read buffer that has room to spare.
fn arrived() -> Vec<u8> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    buffer.resize(TEXT_BYTES, b'x');
    buffer
}

fn arrived_text() -> String {
    String::from_utf8(arrived()).unwrap_or_default()
}

/// Copies only what has something to escape.
fn escape(text: &str) -> Cow<'_, str> {
    if text.contains('<') { Cow::Owned(text.replace('<', "&lt;")) } else { Cow::Borrowed(text) }
}

#[inline(never)]
fn print_table(ledger: &mut Ledger) -> io::Result<()> {
    let (text, buffer) = (Count::from(TEXT_BYTES), InBytes(READ_BYTES as i64));
    ledger.say(format_args!(
        "{text} bytes of text in a read buffer of {buffer}; what each conversion costs:"
    ))?;
    ledger.say(format_args!("{:<36} {:>11} {:>10} {:>10}", "", "allocations", "bytes", "then held"))?;
    // What takes the buffer over, or lends it: the buffer is held all the same.
    row(ledger, "String::from_utf8(buffer)", arrived, String::from_utf8)?;
    row(ledger, "str::from_utf8(&buffer)", arrived, |buffer| {
        black_box(str::from_utf8(&buffer).is_ok());
        buffer
    })?;
    row(ledger, "from_utf8_lossy(&buffer)", arrived, |buffer| {
        black_box(String::from_utf8_lossy(&buffer).len());
        buffer
    })?;
    row(ledger, "text.into_bytes()", arrived_text, String::into_bytes)?;
    row(ledger, "Cow::Owned(text).into_owned()", arrived_text, |text| Cow::<str>::Owned(text).into_owned())?;
    row(ledger, "text.make_ascii_lowercase()", arrived_text, |mut text| {
        text.make_ascii_lowercase();
        text
    })?;
    row(ledger, "Bytes::from(buffer)", arrived, Bytes::from)?;
    row(ledger, "escape(&text), nothing to escape", arrived_text, |text| {
        black_box(escape(&text).len());
        text
    })?;
    // What copies: the buffer can go.
    row(
        ledger,
        "escape(&text), one `<`",
        || arrived_text().replacen('x', "<", 1),
        |text| escape(&text).into_owned(),
    )?;
    row(ledger, "text.to_string(), text.to_owned()", arrived_text, |text| text.as_str().to_owned())?;
    row(ledger, "format!(\"name={text}\")", arrived_text, |text| format!("name={text}"))?;
    row(ledger, "text.replace('<', \"&lt;\")", arrived_text, |text| text.replace('<', "&lt;"))?;
    row(ledger, "text.to_lowercase()", arrived_text, |text| text.to_lowercase())?;
    row(ledger, "from_utf8_lossy(..).into_owned()", arrived, |buffer| {
        String::from_utf8_lossy(&buffer).into_owned()
    })?;
    row(
        ledger,
        "from_utf8_lossy, one byte is wrong",
        || [&arrived()[1..], &[0xff]].concat(),
        |buffer| String::from_utf8_lossy(&buffer).into_owned(),
    )?;
    row(ledger, "Arc::<str>::from(text)", arrived_text, Arc::<str>::from)?;
    row(ledger, "text.into_boxed_str()", arrived_text, String::into_boxed_str)?;
    row(ledger, "text.chars().collect::<Vec<_>>()", arrived_text, |text| text.chars().collect::<Vec<_>>())
}

/// Converts what `input` made and prints what that took, and what is held by the result.
fn row<T, U>(
    ledger: &mut Ledger,
    conversion: &str,
    input: impl FnOnce() -> T,
    convert: impl FnOnce(T) -> U,
) -> io::Result<()> {
    let live_bytes = alloc_tracer::stats().live_bytes;
    let input = input();
    let before = alloc_tracer::stats();
    let result = black_box(convert(input));
    let after = alloc_tracer::stats();
    let times = after.allocations + after.reallocations - before.allocations - before.reallocations;
    let bytes = InBytes::unsigned(after.total_bytes - before.total_bytes);
    let held = InBytes::unsigned(after.live_bytes - live_bytes);
    drop(result);
    ledger.say(format_args!("{conversion:<36} {times:>11} {bytes:>10} {held:>10}"))
}
