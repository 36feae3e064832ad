//! Serialisability: threads that run together leave what some order of their transactions would have
//! left, and that order respects who finished before whom.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::{Random, Rendezvous, Sample, race, scaled, threads, watchdog};
use stm::{TCell, TVar, atomically, cancel, options, snapshot, try_atomically};

#[test]
fn write_skew_does_not_happen_in_a_race() {
    let _watchdog = watchdog();
    let rounds = scaled(3_000);
    let (on_duty, meeting) = ([TCell::new(true), TCell::new(true)], Rendezvous::new(2));
    race(2, |me| {
        for round in 0..rounds {
            if me == 0 {
                on_duty.iter().for_each(|doctor| doctor.store(true));
            }
            meeting.meet();
            atomically(|tx| {
                let other = on_duty[1 - me].read(tx)?;
                on_duty[me].write(tx, !other)
            });
            meeting.meet();
            assert!(on_duty.iter().any(TCell::load), "nobody on duty in round {round}");
            meeting.meet();
        }
    });
}

/// Each writes its own and reads the other's: one of the two must come second, and see the first.
#[test]
fn of_two_crossing_transactions_one_sees_the_other() {
    fn check(step: impl Fn(&TVar<u64>, &TVar<u64>) -> u64 + Sync) {
        let rounds = scaled(10_000) as u64;
        let (variables, meeting) = ([TVar::new(0), TVar::new(0)], Rendezvous::new(2));
        let seen = [AtomicU64::new(0), AtomicU64::new(0)];
        race(2, |me| {
            for round in 1..=rounds {
                meeting.meet();
                let other = step(&variables[me], &variables[1 - me]);
                seen[me].store(other, Ordering::Relaxed);
                meeting.meet();
                let both = [seen[0].load(Ordering::Relaxed), seen[1].load(Ordering::Relaxed)];
                assert!(both.contains(&round), "round {round}: both saw the round before");
                meeting.meet();
            }
        });
    }
    let _watchdog = watchdog();
    check(|mine, other| {
        atomically(|tx| {
            mine.modify(tx, |n| n + 1)?;
            other.read(tx)
        })
    });
    check(|mine, other| {
        mine.fetch_update(|n| *n += 1);
        other.load()
    });
    check(|mine, other| {
        atomically(|tx| mine.modify(tx, |n| n + 1));
        snapshot(|tx| other.read(tx))
    });
    check(|mine, other| {
        let next = mine.load() + 1;
        mine.store(next);
        atomically(|tx| other.read(tx))
    });
}

fn next_number(text: &str) -> String {
    (text.parse::<u64>().expect("it counts") + 1).to_string()
}

#[test]
fn no_increment_is_lost() {
    fn check(bump: impl Fn(&TVar<u64>, &TVar<String>) + Sync) {
        let (number, text) = (TVar::new(0), TVar::new(String::from("0")));
        let each = scaled(2_000) as u64;
        race(threads(), |_| (0..each).for_each(|_| bump(&number, &text)));
        let total = each * threads() as u64;
        assert_eq!((number.load(), text.load()), (total, total.to_string()));
    }
    let _watchdog = watchdog();
    check(|number, text| {
        atomically(|tx| {
            number.modify(tx, |n| n + 1)?;
            text.modify(tx, |text| next_number(&text))
        });
    });
    check(|number, text| {
        atomically(|tx| {
            let value = number.read(tx)?;
            number.write(tx, value + 1)
        });
        atomically(|tx| text.update(tx, |text| *text = next_number(text)));
    });
    check(|number, text| {
        number.fetch_update(|n| *n += 1);
        text.fetch_update(|text| *text = next_number(text));
    });
    // Half by one-shot operations, half by transactions.
    let turn = AtomicBool::new(false);
    check(|number, text| {
        if turn.fetch_xor(true, Ordering::Relaxed) {
            number.fetch_update(|n| *n += 1);
            text.fetch_update(|text| *text = next_number(text));
        } else {
            atomically(|tx| {
                number.modify(tx, |n| n + 1)?;
                text.modify(tx, |text| next_number(&text))
            });
        }
    });
}

#[test]
fn swaps_lose_and_repeat_nothing() {
    let _watchdog = watchdog();
    let each = scaled(5_000) as u64;
    let (slot, text) = (TVar::new(0_u64), TVar::new(String::from("0")));
    let sums = race(threads(), |me| {
        let (mut numbers, mut texts) = (0, 0);
        for n in 0..each {
            let token = me as u64 * each + n;
            numbers += slot.swap(token);
            texts += text.swap(token.to_string()).parse::<u64>().expect("a token");
        }
        (numbers, texts)
    });
    let all = threads() as u64 * each;
    let total = all * (all - 1) / 2;
    let (numbers, texts) = sums.into_iter().fold((0, 0), |(a, b), (n, t)| (a + n, b + t));
    // Every token put in comes out once; the last is still in there, as the first 0 was before.
    assert_eq!(numbers + slot.load(), total);
    assert_eq!(texts + text.load().parse::<u64>().expect("a token"), total);
}

#[test]
fn swapped_pairs_stay_a_permutation() {
    let _watchdog = watchdog();
    let (numbers, texts): (Vec<_>, Vec<_>) = (0..12_u64).map(|n| (TVar::new(n), TVar::new(n.to_string()))).unzip();
    race(threads(), |me| {
        let mut random = Random::new(me as u64);
        for _ in 0..scaled(2_000) {
            let (a, b) = (random.below(12), random.below(12));
            atomically(|tx| {
                let first = numbers[a].read(tx)?;
                let second = numbers[b].replace(tx, first)?;
                numbers[a].write(tx, second)?;
                let first = texts[a].read_ref(tx)?;
                let second = texts[b].replace(tx, String::clone(&first))?;
                texts[a].write(tx, second)
            });
        }
    });
    let mut found: Vec<_> = numbers.iter().map(TVar::load).collect();
    found.sort_unstable();
    assert_eq!(found, (0..12).collect::<Vec<_>>());
    // The two were always swapped together.
    for (number, text) in numbers.iter().zip(&texts) {
        assert_eq!(number.load().to_string(), text.load());
    }
}

/// Long write sets in opposite orders, with reads among them: commits meet from both ends and fail halfway.
#[test]
fn updates_in_opposite_orders_all_arrive() {
    let _watchdog = watchdog();
    let numbers: Vec<_> = (0..24).map(|_| TVar::new(0_u64)).collect();
    let texts: Vec<_> = (0..4).map(|_| TVar::new(String::from("0"))).collect();
    let (each, parties) = (scaled(300) as u64, threads());
    race(parties, |me| {
        for round in 0..each {
            atomically(|tx| {
                let start = (me as u64 * 7 + round) as usize;
                for step in 0..numbers.len() {
                    let step = if me % 2 == 0 { step } else { numbers.len() - 1 - step };
                    numbers[(start + step) % numbers.len()].modify(tx, |n| n + 1)?;
                    if step % 8 == 0 {
                        thread::yield_now();
                    }
                }
                texts.iter().try_for_each(|text| text.modify(tx, |text| next_number(&text)))
            });
        }
    });
    let total = each * parties as u64;
    assert!(numbers.iter().all(|x| x.load() == total));
    assert!(texts.iter().all(|text| text.load() == total.to_string()));
}

/// One thread writes x and then y, in transactions of their own: who sees the new y, sees the new x.
#[test]
fn what_finished_first_is_seen_first() {
    let _watchdog = watchdog();
    let rounds = scaled(20_000) as u64;
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    race(3, |me| {
        for round in 1..=rounds {
            match me {
                0 => {
                    atomically(|tx| x.write(tx, round));
                    atomically(|tx| y.write(tx, round));
                }
                1 => {
                    let (y, x) = snapshot(|tx| Ok((y.read(tx)?, x.read(tx)?)));
                    assert!(x >= y, "saw {y} before {x}");
                }
                _ => {
                    let later = y.load();
                    assert!(x.load() >= later);
                    let (y, x) = atomically(|tx| Ok((y.read(tx)?, x.read(tx)?)));
                    assert!(x >= y, "saw {y} before {x}");
                }
            }
        }
    });
}

/// A one-shot look at one variable of a commit shows that it has happened: then it has for all of them.
#[test]
fn one_shot_looks_see_a_commit_as_a_whole() {
    fn check<T: Sample>(number: fn(&T) -> u64) {
        let variables: Vec<_> = (0..64).map(|_| TVar::new(T::of(0))).collect();
        let rounds = scaled(4_000) as u64;
        race(3, |me| {
            if me == 0 {
                for round in 1..=rounds {
                    atomically(|tx| variables.iter().try_for_each(|x| x.write(tx, T::of(round))));
                }
                return;
            }
            let (first, then) = if me == 1 { (0, 63) } else { (63, 0) };
            loop {
                let before = number(&variables[first].load());
                let after = number(&variables[then].load());
                assert!(after >= before, "{before}, and {after} afterwards");
                if before == rounds {
                    break;
                }
            }
        });
    }
    let _watchdog = watchdog();
    check::<u64>(|n| *n);
    check::<String>(|text| text.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("it ends in a number"));
}

/// Two write different variables; all who look must agree which of the two was first.
#[test]
fn readers_agree_on_the_order_of_writers() {
    let _watchdog = watchdog();
    let rounds = scaled(4_000) as u64;
    let (x, y, meeting) = (TVar::new(0_u64), TVar::new(0_u64), Rendezvous::new(4));
    let seen: [AtomicU64; 4] = Default::default();
    race(4, |me| {
        for round in 1..=rounds {
            meeting.meet();
            match me {
                0 => x.store(round),
                1 => atomically(|tx| y.write(tx, round)),
                _ => {
                    let pair = || snapshot(|tx| Ok((x.read(tx)? == round, y.read(tx)? == round)));
                    let first = [pair(), pair(), pair()].into_iter().find(|pair| pair.0 != pair.1);
                    let code = first.map_or(0, |pair| if pair.0 { 1 } else { 2 });
                    seen[me].store(code, Ordering::Relaxed);
                }
            }
            meeting.meet();
            let codes = [seen[2].load(Ordering::Relaxed), seen[3].load(Ordering::Relaxed)];
            assert_ne!((codes[0] | codes[1], codes[0] & codes[1]), (3, 0), "round {round}: {codes:?}");
            meeting.meet();
        }
    });
}

/// Money moves both ways between accounts of both kinds, and each commit is counted.
#[test]
fn transfers_keep_the_total() {
    let _watchdog = watchdog();
    let each = scaled(3_000) as u64;
    let accounts: Vec<_> = (0..8).map(|_| TVar::new(100_i64)).collect();
    let (boxed, commits) = (TVar::new(Box::new(200_i64)), TVar::new(0_u64));
    let total = || {
        snapshot(|tx| {
            let mut sum = boxed.with(tx, |balance| **balance)?;
            for account in &accounts {
                sum += account.read(tx)?;
            }
            Ok(sum)
        })
    };
    let committed = race(threads(), |me| {
        let mut random = Random::new(me as u64);
        let mut committed = 0;
        for round in 0..each {
            let (from, to, amount) = (random.below(8), random.below(9), random.below(50) as i64);
            let result = try_atomically(|tx| {
                let balance = accounts[from].read(tx)?;
                accounts[from].write(tx, balance - amount)?;
                if to == 8 {
                    boxed.modify(tx, |balance| Box::new(*balance + amount))?;
                } else {
                    accounts[to].modify(tx, |balance| balance + amount)?;
                }
                if balance < amount {
                    return cancel("not enough");
                }
                commits.modify(tx, |n| n + 1)?;
                Ok(())
            });
            committed += u64::from(result.is_ok());
            if round % 16 == 0 {
                assert_eq!(total(), 1_000);
            }
        }
        committed
    });
    assert_eq!(total(), 1_000);
    // A lost transfer keeps the total as well; the count tells.
    assert_eq!(committed.into_iter().sum::<u64>(), commits.load());
    assert!(accounts.iter().all(|account| account.load() >= 0));
}

/// Written before it is read: the commit does not depend on what was there.
#[test]
fn blind_writes_are_as_atomic_as_others() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..6).map(|_| TVar::new(0_u64)).collect();
    race(threads(), |me| {
        for round in 0..scaled(3_000) as u64 {
            let stamp = me as u64 * 1_000_000 + round;
            let result = options().max_attempts(1).run(|tx| {
                // In different orders, so that commits meet from both ends.
                for index in 0..variables.len() {
                    let index = if me % 2 == 0 { index } else { variables.len() - 1 - index };
                    variables[index].write(tx, stamp)?;
                }
                Ok(())
            });
            assert_eq!(result, Ok(()), "a blind write never conflicts");
            let seen = snapshot(|tx| variables.iter().map(|x| x.read(tx)).collect::<Result<Vec<_>, _>>());
            assert!(seen.iter().all(|stamp| *stamp == seen[0]), "{seen:?}");
        }
    });
}
