//! `TOrdMap`: what it holds is what a `BTreeMap` would hold, its operations conflict only where they meet, and all of it holds
//! under threads, panics and a million keys.

#[path = "ordered/conflicts.rs"]
mod conflicts;
#[path = "ordered/machine.rs"]
mod machine;
#[path = "ordered/memory.rs"]
mod memory;
#[path = "ordered/panics.rs"]
mod panics;
#[path = "ordered/threads.rs"]
mod threads;
