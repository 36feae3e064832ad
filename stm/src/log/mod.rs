//! What one attempt has read and what it wants to write. Kept from attempt to attempt, so that a warmed-up thread
//! allocates nothing.

pub(crate) mod index;
pub(crate) mod reads;
pub(crate) mod writes;

pub(crate) use reads::ReadLog;
pub(crate) use writes::{WriteEntry, WriteLog};
