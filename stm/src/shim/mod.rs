//! The one door to shared-memory primitives.
//!
//! Every atomic, lock, thread-local and static of the library is named through this module, so that the same code runs on the real
//! machine, under loom (`--cfg stm_loom`), under shuttle (`--cfg stm_shuttle`) and with random delays at every access (`--cfg
//! stm_chaos`). [`point`] marks steps at which a test may step in (`--cfg stm_probe`). Nothing else in the crate may name
//! `std::sync::atomic` or `parking_lot`.
//!
//! # Sequential consistency
//!
//! The protocol needs a handful of sequentially consistent accesses (docs/memory-model.md, edges E3 and E4). The real
//! build uses `SeqCst` accesses, which cost nothing beyond acquire and release on x86-64. Loom treats such accesses as
//! acquire-release, but models `fence(SeqCst)` exactly; so under loom each of them is an access next to such a fence.
//! [`seq_cst`] holds both spellings, and nothing else in the crate writes `Ordering::SeqCst`.

#[cfg(stm_chaos)]
mod chaos;
#[cfg(stm_loom)]
mod loomed;
#[cfg(any(stm_loom, stm_shuttle))]
mod modelled;
#[cfg(not(any(stm_loom, stm_shuttle)))]
mod native;
#[cfg(stm_shuttle)]
mod shuttled;

pub(crate) mod barrier;
pub(crate) mod cores;
pub(crate) mod point;
pub(crate) mod seq_cst;

#[cfg(any(stm_loom, stm_shuttle))]
pub(crate) use modelled::*;
#[cfg(not(any(stm_loom, stm_shuttle)))]
pub(crate) use native::*;

pub(crate) use point::{Point, decided, point};
pub(crate) use std::sync::atomic::Ordering;
