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

use std::convert::Infallible;

use crate::{StmResult, Transaction, TxError};

pub use tarray::TArray;
pub use tcounter::TCounter;
pub use tdeque::TDeque;
pub use tmap::TMap;
pub use tmap_view::{TMapIter, TMapView};
pub use tordmap::TOrdMap;
pub use tset::TSet;
pub use tset_view::TSetView;
pub use ttable::{Conflict, OrderedIndex, TTable, TTableBuilder, UniqueIndex};

/// Several steps with user code in between. A panic of that which is caught within the body leaves all as it was before.
fn undone_by_panic<'tx, 'env, T>(
    tx: &Transaction<'tx, 'env>,
    steps: impl FnOnce(&Transaction<'tx, 'env>) -> StmResult<T>,
) -> StmResult<T> {
    let Ok(result) = tx.nested(|tx| steps(tx).map_err(TxError::<Infallible>::from))?;
    Ok(result)
}
