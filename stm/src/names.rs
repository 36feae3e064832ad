//! What people know variables by, kept beside them: a variable that nobody has named pays nothing.
//!
//! Entries are found by address alone, so whoever looks one up need not have the variable.

use std::collections::BTreeMap;

use crate::shim::{AtomicBool, Mutex, Ordering, shared_static};
use crate::waited::{Known, Site, Variable};

shared_static! {
    static KNOWN: Mutex<BTreeMap<usize, Known>> = Mutex::new(BTreeMap::new())
}

shared_static! {
    static RECORDING: AtomicBool = AtomicBool::new(false)
}

/// Whether to note where variables are made and written. Relaxed: it orders nothing.
pub(crate) fn is_recording() -> bool {
    !cfg!(any(stm_loom, stm_shuttle)) && RECORDING.load(Ordering::Relaxed)
}

/// Relaxed, as above.
pub(crate) fn record(on: bool) {
    RECORDING.store(on, Ordering::Relaxed);
}

pub(crate) fn set_name(address: usize, name: &'static str, site: Site) {
    let mut known = KNOWN.lock();
    let entry = known.entry(address).or_default();
    entry.name = Some(name);
    entry.made.get_or_insert(site);
}

/// The variable is new: what was known of another at its address is forgotten.
pub(crate) fn set_made(address: usize, site: Site) {
    KNOWN.lock().insert(address, Known { made: Some(site), ..Known::default() });
}

pub(crate) fn set_written(address: usize, site: Site) {
    KNOWN.lock().entry(address).or_default().written = Some(site);
}

pub(crate) fn name(address: usize) -> Option<&'static str> {
    KNOWN.lock().get(&address).and_then(|known| known.name)
}

pub(crate) fn describe(address: usize) -> Variable {
    let known = KNOWN.lock().get(&address).copied().unwrap_or_default();
    Variable { address, known }
}

pub(crate) fn remove(address: usize) {
    KNOWN.lock().remove(&address);
}
