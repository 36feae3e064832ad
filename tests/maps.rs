//! `TMap` and `TSet`: against the standard library's, under threads, with views, and with user code that panics.

#[path = "maps/blocking.rs"]
mod blocking;
#[path = "maps/conflicts.rs"]
mod conflicts;
#[path = "maps/faults.rs"]
mod faults;
#[path = "maps/hashers.rs"]
mod hashers;
#[path = "maps/lifetimes.rs"]
mod lifetimes;
#[path = "maps/linear.rs"]
mod linear;
#[path = "maps/moves.rs"]
mod moves;
#[path = "maps/programs.rs"]
mod programs;
#[path = "maps/set_states.rs"]
mod set_states;
#[path = "maps/states.rs"]
mod states;
#[path = "maps/traits.rs"]
mod traits;
#[path = "maps/views.rs"]
mod views;
