//! `TDeque`: a queue with two ends.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use common::{
    Census, Counted, Ends, elsewhere, expect_panic, on_a_small_stack, race, runs_until, scaled, threads, watchdog,
};
use proptest::prelude::*;
use stm::collections::TDeque;
use stm::{ReadTransaction, StmResult, TVar, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

#[derive(Clone, Debug)]
enum Action {
    /// So many at once: blocks have 64.
    PushFront(u8),
    PushBack(u8),
    PopFront(u8),
    PopBack(u8),
    Get(usize),
    Clear,
    Drain,
    Part(Vec<Action>, bool),
}

fn count() -> impl Strategy<Value = u8> {
    prop_oneof![3 => 1..4_u8, 1 => 1..200_u8, 1 => 60..70_u8]
}

fn action() -> impl Strategy<Value = Action> {
    let single = prop_oneof![
        4 => count().prop_map(Action::PushFront),
        4 => count().prop_map(Action::PushBack),
        4 => count().prop_map(Action::PopFront),
        4 => count().prop_map(Action::PopBack),
        2 => (0..300_usize).prop_map(Action::Get),
        1 => Just(Action::Clear),
        1 => Just(Action::Drain),
    ];
    single.prop_recursive(2, 8, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>()).prop_map(|(actions, undone)| Action::Part(actions, undone))
    })
}

/// A deque, what it should hold, and the next number to put in.
type Model = (VecDeque<u64>, u64);

fn perform(tx: &Transaction<'_, '_>, deque: &TDeque<u64>, (model, next): &mut Model, action: &Action) -> StmResult<()> {
    match action {
        Action::PushFront(n) => {
            for _ in 0..*n {
                *next += 1;
                deque.push_front(tx, *next)?;
                model.push_front(*next);
            }
        }
        Action::PushBack(n) => {
            let items: Vec<u64> = (0..u64::from(*n)).map(|step| *next + step).collect();
            *next += u64::from(*n);
            deque.extend_back(tx, items.clone())?;
            model.extend(items);
        }
        Action::PopFront(n) => {
            (0..*n).try_for_each(|_| deque.pop_front(tx).map(|item| assert_eq!(item, model.pop_front())))?
        }
        Action::PopBack(n) => {
            (0..*n).try_for_each(|_| deque.pop_back(tx).map(|item| assert_eq!(item, model.pop_back())))?
        }
        Action::Get(index) => assert_eq!(deque.get(tx, *index)?, model.get(*index)),
        Action::Clear => {
            deque.clear(tx)?;
            model.clear();
        }
        Action::Drain => assert_eq!(deque.drain(tx)?, model.drain(..).collect::<Vec<_>>()),
        Action::Part(actions, undone) => {
            let mut inner = (model.clone(), *next);
            let result: Result<(), ()> = tx.nested(|tx| {
                actions.iter().try_for_each(|action| perform(tx, deque, &mut inner, action))?;
                if *undone { cancel(()) } else { Ok(()) }
            })?;
            if result.is_ok() {
                (*model, *next) = inner;
            }
        }
    }
    looks_like(tx, deque, model)
}

fn looks_like(tx: &ReadTransaction<'_, '_>, deque: &TDeque<u64>, model: &VecDeque<u64>) -> StmResult<()> {
    assert_eq!((deque.len(tx)?, deque.is_empty(tx)?), (model.len(), model.is_empty()));
    assert_eq!((deque.front(tx)?, deque.back(tx)?), (model.front(), model.back()));
    assert_eq!(deque.get(tx, model.len())?, None);
    assert!(deque.to_vec(tx)?.iter().eq(model));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: scaled(150) as u32, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_deque_does(
        first in 0..400_u64,
        transactions in prop::collection::vec((prop::collection::vec(action(), 1..5), prop::bool::weighted(0.2)), 0..15),
    ) {
        let mut deque = TDeque::from_iter(0..first);
        let mut model: Model = ((0..first).collect(), first);
        for (actions, undone) in &transactions {
            let mut after = model.clone();
            let result = try_atomically(|tx| -> TxResult<(), ()> {
                after.clone_from(&model);
                actions.iter().try_for_each(|action| perform(tx, &deque, &mut after, action))?;
                if *undone { cancel(()) } else { Ok(()) }
            });
            if result.is_ok() {
                model = after;
            }
            snapshot(|tx| looks_like(tx, &deque, &model.0));
            prop_assert_eq!(format!("{deque:?}"), format!("{:?}", model.0));
        }
        deque.extend([1, 2]);
        model.0.extend([1, 2]);
        prop_assert!((&deque).into_iter().eq(model.0));
    }
}

/// How often a body runs in whose midst another thread runs `other`. Both write, so that a conflict shows.
fn runs_with(
    body: impl Fn(&Transaction<'_, '_>) -> StmResult<()>,
    other: impl Fn(&Transaction<'_, '_>) -> StmResult<()> + Sync,
) -> u32 {
    let (runs, own) = (Cell::new(0), TVar::new(0));
    atomically(|tx| {
        runs.set(runs.get() + 1);
        own.modify(tx, |n| n + 1)?;
        body(tx)?;
        if runs.get() == 1 {
            elsewhere(|| atomically(&other));
        }
        Ok(())
    });
    runs.get()
}

#[test]
fn the_ends_do_not_conflict() {
    for length in [2, 64, 65, 128, 200] {
        let new = || TDeque::from_iter(0..length);
        let both = |deque: &TDeque<u64>| {
            let front = |tx: &Transaction<'_, '_>| deque.pop_front(tx).and_then(|_| deque.push_front(tx, 1));
            let back = |tx: &Transaction<'_, '_>| deque.pop_back(tx).and_then(|_| deque.push_back(tx, 1));
            (runs_with(front, back), runs_with(back, front))
        };
        assert_eq!(both(&new()), (1, 1), "{length} items");
        let deque = new();
        assert_eq!(runs_with(|tx| deque.pop_front(tx).map(drop), |tx| deque.push_back(tx, 1)), 1);
        assert_eq!(runs_with(|tx| deque.push_front(tx, 1), |tx| deque.pop_back(tx).map(drop)), 1);
        assert_eq!(runs_with(|tx| deque.get(tx, 0).map(drop), |tx| deque.push_back(tx, 1)), 1);
        assert_eq!(runs_with(|tx| deque.is_empty(tx).map(drop), |tx| deque.pop_back(tx).map(drop)), 1);
        // The same end, and everybody who looks at both.
        assert_eq!(runs_with(|tx| deque.push_back(tx, 1), |tx| deque.push_back(tx, 1)), 2);
        assert_eq!(runs_with(|tx| deque.pop_front(tx).map(drop), |tx| deque.push_front(tx, 1)), 2);
        assert_eq!(runs_with(|tx| deque.len(tx).map(drop), |tx| deque.push_back(tx, 1)), 2);
        assert_eq!(runs_with(|tx| deque.to_vec(tx).map(drop), |tx| deque.push_front(tx, 1)), 2);
        assert_eq!(runs_with(|tx| deque.get(tx, 0).map(drop), |tx| deque.clear(tx)), 2);
        assert_eq!(runs_with(|tx| deque.clear(tx), |tx| deque.push_back(tx, 1)), 1);
        // The last item, and an empty one.
        let deque = TDeque::from_iter([1]);
        assert_eq!(runs_with(|tx| deque.pop_front(tx).map(drop), |tx| deque.pop_back(tx).map(drop)), 2);
        assert_eq!(runs_with(|tx| deque.pop_front(tx).map(drop), |tx| deque.push_back(tx, 1)), 2);
        assert!(deque.into_iter().next().is_none());
    }
}

#[test]
fn who_finds_it_empty_waits_for_an_item_at_either_end() {
    let _watchdog = watchdog();
    type Way = fn(&Transaction<'_, '_>, &TDeque<u64>) -> StmResult<u64>;
    let ways: [Way; 2] = [|tx, deque| deque.take_front(tx), |tx, deque| deque.take_back(tx)];
    for take in ways {
        for at_front in [true, false] {
            for moved in [0, 63, 64] {
                let deque = TDeque::new();
                // To another place of a block.
                atomically(|tx| deque.extend_back(tx, 0..moved));
                while atomically(|tx| deque.pop_front(tx)).is_some() {}
                let wait = |runs: &common::Runs| {
                    atomically(|tx| {
                        runs.count();
                        take(tx, &deque)
                    })
                };
                let push =
                    |tx: &Transaction<'_, '_>| if at_front { deque.push_front(tx, 7) } else { deque.push_back(tx, 7) };
                assert_eq!(runs_until(wait, |_| atomically(push)), (7, 2));
            }
        }
    }
}

#[test]
fn every_item_is_taken_once_and_in_order() {
    let _watchdog = watchdog();
    let deque = TDeque::new();
    let (producers, items) = (threads() / 2, scaled(10_000) as u64);
    let taken = race(2 * producers, |me| {
        let mut taken = Vec::new();
        for n in 0..items {
            if me < producers {
                atomically(|tx| deque.push_back(tx, (me, n)));
            } else {
                taken.push(atomically(|tx| deque.take_front(tx)));
            }
        }
        taken
    });
    for consumer in &taken {
        for producer in 0..producers {
            let numbers: Vec<u64> = consumer.iter().filter(|item| item.0 == producer).map(|item| item.1).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "out of order");
        }
    }
    let mut all = taken.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq((0..producers).flat_map(|producer| (0..items).map(move |n| (producer, n)))));
    assert!(atomically(|tx| deque.is_empty(tx)));
}

#[test]
fn a_move_between_two_is_one_step_to_a_snapshot() {
    let _watchdog = watchdog();
    let deques = [TDeque::from_iter(0..150_u64), TDeque::new()];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for me in 1..threads() {
            let (deques, done) = (&deques, &done);
            scope.spawn(move || {
                let (mut round, mut direction) = (0, 0);
                while !done.load(Ordering::SeqCst) {
                    round += 1;
                    let moved = atomically(|tx| {
                        let (from, to) = (&deques[direction], &deques[1 - direction]);
                        let item = if round % 2 == 0 { from.pop_front(tx)? } else { from.pop_back(tx)? };
                        let Some(item) = item else { return Ok(false) };
                        if (round + me) % 3 == 0 { to.push_front(tx, item) } else { to.push_back(tx, item) }?;
                        Ok(true)
                    });
                    if !moved {
                        direction = 1 - direction;
                    }
                }
            });
        }
        for _ in 0..scaled(700) {
            let runs = Cell::new(0);
            let mut all = snapshot(|tx| {
                runs.set(runs.get() + 1);
                Ok([deques[0].to_vec(tx)?, deques[1].to_vec(tx)?].concat())
            });
            all.sort_unstable();
            assert!(all.into_iter().eq(0..150) && runs.get() == 1);
            drop(format!("{deques:?}"));
        }
    });
}

#[test]
fn items_are_dropped_when_they_are_out() {
    let census = Census::new();
    let deque = TDeque::from_iter((0..500).map(|n| census.value(n)));
    census.settle(500);
    for round in 0..200 {
        drop(atomically(|tx| if round % 2 == 0 { deque.pop_front(tx) } else { deque.pop_back(tx) }));
    }
    census.settle(300);
    let undone = try_atomically(|tx| -> TxResult<(), ()> {
        deque.push_back(tx, census.value(1))?;
        deque.pop_front(tx)?;
        deque.clear(tx)?;
        deque.push_front(tx, census.value(1))?;
        cancel(())
    });
    assert!(undone.is_err());
    census.settle(300);
    // What a run has borrowed stays for so long.
    atomically(|tx| {
        let first = deque.front(tx)?.expect("there are 300");
        elsewhere(|| atomically(|tx| deque.clear(tx)));
        elsewhere(stm::collect);
        assert_eq!((first.payload, census.live()), (100, 300));
        Ok(())
    });
    census.settle(0);
    deque.clone().extend((0..70).map(|n| census.value(n)));
    drop(deque);
    census.settle(0);
}

#[test]
fn what_passes_through_leaves_nothing_behind() {
    let census = Census::new();
    let deque = TDeque::new();
    for round in 0..scaled(20_000) as u64 {
        atomically(|tx| deque.push_back(tx, census.value(round)));
        if round > 10 {
            assert_eq!(atomically(|tx| deque.pop_front(tx)).map(|item| item.payload), Some(round - 11));
        }
    }
    census.settle(11);
}

#[test]
fn a_million_items_are_dropped_without_recursion() {
    let _watchdog = watchdog();
    let census = Census::new();
    let mine = census.clone();
    on_a_small_stack(move || {
        let deque = TDeque::from_iter((0..scaled(1_000_000) as u64).map(|n| mine.value(n)));
        assert_eq!(snapshot(|tx| Ok(deque.get(tx, 777)?.map(|item| item.payload))), Some(777));
        drop(deque);
        mine.settle(0);
    });
    census.settle(0);
}

#[test]
fn a_clone_that_panics_leaves_it_whole() {
    #[derive(Debug)]
    struct Fragile(Counted);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(self.0.payload != 1, "clone failed");
            Self(self.0.clone())
        }
    }
    let census = Census::new();
    let deque = TDeque::from_iter([1, 2, 1].map(|n| Fragile(census.value(n))));
    let payloads = |tx: &ReadTransaction<'_, '_>| {
        let mut found = Vec::new();
        deque.for_each(tx, |item| found.push(item.0.payload))?;
        Ok(found)
    };
    type Body = fn(&Transaction<'_, '_>, &TDeque<Fragile>) -> StmResult<()>;
    let bodies: [Body; 3] = [
        |tx, deque| deque.pop_front(tx).map(drop),
        |tx, deque| deque.pop_back(tx).map(drop),
        |tx, deque| deque.drain(tx).map(drop),
    ];
    for body in bodies {
        let panic = expect_panic(|| {
            atomically(|tx| {
                deque.push_front(tx, Fragile(census.value(1)))?;
                body(tx, &deque)
            });
        });
        assert_eq!((panic.message.as_str(), snapshot(payloads)), ("clone failed", vec![1, 2, 1]));
        // Also if the body itself catches the panic, and goes on.
        atomically(|tx| {
            assert!(common::quietly(|| body(tx, &deque)).is_err());
            payloads(tx).map(|found| assert_eq!(found, [1, 2, 1]))
        });
        assert_eq!(snapshot(payloads), [1, 2, 1]);
    }
    census.settle(3);
}

/// Those who wait for an item may have looked at other things before, by which some go on and others do not.
#[test]
fn who_waits_for_something_else_as_well_is_woken_by_that() {
    let _watchdog = common::watchdog();
    let (deque, day) = (TDeque::<u32>::new(), TVar::new(0));
    let (deque, day) = (&deque, &day);
    let until = |last: u32| {
        let mut task = Box::pin(stm::atomically_async(move |tx| {
            if day.read(tx)? >= last { Ok(None) } else { deque.take_back(tx).map(Some) }
        }));
        let mut poll = move || task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending(), "it has something to wait for");
        poll
    };
    let (mut patient, mut hasty) = (until(2), until(1));
    day.store(1);
    assert_eq!((patient(), hasty()), (Poll::Pending, Poll::Ready(None)));
    atomically(|tx| deque.push_front(tx, 7));
    assert_eq!(patient(), Poll::Ready(Some(7)));
}
