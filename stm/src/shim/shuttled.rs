//! Shuttle's part of [`super::modelled`]: every access is sequentially consistent, and a point at which a random or
//! systematic schedule may switch threads.

pub(crate) use ::shuttle as checker;
pub(crate) use shuttle::sync::atomic::fence;
/// Shuttle's threads may wake up from `park` without a reason, as real ones may.
pub(crate) use shuttle::thread::{Thread, current, park};
