//! Names of variables, kept beside them: a variable without a name pays nothing.

use std::collections::BTreeMap;

use crate::cell::RawCell;
use crate::sync::{Mutex, shared_static};

shared_static! {
    static NAMES: Mutex<BTreeMap<usize, &'static str>> = Mutex::new(BTreeMap::new())
}

pub(crate) fn set(cell: *const RawCell, name: &'static str) {
    NAMES.lock().insert(cell.addr(), name);
}

pub(crate) fn get(cell: *const RawCell) -> Option<&'static str> {
    NAMES.lock().get(&cell.addr()).copied()
}

/// What a message calls a variable.
pub(crate) fn describe(cell: *const RawCell) -> String {
    get(cell).map_or_else(|| "a variable without a name".to_owned(), |name| format!("`{name}`"))
}

pub(crate) fn remove(cell: *const RawCell) {
    NAMES.lock().remove(&cell.addr());
}
