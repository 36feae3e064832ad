//! What is said of a transaction that gave up.

use std::thread;
use std::time::Duration;

use common::{Clash, expect_panic, watchdog};
use stm::{RunError, TVar, debug, last_report, options};

fn said(error: &RunError) -> String {
    error.to_string()
}

#[test]
fn the_variables_and_the_place_are_named() {
    let _watchdog = watchdog();
    let (jobs, stopped, other) = (TVar::new(0).named("jobs"), TVar::new(false).named("stopped"), TVar::new(0));
    let made = line!() - 1;
    let line = line!() + 4;
    let error = options()
        .name("worker")
        .timeout(Duration::ZERO)
        .run(|tx| {
            tx.or_else(|tx| tx.check(jobs.read(tx)? > 0), |tx| tx.check(stopped.read(tx)?))?;
            other.read(tx)
        })
        .unwrap_err();
    let text = said(&error);
    for part in ["timed out", "`worker`", "ran once", "`jobs`", "`stopped`", &format!("{}:{line}:", file!())] {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
    let made = format!("(made at {}:{made}:", file!());
    assert_eq!(text.matches(&made).count(), 2, "where they were named: {text}");
    assert!(!text.contains("the variable at 0x"), "it did not get there: {text}");
    let error = options().max_attempts(1).run(|tx| tx.check(other.read(tx)? > 0)).unwrap_err();
    let text = said(&error);
    assert!(text.contains("max_attempts") && text.contains("the variable at 0x") && !text.contains("worker"), "{text}");
}

/// This switches records on for the process, which only says more of what is made meanwhile.
#[test]
fn where_a_variable_without_a_name_was_made_is_known_if_it_is_recorded() {
    debug::record(true);
    let x = TVar::new(0);
    let made = line!() - 1;
    debug::record(false);
    let error = options().timeout(Duration::ZERO).run(|tx| tx.check(x.read(tx)? > 0)).unwrap_err();
    let text = said(&error);
    let made = format!("(made at {}:{made}:", file!());
    assert!(text.contains("the variable at 0x") && text.contains(&made), "{made} is missing: {text}");
}

#[test]
fn of_many_variables_only_some_are_listed() {
    let many: Vec<_> = (0..100).map(|_| TVar::new(0).named("one of many")).collect();
    let outcome = options().timeout(Duration::ZERO).run(|tx| {
        for x in many.iter().chain(&many) {
            x.read(tx)?;
        }
        tx.retry::<()>()
    });
    let text = said(&outcome.unwrap_err());
    assert_eq!(text.matches("one of many").count(), 8, "{text}");
    assert!(text.contains("or one of 92 others"), "{text}");
}

#[test]
fn conflicts_are_told_from_waits() {
    let clash = Clash::new();
    let error = options().max_attempts(3).run(|tx| clash.at_commit(tx)).unwrap_err();
    let text = said(&error);
    assert!(text.contains("ran 3 times") && text.contains("aborted by others the last 3 times"), "{text}");
    let error = options().max_attempts(2).run(|tx| tx.restart::<()>()).unwrap_err();
    assert!(said(&error).contains("asked to run again"), "{error}");
}

/// A variable that is gone when the error is shown was described before.
#[test]
fn a_variable_of_the_body_is_described_while_it_is_there() {
    let outcome = options().timeout(Duration::ZERO).run(|tx| {
        let inner = TVar::new(0).named("inner");
        tx.check(inner.read(tx)? > 0)
    });
    while stm::collect() > 0 {}
    assert!(said(&outcome.unwrap_err()).contains("`inner`"));
}

#[test]
fn the_report_belongs_to_its_thread_and_its_limit() {
    let x = TVar::new(0).named("mine");
    let error = options().timeout(Duration::ZERO).run(|tx| tx.check(x.read(tx)? > 0)).unwrap_err();
    assert!(said(&error).contains("`mine`"));
    let report = last_report().expect("there is one").to_string();
    assert!(report.contains("`mine`"));
    // Another limit, another thread.
    assert!(!said(&RunError::TooManyAttempts).contains("mine"));
    thread::spawn(move || {
        assert!(last_report().is_none());
        assert_eq!(said(&error), "transaction timed out");
    })
    .join()
    .expect("it holds");
    // Those that do not give up change nothing.
    assert_eq!(options().timeout(Duration::ZERO).run(|tx| x.read(tx)), Ok(0));
    let _ = options().irrevocable().run(|tx| tx.retry::<()>());
    assert_eq!(last_report().expect("there is one").to_string(), report);
    assert!(format!("{:?}", last_report()).contains("mine"));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let panic = expect_panic(|| options().max_attempts(0));
    assert!(panic.message.contains("max_attempts"));
}
