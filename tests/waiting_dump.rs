//! What a program that hangs says about itself: who waits, since when, and for what.
//!
//! The tests of this file share the process with each other, so each looks for waiters of its own.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Ends, race, scaled, threads, watchdog};
use stm::debug::{self, Stage, Turn, Waiter, Waiting};
use stm::{StmResult, TCell, TVar, Transaction, atomically, options, snapshot};

/// The waiters of this name, when there are so many.
fn waiters(name: &str, count: usize) -> Vec<Waiter> {
    loop {
        let mut waiters = debug::waiting().waiters().to_vec();
        waiters.retain(|waiter| waiter.name() == Some(name));
        if waiters.len() == count {
            return waiters;
        }
        thread::yield_now();
    }
}

fn line(site: &Location<'_>) -> (String, u32) {
    (site.file().to_owned(), site.line())
}

/// So many lines below the line.
fn here(offset: u32, line: u32) -> (String, u32) {
    (file!().to_owned(), line + offset)
}

#[test]
fn a_waiter_is_shown_with_all_it_waits_for() {
    let _watchdog = watchdog();
    let (named, plain, cell) = (TVar::new(0).named("hits"), TVar::new(0), TCell::new(0));
    let made = here(0, line!() - 1);
    thread::scope(|scope| {
        let started = here(2, line!());
        scope.spawn(|| {
            options().name("reader").run(|tx| {
                plain.read(tx)?;
                cell.read(tx)?;
                tx.check(named.read(tx)? > 0)
            })
        });
        let [waiter] = &waiters("reader", 1)[..] else { unreachable!("there is one") };
        assert_eq!((line(waiter.site()), waiter.line()), (started, None));
        thread::sleep(Duration::from_millis(2));
        assert!(waiters("reader", 1)[0].waited() > waiter.waited(), "it waits on");
        let variables = waiter.variables();
        assert_eq!(variables.len(), 3);
        assert!(variables.is_sorted_by_key(debug::Variable::address));
        let hits = variables.iter().find(|variable| variable.name() == Some("hits")).expect("it waits for that");
        assert_eq!(hits.made().map(line), Some(made), "where it was named, if no more is known");
        let address = (&raw const cell).addr();
        assert!(variables.iter().any(|variable| variable.address() == address && variable.name().is_none()));
        named.store(1);
    });
    waiters("reader", 0);
}

/// Switching records on and off concerns the process, so this is one test.
#[test]
fn what_is_recorded_is_where_variables_are_made_and_who_has_written_them() {
    let _watchdog = watchdog();
    debug::record(true);
    let x = TVar::new(0);
    let made = here(0, line!() - 1);
    let from = TVar::from(0);
    let from_made = here(0, line!() - 1);
    debug::record(false);
    let late = TVar::new(0);
    debug::record(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            options().name("recorded").run(|tx| {
                let sum = x.read(tx)? + from.read(tx)? + late.read(tx)?;
                tx.check(sum > 100)
            })
        });
        let made_at = || {
            let waiter = waiters("recorded", 1).remove(0);
            let mut made: Vec<_> = waiter.variables().iter().filter_map(|variable| variable.made()).map(line).collect();
            made.sort();
            made
        };
        assert_eq!(made_at(), [made, from_made]);
        type Write = fn(&TVar<i32>);
        let writers: [(Write, _); 5] = [
            (|x| x.store(1), here(0, line!())),
            (|x| atomically(|tx| x.write(tx, 2)), here(0, line!())),
            (|x| x.fetch_update(|x| *x += 1), here(0, line!())),
            (|x| assert!(x.swap(7) < 100), here(0, line!())),
            (|x| atomically(|tx| x.modify(tx, |x| 10 - x)), here(0, line!())),
        ];
        for (write, site) in writers {
            let is_known = || {
                let [waiter] = &waiters("recorded", 1)[..] else { unreachable!("there is one") };
                let mut written = waiter.variables().iter().filter_map(|variable| variable.written());
                written.any(|writer| line(writer) == site)
            };
            assert!(!is_known());
            // A waiter is in the table a little before a write can wake it.
            while !is_known() {
                write(&x);
            }
        }
        x.store(101);
    });
    debug::record(false);
}

#[test]
fn it_reads_like_a_report() {
    fn pop(tx: &Transaction, queue: &TVar<Vec<u32>>) -> StmResult<u32> {
        match queue.update(tx, Vec::pop)? {
            Some(item) => Ok(item),
            None => tx.retry_in_line(),
        }
    }
    let _watchdog = watchdog();
    let queue = TVar::new(Vec::new()).named("queue");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| options().name("popper").run(|tx| pop(tx, &queue)));
        }
        let waiters = waiters("popper", 3);
        assert!(waiters.iter().all(|waiter| waiter.line().is_some_and(|line| line.file() == file!())));
        let text = debug::waiting().to_string();
        let paragraph = text.split("\n\n").find(|paragraph| paragraph.contains("`popper`")).expect("they wait");
        let lines: Vec<_> = paragraph.lines().collect();
        assert!(text.lines().next().is_some_and(|first| first.ends_with("transactions wait:")), "{text}");
        assert!(lines[0].starts_with(&format!("`popper`, started at {}", file!())), "{paragraph}");
        assert!(lines[0].contains(" has waited for ") && lines[0].ends_with(" for"), "{paragraph}");
        assert!(lines[1].starts_with("  - `queue` (made at "), "{paragraph}");
        assert!(lines[2].starts_with("  in line at "), "{paragraph}");
        assert_eq!(lines[3], "  and 2 more like it, not as long", "{paragraph}");
        atomically(|tx| queue.write(tx, vec![1, 2, 3]));
    });
}

/// Those who have to do with the token and are called so, when there are so many.
fn turns(name: &str, count: usize) -> Vec<Turn> {
    loop {
        let mut turns = debug::waiting().turns().to_vec();
        turns.retain(|turn| turn.name() == Some(name));
        if turns.len() == count {
            return turns;
        }
        thread::yield_now();
    }
}

/// The documented deadlock, while there is still a way out of it: a body that keeps the others from committing waits for them.
#[test]
fn who_keeps_others_from_committing_is_shown_and_so_are_they() {
    let _watchdog = watchdog();
    let (x, go_on) = (TVar::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let started = here(2, line!());
        scope.spawn(|| {
            options().name("holder").irrevocable().run(|_| {
                while !go_on.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Ok(())
            })
        });
        let _ends = Ends(&go_on);
        while turns("holder", 1)[0].stage() != Stage::Holds {
            thread::yield_now();
        }
        assert_eq!(line(turns("holder", 1)[0].site()), started);
        for (position, name) in ["second", "third"].into_iter().enumerate() {
            scope.spawn(move || options().name(name).irrevocable().run(|_| Ok(())));
            assert_eq!(turns(name, 1)[0].stage(), Stage::Queues, "number {position}");
        }
        let aside = here(1, line!());
        scope.spawn(|| options().name("aside").run(|tx| x.modify(tx, |x| x + 1)));
        let [commit] = &turns("aside", 1)[..] else { unreachable!("there is one") };
        assert_eq!((line(commit.site()), commit.stage()), (aside, Stage::StandsAside));
        // A transaction without options, a task and a one-shot operation are known by their place.
        let sites = [2, 3, 4].map(|offset| here(offset, line!()));
        let others: [fn(&TVar<i32>); 3] = [
            |x| atomically(|tx| x.modify(tx, |x| x + 1)),
            |x| pollster::block_on(stm::atomically_async(|tx| x.modify(tx, |x| x + 1))),
            |x| x.store(7),
        ];
        for (other, site) in others.into_iter().zip(sites) {
            let x = &x;
            scope.spawn(move || other(x));
            while !debug::waiting().turns().iter().any(|turn| line(turn.site()) == site) {
                thread::yield_now();
            }
        }
        assert_shown(&debug::waiting());
    });
    assert!(["holder", "second", "third", "aside"].iter().all(|name| turns(name, 0).is_empty()), "no trace of them");
}

/// In the order in which they will go on.
#[track_caller]
fn assert_shown(waiting: &Waiting) {
    let text = waiting.to_string();
    let parts = [
        ("`holder`, started at ", " has kept the others from committing for "),
        ("`second`, started at ", " for its turn to run while nobody else commits"),
        ("`third`, started at ", " for its turn to run while nobody else commits"),
        ("`aside`, started at ", " to be let commit"),
    ];
    let mut paragraphs = text.split("\n\n");
    for (who, what) in parts {
        let found = paragraphs.any(|paragraph| paragraph.starts_with(who) && paragraph.contains(what));
        assert!(found, "{who:?} is missing, or out of order: {text}");
    }
}

/// Looking is allowed at any time: it meets neither a lock that is held by somebody who waits, nor a variable that is gone.
#[test]
fn looking_disturbs_nobody() {
    let _watchdog = watchdog();
    let done = AtomicBool::new(false);
    race(threads() + 2, |index| {
        if index == 0 {
            while !done.load(Ordering::SeqCst) {
                assert!(!debug::waiting().to_string().is_empty());
            }
        } else {
            let _ends = Ends(&done);
            for round in 0..scaled(300) {
                // Named variables of a moment, each waited for.
                let turn = TVar::new(0).named("turn");
                thread::scope(|scope| {
                    scope.spawn(|| options().name("short").run(|tx| tx.check(turn.read(tx)? == 1)));
                    if round % 2 == 0 {
                        thread::yield_now();
                    }
                    turn.store(1);
                });
                drop(turn);
            }
        }
    });
    waiters("short", 0);
}

/// From inside a body, a hook and a snapshot too.
#[test]
fn a_body_can_look() {
    let x = TVar::new(1);
    let seen = atomically(|tx| {
        tx.on_commit(|| assert!(!debug::waiting().to_string().is_empty()));
        x.modify(tx, |x| x + 1)?;
        Ok(debug::waiting().to_string())
    });
    assert!(!seen.is_empty());
    assert!(!snapshot(|tx| x.read(tx).map(|_| debug::waiting().to_string())).is_empty());
}
