//! What is kept for snapshots: no more than was written while they were open, and nothing when they are over.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Ends, elsewhere, scaled, watchdog};
use stm::{TVar, atomically, snapshot};

use crate::{alone, heap};

/// What the library keeps for a variable that is written while a snapshot is open: a line of the archive, and a part of what is
/// around it.
const KEPT: i64 = 80;

/// What may stay behind: chunks that the next commits look after, the lists of threads.
const REST: i64 = 100_000;

fn write_all(variables: &[TVar<u64>], times: usize) {
    for _ in 0..times {
        variables.iter().for_each(|x| atomically(|tx| x.modify(tx, |n| n + 1)));
    }
}

#[test]
fn a_long_snapshot_keeps_what_was_written_once_and_gives_it_back() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let variables: Vec<_> = (0..scaled(20_000)).map(|_| TVar::new(1_u64)).collect();
    write_all(&variables, 1);
    let before = heap::live();
    for round in 0..3 {
        snapshot(|tx| {
            let expected = variables[0].read(tx)?;
            elsewhere(|| write_all(&variables, 1));
            let once = heap::live() - before;
            let most = variables.len() as i64 * KEPT + REST;
            assert!(once > most / 3, "round {round}: {once} bytes are too few to have been kept");
            assert!(once <= most, "round {round}: {once} bytes for {} variables", variables.len());
            // However often they are written.
            elsewhere(|| write_all(&variables, 10));
            let often = heap::live() - before;
            assert!(often <= once + REST, "round {round}: {often} bytes, and {once} after the first time");
            for x in &variables {
                assert_eq!(x.read(tx)?, expected);
            }
            Ok(())
        });
        // The snapshot's own map, too.
        let after = heap::live() - before;
        assert!(after <= REST, "round {round}: {after} bytes are left");
    }
}

/// There is a snapshot open at every moment, but none of them for long.
#[test]
fn snapshots_that_overlap_for_ever_do_not_pile_anything_up() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let variables: Vec<_> = (0..2_000).map(|_| TVar::new(1_u64)).collect();
    let (done, rounds) = (AtomicBool::new(false), Cell::new(0));
    let before = heap::live();
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    snapshot(|tx| {
                        for x in &variables {
                            x.read(tx)?;
                        }
                        Ok(())
                    });
                }
            });
        }
        for _ in 0..scaled(200) {
            write_all(&variables, 1);
            rounds.set(rounds.get() + 1);
            // Three snapshots with a map each, and what is kept for a few moments.
            let live = heap::live() - before;
            assert!(live <= 40 * 2_000 * KEPT + REST, "{live} bytes after {} rounds", rounds.get());
        }
    });
    // The last commits and snapshots leave little.
    for _ in 0..10 {
        write_all(&variables, 1);
        stm::collect();
    }
    let after = heap::live() - before;
    assert!(after <= REST, "{after} bytes are left");
}

/// What a boxed value of a hundred numbers takes: they, its node, and a note that it is to be freed.
const BOXED: std::ops::Range<i64> = 800..900;

/// A snapshot that reads nothing that is written, and writers that stop before it ends.
#[test]
fn the_end_of_a_snapshot_is_enough() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let variables: Vec<_> = (0..scaled(20_000)).map(|_| TVar::new(1_u64)).collect();
    let (texts, writes): (Vec<_>, _) = ((0..scaled(2_000)).map(|n| TVar::new(vec![n; 100])).collect(), 3);
    let before = heap::live();
    snapshot(|_| {
        elsewhere(|| {
            write_all(&variables, 1);
            for n in 0..writes {
                texts.iter().for_each(|text| text.store(vec![n; 100]));
            }
        });
        let kept = heap::live() - before;
        // A value that nobody looks for stays as well: that it was replaced is all that is known.
        let boxed = (writes * texts.len()) as i64;
        assert!(kept > boxed * BOXED.start, "{kept} bytes are too few for the values that were replaced");
        let most = boxed * BOXED.end + (variables.len() + texts.len()) as i64 * KEPT + REST;
        assert!(kept <= most, "{kept} bytes, and what was written takes {most}");
        Ok(())
    });
    stm::collect();
    let after = heap::live() - before;
    assert!(after <= REST, "{after} bytes are left");
}

/// Births are noted while a snapshot may be open; a program that goes on to make variables and commits nothing is told that
/// none is.
#[test]
fn variables_made_after_a_snapshot_cost_no_memory_but_their_own() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let x = TVar::new(1_u64);
    let made = |count: usize| (0..count).map(|n| TVar::new(n as u64)).collect::<Vec<_>>();
    drop(made(10));
    stm::collect();
    let count = scaled(100_000);
    let before = heap::live();
    let plain = made(count);
    let without = heap::live() - before;
    assert_eq!(snapshot(|tx| x.read(tx)), 1);
    let before = heap::live();
    let after = made(count);
    let with = heap::live() - before;
    assert!(with <= without + REST, "{with} bytes for {count} variables, and {without} before the snapshot");
    drop((plain, after));
}
