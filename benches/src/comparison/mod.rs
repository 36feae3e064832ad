//! The comparison: runs the contests, and tells what came out.

pub mod applications;
pub mod arguments;
pub mod compare;
pub mod isolated;
pub mod machine;
pub mod memory;
pub mod page;
pub mod part;
pub mod results;
pub mod run;
pub mod summary;
pub mod terminal;
