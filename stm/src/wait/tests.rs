//! The table, the wake list and the batons by themselves, with wakers that count.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering as Std};

use super::*;
use crate::clock::Version;
use crate::word::VersionedLock;

mod in_line;

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Std::Relaxed);
    }
}

impl Count {
    fn get(&self) -> u32 {
        self.0.load(Std::Relaxed)
    }
}

fn cell() -> Box<RawCell> {
    Box::new(RawCell::new(VersionedLock::FREE, std::ptr::null_mut()))
}

/// Waits for the cells to change from what they are.
fn arm_at(count: &Arc<Count>, cells: &[&RawCell], call: Option<Call>, batons: &mut Batons) -> Option<Registration> {
    let mut awaited = cells.iter().map(|cell| (&raw const **cell, cell.lock.load().without_waiters())).collect();
    // SAFETY: the cells are borrowed.
    unsafe {
        Registration::arm(
            Waker::from(Arc::clone(count)),
            who(),
            &mut awaited,
            call.map(crate::wait::Line::from),
            batons,
        )
    }
}

fn arm(count: &Arc<Count>, cells: &[&RawCell]) -> Option<Registration> {
    arm_at(count, cells, None, &mut Batons::new())
}

/// A write, and what its commit does for the waiters.
fn write(cell: &RawCell) {
    let word = cell.lock.load();
    cell.lock.publish(Version::from_raw(word.version().raw() + 1));
    if word.has_waiters() {
        settle(cell);
    }
}

fn settle(cell: &RawCell) {
    let (mut list, mut panics) = (WakeList::new(), Panics::new());
    list.add(cell);
    list.wake(&mut panics);
    panics.resume();
}

/// Waiters and batons.
fn left_at(cell: &RawCell) -> usize {
    let own = (&raw const *cell).addr();
    table::count(|address| address == own)
}

fn who() -> Who {
    Who { name: None, site: here() }
}

#[track_caller]
fn here() -> Call {
    Location::caller()
}

#[test]
fn a_waiter_is_woken_once_by_the_first_of_its_variables() {
    let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
    let registration = arm(&count, &[&a, &b, &a]).expect("nothing has changed");
    assert!(a.lock.load().has_waiters() && b.lock.load().has_waiters());
    assert_eq!((left_at(&a), left_at(&b)), (1, 1), "a variable read twice is waited for once");
    write(&a);
    write(&b);
    write(&a);
    assert_eq!(count.get(), 1);
    drop(registration.block());
    assert_eq!((left_at(&a), left_at(&b)), (0, 0));
}

#[test]
fn a_waiter_that_comes_too_late_is_not_left_behind() {
    let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
    let mut awaited = vec![(&raw const *a, VersionedLock::FREE), (&raw const *b, VersionedLock::FREE)];
    b.lock.publish(Version::from_raw(1));
    // SAFETY: the cells are alive.
    let armed =
        unsafe { Registration::arm(Waker::from(Arc::clone(&count)), who(), &mut awaited, None, &mut Batons::new()) };
    assert!(armed.is_none());
    assert_eq!((left_at(&a), left_at(&b)), (0, 0));
}

/// A commit that has stored its value and is slow to look into the table must not wake who has read that value.
#[test]
fn a_waiter_that_has_seen_the_write_is_not_woken_by_it() {
    for call in [None, Some(here())] {
        let (a, early, late) = (cell(), Arc::new(Count::default()), Arc::new(Count::default()));
        let first = arm_at(&early, &[&a], call, &mut Batons::new());
        a.lock.publish(Version::from_raw(1));
        let second = arm_at(&late, &[&a], call, &mut Batons::new()).expect("nothing has changed since");
        settle(&a);
        assert_eq!((early.get(), late.get()), (1, 0));
        drop(first);
        write(&a);
        assert_eq!(late.get(), 1);
        drop(second);
        assert_eq!(left_at(&a), 0);
    }
}

#[test]
fn dropping_a_registration_takes_only_its_own_waiter_out() {
    let (a, count) = (cell(), Arc::new(Count::default()));
    let first = arm(&count, &[&a]).expect("nothing has changed");
    let second = arm(&count, &[&a]).expect("a second waiter changes nothing");
    drop(first);
    assert_eq!(left_at(&a), 1);
    write(&a);
    assert_eq!(count.get(), 1);
    drop(second);
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker panics");
        }
    }
    let (a, count) = (cell(), Arc::new(Count::default()));
    let mut awaited = vec![(&raw const *a, VersionedLock::FREE)];
    // SAFETY: the cell is alive.
    let _bomb =
        unsafe { Registration::arm(Waker::from(Arc::new(Bomb)), who(), &mut awaited, None, &mut Batons::new()) };
    let _good = arm(&count, &[&a]);
    assert!(std::panic::catch_unwind(|| write(&a)).is_err(), "the panic goes on");
    assert_eq!(count.get(), 1);
}

/// Some who wait in line at one call.
struct Line {
    call: Call,
    counts: Vec<Arc<Count>>,
    registrations: Vec<Option<Registration>>,
}

impl Line {
    #[track_caller]
    fn new(cell: &RawCell, length: usize) -> Self {
        let call = here();
        let counts: Vec<_> = (0..length).map(|_| Arc::new(Count::default())).collect();
        let registrations = counts.iter().map(|count| arm_at(count, &[cell], Some(call), &mut Batons::new())).collect();
        Self { call, counts, registrations }
    }

    fn woken(&self) -> Vec<u32> {
        self.counts.iter().map(|count| count.get()).collect()
    }

    fn take(&mut self, index: usize) -> Registration {
        self.registrations[index].take().expect("it is taken once")
    }
}

/// A waiter of a task: it comes with a waker afterwards, and with another each time.
fn entrusted(cell: &RawCell) -> Registration {
    let mut awaited = vec![(&raw const *cell, cell.lock.load().without_waiters())];
    // SAFETY: the cell is borrowed.
    unsafe { Registration::arm(None, who(), &mut awaited, None, &mut Batons::new()) }.expect("nothing has changed")
}

#[test]
fn only_the_latest_waker_is_woken() {
    let (a, counts) = (cell(), [(); 3].map(|()| Arc::new(Count::default())));
    let wakers = counts.each_ref().map(|count| Waker::from(Arc::clone(count)));
    let registration = entrusted(&a);
    assert!(!registration.entrust(&wakers[0]) && !registration.entrust(&wakers[1]));
    assert_eq!(Arc::strong_count(&counts[0]), 2, "it is dropped");
    assert!(!registration.entrust(&wakers[1].clone()));
    assert_eq!(Arc::strong_count(&counts[1]), 3);
    write(&a);
    assert!(registration.entrust(&wakers[2]), "it is told so");
    assert_eq!(counts.each_ref().map(|count| count.get()), [0, 1, 0]);
    assert_eq!(counts.each_ref().map(Arc::strong_count), [2, 2, 2], "nobody need be woken any more");
    drop(registration.end());
    assert_eq!(left_at(&a), 0);
}

#[test]
fn whoever_is_roused_has_not_been_notified() {
    let (a, count) = (cell(), Arc::new(Count::default()));
    let registration = entrusted(&a);
    let waker = Waker::from(Arc::clone(&count));
    assert!(!registration.entrust(&waker));
    registration.rouser().wake();
    assert_eq!(count.get(), 1);
    assert!(!registration.entrust(&waker), "nothing has changed");
    registration.rouser().wake();
    write(&a);
    assert_eq!(count.get(), 2, "once roused, nobody need be woken before the next look");
    assert!(registration.entrust(&waker));
}

#[test]
fn a_thread_sleeps_until_a_change_or_its_deadline() {
    let wait = |cell: &RawCell| {
        let mut awaited = vec![(&raw const *cell, cell.lock.load().without_waiters())];
        // SAFETY: the cell is borrowed.
        unsafe { Registration::arm(thread_waker(), who(), &mut awaited, None, &mut Batons::new()) }
    };
    let a = cell();
    let (start, short) = (Instant::now(), Duration::from_millis(20));
    drop(wait(&a).expect("nothing has changed").block_until(Some(start + short)));
    assert!(start.elapsed() >= short && left_at(&a) == 0);
    for deadline in [None, Some(start + Duration::from_secs(1000))] {
        let (registration, is_over) = (wait(&a).expect("nothing has changed"), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(short);
                write(&a);
                // The end of a scoped thread would wake the other, too.
                while is_over.load(Std::Relaxed) == 0 {
                    std::thread::yield_now();
                }
            });
            drop(registration.block_until(deadline));
            is_over.store(1, Std::Relaxed);
        });
    }
}

#[test]
fn everybody_who_waits_is_seen_once() {
    let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
    let own = |seen: &Seen| seen.addresses.contains(&(&raw const *a).addr());
    assert_eq!(everybody().iter().filter(|seen| own(seen)).count(), 0);
    let call = here();
    let line = arm_at(&count, &[&a, &b], Some(call), &mut Batons::new());
    let plain = arm(&count, &[&a]);
    let mut seen = everybody();
    seen.retain(own);
    seen.sort_by_key(|seen| seen.addresses.len());
    assert_eq!(
        seen.iter().map(|seen| (seen.addresses.len(), seen.line)).collect::<Vec<_>>(),
        [(1, None), (2, Some(call))]
    );
    drop((line, plain));
    assert_eq!(everybody().iter().filter(|seen| own(seen)).count(), 0);
}

/// Which write somebody waited for is noted if people want to know, and of no other.
#[test]
fn a_write_that_wakes_somebody_is_signed() {
    let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
    let address = (&raw const *a).addr();
    let noted = |list: &WakeList| list.written.clone();
    let mut list = WakeList::new();
    let wait_and_write = |list: &mut WakeList| {
        let _registration = arm(&count, &[&a]);
        a.lock.publish(Version::from_raw(a.lock.load().version().raw() + 1));
        list.add(&a);
    };
    wait_and_write(&mut list);
    assert!(noted(&list).is_empty(), "nobody wants to know");
    names::record(true);
    list.add(&b);
    assert!(noted(&list).is_empty(), "nobody waits for it");
    wait_and_write(&mut list);
    names::record(false);
    assert_eq!(noted(&list), [address]);
    list.sign(here());
    assert!(noted(&list).is_empty());
    assert!(names::describe(address).written().is_some());
    names::remove(address);
    list.wake(&mut Panics::new());
}

/// However those who wait for a variable leave, the table keeps nothing of it.
#[test]
fn nothing_is_kept_where_nobody_waits() {
    let a = cell();
    let is_known = || table::knows((&raw const *a).addr());
    let one = Arc::new(Count::default());
    let plain = arm(&one, &[&a]);
    assert!(is_known());
    drop(plain);
    assert!(!is_known(), "a wait is given up");
    let plain = arm(&one, &[&a]);
    write(&a);
    assert!(!is_known(), "all are woken");
    drop(plain);
    assert!(!is_known());
    let line = Line::new(&a, 2);
    assert!(is_known());
    drop(line);
    assert!(!is_known(), "a line is given up");
    let mut line = Line::new(&a, 1);
    write(&a);
    assert!(is_known(), "a baton is out");
    let mut batons = line.take(0).end();
    let again = arm_at(&line.counts[0], &[&a], Some(line.call), &mut batons);
    assert!(is_known() && batons.is_empty(), "it is put down");
    drop(again);
    assert!(!is_known(), "and comes to its end with who owes it");
}
