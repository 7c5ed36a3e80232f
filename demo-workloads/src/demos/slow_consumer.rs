//! An unbounded queue with a slow consumer grows without end.
//!
//! Kept: every event that has arrived and is not written yet, by the queue between a reader of events and a writer that
//! needs four times as long for each.
//! Why: `send` on an unbounded channel always succeeds at once, so nothing tells the reader to slow down. What
//! arrives faster than it leaves stays, at a constant slope: the difference of the two rates.
//! inuse_space: nearly all of it is `read_event`, which allocates the events; the queue that keeps them is the sliver
//! below `Sender::send`, tokio's blocks of 32 events (tokio's page of `mpsc`, "Allocation behavior"). The consumer,
//! which is too slow, is not in the picture.
//! alloc_space: the same tower, by a third wider: what was written and is gone counts there as well.
//! Fix: a bounded channel, whose `send` waits: the reader then reads as fast as is written (`bounded`). Where
//! it cannot wait, drop what does not fit and count it: the newest (`shed`), or the oldest (`drop-oldest`).
//! Broken by: `tests/demos/slow_consumer.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloc_tracer::size::{Bytes as InBytes, Count};
use bytes::Bytes;
use tokio::runtime;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{interval, sleep};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "slow-consumer",
    row: "S7",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 64, unit: "seconds of 1,000 events of 1 KiB" },
    leaks: &["leaky"],
    fixes: &["bounded", "shed", "drop-oldest"],
    source: include_str!("slow_consumer.rs"),
    run,
};

const EVENT_BYTES: usize = 1024;
const QUEUED: usize = 256;
const LINES: usize = 8;
const ARRIVAL: Duration = Duration::from_millis(1);
const WRITE: Duration = Duration::from_millis(4);

// The core.
enum Sender {
    Unbounded(mpsc::UnboundedSender<Bytes>),
    Bounded(mpsc::Sender<Bytes>),
    Shedding(mpsc::Sender<Bytes>),
    Overwriting(broadcast::Sender<Bytes>),
}

impl Sender {
    /// Whether there is still somebody to send to.
    async fn send(&self, event: Bytes, counts: &Counts) -> bool {
        match self {
            Sender::Unbounded(queue) => queue.send(event).is_ok(), // leak
            Sender::Bounded(queue) => queue.send(event).await.is_ok(), // fix
            Sender::Overwriting(queue) => queue.send(event).is_ok(), // fix
            Sender::Shedding(queue) => match queue.try_send(event) {
                Err(TrySendError::Full(_)) => counts.dropped(1), // fix
                sent => sent.is_ok(),
            },
        }
    }
}

enum Receiver {
    Unbounded(mpsc::UnboundedReceiver<Bytes>),
    Bounded(mpsc::Receiver<Bytes>),
    Overwriting(broadcast::Receiver<Bytes>),
}

impl Receiver {
    async fn recv(&mut self, counts: &Counts) -> Option<Bytes> {
        match self {
            Receiver::Unbounded(queue) => queue.recv().await,
            Receiver::Bounded(queue) => queue.recv().await,
            Receiver::Overwriting(queue) => loop {
                match queue.recv().await {
                    Err(RecvError::Lagged(events)) => counts.dropped(events),
                    received => return received.ok(),
                };
            },
        }
    }
}

async fn read_events(queue: Sender, counts: Arc<Counts>) {
    let mut arrivals = interval(ARRIVAL);
    loop {
        arrivals.tick().await;
        if !queue.send(read_event(counts.read()), &counts).await {
            return;
        }
    }
}

async fn write_events(mut queue: Receiver, counts: Arc<Counts>) {
    while let Some(event) = queue.recv(&counts).await {
        sleep(WRITE).await;
        counts.written(&event);
    }
}

// Never inlined: this frame is the one that the pictures must name.
#[inline(never)]
fn read_event(number: u64) -> Bytes {
    Bytes::from(vec![b'0' + (number % 10) as u8; EVENT_BYTES])
}
// End of the core.

#[derive(Default)]
struct Counts {
    read: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn read(&self) -> u64 {
        self.read.fetch_add(1, Ordering::Relaxed)
    }

    fn written(&self, event: &Bytes) {
        debug_assert_eq!(event.len(), EVENT_BYTES);
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    fn print(&self, second: usize, held_bytes: u64, ledger: &mut Ledger) -> io::Result<()> {
        let [read, dropped, written] =
            [&self.read, &self.dropped, &self.written].map(|count| count.load(Ordering::Relaxed) as i64);
        let (waiting, held) = (Count(read - dropped - written), InBytes::unsigned(held_bytes));
        let [read, dropped, written] = [read, dropped, written].map(Count);
        ledger.say(format_args!("{second:>7} {read:>7} {dropped:>8} {written:>8} {waiting:>8} {held:>10}"))
    }

    /// Counts, and says that the queue is still there.
    fn dropped(&self, events: u64) -> bool {
        self.dropped.fetch_add(events, Ordering::Relaxed);
        true
    }
}

fn queue(variant: &str) -> (Sender, Receiver) {
    match variant {
        "drop-oldest" => {
            let (sender, receiver) = broadcast::channel(QUEUED);
            (Sender::Overwriting(sender), Receiver::Overwriting(receiver))
        }
        "bounded" | "shed" => {
            let (sender, receiver) = mpsc::channel(QUEUED);
            let sender = if variant == "shed" { Sender::Shedding(sender) } else { Sender::Bounded(sender) };
            (sender, Receiver::Bounded(receiver))
        }
        _ => {
            let (sender, receiver) = mpsc::unbounded_channel();
            (Sender::Unbounded(sender), Receiver::Unbounded(receiver))
        }
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    // The clock is tokio's virtual one: it stands while a task can run, and jumps to the next timer when none can.
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let counts = Arc::new(Counts::default());
    let (sender, receiver) = queue(variant);
    runtime.spawn(read_events(sender, Arc::clone(&counts)));
    runtime.spawn(write_events(receiver, Arc::clone(&counts)));
    ledger.say(format_args!("seconds    read  dropped  written  not yet       held"))?;
    let mut half_way_bytes = 0;
    runtime.block_on(async {
        // In steps of half a second, so that one second has a half as well.
        for step in 1..=2 * size {
            sleep(Duration::from_millis(500)).await;
            let held_bytes = ledger.held_bytes();
            if step == size {
                half_way_bytes = held_bytes;
            }
            let second = step / 2;
            if step.is_multiple_of(2) && (second.is_multiple_of(size.div_ceil(LINES)) || second == size) {
                counts.print(second, held_bytes, ledger)?;
            }
        }
        io::Result::Ok(())
    })?;
    let slope = (ledger.held_bytes() as i64 - half_way_bytes as i64) * 2 / size as i64;
    ledger.say(format_args!("slope over the second half: {} a second", InBytes(slope)))?;
    Ok(Box::new(runtime))
}
