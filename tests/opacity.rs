//! Opacity: no body, not even one that is going to be aborted, sees values of two moments. A
//! body may rely on invariants as if it ran alone: it cannot loop, index or divide by a torn view.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Ends, Random, Sample, elsewhere, race, scaled, threads, watchdog};
use stm::{ReadTransaction, StmResult, TCell, TVar, Transaction, atomically, snapshot};

/// Runs `writer` on one thread against `reader` on the others, until the first of these is through.
fn against(writer: impl Fn(&mut Random) + Sync, reader: impl Fn(usize) + Sync) {
    let done = AtomicBool::new(false);
    race(threads(), |me| {
        if me == 0 {
            let mut random = Random::new(1);
            while !done.load(Ordering::Relaxed) {
                writer(&mut random);
            }
        } else {
            let _ends = Ends(&done);
            (0..scaled(40_000)).for_each(&reader);
        }
    });
}

/// The deterministic form: between two reads another thread commits to both variables.
#[test]
fn a_view_does_not_mix_two_moments() {
    fn check<T: Sample>() {
        type Read<T> = fn(&TVar<T>, &Transaction) -> StmResult<T>;
        let reads: [Read<T>; 6] = [
            |x, tx| x.read(tx),
            |x, tx| Ok(T::clone(&*x.read_ref(tx)?)),
            |x, tx| x.with(tx, Clone::clone),
            |x, tx| x.replace(tx, T::of(50)),
            |x, tx| x.update(tx, |value| value.clone()),
            |x, tx| {
                let seen = Cell::new(None);
                x.modify(tx, |value| {
                    seen.set(Some(value.clone()));
                    value
                })?;
                Ok(seen.take().expect("it ran"))
            },
        ];
        for first in &reads[..3] {
            for second in reads {
                let (x, y) = (TVar::new(T::of(1)), TVar::new(T::of(1)));
                let pair = atomically(|tx| {
                    let one = first(&x, tx)?;
                    if tx.attempt_number() == 1 {
                        elsewhere(|| {
                            atomically(|tx| {
                                x.write(tx, T::of(2))?;
                                y.write(tx, T::of(2))
                            });
                        });
                    }
                    // It may be refused; if it gives a value, it is of the same moment.
                    let other = second(&y, tx);
                    if let Ok(other) = &other {
                        assert_eq!(one, *other, "in run {}", tx.attempt_number());
                    }
                    Ok((one, other?))
                });
                assert_eq!(pair.0, pair.1);
            }
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

/// The same for every way of reading that a read transaction has.
#[test]
fn a_snapshot_does_not_mix_two_moments() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(1)), TVar::new(T::of(1)));
        for round in 0..4 {
            let interfere = || {
                elsewhere(|| {
                    atomically(|tx| {
                        x.write(tx, T::of(round + 2))?;
                        y.write(tx, T::of(round + 2))
                    });
                });
            };
            let pair = snapshot(|tx| {
                let one = x.read(tx)?;
                if tx.attempt_number() == 1 {
                    interfere();
                }
                let other = match round % 3 {
                    0 => y.read(tx),
                    1 => y.read_ref(tx).map(|value| T::clone(&value)),
                    _ => y.with(tx, Clone::clone),
                };
                if let Ok(other) = &other {
                    assert_eq!(one, *other);
                }
                Ok((one, other?))
            });
            assert_eq!(pair.0, pair.1);
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

/// One-shot writes are commits of their own, one after the other.
#[test]
fn a_view_does_not_mix_moments_of_one_shot_writes() {
    fn check<T: Sample>() {
        // First x, then y: a view may have neither, the first or both.
        let writers: [fn(&TVar<T>); 3] =
            [|x| x.store(T::of(1)), |x| drop(x.swap(T::of(1))), |x| x.fetch_update(|value| *value = T::of(1))];
        for writer in writers {
            let (x, y) = (TVar::new(T::of(0)), TVar::new(T::of(0)));
            atomically(|tx| {
                let one = x.read(tx)?;
                if tx.attempt_number() == 1 {
                    elsewhere(|| {
                        writer(&x);
                        writer(&y);
                    });
                }
                let other = y.read(tx)?;
                assert!(one == T::of(1) || other == T::of(0), "the second without the first");
                Ok(())
            });
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

/// What a run reads after a refused read must not contradict what it read before.
#[test]
fn a_doomed_run_sees_no_other_moment_either() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..5).map(|_| TVar::new(0_u64)).collect();
    let refused = Cell::new(0);
    atomically(|tx| {
        let first = variables[0].read(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| {
                atomically(|tx| variables.iter().try_for_each(|x| x.write(tx, 1)));
            });
        }
        for x in &variables {
            match x.read(tx) {
                Ok(value) => assert_eq!(value, first),
                Err(_) => refused.set(refused.get() + 1),
            }
        }
        Ok(())
    });
    assert!(refused.get() > 0, "the first run was to be refused");
}

fn assert_balanced(tx: &ReadTransaction, x: &TVar<i64>, y: &TVar<i64>) -> StmResult<()> {
    let (a, b) = (x.read(tx)?, y.read(tx)?);
    assert_eq!(a + b, 0, "{a} and {b} never stood together");
    Ok(())
}

#[test]
fn the_sum_is_zero_in_every_run() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_i64), TVar::new(0_i64));
    let scratch = TVar::new(0_i64);
    against(
        |random| {
            let by = random.below(100) as i64;
            atomically(|tx| {
                x.modify(tx, |n| n + by)?;
                y.modify(tx, |n| n - by)
            });
        },
        |round| match round % 4 {
            0 => snapshot(|tx| assert_balanced(tx, &x, &y)),
            1 => atomically(|tx| assert_balanced(tx, &y, &x).and_then(|()| assert_balanced(tx, &x, &y))),
            2 => atomically(|tx| {
                scratch.modify(tx, |n| n + 1)?;
                assert_balanced(tx, &x, &y)?;
                x.modify(tx, |n| n + 1)?;
                y.modify(tx, |n| n - 1)?;
                assert_balanced(tx, &y, &x)
            }),
            _ => atomically(|tx| {
                tx.or_else(
                    |tx| {
                        assert_balanced(tx, &x, &y)?;
                        x.write(tx, 1_000)?;
                        tx.retry()
                    },
                    |tx| assert_balanced(tx, &y, &x),
                )
            }),
        },
    );
    assert_eq!(x.load() + y.load(), 0);
}

#[test]
fn both_storages_belong_to_one_moment() {
    static CELL: TCell<u64> = TCell::new(0);
    let _watchdog = watchdog();
    let (number, text, wide) = (TVar::new(0_u64), TVar::new(String::from("0")), TVar::new([0_u64; 4]));
    against(
        |_| {
            atomically(|tx| {
                let next = number.read(tx)? + 1;
                text.write(tx, next.to_string())?;
                CELL.write(tx, next)?;
                wide.write(tx, [next; 4])?;
                number.write(tx, next)
            });
        },
        |round| {
            let view = |tx: &ReadTransaction| {
                let text = text.read_ref(tx)?;
                let wide = wide.read_ref(tx)?;
                let number = number.read(tx)?;
                assert_eq!((text.as_str(), *wide), (number.to_string().as_str(), [number; 4]));
                Ok(number)
            };
            if round % 2 == 0 {
                snapshot(|tx| view(tx).map(drop));
            } else {
                atomically(|tx| {
                    let number = view(tx)?;
                    assert_eq!(CELL.read(tx)?, number);
                    Ok(())
                });
            }
        },
    );
}

/// A torn view of the length and the vector would index out of bounds.
#[test]
fn an_index_read_together_with_its_vector_is_in_bounds() {
    let _watchdog = watchdog();
    let (items, last) = (TVar::new(vec![0_usize]), TVar::new(0_usize));
    against(
        |random| {
            let length = random.below(64) + 1;
            atomically(|tx| {
                items.write(tx, (0..length).collect())?;
                last.write(tx, length - 1)
            });
        },
        |round| {
            atomically(|tx| {
                if round % 2 == 0 {
                    let (items, last) = (items.read_ref(tx)?, last.read(tx)?);
                    assert_eq!(items[last], last);
                } else {
                    let last = last.read(tx)?;
                    assert_eq!(items.with(tx, |items| items[last] + items.len())?, 2 * last + 1);
                }
                Ok(())
            });
        },
    );
}

/// A torn view of the bounds would step over the end and never meet it.
#[test]
fn a_loop_between_two_variables_ends() {
    let _watchdog = watchdog();
    let (start, end, divisor) = (TVar::new(0_u64), TVar::new(30_u64), TVar::new(1_u64));
    against(
        |random| {
            let base = random.below(1_000) as u64;
            atomically(|tx| {
                // The distance is a multiple of three, and the divisor is never zero while they differ.
                start.write(tx, base)?;
                divisor.write(tx, base + 1)?;
                end.write(tx, base + 3 * (base % 20))
            });
        },
        |_| {
            atomically(|tx| {
                let (mut place, end) = (start.read(tx)?, end.read(tx)?);
                let quotient = end / (divisor.read(tx)? - place);
                assert_eq!(quotient, end, "the divisor is one more than the start");
                while place != end {
                    assert!(place < end, "stepped over the end");
                    place += 3;
                }
                Ok(())
            });
        },
    );
}

/// A list whose nodes move: a torn view would run in a circle or off the end.
#[test]
fn a_walk_through_links_that_change_ends() {
    let _watchdog = watchdog();
    const NODES: usize = 16;
    // Each node has the index of the next; NODES ends the list. Every node is always reachable.
    let next: Vec<_> = (0..NODES).map(|n| TVar::new(n + 1)).collect();
    let head = TVar::new(0_usize);
    against(
        |random| {
            let mut order: Vec<_> = (0..NODES).collect();
            for place in (1..NODES).rev() {
                order.swap(place, random.below(place + 1));
            }
            atomically(|tx| {
                head.write(tx, order[0])?;
                for pair in order.windows(2) {
                    next[pair[0]].write(tx, pair[1])?;
                }
                next[order[NODES - 1]].write(tx, NODES)
            });
        },
        |round| {
            let walk = |tx: &ReadTransaction| {
                let (mut place, mut steps) = (head.read(tx)?, 0);
                while place != NODES {
                    steps += 1;
                    assert!(steps <= NODES, "in a circle");
                    place = next[place].read(tx)?;
                }
                assert_eq!(steps, NODES);
                Ok(())
            };
            if round % 2 == 0 { snapshot(walk) } else { atomically(|tx| walk(tx)) }
        },
    );
}

/// A value read stays what it was, whatever becomes of the variable.
#[test]
fn a_reference_stays_valid_for_the_whole_transaction() {
    let _watchdog = watchdog();
    let (number, text) = (TVar::new(1_u64), TVar::new(String::from("first")));
    let handle = Cell::new(Some(TVar::new(vec![1, 2, 3])));
    let lengths = atomically(|tx| {
        let (before_number, before_text) = (number.read_ref(tx)?, text.read_ref(tx)?);
        number.write(tx, 2)?;
        text.write(tx, String::from("second"))?;
        let pending = text.read_ref(tx)?;
        text.write(tx, String::from("third"))?;
        text.update(tx, |text| text.push('!'))?;
        let variable = handle.take().expect("one run");
        let list = variable.read_ref(tx)?;
        variable.write(tx, vec![4])?;
        let other_list = variable.read_ref(tx)?;
        drop(variable);
        stm::collect();
        assert_eq!((*before_number, before_text.as_str(), pending.as_str()), (1, "first", "second"));
        assert_eq!((list.as_slice(), other_list.as_slice()), ([1, 2, 3].as_slice(), [4].as_slice()));
        assert_eq!(text.read(tx)?, "third!");
        Ok((before_text.len(), pending.len()))
    });
    assert_eq!((lengths, number.load(), text.load()), ((5, 6), 2, String::from("third!")));
}

#[test]
fn a_reference_stays_valid_while_others_replace_the_value() {
    let _watchdog = watchdog();
    let text = TVar::new(String::from("the value that was read"));
    snapshot(|tx| {
        let seen = text.read_ref(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| {
                for n in 0..1_000 {
                    text.store(format!("a value that replaces it: {n}"));
                    stm::collect();
                }
            });
            assert_eq!(seen.as_str(), "the value that was read");
        }
        Ok(())
    });
}
