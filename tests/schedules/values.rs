//! Values behind pointers: looked at only while they live, and dropped once.

use stm::{Ref, TCell, TVar, atomically, snapshot};

use crate::explore::{exhaust, sample};
use crate::ledger::{Known, Ledger};
use crate::threads::{both, race};

/// The payload of the committed value.
fn payload(variable: &TVar<Known>) -> u64 {
    snapshot(|tx| variable.with(tx, |value| value.payload))
}

#[test]
fn a_value_is_looked_at_only_while_it_lives() {
    exhaust([0, 1, 2, 3], || {
        let ledger = Ledger::default();
        let variable = TVar::new(ledger.value(0));
        let ((), seen) = both(
            || (1..=3).for_each(|payload| variable.store(ledger.value(payload))),
            || {
                snapshot(|tx| {
                    let value = variable.read_ref(tx)?;
                    let before = ledger.assert_live(&value);
                    // Others may go on here; the value stays.
                    shuttle::thread::yield_now();
                    assert_eq!(ledger.assert_live(&value), before);
                    Ok(before)
                })
            },
        );
        ledger.settle(1);
        assert_eq!(payload(&variable), 3);
        drop(variable);
        ledger.settle(0);
        seen
    });
}

#[test]
fn a_reference_outlives_what_replaces_its_value() {
    exhaust([0, 5], || {
        let ledger = Ledger::default();
        let variable = TVar::new(ledger.value(0));
        let ((), seen) = both(
            || {
                variable.store(ledger.value(5));
                stm::collect();
            },
            || {
                atomically(|tx| {
                    let first = variable.read_ref(tx)?;
                    variable.write(tx, ledger.value(6))?;
                    let second = variable.read_ref(tx)?;
                    variable.write(tx, ledger.value(7))?;
                    assert_eq!(ledger.assert_live(&second), 6);
                    let first: &Known = Ref::into_ref(first);
                    Ok(ledger.assert_live(first))
                })
            },
        );
        ledger.settle(1);
        drop(variable);
        ledger.settle(0);
        seen
    });
}

#[test]
fn the_last_handle_frees_the_variable_whichever_thread_has_it() {
    exhaust([0, 1], || {
        let ledger = Ledger::default();
        let first = TVar::new(ledger.value(0));
        let second = first.clone();
        let writes = {
            let ledger = ledger.clone();
            move || {
                first.store(ledger.value(1));
                drop(first);
            }
        };
        let ((), seen) = both(writes, {
            let ledger = &ledger;
            move || {
                let seen = atomically(|tx| second.with(tx, |value| ledger.assert_live(value)));
                drop(second);
                seen
            }
        });
        ledger.settle(0);
        seen
    });
}

#[test]
fn a_variable_found_in_another_lives_until_the_body_ends() {
    exhaust([None, Some(7)], || {
        let ledger = Ledger::default();
        let outer = TVar::new(Some(TVar::new(ledger.value(7))));
        let ((), seen) = both(
            || {
                outer.store(None);
                stm::collect();
            },
            || {
                snapshot(|tx| {
                    let found = outer.read_ref(tx)?;
                    let Some(inner) = found.as_ref() else { return Ok(None) };
                    let value = inner.read_ref(tx)?;
                    shuttle::thread::yield_now();
                    Ok(Some(ledger.assert_live(&value)))
                })
            },
        );
        ledger.settle(0);
        seen
    });
}

#[test]
fn a_cell_that_nobody_has_used_is_made_ready_once() {
    exhaust([0, 5], || {
        let ledger = Ledger::default();
        let cell = TCell::new(ledger.value(0));
        let ((), seen) =
            both(|| cell.store(ledger.value(5)), || atomically(|tx| cell.with(tx, |value| ledger.assert_live(value))));
        assert_eq!(cell.load().payload, 5);
        ledger.settle(1);
        drop(cell);
        ledger.settle(0);
        seen
    });
}

#[test]
fn two_who_use_a_cell_first_do_not_lose_a_write() {
    exhaust([2], || {
        let cell = TCell::new(0_u64);
        let increment = || cell.fetch_update(|value| *value += 1);
        both(increment, increment);
        cell.load()
    });
}

#[test]
fn a_cell_that_was_never_used_drops_its_value_once() {
    exhaust([0], || {
        let ledger = Ledger::default();
        let (left, right) = (TCell::new(ledger.value(1)), TCell::new(ledger.value(2)));
        both(|| drop(left), || drop(right));
        ledger.settle(0);
        ledger.live()
    });
}

#[test]
fn values_of_attempts_that_fail_are_dropped_once() {
    sample([6], || {
        let ledger = Ledger::default();
        let variable = TVar::new(ledger.value(0));
        race(3, |_| {
            for _ in 0..2 {
                atomically(|tx| {
                    let next = variable.with(tx, |value| ledger.assert_live(value))? + 1;
                    variable.write(tx, ledger.value(next))
                });
            }
        });
        let last = payload(&variable);
        ledger.settle(1);
        drop(variable);
        ledger.settle(0);
        last
    });
}

#[test]
fn strings_are_read_whole_while_others_write_them() {
    sample([1, 2, 3], || {
        let text = TVar::new(String::from("0"));
        let lengths = race(3, |index| {
            if index < 2 {
                text.fetch_update(|text| text.push('1'));
                return 0;
            }
            let text = text.load();
            assert!(text.starts_with('0') && text[1..].bytes().all(|byte| byte == b'1'), "{text:?}");
            text.len()
        });
        assert_eq!(text.load(), "011");
        lengths[2]
    });
}
