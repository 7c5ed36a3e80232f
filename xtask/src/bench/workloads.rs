//! The eight workloads and how much of each a run does. What they do is in `xtask/bench/src/workloads/`.

use anyhow::Result;

use crate::UsageError;

/// A workload of which a contender does so many units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// With them a run takes 0.2 to 0.5 s with the bare allocator.
    pub(super) units: u64,
}

/// In the order of the tables.
pub(super) const WORKLOADS: [Workload; 8] = [
    Workload { name: "pair", units: 30_000_000 },
    Workload { name: "pair2", units: 30_000_000 },
    Workload { name: "mix", units: 500_000 },
    Workload { name: "deep", units: 500_000 },
    Workload { name: "json", units: 5 },
    Workload { name: "maps", units: 30 },
    Workload { name: "tokio", units: 600 },
    Workload { name: "syn", units: 1 },
];

/// The workloads of these names, or all.
pub(super) fn select(names: &[&str]) -> Result<Vec<Workload>> {
    let known = WORKLOADS.map(|workload| workload.name);
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        let error = format!("there is no workload {name:?}; there are: {}", known.join(", "));
        return Err(UsageError(error).into());
    }
    let is_wanted = |workload: &Workload| names.is_empty() || names.contains(&workload.name);
    Ok(WORKLOADS.into_iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::select;

    #[test]
    fn workloads_are_chosen_by_name() {
        let chosen = select(&["syn", "pair"]).unwrap();
        assert_eq!(chosen.iter().map(|workload| workload.name).collect::<Vec<_>>(), ["pair", "syn"]);
        assert_eq!(select(&[]).unwrap().len(), 8);
        assert!(select(&["pear"]).is_err());
    }
}
