//! `Box::leak` once is a choice, `mem::forget` on every request a leak: they are told apart by growth.
//!
//! Kept: on purpose, the configuration and the routes for as long as the program runs; by mistake, the receive buffer
//! of every connection that was handed over to another owner.
//! Why: Rust has no finaliser that would come later: what is not dropped is never freed. `mem::forget` was
//! to keep a guard from closing a socket that lives on, and forgets the guard's buffer with it.
//! inuse_space: two towers: `load_configuration`, as large after ten requests as after a million, and
//! `Connection::accept`, which grows with every request. One picture cannot tell them apart; a second one, later, can.
//! alloc_space: the same two towers, leaky or fixed alike: a fix takes `Connection::accept` out of the other picture
//! alone.
//! Fix: take out what lives on and let the rest be dropped (`disarm`); where `forget` must stay, free what the value
//! owns first (`free-first`). What is leaked on purpose stays.
//! Broken by: `tests/demos/leaked_on_purpose.rs`.

use std::hint::black_box;
use std::io;
use std::mem;
use std::ops::Range;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "leaked-on-purpose",
    row: "A8",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 2_000, unit: "requests, and as many again" },
    leaks: &["leaky"],
    fixes: &["disarm", "free-first"],
    source: include_str!("leaked_on_purpose.rs"),
    run,
};

const BUFFER_BYTES: usize = 4 << 10;
const ROUTES: usize = 1 << 15;

// The core.
struct Configuration {
    routes: Vec<Route>,
}

struct Route {
    path: [u8; 56],
    handler: usize,
}

impl Configuration {
    fn handler(&self, path: &[u8]) -> Option<usize> {
        self.routes.iter().find(|route| route.path.starts_with(path)).map(|route| route.handler)
    }
}

/// Read once, used everywhere, never changed: a reference that lives as long as the program is right.
#[inline(never)]
fn load_configuration() -> &'static Configuration {
    let routes = (0..ROUTES).map(|handler| Route { path: [b'/'; 56], handler }).collect();
    Box::leak(Box::new(Configuration { routes }))
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
    black_box(socket);
}

fn serve(sockets: Range<u64>, configuration: &Configuration, variant: &str) {
    for socket in sockets {
        black_box(configuration.handler(b"/"));
        let handed_over = Connection::accept(socket).into_socket(variant);
        debug_assert_eq!(handed_over, Some(socket));
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let configuration = load_configuration();
    let routes = Count::from(configuration.routes.len());
    ledger
        .line(format_args!("configuration of {routes} routes leaked on purpose:"), "held by the program")?;
    let on_purpose = ledger.held_bytes();
    serve(0..size as u64, configuration, variant);
    ledger.line(format_args!("{} requests:", Count::from(size)), "held by the program")?;
    let halfway = ledger.held_bytes();
    serve(size as u64..2 * size as u64, configuration, variant);
    ledger.line(format_args!("{} requests:", Count::from(2 * size)), "held by the program")?;
    let growth = (ledger.held_bytes() - halfway) / size as u64;
    let [on_purpose, growth] = [on_purpose, growth].map(Bytes::unsigned);
    ledger
        .say(format_args!("on purpose: {on_purpose}, and it stays so; lost: {growth} with every request"))?;
    Ok(Box::new(()))
}
