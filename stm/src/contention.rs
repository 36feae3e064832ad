//! Who waits, for how long, and how a transaction that keeps losing gets through.
//!
//! A transaction that has been aborted often enough is *promoted*: it takes the token, of which there is one, and sets
//! the exclusive bit in the clock. A commit takes its locks before it looks at the clock. So whatever commit did not see
//! the bit had locked all it writes before the bit was set, and the promoted transaction, which starts after that, finds
//! those variables locked and waits for them. Every later commit sees the bit, lets its locks go and waits for the token.
//! Hence nobody else changes what the promoted transaction has read until it ends, and it commits in one run
//! (docs/design.md, "Progress"; edge E4). The token is given back before any user code that follows the run.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::clock;
use crate::shim::cores::cores;
use crate::shim::{self, AtomicU32, AtomicU64, Condvar, Mutex, Ordering, Point, ThreadId, shared_static};
use crate::waited::Who;

/// A wait for somebody who will be done in a moment: spins, then yields, then sleeps.
pub(crate) struct Spin {
    rounds: u32,
}

impl Spin {
    /// About a microsecond of spinning. Few schedules stop a holder for that long, so shuttle's threads lose patience sooner.
    const SPINS: u32 = if cfg!(stm_shuttle) { 1 } else { 6 };
    const YIELDS: u32 = 16;
    /// A few hundred nanoseconds: a commit of a few variables is over by then. Must not exceed `SPINS`: whoever holds
    /// something while it waits must not yield its core.
    const SHORT: u32 = if cfg!(stm_shuttle) { 1 } else { 4 };

    pub(crate) fn new() -> Self {
        Self { rounds: 0 }
    }

    /// Whether the other side has been descheduled, waits for what the caller holds, or has much to do: too long to go on
    /// waiting while one holds something.
    pub(crate) fn is_long(&self) -> bool {
        self.rounds >= Self::SHORT
    }

    pub(crate) fn wait(&mut self) {
        let round = self.rounds;
        self.rounds = round.saturating_add(1);
        if round < Self::SPINS {
            for _ in 0..1 << round {
                shim::spin_loop();
            }
        } else if round < Self::SPINS + Self::YIELDS {
            shim::yield_now();
        } else {
            // 50 us doubling to 800 us.
            shim::sleep_micros(50 << (round - Self::SPINS - Self::YIELDS).min(4));
        }
    }
}

/// What a thread remembers of its conflicts, and a generator for jitter (Marsaglia, "Xorshift RNGs", 2003).
pub(crate) struct Jitter {
    random: u64,
    /// How often of late a conflict came within [`SOON`] after the one before.
    heat: u32,
    /// When it had done with backing off from the last one.
    rested: Option<Instant>,
    /// The last period in which the thread was counted by [`Crowd`].
    counted: u64,
}

impl Jitter {
    /// How much heat makes a thread sleep, and how much it gathers at most.
    const HOT: u32 = 2;
    const HOTTEST: u32 = 8;

    pub(crate) fn new(seed: u64) -> Self {
        Self { random: seed | 1, heat: 0, rested: None, counted: 0 }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as u32 % bound
    }

    /// Notes a conflict. Returns whether they come so fast that the thread had better leave the others alone.
    fn is_hot(&mut self, now: Instant) -> bool {
        let soon = self.rested.is_some_and(|rested| now.saturating_duration_since(rested).as_nanos() < SOON);
        self.heat = if soon { (self.heat + 1).min(Self::HOTTEST) } else { self.heat.saturating_sub(1) };
        self.heat >= Self::HOT
    }
}

/// In nanoseconds: time for a hundred small transactions.
const SOON: u128 = 10_000;

/// How many threads have met conflicts of late. A word of three numbers: a period, the threads counted in the one before
/// it, and those counted in it.
struct Crowd(AtomicU64);

impl Crowd {
    /// Long enough that every thread of a few dozen on one core has its turn.
    const PERIOD_MILLIS: u128 = 128;
    const COUNT_BITS: u32 = 16;
    const MOST: u64 = (1 << Self::COUNT_BITS) - 1;

    #[cfg(not(any(stm_loom, stm_shuttle)))]
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
    #[cfg(any(stm_loom, stm_shuttle))]
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts the calling thread, once in a period, which it remembers in `counted`. Returns how many there are.
    fn join(&self, period: u64, counted: &mut u64) -> u64 {
        // Relaxed, here and below: a guess at the load, which publishes nothing.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let now = seen >> (2 * Self::COUNT_BITS);
            let (earlier, count) = ((seen >> Self::COUNT_BITS) & Self::MOST, seen & Self::MOST);
            // A thread may have looked at the time a little before others began a new period: then it is counted in that.
            if *counted == now && period <= now {
                return earlier.max(count);
            }
            let (period, earlier, count) = match period {
                _ if period <= now => (now, earlier, (count + 1).min(Self::MOST)),
                _ if period == now + 1 => (period, count, 1),
                _ => (period, 0, 1),
            };
            let next = (((period << Self::COUNT_BITS) | earlier) << Self::COUNT_BITS) | count;
            match self.0.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    *counted = period;
                    return earlier.max(count);
                }
                Err(current) => seen = current,
            }
        }
    }
}

shared_static! {
    static CROWD: CachePadded<Crowd> = CachePadded::new(Crowd::new())
}

shared_static! {
    /// How many threads sleep in [`back_off`].
    static SLEEPERS: CachePadded<AtomicU32> = CachePadded::new(AtomicU32::new(0))
}

/// Whether more threads fight than there are cores for them.
fn is_crowded(now: Instant, jitter: &mut Jitter) -> bool {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    // From 1 on: in period 0 nobody has been counted.
    let period = 1 + now.saturating_duration_since(start).as_millis() / Crowd::PERIOD_MILLIS;
    let threads = CROWD.join(period as u64, &mut jitter.counted);
    threads > cores() as u64
}

/// Lets others finish after `conflicts` lost attempts in a row: a random and growing number of spins, then yields.
///
/// If there are more threads than cores and their conflicts follow hard on each other, the thread sleeps instead, the
/// longer the more of them do. Cores that take variables from each other all the time get less done than one core alone,
/// and every transaction is slow; with most of the threads asleep, those that are awake run undisturbed, and only one
/// transaction in thousands is slow: that of the thread that sleeps. Elsewhere nobody sleeps: it would leave a core idle.
#[cold]
pub(crate) fn back_off(conflicts: u32, jitter: &mut Jitter) {
    if cfg!(any(stm_loom, stm_shuttle)) {
        // A model decides for itself who waits, and has to find the same when it runs again.
        if conflicts > MOST_SPINNING {
            shim::yield_now();
        }
        return;
    }
    let now = Instant::now();
    let is_crowded = is_crowded(now, jitter);
    if jitter.is_hot(now) && is_crowded {
        sleep_among_others(jitter);
    } else if conflicts <= MOST_SPINNING {
        spin_a_while(conflicts, jitter);
    } else {
        for _ in 0..=jitter.below(conflicts) {
            shim::yield_now();
        }
    }
    jitter.rested = Some(Instant::now());
}

/// After how many conflicts a thread yields its core instead.
const MOST_SPINNING: u32 = 3;

/// A random number of spins, more after more conflicts: what a task does too, which must not keep its thread from others.
pub(crate) fn spin_a_while(conflicts: u32, jitter: &mut Jitter) {
    for _ in 0..jitter.below(16 << conflicts.min(MOST_SPINNING)) {
        shim::spin_loop();
    }
}

/// Sleeps so long that of all who sleep one wakes up every 300 us or so while conflicts go on, and sooner at first.
fn sleep_among_others(jitter: &mut Jitter) {
    const MICROS: u32 = 300;
    const MOST_SLEEPERS: u32 = 64;
    // Relaxed: only a count.
    let sleepers = SLEEPERS.fetch_add(1, Ordering::Relaxed).saturating_add(1).min(MOST_SLEEPERS);
    let micros = (MICROS * sleepers) >> (Jitter::HOTTEST - jitter.heat);
    shim::sleep_micros(u64::from(micros / 2 + jitter.below(micros.max(1))));
    SLEEPERS.fetch_sub(1, Ordering::Relaxed);
}

shared_static! {
    static QUEUE: Mutex<Queue> = Mutex::new(Queue::new())
}

shared_static! {
    static CHANGED: Condvar = Condvar::new()
}

/// Tickets in order of arrival.
struct Queue {
    next: u64,
    serving: u64,
    /// The thread of the promoted transaction.
    holder: Option<ThreadId>,
    /// Those who have a ticket: the holder, and whoever waits for a turn and has not given up.
    present: BTreeMap<u64, Arrival>,
    /// How many commits have stood aside so far.
    stood_aside: u64,
    /// Those that do now.
    aside: BTreeMap<u64, Arrival>,
}

/// Who has come, and when.
struct Arrival {
    who: Who,
    at: Instant,
}

impl Arrival {
    fn now(who: Who) -> Self {
        Self { who, at: Instant::now() }
    }

    fn seen(&self, stage: Stage) -> Seen {
        Seen { who: self.who, lasted: self.at.elapsed(), stage }
    }
}

impl Queue {
    const fn new() -> Self {
        Self { next: 0, serving: 0, holder: None, present: BTreeMap::new(), stood_aside: 0, aside: BTreeMap::new() }
    }

    /// Calls the next ticket that somebody still waits with.
    fn call_next(&mut self) {
        self.holder = None;
        self.present.remove(&self.serving);
        self.serving = self.present.keys().next().copied().unwrap_or(self.next);
    }
}

/// What a [`Turn`](crate::debug::Turn) is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The transaction has its turn: nobody else commits until it ends.
    Holds,
    /// It waits for its turn.
    Queues,
    /// It is ready to commit and waits until it may, but for no turn of its own; or it is a one-shot operation that does.
    StandsAside,
}

/// One of them as it was at one moment.
pub(crate) struct Seen {
    pub(crate) who: Who,
    /// How long it has held the token or waited for it.
    pub(crate) lasted: Duration,
    pub(crate) stage: Stage,
}

/// The holder of the token, those in the queue in their order, and commits that stand aside.
pub(crate) fn everybody() -> Vec<Seen> {
    let queue = QUEUE.lock();
    let stage = |ticket| if queue.holder.is_some() && ticket == queue.serving { Stage::Holds } else { Stage::Queues };
    let in_queue = queue.present.iter().map(|(&ticket, arrival)| arrival.seen(stage(ticket)));
    in_queue.chain(queue.aside.values().map(|arrival| arrival.seen(Stage::StandsAside))).collect()
}

/// The right to commit while nobody else does. Dropping it lets the others go on.
#[must_use = "the token is held until it is dropped"]
pub(crate) struct Token {
    /// Taken while this thread held the token already: the outer one gives it back.
    nested: bool,
}

impl Token {
    /// [`acquire_until`](Self::acquire_until) without a deadline.
    #[cfg(all(test, not(stm_shuttle)))]
    #[track_caller]
    pub(crate) fn acquire() -> Self {
        let who = Who { name: None, site: std::panic::Location::caller() };
        Self::acquire_until(None, who).expect("without a deadline its turn comes")
    }

    /// Waits for its turn, first come, first served, and then keeps everybody else from committing. Gives up the place in
    /// the queue if the deadline passes first; where nobody is before it, it does not wait and so is in time.
    pub(crate) fn acquire_until(deadline: Option<Instant>, who: Who) -> Option<Self> {
        shim::point(Point::Queue);
        let me = shim::thread_id();
        let mut queue = QUEUE.lock();
        if queue.holder == Some(me) {
            return Some(Self { nested: true });
        }
        let ticket = queue.next;
        queue.next += 1;
        queue.present.insert(ticket, Arrival::now(who));
        let mut late = false;
        while queue.serving != ticket {
            if late {
                queue.present.remove(&ticket);
                return None;
            }
            (queue, late) = CHANGED.wait_until(queue, deadline);
        }
        queue.holder = Some(me);
        queue.present.insert(ticket, Arrival::now(who));
        clock::set_exclusive();
        Some(Self { nested: false })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.nested {
            return;
        }
        let mut queue = QUEUE.lock();
        queue.call_next();
        clock::clear_exclusive();
        drop(queue);
        CHANGED.notify_all();
    }
}

/// Waits until the promoted transaction that the clock announced is over. Returns at once on its own thread, whose
/// one-shot operations may go on; and when the deadline passes.
#[cold]
pub(crate) fn wait_for_token(deadline: Option<Instant>, who: Who) -> Permission {
    let me = shim::thread_id();
    let mut queue = QUEUE.lock();
    if queue.holder == Some(me) {
        return Permission::Holder;
    }
    let number = queue.stood_aside;
    queue.stood_aside += 1;
    queue.aside.insert(number, Arrival::now(who));
    let (serving, mut late) = (queue.serving, false);
    // One turn is enough: the next holder is met, if at all, at the next look at the clock.
    let permission = loop {
        match queue.holder {
            Some(_) if queue.serving == serving => {
                if late {
                    break Permission::Late;
                }
                (queue, late) = CHANGED.wait_until(queue, deadline);
            }
            _ => break Permission::Waited,
        }
    };
    queue.aside.remove(&number);
    permission
}

/// What [`wait_for_token`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// The caller's thread holds the token.
    Holder,
    /// The promoted transaction is over.
    Waited,
    /// It is not, and the deadline has passed.
    Late,
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::clock::tests::alone;

    fn who() -> Who {
        Who { name: None, site: std::panic::Location::caller() }
    }

    /// How many of them these tests have sent. Other tests have transactions, too.
    fn own(arrivals: impl Fn(&Queue) -> &BTreeMap<u64, Arrival>) -> usize {
        arrivals(&QUEUE.lock()).values().filter(|arrival| arrival.who.site.file() == file!()).count()
    }

    #[test]
    fn who_gives_up_leaves_no_hole_in_the_queue() {
        let _alone = alone();
        let first = Token::acquire();
        thread::scope(|scope| {
            let before = QUEUE.lock().next;
            let in_queue = |count| {
                while QUEUE.lock().next < before + count {
                    thread::yield_now();
                }
            };
            let early = scope.spawn(|| drop(Token::acquire()));
            in_queue(1);
            for _ in 0..3 {
                scope.spawn(|| assert!(Token::acquire_until(Some(Instant::now()), who()).is_none()));
            }
            in_queue(4);
            while own(|queue| &queue.present) > 2 {
                thread::yield_now();
            }
            let late = scope.spawn(|| drop(Token::acquire()));
            in_queue(5);
            drop(first);
            early.join().expect("its turn has come");
            late.join().expect("and that of whoever came after those who gave up");
        });
        assert_eq!(own(|queue| &queue.present), 0, "no trace of them");
    }

    #[test]
    fn whoever_is_first_is_in_time() {
        let _alone = alone();
        let late = Instant::now();
        drop(Token::acquire_until(Some(late), who()).expect("nobody is before it"));
        let _token = Token::acquire();
        let elsewhere = thread::scope(|scope| scope.spawn(|| wait_for_token(Some(late), who())).join());
        assert_eq!(elsewhere.expect("it returns"), Permission::Late);
        assert_eq!(wait_for_token(Some(late), who()), Permission::Holder);
        assert_eq!(own(|queue| &queue.aside), 0, "no trace of them");
    }

    #[test]
    fn whoever_holds_something_gives_up_before_it_yields() {
        const { assert!(Spin::SHORT <= Spin::SPINS) };
        let mut spin = Spin::new();
        let rounds = (0..).take_while(|_| {
            let goes_on = !spin.is_long();
            spin.wait();
            goes_on
        });
        assert_eq!(rounds.count(), Spin::SHORT as usize);
    }

    #[test]
    fn threads_are_counted_once_a_period() {
        let (crowd, mut mine, mut other) = (Crowd::new(), 0, 0);
        assert_eq!(crowd.join(1, &mut mine), 1);
        assert_eq!(crowd.join(1, &mut mine), 1);
        assert_eq!(crowd.join(1, &mut other), 2);
        // The period before counts as well, until it is over for a whole period.
        assert_eq!(crowd.join(2, &mut mine), 2);
        assert_eq!(crowd.join(2, &mut mine), 2);
        assert_eq!(crowd.join(3, &mut mine), 1);
        // Whoever is late is counted in the period that runs.
        assert_eq!(crowd.join(2, &mut other), 2);
        assert_eq!(crowd.join(2, &mut other), 2);
        assert_eq!(crowd.join(9, &mut mine), 1);
    }

    #[test]
    fn the_count_of_threads_ends_before_it_runs_over() {
        let crowd = Crowd::new();
        for _ in 0..2 * Crowd::MOST {
            assert!(crowd.join(1, &mut 0) <= Crowd::MOST);
        }
        assert_eq!([1, 2, 3].map(|period| crowd.join(period, &mut 0)), [Crowd::MOST, Crowd::MOST, 1]);
    }

    #[test]
    fn conflicts_that_follow_hard_on_each_other_make_hot_and_others_cool_down() {
        let (mut jitter, start) = (Jitter::new(1), Instant::now());
        let mut conflict = |after: Duration| {
            jitter.rested = Some(start);
            jitter.is_hot(start + after)
        };
        let (soon, late) = (Duration::from_nanos(100), Duration::from_micros(10));
        assert_eq!([soon, soon, late, soon].map(&mut conflict), [false, true, false, true]);
        assert!((0..100).all(|_| conflict(soon)));
        let cooling = (0..).take_while(|_| conflict(late)).count() as u32;
        assert_eq!(cooling, Jitter::HOTTEST - Jitter::HOT);
    }
}
