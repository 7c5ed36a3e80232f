//! Allocates and frees 64 bytes in a tight loop, as often as the command line says.

pub(crate) fn run() {
    let count: u64 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    for _ in 0..count {
        std::hint::black_box(Box::new([1_u8; 64]));
    }
}
