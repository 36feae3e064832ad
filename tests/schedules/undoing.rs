//! What is undone leaves nothing: by a cancel, in a nested part, by a panic. Whoever waits meanwhile goes on.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stm::{atomically, cancel, options, try_atomically};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

#[test]
fn a_cancel_ends_a_wait() {
    exhaust([Err("stopped")], || {
        let [slot, stop] = cells([0, 0]);
        both(
            || stop.store(1),
            || {
                try_atomically(|tx| {
                    if stop.read(tx)? == 1 {
                        return cancel("stopped");
                    }
                    let value = slot.read(tx)?;
                    tx.check(value != 0)?;
                    Ok(value)
                })
            },
        )
        .1
    });
}

#[test]
fn a_wake_up_and_a_cancel_do_not_lose_each_other() {
    sample([Err("stopped"), Ok(7)], || {
        let [slot, stop, left] = cells([0, 0, 0]);
        let ended = race(3, |index| match index {
            0 => Some(try_atomically(|tx| {
                left.write(tx, 1)?;
                let value = slot.read(tx)?;
                if value != 0 {
                    return Ok(value);
                }
                if stop.read(tx)? == 1 {
                    return cancel("stopped");
                }
                Ok(tx.retry()?)
            })),
            1 => {
                slot.store(7);
                None
            }
            _ => {
                stop.store(1);
                None
            }
        });
        let ended = ended.into_iter().flatten().next().expect("the first thread returns it");
        assert_eq!(left.load(), u64::from(ended.is_ok()), "a cancelled transaction leaves nothing");
        ended
    });
}

#[test]
fn a_nested_part_is_undone_alone_and_hooks_run_once() {
    // Whether the nested part took effect.
    exhaust([false, true], || {
        let [outer, inner, refuse] = cells([0, 0, 0]);
        let (undone, committed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let ((), (kept, runs)) = both(
            || {
                atomically(|tx| {
                    refuse.write(tx, 1)?;
                    inner.write(tx, 10)
                });
            },
            || {
                atomically(|tx| {
                    outer.write(tx, 1)?;
                    let result = tx.nested(|tx| {
                        let undone = Arc::clone(&undone);
                        tx.on_rollback(move || _ = undone.fetch_add(1, Ordering::Relaxed));
                        inner.modify(tx, |value| value + 1)?;
                        if refuse.read(tx)? == 1 { cancel("refused") } else { Ok(()) }
                    })?;
                    let committed = Arc::clone(&committed);
                    tx.on_commit(move || _ = committed.fetch_add(1, Ordering::Relaxed));
                    Ok((result.is_ok(), tx.attempt_number()))
                })
            },
        );
        assert_eq!((outer.load(), inner.load()), (1, 10), "the other writes last, or the nested part is refused");
        assert_eq!(committed.load(Ordering::Relaxed), 1);
        // Every run but the last was undone, whichever way it ended; of the last, the nested part was if it refused.
        assert_eq!(undone.load(Ordering::Relaxed), runs - 1 + u32::from(!kept));
        kept
    });
}

/// Runs `body`, which panics without a message, and checks that it does.
fn panicking(body: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err("it panics");
    assert!(payload.is::<&str>(), "with what it was given");
}

#[test]
fn a_panic_in_a_body_leaves_nothing_to_who_waits() {
    exhaust([2], || {
        let [slot, other] = cells([0, 0]);
        let ((), seen) = both(
            || {
                panicking(|| {
                    atomically(|tx| -> stm::StmResult<()> {
                        other.modify(tx, |value| value + 1)?;
                        slot.write(tx, 1)?;
                        resume_unwind(Box::new("in the middle of a body"))
                    });
                });
                slot.store(2);
            },
            || {
                atomically(|tx| {
                    let value = slot.read(tx)?;
                    tx.check(value != 0)?;
                    Ok(value)
                })
            },
        );
        assert_eq!(other.load(), 0, "what the panicking body wrote");
        seen
    });
}

#[test]
fn a_thread_that_panics_with_the_token_lets_others_commit() {
    exhaust([1], || {
        let [counter, mine] = cells([0, 0]);
        both(
            || {
                panicking(|| {
                    let ended = options().promote_after(2).run(|tx| -> stm::StmResult<()> {
                        let seen = mine.read(tx)?;
                        counter.write(tx, 100)?;
                        if tx.attempt_number() == 2 {
                            resume_unwind(Box::new("in the middle of a promoted body"))
                        }
                        // Somebody has been faster: this very thread.
                        mine.store(seen + 1);
                        Ok(())
                    });
                    unreachable!("it panics and does not end as {ended:?}");
                });
            },
            || atomically(|tx| counter.modify(tx, |value| value + 1)),
        );
        counter.load()
    });
}

#[test]
fn a_thread_that_ends_by_a_panic_leaves_its_partners_alone() {
    sample([1, 2], || {
        let [slot, log] = cells([0, 0]);
        let seen = race(4, |index| match index {
            0 => {
                slot.store(1);
                panicking(|| {
                    atomically(|tx| -> stm::StmResult<()> {
                        slot.write(tx, 9)?;
                        tx.check(log.read(tx)? > 0)?;
                        resume_unwind(Box::new("at the end of a wait"))
                    });
                });
                0
            }
            1 => {
                slot.fetch_update(|value| *value += 1);
                0
            }
            _ => atomically(|tx| {
                let value = slot.read(tx)?;
                tx.check(value != 0)?;
                assert!(value < 9, "nobody sees what was undone");
                log.modify(tx, |count| count + 1)?;
                Ok(value)
            }),
        });
        assert_eq!(log.load(), 2);
        seen[3]
    });
}
