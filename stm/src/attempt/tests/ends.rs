//! What is left to do when a run is over, and that it is done.

use super::*;

/// Batons of one that was woken in line.
fn batons(cell: &RawCell) -> Batons {
    let site = Location::caller();
    let mut awaited = vec![(&raw const *cell, VersionedLock::FREE)];
    // SAFETY: the cell is borrowed.
    let registration = unsafe {
        Registration::arm(None, Who { name: None, site }, &mut awaited, Some(site.into()), &mut Batons::new())
    };
    cell.lock.publish(Version::from_raw(1));
    WakeList::new().add(cell);
    registration.expect("nothing had changed").end()
}

#[test]
fn what_is_owed_is_seen_to_at_the_end_of_the_run() {
    let (stand, awaited) = (Stand::new(), cell(0));
    let mut batons = batons(&awaited);
    assert!(!batons.is_empty());
    // Before the run begins: the first has waited for nothing yet, so only later ones look.
    stand.attempt.owe(&mut batons);
    for (number, expected) in [(2, UNTIDY), (1, 0)] {
        let attempt = stand.begin(number, Privilege::Ordinary, LOGGED);
        assert_eq!(flags(attempt), expected);
        attempt.keep(&mut batons);
        attempt.owe(&mut batons);
        assert!(batons.is_empty());
        assert_eq!(flags(attempt), UNTIDY);
        attempt.keep(&mut batons);
        assert!(!batons.is_empty() && stand.end().is_none(), "taken back");
        stand.attempt.owe(&mut batons);
    }
    stand.attempt.keep(&mut batons);
    // A run with nothing to pass on is plain, whatever its number.
    assert_eq!(flags(stand.begin(3, Privilege::Ordinary, LOGGED)), 0);
    assert!(!stand.attempt.finish());
    stand.leave();
    let attempt = stand.plain();
    attempt.owe(&mut batons);
    let aftermath = stand.end().expect("somebody is next");
    assert!(!aftermath.wake.is_empty() && aftermath.due.is_empty());
    let mut wake = aftermath.wake;
    wake.wake(&mut Panics::new());
}

#[test]
fn a_boxed_value_that_is_replaced_leaves_something_to_be_done() {
    let value = Arc::new(());
    let stored = || storage::store(Arc::clone(&value));
    let kind = storage::kind::<Arc<()>>().expect("it is boxed");
    let (stand, a) = (Stand::new(), RawCell::new(VersionedLock::FREE, stored()));
    let attempt = stand.plain();
    let scope = attempt.open();
    // SAFETY: the cell is alive, and holds a value of this type.
    assert!(unsafe { attempt.write(&a, stored(), Some(kind)) }.is_ok());
    attempt.merge(scope);
    // SAFETY: as above.
    assert!(unsafe { attempt.commit(who) }.is_ok());
    assert_eq!(flags(attempt), UNTIDY);
    assert!(attempt.finish() && attempt.tidy().is_none());
    stand.leave();
    // SAFETY: nobody has the cell any more.
    unsafe { (kind.destroy)(a.value()) };
}

#[test]
fn hooks_run_for_the_end_they_are_for() {
    let stand = Stand::new();
    let count = Arc::new(AtomicU32::new(0));
    let hook = |n| {
        let count = Arc::clone(&count);
        Box::new(move || {
            count.fetch_add(n, Ordering::Relaxed);
        })
    };
    let ran = || count.swap(0, Ordering::Relaxed);
    let register = |attempt: &Attempt| {
        attempt.on_commit(hook(1));
        assert_eq!(flags(attempt), UNTIDY);
        attempt.on_rollback(hook(10));
    };
    register(stand.plain());
    let aftermath = stand.end().expect("a hook is due");
    aftermath.due.run(&mut Panics::new());
    assert_eq!(ran(), 10);
    register(stand.plain());
    assert!(stand.attempt.finish());
    let aftermath = stand.attempt.tidy().expect("a hook is due");
    stand.leave();
    aftermath.due.run(&mut Panics::new());
    assert_eq!(ran(), 1);
    let attempt = stand.plain();
    attempt.on_rollback(hook(10));
    assert_eq!(flags(attempt), UNTIDY);
    let scope = attempt.open();
    attempt.on_rollback(hook(100));
    attempt.undo(scope).run(&mut Panics::new());
    assert_eq!(ran(), 100);
    stand.end().expect("a hook is due").due.run(&mut Panics::new());
    assert_eq!(ran(), 10);
}

#[test]
fn a_run_is_cleaned_up_after_where_there_is_something_to_clean() {
    let _alone = alone();
    let (stand, a) = (Stand::new(), cell(1));
    let attempt = stand.plain();
    read(attempt, &a);
    assert!(!attempt.finish() && attempt.state().reads.is_empty());
    stand.leave();
    // A snapshot that has found nothing in the archive leaves nothing, unless there is much in it.
    let attempt = stand.begin(1, Privilege::Ordinary, Tracking::Snapshot);
    read(attempt, &a);
    assert_eq!(attempt.finish(), archive::is_large());
    stand.leave();
    let attempt = stand.begin(1, Privilege::Ordinary, Tracking::LoggedSnapshot);
    assert!(attempt.finish() && !attempt.state().writes.has_room());
    assert!(attempt.tidy().is_none() && attempt.state().writes.has_room(), "the next one writes plainly");
    stand.leave();
    let attempt = stand.begin(1, Privilege::Promoted, LOGGED);
    assert!(attempt.finish() && attempt.tidy().is_none());
    stand.leave();
}

#[test]
fn what_is_discarded_is_freed_when_nobody_can_see_it() {
    let value = Arc::new(());
    let stored = || storage::store(Arc::clone(&value));
    let kind = storage::kind::<Arc<()>>().expect("it is boxed");
    let (stand, a) = (Stand::new(), cell(0));
    let attempt = stand.plain();
    attempt.discard(Displaced { value: stored(), kind });
    let _abort = attempt.abort(Cause::Restart);
    // SAFETY: the cell is alive; nothing is stored in it.
    assert!(unsafe { attempt.write(&a, stored(), Some(kind)) }.is_err());
    assert_eq!(Arc::strong_count(&value), 3, "this attempt may still see them");
    stand.end();
    for _ in 0..10_000 {
        reclaim::collect(stand.attempt.local());
        if Arc::strong_count(&value) == 1 {
            return;
        }
        // A test beside this one may be at something for long.
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it is never freed");
}

#[test]
fn a_long_log_is_given_back() {
    let stand = Stand::new();
    let cells: Vec<_> = (0..100_000).map(cell).collect();
    let attempt = stand.plain();
    cells.iter().for_each(|cell| assert!(read(attempt, cell).is_some()));
    assert_eq!(flags(attempt), UNTIDY);
    assert!(attempt.finish() && attempt.state().reads.is_outsized());
    assert!(attempt.tidy().is_none() && !attempt.state().reads.is_outsized());
    stand.leave();
    let attempt = stand.plain();
    let scope = attempt.open();
    cells.iter().for_each(|cell| assert!(write(attempt, cell, 1)));
    assert_eq!(flags(attempt), 0, "a commit would give the memory back by itself");
    assert!(attempt.undo(scope).is_empty());
    assert_eq!(flags(attempt), UNTIDY);
    assert!(attempt.finish() && attempt.state().writes.is_outsized());
    assert!(attempt.tidy().is_none() && !attempt.state().writes.is_outsized());
    stand.leave();
}

#[test]
fn a_branch_that_retried_is_waited_for_in_a_snapshot_too() {
    let _alone = alone();
    let (gate, other) = (TVar::new(0_u64), TVar::new(0_u64));
    let seen = thread::scope(|scope| {
        scope.spawn(|| atomically(|tx| gate.write(tx, 3)));
        snapshot(|tx| {
            tx.or_else(
                |tx| {
                    tx.check(gate.read(tx)? > 0)?;
                    gate.read(tx)
                },
                |tx| {
                    tx.check(other.read(tx)? > 0)?;
                    Ok(9)
                },
            )
        })
    });
    assert_eq!(seen, 3);
}

#[test]
fn only_who_has_announced_a_snapshot_ends_it() {
    let _alone = alone();
    let stand = Stand::new();
    for tracking in [Tracking::Snapshot, Tracking::LoggedSnapshot] {
        let attempt = stand.begin(1, Privilege::Ordinary, tracking);
        assert!(attempt.closes_snapshot());
        let inner = Stand::new();
        let second = inner.begin(1, Privilege::Ordinary, tracking);
        assert!(!second.state().announced && !second.closes_snapshot(), "the one further out has");
        inner.end();
        if tracking == Tracking::LoggedSnapshot {
            assert!(write(attempt, &cell(1), 2));
            assert_eq!(flags(attempt) & (SNAPSHOT | THAWED), THAWED);
            assert!(attempt.closes_snapshot(), "it has been one");
        }
        stand.end();
    }
    // What an earlier run has announced concerns no later one.
    stand.attempt.state().announced = true;
    assert!(!stand.plain().closes_snapshot());
    stand.end();
}
