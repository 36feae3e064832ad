//! Structures whose elements' `Hash`, `Eq`, `Ord`, `Clone` or `Drop` panics, at every call in turn: they stay whole, go on, and
//! each element is dropped once.

#[path = "panicking_elements/busy.rs"]
mod busy;
#[path = "panicking_elements/case.rs"]
mod case;
#[path = "panicking_elements/channels.rs"]
mod channels;
#[path = "panicking_elements/maps.rs"]
mod maps;
#[path = "panicking_elements/sequences.rs"]
mod sequences;
#[path = "panicking_elements/tables.rs"]
mod tables;
