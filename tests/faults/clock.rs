//! Versions near their maximum: everything works up to there, and the process ends rather than go beyond. The clock is
//! one for the process, so each of these runs in one of its own.

use std::sync::Mutex;

use common::{Census, Clash, elsewhere, race, watchdog};
use stm::probe::{last_commit, set_clock};
use stm::{TCell, TVar, atomically, options, snapshot};

use crate::{alone, child};

/// The last version of the clock, as `docs/design.md` has it.
const LAST: u64 = (1 << 60) - 1;

/// Runs `body` in a process of its own, which must succeed.
fn in_a_child(name: &str, body: impl FnOnce()) {
    let (_alone, _watchdog) = (alone(), watchdog());
    if child::is_child() {
        return body();
    }
    let output = child::start(name).wait_with_output().expect("it ends");
    let told = child::told(&output);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// Runs `body` in a process of its own, which must abort because its clock is at its end.
fn until_the_clock_ends(name: &str, body: impl FnOnce()) {
    let (_alone, _watchdog) = (alone(), watchdog());
    if child::is_child() {
        body();
        return;
    }
    let output = child::start(name).wait_with_output().expect("it ends");
    let told = child::told(&output);
    assert!(!output.status.success(), "it went on beyond the last version: {told}");
    assert!(told.contains("the version clock is exhausted"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

/// Several threads on one counter. Of two commits that wrote it the later has the greater version.
fn count_in_order(counter: &TVar<u64>) {
    let commits = Mutex::new(Vec::new());
    race(3, |_| {
        for n in 0..3_000 {
            let value = if n % 2 == 0 {
                atomically(|tx| {
                    counter.modify(tx, |n| n + 1)?;
                    counter.read(tx)
                })
            } else {
                counter.fetch_update(|n| {
                    *n += 1;
                    *n
                })
            };
            commits.lock().expect("nobody panics here").push((value, last_commit()));
        }
    });
    let mut commits = commits.into_inner().expect("nobody panicked");
    commits.sort_unstable();
    assert_eq!(commits.len(), 9_000);
    assert!((1..).zip(&commits).all(|(n, &(value, _))| value == n), "an increment was lost");
    assert!(commits.is_sorted_by(|(_, earlier), (_, later)| earlier < later), "a version is not beyond the one before");
    assert!(commits.iter().all(|&(_, version)| (LAST - 3_000_000..LAST).contains(&version)));
}

/// Two threads that take turns by waiting.
fn take_turns() {
    let turn = TVar::new(0_usize);
    race(2, |me| {
        for _ in 0..500 {
            atomically(|tx| {
                tx.check(turn.read(tx)? % 2 == me)?;
                turn.modify(tx, |n| n + 1)
            });
        }
    });
    assert_eq!(turn.load(), 1_000);
}

/// A promoted run, with the clock's lowest bit set, in which the view has to be moved forward.
fn promote(x: &TVar<u64>, y: &TVar<u64>) {
    let clash = Clash::new();
    let runs = options().promote_after(2).run(|tx| {
        if tx.attempt_number() == 1 {
            clash.at_commit(tx)?;
        }
        let seen = y.read(tx)?;
        x.modify(tx, |n| n + seen)?;
        Ok(tx.attempt_number())
    });
    assert_eq!(runs, Ok(2));
}

#[test]
fn everything_works_near_the_last_version() {
    in_a_child("clock::everything_works_near_the_last_version", || {
        static CELL: TCell<u64> = TCell::new(5);
        let old = TVar::new(1_u64);
        old.store(2);
        set_clock(LAST - 3_000_000);
        assert_eq!((old.load(), CELL.load()), (2, 5));
        let (counter, other, census) = (TVar::new(0), TVar::new(1), Census::new());
        let text = TVar::new(census.value(0));
        count_in_order(&counter);
        take_turns();
        // A snapshot makes a moment of its own, and those are 1024 versions apart.
        for n in 0..1_000 {
            promote(&old, &other);
            atomically(|tx| text.update(tx, |text| text.payload += 1));
            elsewhere(|| other.store(1));
            let (seen, payload) = snapshot(|tx| Ok((old.read(tx)?, text.with(tx, |text| text.payload)?)));
            assert_eq!((seen, payload), (n + 3, n + 1));
            atomically(|tx| CELL.modify(tx, |n| n + 1));
        }
        assert_eq!((CELL.load(), counter.load()), (1_005, 9_000));
        census.settle(1);
    });
}

/// Nobody reads, so nobody moves the clock but the commits themselves, now and then.
#[test]
fn a_process_ends_when_its_commits_have_used_up_all_versions() {
    until_the_clock_ends("clock::a_process_ends_when_its_commits_have_used_up_all_versions", || {
        let x = TVar::new(0_u64);
        set_clock(LAST - 10);
        (0..10_000).for_each(|n| x.store(n));
    });
}

/// Readers that meet a version beyond the clock move it, so commits never have to.
#[test]
fn a_process_ends_when_its_readers_have_moved_the_clock_to_its_end() {
    until_the_clock_ends("clock::a_process_ends_when_its_readers_have_moved_the_clock_to_its_end", || {
        let (x, still) = (TVar::new(0_u64), TVar::new(0_u64));
        set_clock(LAST - 10);
        for n in 0..10_000 {
            x.store(n);
            let seen = atomically(|tx| {
                still.read(tx)?;
                x.read(tx)
            });
            assert_eq!(seen, n);
        }
    });
}
