//! `TArray`: variables in a row.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{
    Census, Counted, Ends, Random, elsewhere, expect_panic, quietly, race, runs_until, scaled, threads, watchdog,
};
use proptest::prelude::*;
use stm::collections::TArray;
use stm::{StmResult, TVar, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

#[derive(Clone, Debug)]
enum Action {
    Write(usize, u64),
    Replace(usize, u64),
    Modify(usize),
    Update(usize),
    Swap(usize, usize),
    Fill(u64),
    Store(usize, u64),
    Read(usize),
    /// Some of the above, in a part that is kept or undone.
    Part(Vec<Action>, bool),
}

fn action() -> impl Strategy<Value = Action> {
    let index = || 0..6_usize;
    let single = prop_oneof![
        (index(), 0..9_u64).prop_map(|(index, n)| Action::Write(index, n)),
        (index(), 0..9_u64).prop_map(|(index, n)| Action::Replace(index, n)),
        index().prop_map(Action::Modify),
        index().prop_map(Action::Update),
        (index(), index()).prop_map(|(a, b)| Action::Swap(a, b)),
        (0..9_u64).prop_map(Action::Fill),
        index().prop_map(Action::Read),
    ];
    single.prop_recursive(2, 8, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>()).prop_map(|(actions, undone)| Action::Part(actions, undone))
    })
}

/// A transaction of some actions, undone as a whole or not, or a single store.
fn transaction() -> impl Strategy<Value = (Vec<Action>, bool)> {
    prop_oneof![
        4 => (prop::collection::vec(action(), 1..5), prop::bool::weighted(0.2)),
        1 => (0..6_usize, 0..9_u64).prop_map(|(index, n)| (vec![Action::Store(index, n)], false)),
    ]
}

/// The text form, so that values of either storage take part.
trait Element: Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    fn of(n: u64) -> Self;
    fn next(self) -> Self;
}

impl Element for u64 {
    fn of(n: u64) -> Self {
        n
    }
    fn next(self) -> Self {
        self + 1
    }
}

impl Element for String {
    fn of(n: u64) -> Self {
        n.to_string()
    }
    fn next(self) -> Self {
        self + "!"
    }
}

fn perform<T: Element>(
    tx: &Transaction<'_, '_>,
    array: &TArray<T>,
    model: &mut Vec<T>,
    action: &Action,
) -> StmResult<()> {
    match action {
        Action::Write(index, n) => {
            array.write(tx, *index, T::of(*n))?;
            model[*index] = T::of(*n);
        }
        Action::Replace(index, n) => {
            let replaced = array.replace(tx, *index, T::of(*n))?;
            assert_eq!(std::mem::replace(&mut model[*index], T::of(*n)), replaced);
        }
        Action::Modify(index) => {
            array.modify(tx, *index, T::next)?;
            model[*index] = model[*index].clone().next();
        }
        Action::Update(index) => {
            let before = array.update(tx, *index, |value| std::mem::replace(value, T::of(77)))?;
            assert_eq!(std::mem::replace(&mut model[*index], T::of(77)), before);
        }
        Action::Swap(a, b) => {
            array.swap(tx, *a, *b)?;
            model.swap(*a, *b);
        }
        Action::Fill(n) => {
            array.fill(tx, T::of(*n))?;
            model.fill(T::of(*n));
        }
        Action::Store(..) => unreachable!("outside of bodies"),
        Action::Read(index) => {
            assert_eq!(array.read(tx, *index)?, model[*index]);
            assert_eq!(*array.read_ref(tx, *index)?, model[*index]);
            assert_eq!(array.get(tx, *index)?.as_ref(), model.get(*index));
            assert!(array.with(tx, *index, |value| *value == model[*index])?);
        }
        Action::Part(actions, undone) => {
            let before = model.clone();
            let result: Result<(), ()> = tx.nested(|tx| {
                actions.iter().try_for_each(|action| perform(tx, array, model, action))?;
                if *undone { cancel(()) } else { Ok(()) }
            })?;
            if result.is_err() {
                *model = before;
            }
        }
    }
    assert_eq!(array.to_vec(tx)?, *model);
    Ok(())
}

fn follows_the_model<T: Element>(transactions: &[(Vec<Action>, bool)]) {
    let mut model: Vec<T> = (0..6).map(T::of).collect();
    let array = TArray::from_iter(model.clone());
    for (actions, undone) in transactions {
        if let [Action::Store(index, n)] = actions[..] {
            array.store(index, T::of(n));
            model[index] = T::of(n);
        } else {
            let mut after = model.clone();
            let result = try_atomically(|tx| -> TxResult<(), ()> {
                after.clone_from(&model);
                actions.iter().try_for_each(|action| perform(tx, &array, &mut after, action))?;
                if *undone { cancel(()) } else { Ok(()) }
            });
            if result.is_ok() {
                model = after;
            }
        }
        assert_eq!(Vec::from_iter(&array), model);
        assert_eq!(format!("{array:?}"), format!("{model:?}"));
        assert_eq!((0..6).map(|index| array.load(index)).collect::<Vec<_>>(), model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: scaled(150) as u32, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_vector_does(transactions in prop::collection::vec(transaction(), 0..12)) {
        follows_the_model::<u64>(&transactions);
        follows_the_model::<String>(&transactions);
    }
}

#[test]
fn an_index_beyond_the_end_panics_at_the_caller_and_undoes_the_transaction() {
    let array = TArray::new(3, 1_u64);
    let check = |line: u32, panic: common::Panic| {
        assert!(panic.message.contains("the len is 3 but the index is 3"), "{}", panic.message);
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
    };
    check(line!(), expect_panic(|| atomically(|tx| array.write(tx, 0, 2).and_then(|()| array.read(tx, 3)))));
    check(line!(), expect_panic(|| atomically(|tx| array.write(tx, 0, 2).and_then(|()| array.write(tx, 3, 1)))));
    check(line!(), expect_panic(|| atomically(|tx| array.write(tx, 0, 2).and_then(|()| array.swap(tx, 0, 3)))));
    check(line!(), expect_panic(|| atomically(|tx| array.write(tx, 0, 2).and_then(|()| array.modify(tx, 3, |n| n)))));
    check(line!(), expect_panic(|| array.load(3)));
    check(line!(), expect_panic(|| array.store(3, 1)));
    assert_eq!(atomically(|tx| array.get(tx, 3)), None);
    assert_eq!(Vec::from_iter(&array), [1, 1, 1]);
}

#[test]
fn elements_without_a_size_with_much_alignment_or_none_at_all_are_elements_too() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(u64);
    let units = TArray::new(5, ());
    atomically(|tx| units.fill(tx, ()));
    assert_eq!(Vec::from_iter(&units).len(), 5);
    let aligned = TArray::from_fn(5, |n| Aligned(n as u64));
    atomically(|tx| aligned.swap(tx, 0, 4));
    assert_eq!(Vec::from_iter(&aligned), [4, 1, 2, 3, 0].map(Aligned));
    snapshot(|tx| aligned.for_each(tx, |value| assert_eq!((&raw const *value).addr() % 128, 0)));
    let none = TArray::<String>::default();
    atomically(|tx| none.fill(tx, String::new()));
    assert!(none.is_empty() && none.into_iter().next().is_none());
}

#[test]
fn different_elements_do_not_conflict_and_the_same_do() {
    let array = TArray::new(4, 0_u64);
    for (index, expected) in [(0, 1), (3, 1), (1, 2), (2, 2)] {
        let runs = Cell::new(0);
        atomically(|tx| {
            runs.set(runs.get() + 1);
            let seen = array.read(tx, 1)? + array.read(tx, 2)?;
            if runs.get() == 1 {
                elsewhere(|| atomically(|tx| array.modify(tx, index, |n| n + 1)));
            }
            array.write(tx, 1, seen)
        });
        assert_eq!(runs.get(), expected, "element {index}");
    }
}

#[test]
fn snapshots_see_one_moment_of_two_arrays() {
    let _watchdog = watchdog();
    let arrays = [TArray::new(50, 100_u64), TArray::new(50, 100_u64)];
    let (texts, done) = (TArray::new(50, 4.to_string()), AtomicBool::new(false));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for me in 1..threads() {
            let (arrays, texts, done) = (&arrays, &texts, &done);
            scope.spawn(move || {
                let mut random = Random::new(me as u64);
                while !done.load(Ordering::SeqCst) {
                    let (from, to, n) = (random.below(50), random.below(50), random.draw() % 5);
                    atomically(|tx| {
                        let n = n.min(arrays[0].read(tx, from)?);
                        arrays[0].modify(tx, from, |have| have - n)?;
                        arrays[1].modify(tx, to, |have| have + n)?;
                        texts.swap(tx, from, to)
                    });
                    atomically(|tx| {
                        let n = n.min(arrays[1].read(tx, to)?);
                        arrays[1].modify(tx, to, |have| have - n)?;
                        arrays[0].modify(tx, from, |have| have + n)
                    });
                }
            });
        }
        for _ in 0..scaled(1_000) {
            let runs = Cell::new(0);
            let (sum, text) = snapshot(|tx| {
                runs.set(runs.get() + 1);
                let mut sum = 0;
                for array in &arrays {
                    array.for_each(tx, |n| sum += n)?;
                }
                Ok((sum, texts.to_vec(tx)?.concat()))
            });
            assert_eq!((sum, text.len(), runs.get()), (10_000, 50, 1));
        }
    });
}

#[test]
fn additions_from_many_threads_are_all_there() {
    let _watchdog = watchdog();
    let array = TArray::new(7, 0_u64);
    race(threads(), |me| {
        for round in 0..scaled(5_000) {
            atomically(|tx| array.modify(tx, (round + me) % 7, |n| n + 1));
        }
    });
    assert_eq!(array.into_iter().sum::<u64>(), (threads() * scaled(5_000)) as u64);
}

#[test]
fn a_retry_waits_for_the_elements_it_has_read() {
    let _watchdog = watchdog();
    let array = TArray::new(3, 0_u64);
    let wait = |runs: &common::Runs| {
        atomically(|tx| {
            runs.count();
            tx.check(array.read(tx, 1)? > 0)
        });
    };
    let (_, runs) = runs_until(wait, |_| {
        array.store(0, 1);
        array.store(2, 1);
        array.store(1, 1);
    });
    assert_eq!(runs, 2);
}

#[test]
fn elements_are_dropped_with_the_last_handle_and_when_they_are_replaced() {
    let census = Census::new();
    let array = TArray::from_fn(100, |n| census.value(n as u64));
    let other = array.clone();
    atomically(|tx| {
        array.write(tx, 0, census.value(1))?;
        array.swap(tx, 1, 2)?;
        array.update(tx, 3, |value| value.payload += 1)
    });
    drop(array);
    census.settle(100);
    // The last handle goes while a body reads on.
    let mut last = Some(other);
    atomically(|tx| {
        let cells = last.as_ref().expect("it runs once").cells(tx);
        drop(last.take());
        elsewhere(stm::collect);
        assert_eq!(cells[4].with(tx, |value| value.payload)?, 4);
        assert!(census.live() >= 100);
        cells[5].write(tx, census.value(0))
    });
    census.settle(0);
    // It is not made to the end.
    let made = quietly(|| TArray::from_fn(10, |n| if n < 5 { census.value(0) } else { panic!("no more") }));
    assert!(made.is_err());
    census.settle(0);
}

#[test]
fn a_million_elements_are_dropped() {
    let census = Census::new();
    let array = TArray::from_fn(scaled(1_000_000), |_| census.value(0));
    array.store(7, census.value(1));
    drop(array);
    census.settle(0);
}

#[test]
fn clones_that_panic_leave_it_whole() {
    #[derive(Debug)]
    struct Fragile(Counted, TVar<bool>);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.1.load(), "clone failed");
            Self(self.0.clone(), self.1.clone())
        }
    }
    let (census, fuse) = (Census::new(), TVar::new(false));
    let array = TArray::from_fn(4, |n| Fragile(census.value(n as u64), fuse.clone()));
    type Body = fn(&Transaction<'_, '_>, &TArray<Fragile>) -> StmResult<()>;
    let bodies: [Body; 4] = [
        |tx, array| array.swap(tx, 0, 1),
        |tx, array| array.update(tx, 0, |value| value.0.payload = 9),
        |tx, array| array.to_vec(tx).map(drop),
        |tx, array| array.modify(tx, 0, |value| value),
    ];
    for body in bodies {
        fuse.store(true);
        let panic = expect_panic(|| {
            atomically(|tx| {
                array.write(tx, 3, Fragile(census.value(33), fuse.clone()))?;
                body(tx, &array)
            });
        });
        assert_eq!(panic.message, "clone failed");
        fuse.store(false);
        assert_eq!((&array).into_iter().map(|value| value.0.payload).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
    census.settle(4);
}
