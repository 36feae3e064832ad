//! Measuring: pinned workers, timed windows, contenders in turns.

pub mod crew;
pub mod diary;
pub mod spread;
pub mod trial;
