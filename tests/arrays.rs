//! `TCounter`, `TArray` and `TDeque`: each does what its counterpart in `std` does, as a part of transactions.

#[path = "arrays/array.rs"]
mod array;
#[path = "arrays/counter.rs"]
mod counter;
#[path = "arrays/deque.rs"]
mod deque;
