//! Workloads of structures: maps, queues, counters.

pub(crate) mod hash_maps;
pub(crate) mod moves;
pub(crate) mod ordered_maps;
pub(crate) mod quick_hash;
pub(crate) mod reading;
pub(crate) mod streams;
pub(crate) mod tallies;
