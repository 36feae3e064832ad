//! Identity: two handles are equal when they are the same variable, whatever it holds. The rest
//! of the traits behave as for a `Mutex`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Ends, Sample, elsewhere, race, scaled, watchdog};
use stm::{TVar, TxError, atomically, cancel, options, snapshot, try_atomically};

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_handle_is_equal_to_its_clones_only() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(1)), TVar::new(T::of(1)));
        let same = x.clone();
        assert!(x == same && x != y);
        assert_eq!(hash_of(&x), hash_of(&same));
        assert_eq!(x.cmp(&same), std::cmp::Ordering::Equal);
        assert_ne!(x.cmp(&y), std::cmp::Ordering::Equal);
        assert_eq!(x.cmp(&y), y.cmp(&x).reverse());
        assert_eq!(x.partial_cmp(&y), Some(x.cmp(&y)));
        // The value does not matter, before or after.
        let (order, hash) = (x.cmp(&y), hash_of(&x));
        x.store(T::of(2));
        assert!(x == same && x != y);
        assert_eq!((x.cmp(&y), hash_of(&x)), (order, hash));
    }
    check::<u64>();
    check::<String>();
}

#[test]
fn handles_are_keys() {
    let variables: Vec<_> = (0..100_u64).map(|_| TVar::new(0_u64)).collect();
    let set: HashSet<_> = variables.iter().chain(&variables).cloned().collect();
    let sorted: BTreeSet<_> = variables.iter().chain(&variables).cloned().collect();
    assert_eq!((set.len(), sorted.len()), (100, 100));
    let mut names: HashMap<TVar<u64>, usize> = HashMap::new();
    for (index, variable) in variables.iter().enumerate() {
        assert_eq!(names.insert(variable.clone(), index), None);
    }
    variables.iter().for_each(|variable| variable.store(7));
    for (index, variable) in variables.iter().enumerate() {
        assert_eq!(names[variable], index);
    }
}

/// Identity asks nothing of the value's type.
#[test]
fn values_without_any_traits_have_handles_with_all_of_them() {
    struct Bare;
    let (x, y) = (TVar::new(Bare), TVar::new(Bare));
    assert!(x == x.clone() && x != y && (x < y) == (y > x));
    assert_ne!(hash_of(&x), hash_of(&y));
}

#[test]
fn a_clone_shares_the_variable() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        let shared = x.clone();
        shared.store(T::of(1));
        assert_eq!(x.load(), T::of(1));
        atomically(|tx| {
            x.write(tx, T::of(2))?;
            assert_eq!(shared.read(tx)?, T::of(2), "one variable in the log too");
            shared.write(tx, T::of(3))
        });
        drop(shared);
        assert_eq!(x.load(), T::of(3));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn defaults_and_conversions_make_variables_of_their_own() {
    let (number, text) = (TVar::<u64>::default(), TVar::<String>::default());
    assert_eq!((number.load(), text.load()), (0, String::new()));
    let from: TVar<_> = String::from("x").into();
    assert_eq!(from.load(), "x");
    assert_ne!(TVar::<u64>::default(), TVar::default());
}

#[test]
fn debug_shows_the_committed_value() {
    let (number, text) = (TVar::new(5_u64), TVar::new(String::from("old")));
    assert!(format!("{number:?}").contains('5'));
    let shown = || (format!("{number:?}"), format!("{text:?}"));
    let before = shown();
    atomically(|tx| {
        number.write(tx, 6)?;
        text.write(tx, String::from("new"))?;
        assert_eq!(shown(), before, "what is pending is nobody else's business");
        assert_eq!(elsewhere(shown), before);
        assert!(format!("{:?}", text.read_ref(tx)?).contains("new"));
        Ok(())
    });
    let after = shown();
    assert!(after.0.contains('6') && after.1.contains("\"new\""), "{after:?}");
}

#[test]
fn debug_never_shows_half_a_value() {
    let _watchdog = watchdog();
    let (pair, text) = (TVar::new([0_u64; 4]), TVar::new(String::from("0-0")));
    let done = AtomicBool::new(false);
    race(3, |me| {
        if me > 0 {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                atomically(|tx| {
                    pair.write(tx, [n; 4])?;
                    text.write(tx, format!("{n}-{n}"))
                });
            }
        } else {
            let _ends = Ends(&done);
            for _ in 0..scaled(3_000) {
                let shown = format!("{pair:?} {text:?}");
                let numbers: Vec<&str> =
                    shown.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
                assert_eq!(numbers.len(), 6, "{shown}");
                assert!(numbers[..4].iter().all(|n| *n == numbers[0]), "{shown}");
                assert_eq!(numbers[4], numbers[5], "{shown}");
            }
        }
    });
}

#[test]
fn names_are_shared_by_all_handles() {
    let x = TVar::new(0_u64).named("balance");
    assert_eq!(x.clone().name(), Some("balance"));
    assert_eq!(TVar::new(0_u64).name(), None);
    let again = x.clone().named("savings");
    assert_eq!((x.name(), again.name()), (Some("savings"), Some("savings")));
    assert_eq!(x, again, "a name does not make another variable");
    atomically(|tx| x.write(tx, 1));
    assert_eq!(again.load(), 1);
}

/// A name must not outlive its variable and turn up on another that got the same address.
#[test]
fn names_go_with_their_variables() {
    for _ in 0..2_000 {
        assert_eq!(TVar::new(0_u64).name(), None);
        drop(TVar::new(0_u64).named("gone"));
        stm::collect();
    }
}

#[test]
fn transactions_and_signals_have_debug() {
    let x = TVar::new(0_u64);
    let shown = atomically(|tx| {
        let reader: &stm::ReadTransaction = tx;
        if tx.attempt_number() == 1 {
            let signal = tx.restart::<()>().expect_err("always");
            assert!(format!("{signal:?}").contains("Abort"));
            assert!(!signal.to_string().is_empty());
            return Err(signal);
        }
        x.read(tx)?;
        Ok(format!("{tx:?} {reader:?}"))
    });
    assert!(shown.contains("Transaction") && shown.contains("ReadTransaction"), "{shown}");
    assert!(format!("{:?}", options().name("billing")).contains("billing"));
}

#[test]
fn errors_chain_to_their_sources() {
    let parse = "x".parse::<u64>().expect_err("not a number");
    let cancelled: TxError<_> = TxError::Cancel(parse.clone());
    assert!(cancelled.source().is_some_and(|source| source.to_string() == parse.to_string()));
    assert!(cancelled.to_string().contains(&parse.to_string()));
    let run = options().try_run(|_| cancel::<(), _>(parse.clone())).expect_err("it cancels");
    assert!(run.source().is_some_and(|source| source.to_string() == parse.to_string()));
    let left = try_atomically(|_| cancel::<(), _>(parse.clone()));
    assert_eq!(left, Err(parse));
}

/// Where a variable was made, in a body or outside, is not to be told from it.
#[test]
fn variables_made_in_a_body_are_like_all_others() {
    fn check<T: Sample>() {
        let slot = TVar::new(None);
        let made = atomically(|tx| {
            let made = TVar::new(T::of(1));
            made.modify(tx, |_| T::of(2))?;
            slot.write(tx, Some(made.clone()))?;
            Ok(made)
        });
        assert_eq!(made.load(), T::of(2));
        let found = slot.load().expect("it was committed");
        assert_eq!(found, made);
        elsewhere(|| atomically(|tx| found.write(tx, T::of(3))));
        assert_eq!(snapshot(|tx| made.read(tx)), T::of(3));
    }
    check::<u64>();
    check::<String>();
}

#[test]
fn a_variable_smuggled_out_of_an_undone_body_holds_its_first_value() {
    fn check<T: Sample>() {
        let mut smuggled = None;
        let result: Result<(), ()> = try_atomically(|tx| {
            let made = TVar::new(T::of(1));
            made.write(tx, T::of(2))?;
            smuggled = Some(made);
            cancel(())
        });
        let made = smuggled.expect("the body ran");
        assert_eq!((result, made.load()), (Err(()), T::of(1)));
        atomically(|tx| made.write(tx, T::of(3)));
        assert_eq!(made.load(), T::of(3));
    }
    check::<u64>();
    check::<String>();
}
