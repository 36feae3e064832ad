//! What threads and tasks wait for each other by: slots, permits, locks, barriers, promises and latches, as parts of transactions.
//!
//! Each is a handle: cloning it shares the thing.
