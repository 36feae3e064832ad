//! Slots, semaphores, barriers, promises and latches beside their models.

use common::watchdog;
use proptest::prelude::*;
use stm::sync::{Arrival, TBarrier, TFuture, TLatch, TMVar, TPromise, TSemaphore};
use stm::{StmResult, Transaction};

use super::programs::{Subject, follows_its_model};

#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Take,
    TakeShared,
    TryTake,
    Put(u32),
    TryPut(u32),
    Write(u32),
    Read,
    TryRead,
    Swap(u32),
    Update(u32),
    IsEmpty,
}

impl Subject for TMVar<u32> {
    type Op = Slot;
    type Model = Option<u32>;

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<u32>> {
        self.try_read(tx)
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Slot) -> StmResult<String> {
        Ok(match *op {
            Slot::Take => self.take(tx)?.to_string(),
            Slot::TakeShared => (*self.take_shared(tx)?).to_string(),
            Slot::TryTake => format!("{:?}", self.try_take(tx)?),
            Slot::Put(value) => format!("{:?}", self.put(tx, value)?),
            Slot::TryPut(value) => format!("{:?}", self.try_put(tx, value)?),
            Slot::Write(value) => format!("{:?}", self.write(tx, value)?),
            Slot::Read => format!("{}{}", self.read(tx)?, *self.read_shared(tx)?),
            Slot::TryRead => format!("{:?}", self.try_read(tx)?),
            Slot::Swap(value) => self.swap(tx, value)?.to_string(),
            Slot::Update(value) => self.update(tx, |held| std::mem::replace(held, value))?.to_string(),
            Slot::IsEmpty => self.is_empty(tx)?.to_string(),
        })
    }

    fn predict(model: &mut Option<u32>, op: &Slot) -> Option<String> {
        Some(match *op {
            Slot::Take | Slot::TakeShared => model.take()?.to_string(),
            Slot::TryTake => format!("{:?}", model.take()),
            Slot::Put(_) if model.is_some() => return None,
            Slot::TryPut(value) if model.is_some() => format!("{:?}", Err::<(), _>(value)),
            Slot::Put(value) | Slot::Write(value) => {
                *model = Some(value);
                String::from("()")
            }
            Slot::TryPut(value) => {
                *model = Some(value);
                String::from("Ok(())")
            }
            Slot::Read => format!("{0}{0}", (*model)?),
            Slot::TryRead => format!("{model:?}"),
            Slot::Swap(value) | Slot::Update(value) => std::mem::replace(model.as_mut()?, value).to_string(),
            Slot::IsEmpty => model.is_none().to_string(),
        })
    }
}

#[test]
fn a_slot_is_an_option() {
    let _watchdog = watchdog();
    let op = prop_oneof![
        Just(Slot::Take),
        Just(Slot::TakeShared),
        Just(Slot::TryTake),
        (0..9_u32).prop_map(Slot::Put),
        (0..9_u32).prop_map(Slot::TryPut),
        (0..9_u32).prop_map(Slot::Write),
        Just(Slot::Read),
        Just(Slot::TryRead),
        (0..9_u32).prop_map(Slot::Swap),
        (0..9_u32).prop_map(Slot::Update),
        Just(Slot::IsEmpty),
    ];
    follows_its_model(op.clone(), || (TMVar::new_empty(), None));
    follows_its_model(op, || (TMVar::new(7), Some(7)));
}

#[derive(Clone, Debug)]
pub(crate) enum Permits {
    Acquire(u64),
    TryAcquire(u64),
    Release(u64),
}

impl Subject for TSemaphore {
    type Op = Permits;
    type Model = u64;

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<u64> {
        self.available(tx)
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Permits) -> StmResult<String> {
        Ok(match *op {
            Permits::Acquire(n) => format!("{:?}", self.acquire(tx, n)?),
            Permits::TryAcquire(n) => self.try_acquire(tx, n)?.to_string(),
            Permits::Release(n) => format!("{:?}", self.release(tx, n)?),
        })
    }

    fn predict(model: &mut u64, op: &Permits) -> Option<String> {
        match *op {
            Permits::Acquire(n) => *model = model.checked_sub(n)?,
            Permits::Release(n) => *model += n,
            Permits::TryAcquire(n) => {
                let left = model.checked_sub(n);
                *model = left.unwrap_or(*model);
                return Some(left.is_some().to_string());
            }
        }
        Some(String::from("()"))
    }
}

#[test]
fn a_semaphore_is_a_number() {
    let _watchdog = watchdog();
    let op = prop_oneof![
        (0..5_u64).prop_map(Permits::Acquire),
        (0..5_u64).prop_map(Permits::TryAcquire),
        (0..5_u64).prop_map(Permits::Release),
    ];
    follows_its_model(op, || (TSemaphore::new(3), 3));
}

#[derive(Clone, Debug)]
pub(crate) enum Count {
    Down,
    Wait,
}

impl Subject for TLatch {
    type Op = Count;
    type Model = (u64, bool);

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<(u64, bool)> {
        Ok((self.remaining(tx)?, self.is_open(tx)?))
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Count) -> StmResult<String> {
        match op {
            Count::Down => Ok(self.count_down(tx)?.to_string()),
            Count::Wait => self.wait(tx).map(|()| String::from("open")),
        }
    }

    fn predict(model: &mut (u64, bool), op: &Count) -> Option<String> {
        match op {
            Count::Down => {
                model.0 = model.0.saturating_sub(1);
                model.1 = model.0 == 0;
                Some(model.1.to_string())
            }
            Count::Wait => model.1.then(|| String::from("open")),
        }
    }
}

#[test]
fn a_latch_counts_down_and_stays_open() {
    let _watchdog = watchdog();
    let op = prop_oneof![Just(Count::Down), Just(Count::Wait)];
    follows_its_model(op.clone(), || (TLatch::new(4), (4, false)));
    follows_its_model(op, || (TLatch::new(0), (0, true)));
}

pub(crate) struct Promised {
    promise: TPromise<u32>,
    future: TFuture<u32>,
}

#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Set(u32),
    Get,
}

impl Subject for Promised {
    type Op = Setting;
    type Model = Option<u32>;

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<u32>> {
        Ok(self.future.try_get(tx)?.map(|value| value.expect("it is not broken")))
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Setting) -> StmResult<String> {
        match *op {
            Setting::Set(value) => Ok(format!("{:?}", self.promise.set(tx, value)?)),
            Setting::Get => Ok(format!("{:?}", self.future.get(tx)?)),
        }
    }

    fn predict(model: &mut Option<u32>, op: &Setting) -> Option<String> {
        match *op {
            Setting::Set(value) if model.is_some() => Some(format!("{:?}", Err::<(), _>(value))),
            Setting::Set(value) => {
                *model = Some(value);
                Some(String::from("Ok(())"))
            }
            Setting::Get => model.map(|value| format!("Ok({value})")),
        }
    }
}

#[test]
fn a_promise_is_set_once() {
    let _watchdog = watchdog();
    let op = prop_oneof![(0..9_u32).prop_map(Setting::Set), Just(Setting::Get)];
    follows_its_model(op, || {
        let promise = TPromise::new();
        let future = promise.future();
        (Promised { promise, future }, None)
    });
}

/// A barrier and one arrival that was in the first generation.
pub(crate) struct Meeting {
    barrier: TBarrier,
    first: Arrival,
}

#[derive(Clone, Debug)]
pub(crate) enum Coming {
    Arrive,
    ArriveAndLeave,
    Pass,
}

impl Subject for Meeting {
    type Op = Coming;
    /// How many have arrived, and whether the first generation is over.
    type Model = (usize, bool);

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<(usize, bool)> {
        Ok((self.barrier.arrived(tx)?, self.barrier.has_passed(tx, self.first)?))
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Coming) -> StmResult<String> {
        match op {
            Coming::Arrive => Ok(self.barrier.arrive(tx)?.is_last().to_string()),
            Coming::ArriveAndLeave => {
                let arrival = self.barrier.arrive(tx)?;
                Ok(self.barrier.withdraw(tx, arrival)?.to_string())
            }
            Coming::Pass => self.barrier.pass(tx, self.first).map(|()| String::from("passed")),
        }
    }

    fn predict(model: &mut (usize, bool), op: &Coming) -> Option<String> {
        let is_last = model.0 + 1 == 3;
        match op {
            Coming::Pass => return model.1.then(|| String::from("passed")),
            _ if is_last => *model = (0, true),
            Coming::Arrive => model.0 += 1,
            Coming::ArriveAndLeave => {}
        }
        Some(matches!(op, Coming::Arrive).then_some(is_last).unwrap_or(!is_last).to_string())
    }
}

#[test]
fn a_barrier_counts_to_its_number_and_begins_again() {
    let _watchdog = watchdog();
    let op = prop_oneof![Just(Coming::Arrive), Just(Coming::ArriveAndLeave), Just(Coming::Pass)];
    follows_its_model(op, || {
        let barrier = TBarrier::new(3);
        assert_eq!(barrier.parties(), 3);
        let first = stm::atomically(|tx| barrier.arrive(tx));
        (Meeting { barrier, first }, (1, false))
    });
}
