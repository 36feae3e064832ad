//! What a variable takes: the growth of a fresh process that makes a million of them.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stm::{TCell, TVar};

use super::results::Memory;
use crate::contest::Family;

const COUNT: usize = 1_000_000;

/// A kind of variable that holds a number.
struct Kind {
    name: &'static str,
    family: Family,
    inline: usize,
    /// Makes [`COUNT`] of them in a vector, whose room is filled as well, and returns by how many bytes the process grew.
    grow: fn() -> Option<usize>,
}

fn kind<T>(name: &'static str, family: Family, grow: fn() -> Option<usize>) -> Kind {
    Kind { name, family, inline: size_of::<T>(), grow }
}

/// Returns by how many bytes the process grows with a million values.
fn grow<T>(make: impl Fn(u64) -> T) -> Option<usize> {
    let before = resident()?;
    let values: Vec<T> = (0..COUNT as u64).map(make).collect();
    let after = resident()?;
    drop(black_box(values));
    Some(after.saturating_sub(before))
}

/// Returns how many bytes of this process are in memory. `None` where nobody says.
fn resident() -> Option<usize> {
    const PAGE: usize = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(PAGE * pages.split_whitespace().nth(1)?.parse::<usize>().ok()?)
}

fn kinds() -> Vec<Kind> {
    type StdMutex = std::sync::Mutex<u64>;
    type PlMutex = parking_lot::Mutex<u64>;
    type StdRwLock = std::sync::RwLock<u64>;
    type PlRwLock = parking_lot::RwLock<u64>;
    vec![
        kind::<AtomicU64>("AtomicU64", Family::Atomic, || grow(AtomicU64::new)),
        kind::<TCell<u64>>("TCell<u64> (ours, in place)", Family::Ours, || grow(TCell::new)),
        kind::<TVar<u64>>("TVar<u64> (ours, a handle)", Family::Ours, || grow(TVar::new)),
        kind::<StdMutex>("std Mutex<u64>", Family::Mutex, || grow(StdMutex::new)),
        kind::<Arc<StdMutex>>("Arc of a std Mutex<u64>", Family::Mutex, || grow(|n| Arc::new(StdMutex::new(n)))),
        kind::<PlMutex>("parking_lot Mutex<u64>", Family::Mutex, || grow(PlMutex::new)),
        kind::<StdRwLock>("std RwLock<u64>", Family::RwLock, || grow(StdRwLock::new)),
        kind::<PlRwLock>("parking_lot RwLock<u64>", Family::RwLock, || grow(PlRwLock::new)),
        kind::<arc_swap::ArcSwap<u64>>("ArcSwap<u64>", Family::Copy, || grow(arc_swap::ArcSwap::from_pointee)),
        kind::<fast_stm::TVar<u64>>("fast-stm TVar<u64>", Family::OtherStm, || grow(fast_stm::TVar::new)),
        kind::<async_stm::TVar<u64>>("async-stm TVar<u64>", Family::OtherStm, || grow(async_stm::TVar::new)),
        kind::<stm_core::TVar<u64>>("stm 0.4 TVar<u64>", Family::OtherStm, || grow(stm_core::TVar::new)),
    ]
}

/// What `--resident` prints.
///
/// # Errors
///
/// When there is no such kind, or nobody says how big a process is.
pub fn print_growth(name: &str) -> Result<(), String> {
    let kinds = kinds();
    let kind = kinds.iter().find(|kind| kind.name == name).ok_or_else(|| format!("no kind `{name}`"))?;
    let bytes = (kind.grow)().ok_or("this system does not say how big a process is")?;
    println!("{bytes}");
    Ok(())
}

/// Measures all kinds, each in a process of its own, as memory that was freed before would be used again. Those that can not
/// be measured are left out.
pub fn measure() -> Vec<Memory> {
    let measured = kinds().into_iter().map(|kind| {
        let program = std::env::current_exe().ok()?;
        let output = Command::new(program).args(["--resident", kind.name]).output().ok()?;
        let bytes: usize = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
        Some(Memory {
            variable: kind.name.to_owned(),
            family: kind.family,
            inline: kind.inline,
            resident: bytes as f64 / COUNT as f64,
        })
    });
    measured.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_grows_by_what_is_made() {
        let Some(bytes) = grow(|number| [number; 8]) else { return };
        assert!(bytes >= 60 * COUNT, "{bytes}");
        assert!(print_growth("nothing").is_err());
    }
}
