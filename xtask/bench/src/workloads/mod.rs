//! The workloads by name. A unit is the smallest piece of work that can be counted; what is prepared or
//! warmed up when a workload is made is not measured.

mod blocks;
mod channels;
mod depth;
mod document;
mod maps;
mod pairs;
mod random;
mod sources;
mod stacks;

/// Work that can be repeated.
pub(crate) trait Workload {
    /// Does so many units of it.
    fn run(&mut self, units: u64);
}

/// Makes a workload. Names that end in a number are series in which that number grows.
pub(crate) fn named(name: &str) -> Result<Box<dyn Workload>, String> {
    let (series, size) = match name.split_once('-') {
        Some((series, size)) => (series, size.parse::<usize>().ok()),
        None => (name, None),
    };
    Ok(match (series, size) {
        ("pair", None) => Box::new(pairs::Pairs { threads: 1 }),
        ("pair2", None) => Box::new(pairs::Pairs { threads: 2 }),
        ("mix", None) => Box::new(blocks::Mix::new(100_000)),
        ("deep", None) => Box::new(depth::Below { frames: 60, work: blocks::Mix::new(100_000) }),
        ("json", None) => Box::new(document::Json::new()),
        ("maps", None) => Box::new(maps::Maps),
        ("tokio", None) => Box::new(channels::Channels::new()),
        ("syn", None) => Box::new(sources::Sources::read(false)?),
        ("syn_held", None) => Box::new(sources::Sources::read(true)?),
        ("depth", Some(frames)) => Box::new(depth::Below { frames, work: pairs::Pairs { threads: 1 } }),
        ("changing", Some(frames)) => Box::new(depth::Changing { frames }),
        ("threads", Some(threads)) => Box::new(pairs::Pairs { threads }),
        ("live", Some(blocks)) => Box::new(blocks::Live::new(blocks)),
        ("stacks", Some(stacks)) => Box::new(stacks::Stacks::new(stacks)),
        _ => return Err(format!("there is no workload {name:?}")),
    })
}
