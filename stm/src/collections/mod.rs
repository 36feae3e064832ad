//! Collections whose operations are parts of transactions, and conflict only where they meet.
//!
//! Each is a handle: cloning it shares the collection. All of them work in a [`snapshot`](crate::snapshot()), and compose with
//! each other and with variables.

#[cfg(feature = "serde")]
mod serde;
mod tarray;
mod tcounter;
mod tdeque;
mod tmap;
mod tmap_traits;
mod tmap_view;
mod tordmap;
mod trie;
mod tset;
mod tset_view;
mod ttable;

pub use tarray::TArray;
pub use tcounter::TCounter;
pub use tdeque::TDeque;
pub use tmap::TMap;
pub use tmap_view::{TMapIter, TMapView};
pub use tordmap::TOrdMap;
pub use tset::TSet;
pub use tset_view::TSetView;
pub use ttable::{Conflict, OrderedIndex, TTable, TTableBuilder, UniqueIndex};
