//! Programs that are measured, as a library: the benchmarks run them, and the tests run them small.

pub mod stamp;
