//! A thread that is stopped by a signal, anywhere: in the middle of a commit too. The others go on with everything it does
//! not hold, and when it goes on nothing is torn. And the whole process, stopped and continued.
//!
//! `SIGSTOP` stops all threads of a process. To stop one, it is sent a signal whose handler does not return until it is
//! told to. All of this happens in a process of its own.

use std::cell::Cell;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Ends, Random, scaled, watchdog};
use stm::probe::{self, Point};
use stm::{TVar, atomically, options, snapshot};

use crate::{alone, child, heap};

const ACCOUNTS: usize = 4;

/// The thread that is to stop has stopped; `IN_COMMIT` says where.
static STOPPED: AtomicBool = AtomicBool::new(false);
static IN_COMMIT: AtomicBool = AtomicBool::new(false);
/// It may hold a lock of the allocator's, which others need to free what it has allocated.
static IN_ALLOCATOR: AtomicBool = AtomicBool::new(false);
/// Grows by one for each stop that is over.
static CONTINUED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Between the first lock and the last unlock.
    static COMMITTING: Cell<bool> = const { Cell::new(false) };
}

/// Stops the thread until [`CONTINUED`] changes. Touches nothing but atomics, a thread-local without a destructor, and
/// system calls that a handler may make.
extern "C" fn stop(_signal: libc::c_int) {
    // SAFETY: it is the calling thread's own, and valid as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    let round = CONTINUED.load(Ordering::SeqCst);
    IN_COMMIT.store(COMMITTING.get(), Ordering::SeqCst);
    IN_ALLOCATOR.store(heap::is_allocating(), Ordering::SeqCst);
    STOPPED.store(true, Ordering::SeqCst);
    let pause = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
    while CONTINUED.load(Ordering::SeqCst) == round {
        // SAFETY: the request is a local, and the remainder is not asked for.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

fn install() {
    // SAFETY: all zeros are a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = stop;
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is initialised, and the handler keeps to what a handler may do.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// The accounts that threads which may be stopped move money between.
struct Bank {
    accounts: Vec<TVar<i64>>,
    log: TVar<String>,
    transfers: TVar<u64>,
}

impl Bank {
    fn new() -> Self {
        let accounts = (0..ACCOUNTS).map(|_| TVar::new(0)).collect();
        Self { accounts, log: TVar::new(String::new()), transfers: TVar::new(0) }
    }

    fn transfer(&self, random: &mut Random, promote_after: u32) {
        let (from, to, amount) = (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(9) as i64);
        let boxed = random.below(4) == 0;
        let done = options().promote_after(promote_after).run(|tx| {
            self.accounts[from].modify(tx, |balance| balance - amount)?;
            self.accounts[to].modify(tx, |balance| balance + amount)?;
            if boxed {
                self.log.write(tx, amount.to_string())?;
            }
            self.transfers.modify(tx, |n| n + 1)
        });
        assert_eq!(done, Ok(()));
    }

    fn audit(&self) {
        let sum: i64 = snapshot(|tx| self.accounts.iter().map(|account| account.read(tx)).sum());
        assert_eq!(sum, 0, "half of a transfer");
    }
}

/// Makes transfers until `done`, and says meanwhile whether a commit is under way.
fn make_transfers(bank: &Bank, seed: u64, promote_after: u32, count: &AtomicU64, done: &AtomicBool) {
    probe::set(|point| match point {
        Point::Lock => COMMITTING.set(true),
        Point::Settle | Point::Undone | Point::Queue => COMMITTING.set(false),
        _ => {}
    });
    let mut random = Random::new(seed);
    while !done.load(Ordering::SeqCst) {
        bank.transfer(&mut random, promote_after);
        count.fetch_add(1, Ordering::SeqCst);
    }
    probe::clear();
}

/// Works on variables of its own, which no stopped thread can hold.
fn stand_by(commits: &AtomicU64, done: &AtomicBool) {
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    while !done.load(Ordering::SeqCst) {
        atomically(|tx| {
            let seen = x.read(tx)?;
            x.write(tx, seen + 1)?;
            y.write(tx, seen + 1)
        });
        assert_eq!(snapshot(|tx| Ok(x.read(tx)? - y.read(tx)?)), 0);
        commits.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until `count` has grown by `by`.
fn wait_for_progress(count: &AtomicU64, by: u64) {
    let goal = count.load(Ordering::SeqCst) + by;
    while count.load(Ordering::SeqCst) < goal {
        thread::sleep(Duration::from_micros(50));
    }
}

/// Stops one thread of `ids` after the other at random moments, until `enough` were stopped in the middle of a commit.
fn stop_and_continue(ids: &[AtomicI32], bystander: Option<&AtomicU64>, transfers: &AtomicU64, enough: usize) {
    let (mut random, mut in_commit) = (Random::new(1), 0);
    // SAFETY: takes nothing and can not fail.
    let process = unsafe { libc::getpid() };
    while in_commit < enough {
        thread::sleep(Duration::from_micros(random.draw() % 300));
        STOPPED.store(false, Ordering::SeqCst);
        let id = ids[random.below(ids.len())].load(Ordering::SeqCst);
        // SAFETY: plain numbers; the thread lives until this loop is over.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, id, libc::SIGUSR1) };
        assert_eq!(sent, 0);
        while !STOPPED.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        in_commit += usize::from(IN_COMMIT.load(Ordering::SeqCst));
        if let Some(bystander) = bystander.filter(|_| !IN_ALLOCATOR.load(Ordering::SeqCst)) {
            wait_for_progress(bystander, 5);
        }
        CONTINUED.fetch_add(1, Ordering::SeqCst);
        wait_for_progress(transfers, 1);
    }
}

/// What happens in the child. Without promotions nothing that a stopped thread may hold is in the way of somebody who
/// works on other variables; with promotions everybody goes on when it does.
fn run_child(promote_after: u32, enough: usize) {
    install();
    let (bank, done, registered) = (Bank::new(), AtomicBool::new(false), AtomicU32::new(0));
    let (transfers, others) = (AtomicU64::new(0), AtomicU64::new(0));
    let ids = [const { AtomicI32::new(0) }; 3];
    thread::scope(|scope| {
        let ends = Ends(&done);
        for (seed, id) in (0..).zip(&ids) {
            let (bank, transfers, done, registered) = (&bank, &transfers, &done, &registered);
            scope.spawn(move || {
                // SAFETY: takes nothing and can not fail.
                id.store(unsafe { libc::gettid() }, Ordering::SeqCst);
                registered.fetch_add(1, Ordering::SeqCst);
                make_transfers(bank, seed, promote_after, transfers, done);
            });
        }
        scope.spawn(|| stand_by(&others, &done));
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                bank.audit();
                thread::sleep(Duration::from_micros(500));
            }
        });
        while registered.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        wait_for_progress(&others, 1);
        let bystander = (promote_after == u32::MAX).then_some(&others);
        stop_and_continue(&ids, bystander, &transfers, enough);
        drop(ends);
    });
    bank.audit();
    assert_eq!(bank.transfers.load(), transfers.load(Ordering::SeqCst));
}

/// Runs the child, and stops and continues it as a whole until it ends.
fn supervise(name: &str) {
    let mut process = child::start(name);
    let id = libc::pid_t::try_from(process.id()).expect("a process id");
    let mut random = Random::new(3);
    let mut stops = 0;
    let status = loop {
        if let Some(status) = process.try_wait().expect("it can be asked") {
            break status;
        }
        for (signal, longest) in [(libc::SIGSTOP, 1_000), (libc::SIGCONT, 5_000)] {
            // SAFETY: plain numbers; the child has not been waited for, so the id is still its own.
            assert_eq!(unsafe { libc::kill(id, signal) }, 0);
            thread::sleep(Duration::from_micros(random.draw() % longest));
        }
        stops += 1;
    };
    let mut told = String::new();
    process.stdout.take().expect("it is a pipe").read_to_string(&mut told).expect("text");
    process.stderr.take().expect("it is a pipe").read_to_string(&mut told).expect("text");
    assert!(status.success() && told.contains("1 passed"), "{told}");
    assert!(stops > 10, "it was over after {stops} stops");
}

fn check(name: &str, promote_after: u32) {
    let (_alone, _watchdog) = (alone(), watchdog());
    if child::is_child() {
        run_child(promote_after, scaled(30));
    } else {
        supervise(name);
    }
}

#[test]
fn a_thread_that_is_stopped_anywhere_holds_up_only_what_it_holds() {
    check("signals::a_thread_that_is_stopped_anywhere_holds_up_only_what_it_holds", u32::MAX);
}

#[test]
fn threads_that_are_stopped_anywhere_among_promoted_ones_all_go_on_in_the_end() {
    check("signals::threads_that_are_stopped_anywhere_among_promoted_ones_all_go_on_in_the_end", 2);
}
