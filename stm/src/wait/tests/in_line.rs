//! Those who wait in line at one call, and the batons they pass on.

use super::*;

#[test]
fn each_write_wakes_the_next_in_line() {
    let a = cell();
    let mut line = Line::new(&a, 3);
    write(&a);
    assert_eq!(line.woken(), [1, 0, 0]);
    // The first has not even run again.
    write(&a);
    assert_eq!(line.woken(), [1, 1, 0]);
    write(&a);
    assert_eq!(line.woken(), [1, 1, 1]);
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

#[test]
fn plain_waiters_and_other_lines_are_woken_too() {
    let (a, plain) = (cell(), [(); 2].map(|()| Arc::new(Count::default())));
    let (mut one, mut other) = (Line::new(&a, 2), Line::new(&a, 2));
    let waits = plain.each_ref().map(|count| arm(count, &[&a]));
    write(&a);
    assert_eq!((one.woken(), other.woken()), (vec![1, 0], vec![1, 0]));
    assert_eq!(plain.each_ref().map(|count| count.get()), [1, 1]);
    drop(waits);
    // A baton is passed on in its own line.
    drop(one.take(0));
    assert_eq!((one.woken(), other.woken()), (vec![1, 1], vec![1, 0]));
    one.registrations.clear();
    drop(other.take(1));
    other.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

#[test]
fn whoever_waits_again_keeps_its_place_and_speaks_for_the_others() {
    let a = cell();
    let mut line = Line::new(&a, 3);
    write(&a);
    let mut batons = line.take(0).end();
    assert!(!batons.is_empty());
    let again = arm_at(&line.counts[0], &[&a], Some(line.call), &mut batons).expect("nothing has changed");
    assert!(batons.is_empty());
    assert_eq!(line.woken(), [1, 0, 0], "nobody else need look");
    write(&a);
    assert_eq!(line.woken(), [2, 0, 0], "it is in front again");
    drop(again);
    assert_eq!(line.woken(), [2, 1, 0]);
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

/// The ways in which a wait is not continued.
#[test]
fn a_baton_is_passed_on_by_everybody_who_does_not_wait_there_again() {
    type End = fn(Registration, &Line, &RawCell, &RawCell);
    let ends: [End; 4] = [
        |registration, _, _, _| drop(registration),
        |registration, _, _, _| drop(registration.end()),
        // A plain wait, and one for another variable.
        |registration, line, a, _| {
            let mut batons = registration.end();
            let plain = arm_at(&line.counts[0], &[a], None, &mut batons);
            assert!(plain.is_some() && !batons.is_empty());
        },
        |registration, line, _, b| {
            let mut batons = registration.end();
            let elsewhere = arm_at(&line.counts[0], &[b], Some(line.call), &mut batons);
            assert!(elsewhere.is_some() && !batons.is_empty());
        },
    ];
    for (index, end) in ends.into_iter().enumerate() {
        let (a, b) = (cell(), cell());
        let mut line = Line::new(&a, 3);
        write(&a);
        end(line.take(0), &line, &a, &b);
        assert_eq!(line.woken(), [1, 1, 0], "end {index}");
        line.registrations.clear();
        assert_eq!((left_at(&a), left_at(&b)), (0, 0));
    }
}

#[test]
fn a_wait_in_line_given_up_before_it_was_woken_wakes_nobody() {
    let a = cell();
    let mut line = Line::new(&a, 3);
    drop(line.take(0));
    assert_eq!(line.woken(), [0, 0, 0]);
    write(&a);
    assert_eq!(line.woken(), [0, 1, 0]);
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

/// Two batons of one line are out: the last to end sees to the line.
#[test]
fn of_several_batons_the_last_is_passed_on() {
    let a = cell();
    let mut line = Line::new(&a, 4);
    write(&a);
    write(&a);
    assert_eq!(line.woken(), [1, 1, 0, 0]);
    drop(line.take(0));
    assert_eq!(line.woken(), [1, 1, 0, 0]);
    drop(line.take(1));
    assert_eq!(line.woken(), [1, 1, 1, 0]);
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

/// Whoever spoke for the line has seen more than the others: when it goes, for whatever reason, they have to look.
#[test]
fn whoever_spoke_for_a_line_owes_it_the_baton() {
    let (a, b) = (cell(), cell());
    let mut line = Line::new(&a, 2);
    write(&a);
    let mut batons = line.take(0).end();
    let both = arm_at(&line.counts[0], &[&a, &b], Some(line.call), &mut batons).expect("nothing has changed");
    write(&b);
    assert_eq!(line.woken(), [2, 0], "the second does not know of the other variable");
    drop(both);
    assert_eq!(line.woken(), [2, 1]);
    line.registrations.clear();
    assert_eq!((left_at(&a), left_at(&b)), (0, 0));
}

#[test]
fn whoever_is_woken_while_it_is_about_to_wait_keeps_the_baton() {
    let (a, b) = (cell(), cell());
    let mut line = Line::new(&a, 2);
    write(&a);
    let mut batons = line.take(0).end();
    let seen = a.lock.load().without_waiters();
    let mut awaited = vec![(&raw const *a, seen), (&raw const *b, Word::of_version(Version::from_raw(7)))];
    let waker = Waker::from(Arc::clone(&line.counts[0]));
    // SAFETY: the cells are alive.
    assert!(unsafe { Registration::arm(waker, who(), &mut awaited, Some(line.call.into()), &mut batons) }.is_none());
    assert!(!batons.is_empty(), "it has not looked at the latest state");
    drop(batons);
    assert_eq!(line.woken(), [1, 1]);
    line.registrations.clear();
    assert_eq!((left_at(&a), left_at(&b)), (0, 0));
}

/// A run that is undone keeps its batons for the next one.
#[test]
fn batons_go_into_a_list_and_back() {
    let a = cell();
    let mut line = Line::new(&a, 3);
    write(&a);
    let mut batons = line.take(0).end();
    let mut list = WakeList::new();
    list.owe(&mut batons);
    assert!(batons.is_empty() && !list.is_empty());
    list.keep(&mut batons);
    assert!(!batons.is_empty() && list.is_empty());
    // Whoever is to be woken by a write is not given back.
    list.add(&a);
    list.owe(&mut batons);
    list.keep(&mut batons);
    assert!(!batons.is_empty() && !list.is_empty());
    list.wake(&mut Panics::new());
    assert!(list.is_empty());
    assert_eq!(line.woken(), [1, 1, 0]);
    drop(batons);
    drop(line.take(1));
    assert_eq!(line.woken(), [1, 1, 1], "the last of two batons");
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}

#[test]
fn those_who_are_left_in_line_are_found_by_the_next_write() {
    let a = cell();
    let mut line = Line::new(&a, 2);
    write(&a);
    assert!(a.lock.load().has_waiters(), "it is armed again");
    // Somebody who has locked it stops this.
    let (free, owner) = (a.lock.load(), 0_u64);
    a.lock.try_lock(free, Word::owned_by(&raw const owner)).expect("nobody has it");
    arm_again(&a);
    assert!(a.lock.load().is_locked());
    a.lock.restore(free.without_waiters());
    arm_again(&a);
    assert!(a.lock.load().has_waiters());
    line.registrations.clear();
    assert_eq!(left_at(&a), 0);
}
