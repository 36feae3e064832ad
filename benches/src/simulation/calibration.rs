//! What accesses take, from what was measured with one and two threads.

use crate::comparison::results::Results;
use crate::contest::competitor::{ATOMIC_TURN, FETCH_ADD, OURS};

/// Costs in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// A load, or a store, of a line that is here.
    pub hit: f64,
    /// An atomic write of a line that is here.
    pub atomic: f64,
    /// The transfer of a line from another core.
    pub transfer: f64,
    /// What a transaction computes besides its accesses.
    pub work: f64,
}

impl Calibration {
    /// Takes the costs from a run. Where one thread is measured, the least times are taken.
    /// `None` if the rows are not there.
    pub fn of(results: &Results) -> Option<Self> {
        let least = |contest: &str, competitor: &str, threads| {
            let row = results.contest(contest)?.row(competitor, threads, false)?;
            Some(row.nanoseconds.least)
        };
        let atomic = least("counter-shared", FETCH_ADD.name, 1)?;
        // A turn that two threads hand to each other takes four transfers to and fro: each looks, and each takes the line to write.
        // (Two threads that only add to a line keep it for many additions at a time, and so show less than a transfer takes.)
        let round_trip = results.contest("ping-pong")?.row(ATOMIC_TURN.name, 2, false)?.nanoseconds.median;
        let transfer = (round_trip / 4.0).max(2.0 * atomic);
        let transfer_of_money = least("transfer-1024", OURS.name, 1)?;
        let hit = 1.0;
        // It reads two variables, locks two, loads the clock, and stores a value and a word for each.
        let accesses = 2.0 * hit + 2.0 * atomic + hit + 2.0 * hit;
        Some(Self { hit, atomic, transfer, work: (transfer_of_money - accesses).max(1.0) })
    }
}
