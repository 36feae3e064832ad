//! How long single operations took, within three per cent.

use std::time::Duration;

/// Steps per power of two.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.ilog2();

/// Counts of durations by size, in steps of a 32nd of a power of two of nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    pub fn new() -> Self {
        let steps = (u64::BITS - STEP_BITS + 1) as usize * STEPS as usize;
        Self { counts: vec![0; steps] }
    }

    #[inline]
    pub fn add(&mut self, duration: Duration) {
        self.counts[step(duration.as_nanos() as u64)] += 1;
    }

    pub fn add_all(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    pub fn tail(&self) -> Tail {
        let total: u64 = self.counts.iter().sum();
        let at = |share: f64| {
            let rank = (total as f64 * share).ceil() as u64;
            let mut seen = 0;
            let found = self.counts.iter().position(|count| {
                seen += count;
                seen >= rank.max(1)
            });
            found.map_or(f64::NAN, nanoseconds)
        };
        Tail { operations: total, p50: at(0.5), p99: at(0.99), p999: at(0.999), most: at(1.0) }
    }
}

/// The step that a number of nanoseconds belongs to: exact below [`STEPS`].
fn step(nanoseconds: u64) -> usize {
    let shift = (nanoseconds | (STEPS - 1)).ilog2() + 1 - STEP_BITS;
    match shift {
        0 => nanoseconds as usize,
        _ => (u64::from(shift) * STEPS / 2 + (nanoseconds >> shift)) as usize,
    }
}

/// The middle of a step, in nanoseconds.
fn nanoseconds(step: usize) -> f64 {
    let (step, half) = (step as u64, STEPS / 2);
    let shift = if step < STEPS { 0 } else { step / half - 1 };
    ((step - shift * half) as f64 + if shift == 0 { 0.0 } else { 0.5 }) * 2_f64.powi(shift as i32)
}

/// What a histogram says of the slow ones, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    pub operations: u64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub most: f64,
}
