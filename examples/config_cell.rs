//! Configuration in `static` cells: many threads read it, one replaces it together with its revision.
//!
//! A `TCell` needs no allocation, no handle and no lazy initialisation.

use std::thread;

use stm::{TCell, atomically, snapshot};

const READERS: usize = 4;
const REVISIONS: u64 = 200_000;

#[derive(Clone)]
struct Limits {
    name: String,
    requests: u64,
    /// Always ten times `requests`.
    bytes: u64,
}

static LIMITS: TCell<Limits> = TCell::new(Limits { name: String::new(), requests: 0, bytes: 0 });

/// How often `LIMITS` has been replaced.
static REVISION: TCell<u64> = TCell::new(0);

/// Replaces both cells in one step.
fn configure(requests: u64) {
    let name = format!("up to {requests} requests");
    atomically(|tx| {
        let bytes = 10 * requests;
        let name = name.clone();
        LIMITS.write(tx, Limits { name, requests, bytes })?;
        REVISION.modify(tx, |revision| revision + 1)
    });
}

/// Reads both cells until the last revision; returns how many revisions it saw.
fn watch() -> u64 {
    let (mut seen, mut last) = (0, None);
    while last != Some(REVISIONS) {
        let revision = snapshot(|tx| {
            let revision = REVISION.read(tx)?;
            // Borrowed for as long as the body runs: nothing is cloned.
            let limits = LIMITS.read_ref(tx)?;
            assert_eq!(limits.requests, revision, "limits of another revision");
            assert_eq!(limits.bytes, 10 * revision, "half a set of limits");
            Ok(revision)
        });
        assert!(last <= Some(revision), "an older revision came back");
        seen += u64::from(last != Some(revision));
        last = Some(revision);
    }
    seen
}

fn main() {
    let seen = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(watch)).collect();
        // Sleeps until the condition holds; no reader polls for it.
        let waiter = scope.spawn(|| REVISION.wait_until(|&revision| revision >= REVISIONS / 2));
        for requests in 1..=REVISIONS {
            configure(requests);
        }
        assert!(waiter.join().expect("the waiter panicked") >= REVISIONS / 2);
        let seen = readers.into_iter().map(|reader| reader.join().expect("a reader panicked"));
        seen.collect::<Vec<_>>()
    });

    assert_eq!(REVISION.load(), REVISIONS);
    assert_eq!(LIMITS.load().name, format!("up to {REVISIONS} requests"));
    println!("{REVISIONS} revisions; the readers saw {seen:?} of them, each of one piece");
}
