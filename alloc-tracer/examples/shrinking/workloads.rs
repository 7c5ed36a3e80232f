//! What programs do to a collection, as puts and takes. Names no policy.

/// Its name, what it does, and its runs of puts (positive) and takes (negative), for a collection that has at its busiest
/// room for so many items.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) runs: fn(room: i64) -> Vec<i64>,
}

pub(crate) const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "peak",
        what: "90 % of the room in use once; then 1 %, one item more and one less in turn",
        runs: |room| {
            let (peak, idle) = (room * 9 / 10, room / 100);
            [vec![peak, idle - peak], [1, -1].repeat(room as usize)].concat()
        },
    },
    Workload {
        name: "around-half",
        what: "90 % of the room in use once; then up and down by 20 around one half",
        runs: |room| swings(room, room / 2),
    },
    Workload {
        name: "around-quarter",
        what: "90 % of the room in use once; then up and down by 20 around one quarter",
        runs: |room| swings(room, room / 4),
    },
    Workload {
        name: "churn",
        what: "90 % of the room in use all the time; one item out and one in in turn",
        runs: |room| [vec![room * 9 / 10], [-1, 1].repeat(2 * room as usize)].concat(),
    },
    Workload {
        name: "walk",
        what: "5 % of the room more or less, as a coin falls, between nothing and 90 %",
        runs: |room| {
            let (mut items, stride) = (0, room / 20);
            let mut random = fastrand::Rng::with_seed(25);
            let coin = |_| {
                let is_up = items < stride || random.bool() && items + stride <= room * 9 / 10;
                let run = if is_up { stride } else { -stride };
                items += run;
                run
            };
            (0..200).map(coin).collect()
        },
    },
];

fn swings(room: i64, around: i64) -> Vec<i64> {
    let peak = room * 9 / 10;
    [vec![peak, around + 10 - peak], [-20, 20].repeat(room as usize / 40)].concat()
}
