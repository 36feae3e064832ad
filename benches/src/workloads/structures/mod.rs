//! Workloads of structures: maps, queues, counters.

pub mod hash_maps;
pub mod moves;
pub mod ordered_maps;
pub mod quick_hash;
pub mod reading;
pub mod streams;
pub mod tallies;
