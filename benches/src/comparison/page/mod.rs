//! The page.

pub mod chart;
pub mod paint;
