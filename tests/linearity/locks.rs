//! `TSemaphore`, `TRwLock` and `TBarrier`.

use std::sync::{Mutex, MutexGuard};

use common::Random;
use common::linearity::Spec;
use stm::sync::{Arrival, Mode, Owner, Permit, ReadGuard, TBarrier, TRwLock, TSemaphore, UpgradableGuard, WriteGuard};
use stm::{ReadTransaction, StmResult, TVar, Transaction, atomically};

use super::workload::{Setting, Subject, Turn, is_linearisable_and_waits};

/// What each thread holds.
type Held<T> = Vec<Mutex<Option<T>>>;

fn nothing_held<T>(threads: usize) -> Held<T> {
    (0..threads).map(|_| Mutex::new(None)).collect()
}

fn own<T>(held: &Held<T>, thread: usize) -> MutexGuard<'_, Option<T>> {
    held[thread].lock().expect("nobody panics")
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    TryAcquire(u64),
    Release(u64),
    Available,
    /// By a thread, which waits for them.
    Acquire(usize, u64),
    /// By a thread, what it has acquired.
    GiveBack(usize, u64),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Permits(pub(crate) u64);

impl Spec for Permits {
    type Op = Op;
    /// How many there are, or 1 for yes.
    type Ret = u64;

    fn step(&mut self, op: &Op) -> Option<u64> {
        let Self(permits) = self;
        match *op {
            Op::TryAcquire(n) if *permits < n => return Some(0),
            Op::Acquire(_, n) if *permits < n => return None,
            Op::TryAcquire(n) | Op::Acquire(_, n) => *permits -= n,
            Op::Release(n) | Op::GiveBack(_, n) => *permits += n,
            Op::Available => return Some(*permits),
        }
        Some(1)
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::Available)
    }
}

struct Semaphore {
    semaphore: TSemaphore,
    held: Held<Permit>,
}

impl Subject for Semaphore {
    type Spec = Permits;

    fn make(setting: Setting) -> (Self, Permits) {
        let permits = 2 + setting.seed % 2;
        (Self { semaphore: TSemaphore::new(permits), held: nothing_held(setting.threads) }, Permits(permits))
    }

    fn draw(&self, random: &mut Random, _thread: usize, _fresh: u64) -> Op {
        let n = random.below(4) as u64;
        match random.below(5) {
            0 | 1 => Op::TryAcquire(n),
            2 | 3 => Op::Release(n),
            _ => Op::Available,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::Available]
    }

    fn exchange(&self, random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        let n = 1 + random.below(2) as u64;
        Some([Op::Acquire(turn.thread, n), Op::GiveBack(turn.thread, n)])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, _op: &Op) -> StmResult<u64> {
        self.semaphore.available(tx)
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<u64> {
        match *op {
            Op::TryAcquire(n) => self.semaphore.try_acquire(tx, n).map(u64::from),
            Op::Acquire(_, n) => self.semaphore.acquire(tx, n).map(|()| 1),
            Op::Release(n) | Op::GiveBack(_, n) => self.semaphore.release(tx, n).map(|()| 1),
            Op::Available => unreachable!("it does not change anything"),
        }
    }

    fn is_apart(op: &Op) -> bool {
        matches!(op, Op::GiveBack(..))
    }

    fn alone(&self, op: &Op) -> Option<u64> {
        match *op {
            Op::TryAcquire(n) => Some(u64::from(self.semaphore.try_acquire_now(n).map(Permit::forget).is_some())),
            Op::Acquire(thread, n) => {
                *own(&self.held, thread) = Some(self.semaphore.acquire_blocking(n));
                Some(1)
            }
            Op::GiveBack(thread, n) => {
                match own(&self.held, thread).take() {
                    Some(permit) => assert_eq!(permit.permits(), n),
                    None => atomically(|tx| self.semaphore.release(tx, n)),
                }
                Some(1)
            }
            _ => None,
        }
    }
}

const MODES: [Mode; 3] = [Mode::Read, Mode::Upgradable, Mode::Write];

/// The thread, and then the mode.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    TryLock(usize, usize),
    /// If the thread holds it.
    TryUnlock(usize, usize),
    /// If nobody else holds it.
    TrySet(usize, u64),
    /// Nothing while somebody may write.
    Get,
    Held(usize, usize),
    Lock(usize, usize),
    Unlock(usize, usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Lock {
    /// How often each thread holds it in each mode.
    pub(crate) holds: Vec<[u64; 3]>,
    pub(crate) value: u64,
}

impl Lock {
    pub(crate) fn new(threads: usize) -> Self {
        Self { holds: vec![[0; 3]; threads], value: 0 }
    }

    fn admits(&self, thread: usize, mode: usize) -> bool {
        let mut others = self.holds.iter().enumerate().filter(|(other, _)| *other != thread).map(|(_, holds)| holds);
        others.all(|holds| match mode {
            0 => holds[2] == 0,
            1 => holds[1] + holds[2] == 0,
            _ => *holds == [0; 3],
        })
    }
}

impl Spec for Lock {
    type Op = Key;
    /// The value, how often it is held, or 1 for yes.
    type Ret = Option<u64>;

    fn step(&mut self, op: &Key) -> Option<Option<u64>> {
        Some(match *op {
            Key::TryLock(thread, mode) if !self.admits(thread, mode) => Some(0),
            Key::Lock(thread, mode) if !self.admits(thread, mode) => return None,
            Key::TryLock(thread, mode) | Key::Lock(thread, mode) => {
                self.holds[thread][mode] += 1;
                Some(1)
            }
            Key::TryUnlock(thread, mode) if self.holds[thread][mode] == 0 => Some(0),
            Key::TryUnlock(thread, mode) | Key::Unlock(thread, mode) => {
                self.holds[thread][mode] -= 1;
                Some(1)
            }
            Key::TrySet(thread, _) if !self.admits(thread, 2) => Some(0),
            Key::TrySet(_, value) => {
                self.value = value;
                Some(1)
            }
            Key::Get => self.holds.iter().all(|holds| holds[2] == 0).then_some(self.value),
            Key::Held(thread, mode) => Some(self.holds[thread][mode]),
        })
    }

    fn looks(op: &Key) -> bool {
        matches!(op, Key::Get | Key::Held(..))
    }
}

/// Given back when it is dropped.
#[allow(dead_code, reason = "held to be dropped")]
enum Guard {
    Read(ReadGuard<u64>),
    Upgradable(UpgradableGuard<u64>),
    Write(WriteGuard<u64>),
}

struct Locked {
    lock: TRwLock<u64>,
    owners: Vec<Owner>,
    held: Held<Guard>,
}

impl Subject for Locked {
    type Spec = Lock;

    fn make(setting: Setting) -> (Self, Lock) {
        let owners = (0..setting.threads).map(|_| Owner::new()).collect();
        let held = nothing_held(setting.threads);
        (Self { lock: TRwLock::new(0), owners, held }, Lock::new(setting.threads))
    }

    fn draw(&self, random: &mut Random, thread: usize, fresh: u64) -> Key {
        let mode = random.below(3);
        match random.below(10) {
            0..3 => Key::TryLock(thread, mode),
            3..6 => Key::TryUnlock(thread, mode),
            6 | 7 => Key::TrySet(thread, fresh),
            8 => Key::Get,
            _ => Key::Held(random.below(self.owners.len()), mode),
        }
    }

    fn whole(&self) -> Vec<Key> {
        let held = (0..self.owners.len()).flat_map(|owner| (0..3).map(move |mode| Key::Held(owner, mode)));
        held.chain([Key::Get]).collect()
    }

    fn exchange(&self, random: &mut Random, turn: Turn) -> Option<[Key; 2]> {
        let mode = random.below(3);
        Some([Key::Lock(turn.thread, mode), Key::Unlock(turn.thread, mode)])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Key) -> StmResult<Option<u64>> {
        let held = |owner: &Owner, mode: usize| self.lock.held(tx, *owner, MODES[mode]);
        if let Key::Held(owner, mode) = *op {
            return Ok(Some(held(&self.owners[owner], mode)?.into()));
        }
        for owner in &self.owners {
            if held(owner, 2)? > 0 {
                return Ok(None);
            }
        }
        self.lock.get(tx).map(|value| Some(*value))
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Key) -> StmResult<Option<u64>> {
        Ok(Some(match *op {
            Key::TryLock(thread, mode) => self.lock.try_lock(tx, self.owners[thread], MODES[mode])?.into(),
            Key::Lock(thread, mode) => {
                self.lock.lock(tx, self.owners[thread], MODES[mode])?;
                1
            }
            Key::TryUnlock(thread, mode) if self.lock.held(tx, self.owners[thread], MODES[mode])? == 0 => 0,
            Key::TryUnlock(thread, mode) | Key::Unlock(thread, mode) => {
                self.lock.unlock(tx, self.owners[thread], MODES[mode])?;
                1
            }
            Key::TrySet(thread, value) => {
                tx.or_else(|tx| self.lock.set_as(tx, self.owners[thread], value).map(|()| 1), |_| Ok(0))?
            }
            Key::Get | Key::Held(..) => unreachable!("they do not change anything"),
        }))
    }

    fn is_apart(op: &Key) -> bool {
        matches!(op, Key::Unlock(..))
    }

    fn alone(&self, op: &Key) -> Option<Option<u64>> {
        match *op {
            Key::Lock(thread, mode) => {
                let (lock, owner) = (&self.lock, self.owners[thread]);
                *own(&self.held, thread) = Some(match mode {
                    0 => Guard::Read(pollster::block_on(lock.read_async(owner))),
                    1 => Guard::Upgradable(pollster::block_on(lock.upgradable_read_async(owner))),
                    _ => Guard::Write(pollster::block_on(lock.write_async(owner))),
                });
            }
            Key::Unlock(thread, mode) => match own(&self.held, thread).take() {
                Some(guard) => drop(guard),
                None => atomically(|tx| self.lock.unlock(tx, self.owners[thread], MODES[mode])),
            },
            _ => return None,
        }
        Some(Some(1))
    }
}

/// Each is a thread's.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Arrive(usize),
    /// What it did last, if it was that.
    HasPassed(usize),
    Withdraw(usize),
    Pass(usize),
    Arrived,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Meeting {
    pub(crate) parties: u64,
    pub(crate) generation: u64,
    pub(crate) arrived: u64,
    /// In which generation each has arrived last, unless it has withdrawn.
    pub(crate) last: Vec<Option<u64>>,
}

impl Meeting {
    pub(crate) fn new(parties: usize, threads: usize) -> Self {
        Self { parties: parties as u64, generation: 0, arrived: 0, last: vec![None; threads] }
    }
}

impl Spec for Meeting {
    type Op = Step;
    /// How many, or 1 for yes; nothing if there is no arrival.
    type Ret = Option<u64>;

    fn step(&mut self, op: &Step) -> Option<Option<u64>> {
        let has_passed = |last: u64| last != self.generation;
        Some(match *op {
            Step::Arrive(thread) => {
                self.last[thread] = Some(self.generation);
                self.arrived += 1;
                let is_last = self.arrived >= self.parties;
                if is_last {
                    (self.generation, self.arrived) = (self.generation + 1, 0);
                }
                Some(is_last.into())
            }
            Step::HasPassed(thread) => self.last[thread].map(|last| has_passed(last).into()),
            Step::Pass(thread) => match self.last[thread].map(has_passed) {
                Some(false) => return None,
                passed => passed.map(u64::from),
            },
            Step::Withdraw(thread) => {
                let withdrawn = self.last[thread].take().map(|last| last == self.generation);
                self.arrived -= u64::from(withdrawn == Some(true));
                withdrawn.map(u64::from)
            }
            Step::Arrived => Some(self.arrived),
        })
    }

    fn looks(op: &Step) -> bool {
        !matches!(op, Step::Arrive(_) | Step::Withdraw(_))
    }
}

struct Barrier {
    barrier: TBarrier,
    arrivals: Vec<TVar<Option<Arrival>>>,
}

impl Subject for Barrier {
    type Spec = Meeting;

    fn make(setting: Setting) -> (Self, Meeting) {
        let parties = if setting.waits { setting.threads } else { 2 + setting.seed as usize % 2 };
        let arrivals = (0..setting.threads).map(|_| TVar::new(None)).collect();
        (Self { barrier: TBarrier::new(parties), arrivals }, Meeting::new(parties, setting.threads))
    }

    fn draw(&self, random: &mut Random, thread: usize, _fresh: u64) -> Step {
        match random.below(6) {
            0 | 1 => Step::Arrive(thread),
            2 => Step::Withdraw(thread),
            3 | 4 => Step::HasPassed(random.below(self.arrivals.len())),
            _ => Step::Arrived,
        }
    }

    fn whole(&self) -> Vec<Step> {
        (0..self.arrivals.len()).map(Step::HasPassed).chain([Step::Arrived]).collect()
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Step; 2]> {
        Some([Step::Arrive(turn.thread), Step::Pass(turn.thread)])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Step) -> StmResult<Option<u64>> {
        let (thread, waits) = match *op {
            Step::HasPassed(thread) => (thread, false),
            Step::Pass(thread) => (thread, true),
            _ => return self.barrier.arrived(tx).map(|arrived| Some(arrived as u64)),
        };
        let Some(arrival) = self.arrivals[thread].read(tx)? else { return Ok(None) };
        if waits {
            self.barrier.pass(tx, arrival)?;
        }
        Ok(Some(self.barrier.has_passed(tx, arrival)?.into()))
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Step) -> StmResult<Option<u64>> {
        let &(Step::Arrive(thread) | Step::Withdraw(thread)) = op else {
            unreachable!("{op:?} does not change anything")
        };
        if matches!(op, Step::Arrive(_)) {
            let arrival = self.barrier.arrive(tx)?;
            self.arrivals[thread].write(tx, Some(arrival))?;
            return Ok(Some(arrival.is_last().into()));
        }
        let Some(arrival) = self.arrivals[thread].replace(tx, None)? else { return Ok(None) };
        Ok(Some(self.barrier.withdraw(tx, arrival)?.into()))
    }
}

#[test]
fn a_semaphore_is() {
    is_linearisable_and_waits::<Semaphore>("TSemaphore");
}

#[test]
fn a_lock_is() {
    is_linearisable_and_waits::<Locked>("TRwLock");
}

#[test]
fn a_barrier_is() {
    is_linearisable_and_waits::<Barrier>("TBarrier");
}
