//! `Box::leak` once is a choice, `mem::forget` on every request a leak: they are told apart by growth.
//!
//! Kept: on purpose, the configuration and the routes for as long as the program runs; by mistake, the receive buffer of
//! every connection that was handed over to another owner.
//! Why: Rust has no finaliser that would come later: what is not dropped is never freed. `mem::forget` was
//! to keep a guard from closing a socket that lives on, and forgets the guard's buffer with it.
//! inuse_space: two towers: `load_configuration`, as large after ten requests as after a million, and
//! `Connection::accept`, which grows with every request. One picture cannot tell them apart; a second one, later, can.
//! alloc_space: `Connection::accept` alone fills nearly the width, leaky or fixed alike.
//! Fix: take out what lives on and let the rest be dropped (`disarm`); where `forget` must stay, free what the value owns
//! first (`free-first`). What is leaked on purpose stays.
//! Broken by: `tests/demos/leaked_on_purpose.rs`.

use std::io;
use std::mem;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "leaked-on-purpose",
    row: "A8",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 10_000, unit: "requests" },
    leaks: &["leaky"],
    fixes: &["disarm", "free-first"],
    source: include_str!("leaked_on_purpose.rs"),
    run,
};

const BUFFER_BYTES: usize = 4 << 10;
const CONFIGURATION_BYTES: usize = 1 << 20;

// The core.
struct Configuration {
    routes: Vec<u8>,
}

/// Read once, used everywhere, never changed: a reference that lives as long as the program is right.
#[inline(never)]
fn load_configuration() -> &'static Configuration {
    Box::leak(Box::new(Configuration { routes: vec![1; CONFIGURATION_BYTES] }))
}

/// Closes its socket when it is dropped, if it still has it.
struct Connection {
    socket: Option<u64>,
    buffer: Vec<u8>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            close(socket);
        }
    }
}

impl Connection {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn accept(socket: u64) -> Connection {
        Connection { socket: Some(socket), buffer: vec![1; BUFFER_BYTES] }
    }

    /// Hands the open socket over to another owner, which must not find it closed.
    fn into_socket(mut self, variant: &str) -> Option<u64> {
        match variant {
            "disarm" => self.socket.take(), // fix
            "free-first" => {
                self.buffer = Vec::new(); // fix
                let socket = self.socket;
                mem::forget(self);
                socket
            }
            _ => {
                let socket = self.socket;
                mem::forget(self); // leak
                socket
            }
        }
    }
}
// End of the core.

/// Stands for the system's call.
fn close(socket: u64) {
    std::hint::black_box(socket);
}

fn serve(sockets: std::ops::Range<u64>, variant: &str) {
    for socket in sockets {
        let handed_over = Connection::accept(socket).into_socket(variant);
        debug_assert_eq!(handed_over, Some(socket));
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let configuration = load_configuration();
    ledger.line(
        format_args!(
            "configuration of {} routes leaked on purpose:",
            Count::from(configuration.routes.len())
        ),
        "held",
    )?;
    let on_purpose = ledger.held_bytes();
    serve(0..size as u64, variant);
    ledger.line(format_args!("{} requests:", Count::from(size)), "held")?;
    let halfway = ledger.held_bytes();
    serve(size as u64..2 * size as u64, variant);
    ledger.line(format_args!("{} requests:", Count::from(2 * size)), "held")?;
    let growth = (ledger.held_bytes() - halfway) / size as u64;
    let [on_purpose, growth] = [on_purpose, growth].map(Bytes::unsigned);
    ledger
        .say(format_args!("on purpose: {on_purpose}, and it stays so; lost: {growth} with every request"))?;
    Ok(Box::new(()))
}
