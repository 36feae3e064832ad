//! A simulation of cache-line transfers: how transactions with different version clocks, and locks, would scale to more cores
//! than there are.
//!
//! What is simulated: lines that a core has to itself, shares, or has not; loads that miss take a transfer, from whoever has the
//! line; atomic writes that miss take one as well, one after the other. What is not: the allocator, memory bandwidth, distances
//! between cores, the operating system, and more than one transaction's own work at a time per core.

pub mod calibration;
pub mod lines;
pub mod random;
pub mod run;
pub mod scheme;

pub use calibration::Calibration;
pub use run::{Setting, Simulated, simulate};
pub use scheme::Scheme;
