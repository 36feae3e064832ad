//! The macros: a body written with them does what the same body written out does, and the code around it notices
//! nothing.

use std::fmt::Write as _;
use std::thread;

use common::watchdog;
use stm::{
    ReadTransaction, ResultExt, StmResult, TCell, TVar, Transaction, TxResult, atomically, cancel, snapshot,
    transactional,
};

#[transactional]
fn transfer(tx: &Transaction, from: &TVar<u32>, to: &TVar<u32>, amount: u32) {
    let available = from.read(tx);
    tx.check(available >= amount);
    from.write(tx, available - amount);
    to.modify(tx, |balance| balance + amount);
}

#[transactional]
fn total(tx: &ReadTransaction, accounts: &[TVar<u32>]) -> u32 {
    let mut sum = 0;
    for account in accounts {
        sum += account.read(tx);
    }
    sum
}

#[test]
fn a_body_commits_and_gives_its_value() {
    let (a, b) = (TVar::new(10), TVar::new(20));
    let moved = atomically!(|tx| {
        transfer(tx, &a, &b, 5);
        a.write(tx, a.read(tx) + b.read(tx));
        5
    });
    assert_eq!((moved, a.load(), b.load()), (5, 30, 25));
}

#[test]
fn a_body_may_be_a_plain_expression() {
    let a = TVar::new(vec![1, 2, 3]);
    assert_eq!(atomically!(|tx| a.read(tx).len()), 3);
    assert_eq!(snapshot!(|tx| a.with(tx, Vec::len) * 2), 6);
    atomically!(|tx| a.write(tx, Vec::new()),);
    assert!(a.load().is_empty());
}

#[test]
fn the_parameter_may_carry_its_type() {
    let a = TVar::new(1);
    assert_eq!(atomically!(|tx: &Transaction| { a.read(tx) }), 1);
    assert_eq!(snapshot!(|tx: &ReadTransaction| { tx.retry() } or { a.read(tx) }), 1);
}

#[test]
fn the_asynchronous_form_waits_in_a_task() {
    let _watchdog = watchdog();
    let (queue, closed) = (TVar::new(Vec::<u32>::new()), TVar::new(false));
    let next = || {
        atomically!(async try |tx| {
            match queue.update(tx, Vec::pop) {
                Some(item) => item,
                None => tx.retry(),
            }
        } or {
            tx.check(closed.read(tx));
            cancel("closed")?
        })
    };
    pollster::block_on(async {
        let put = atomically!(async |tx| {
            queue.update(tx, |items| items.extend([1, 2]));
            queue.with(tx, Vec::len)
        });
        assert_eq!(queue.load(), [], "nothing happens before it is awaited");
        assert_eq!(put.await, 2);
        assert_eq!((next().await, next().await), (Ok(2), Ok(1)));
        let waits = next();
        thread::spawn({
            let closed = closed.clone();
            move || closed.store(true)
        });
        assert_eq!(waits.await, Err("closed"));
        // Both orders of the words, and `move` behind them; what is moved in may outlive the variable it came from.
        let owned = {
            let queue = queue.clone();
            atomically!(try async move |tx| { if queue.with(tx, Vec::is_empty) { cancel(5)? } else { 6 } })
        };
        assert_eq!(owned.await, Err(5));
        let is_closed = closed.clone();
        let later: std::pin::Pin<Box<dyn Future<Output = bool> + Send>> =
            Box::pin(atomically!(async move |tx| { tx.retry() } or { is_closed.read(tx) }));
        assert!(later.await);
    });
}

#[test]
fn a_moving_body_owns_what_it_captures() {
    let a = TVar::new(1);
    let (b, step) = (a.clone(), 2);
    atomically!(move |tx| { b.modify(tx, |value| value + step) } or { unreachable!() });
    assert_eq!(a.load(), 3);
}

#[test]
fn a_return_ends_the_body_with_a_value() {
    let a = TVar::new(1);
    let kind = |a: &TVar<u32>| {
        atomically!(|tx| {
            if a.read(tx) == 1 {
                return "one";
            }
            a.write(tx, 1);
            "another"
        })
    };
    assert_eq!(kind(&a), "one");
    a.store(2);
    assert_eq!((kind(&a), a.load()), ("another", 1));
    atomically!(|tx| {
        if a.read(tx) == 1 {
            return;
        }
        a.write(tx, 5);
    });
    assert_eq!(a.load(), 1);
    assert_eq!(
        atomically!(|tx| {
            return a.read(tx);
        }),
        1
    );
}

#[test]
fn the_first_branch_that_does_not_retry_is_taken() {
    let queues = [TVar::new(Vec::new()), TVar::new(vec![7]), TVar::new(vec![8])];
    let pop =
        || atomically!(|tx| { pop(tx, &queues[0]) } or { pop(tx, &queues[1]) } or { pop(tx, &queues[2]) } or { 0 });
    assert_eq!([pop(), pop(), pop()], [7, 8, 0]);
}

#[transactional]
fn pop(tx: &Transaction, queue: &TVar<Vec<u32>>) -> u32 {
    // Undone if the queue is empty.
    let popped = queue.update(tx, |queue| (queue.pop(), queue.push(99)).0);
    let Some(job) = popped else {
        tx.retry();
    };
    queue.update(tx, Vec::pop);
    job
}

#[test]
fn a_retrying_branch_leaves_nothing_behind() {
    let (a, b) = (TVar::new(1), TVar::new(2));
    let seen = atomically!(|tx| {
        a.write(tx, 10);
        tx.on_commit(|| panic!("this branch is undone"));
        return tx.retry();
    } or {
        b.write(tx, 20);
        a.read(tx)
    });
    assert_eq!((seen, a.load(), b.load()), (1, 1, 20));
}

#[test]
fn a_retry_in_any_position_waits_for_a_change() {
    let _watchdog = watchdog();
    let a = TVar::new(0);
    let step = |wanted: u32| {
        atomically!(|tx| {
            let value = a.read(tx);
            if value < wanted && wanted == 1 {
                tx.retry()
            }
            if value < wanted && wanted == 2 {
                tx.retry()?;
            }
            if value < wanted && wanted == 3 {
                return tx.retry();
            }
            match value {
                value if value < wanted => tx.retry(),
                value => value,
            }
        })
    };
    thread::scope(|scope| {
        scope.spawn(|| (1..=4).for_each(|value| a.store(value)));
        for wanted in 1..=4 {
            assert!(step(wanted) >= wanted);
        }
    });
}

#[test]
fn a_body_that_only_retries_waits_for_ever_or_takes_the_other_branch() {
    let (a, ready) = (TVar::new(1), TVar::new(true));
    let value: u32 = atomically!(|tx| { tx.retry() } or { ready.read(tx); tx.retry(); } or { a.read(tx) });
    assert_eq!(value, 1);
    if value == 2 {
        // Compiles without a hint at the type of the value.
        atomically!(|tx| {
            ready.read(tx);
            tx.retry()
        });
    }
}

#[test]
fn a_cancelled_body_is_undone_and_gives_its_error() {
    let a = TVar::new(1_u32);
    let spend = |amount: u32| {
        atomically!(try |tx| {
            let rest = a.read(tx).checked_sub(amount).ok_or("too little").or_cancel()?;
            a.write(tx, rest);
            if rest == 0 {
                cancel("nothing left")?;
            }
            rest
        })
    };
    assert_eq!((spend(2), a.load()), (Err("too little"), 1));
    assert_eq!((spend(1), a.load()), (Err("nothing left"), 1));
    assert_eq!((spend(0), a.load()), (Ok(1), 1));
}

#[test]
fn a_cancel_does_not_choose_the_other_branch() {
    let a = TVar::new(1);
    let choose = |cancelling: bool| {
        atomically!(try |tx| {
            a.write(tx, 5);
            if cancelling {
                cancel("cancelled")?;
            }
            tx.retry()
        } or {
            a.read(tx)
        })
    };
    assert_eq!((choose(true), a.load()), (Err("cancelled"), 1));
    assert_eq!((choose(false), a.load()), (Ok(1), 1));
}

#[test]
fn a_snapshot_reads_through_functions_of_both_kinds() {
    let accounts = [TVar::new(1), TVar::new(2)];
    assert_eq!(snapshot!(|tx| total(tx, &accounts)), 3);
    assert_eq!(atomically!(|tx| total(tx, &accounts)), 3);
    assert_eq!(stm::atomically(|tx| total(tx, &accounts)), 3);
}

#[test]
fn a_cell_outside_of_the_body_takes_part() {
    static CELL: TCell<u32> = TCell::new(1);
    let local = TCell::new(2);
    atomically!(|tx| {
        CELL.write(tx, CELL.read(tx) + local.read(tx));
        local.modify(tx, |value| value * 2);
    });
    assert_eq!(snapshot!(|tx| { CELL.read(tx) + local.read(tx) }), 7);
}

#[test]
fn a_nested_part_gives_its_own_result() {
    let a = TVar::new(1);
    let seen = atomically!(|tx| {
        let inner = tx.nested(|tx| {
            a.write(tx, 5)?;
            cancel::<(), _>("inner")
        });
        (inner, a.read(tx))
    });
    assert_eq!(seen, (Err("inner"), 1));
}

#[test]
fn hooks_and_the_attempt_number_are_no_calls_that_can_fail() {
    let (a, hooked) = (TVar::new(1), TVar::new(0));
    let attempt = atomically!(|tx| {
        let (value, hooked) = (a.read(tx), hooked.clone());
        tx.on_commit(move || hooked.store(value));
        Transaction::on_rollback(tx, || ());
        tx.attempt_number()
    });
    assert_eq!((attempt, hooked.load()), (1, 1));
}

#[test]
fn nested_closures_pass_the_signal_on_themselves() {
    let (a, b) = (TVar::new(1), TVar::new(2));
    let sum = atomically!(|tx| {
        let twice = |variable: &TVar<u32>| Ok(variable.read(tx)? * 2);
        let chosen = tx.or_else(|tx| tx.retry(), |tx| b.read(tx));
        let sum: StmResult<u32> = [&a, &b].into_iter().map(twice).sum();
        sum? + chosen
    });
    assert_eq!(sum, 8);
}

#[test]
fn arguments_of_well_known_macros_take_part() {
    let (a, b) = (TVar::new(Some(1)), TVar::new(2));
    let seen = atomically!(|tx| {
        assert!(a.read(tx).is_some(), "{:?}", a.read(tx));
        assert_eq!(b.read(tx), 2);
        let mut text = format!("{b} {:?}", a.read(tx), b = b.read(tx));
        write!(text, " {}", b.read(tx)).unwrap();
        (text, vec![b.read(tx); 2], matches!(a.read(tx), Some(value) if value < b.read(tx)))
    });
    assert_eq!(seen, ("2 Some(1) 2".to_owned(), vec![2, 2], true));
}

#[test]
fn another_thing_of_the_same_name_hides_the_transaction() {
    let a = TVar::new(1);
    let sent = atomically!(|tx| {
        let value = a.read(tx);
        let (tx, rx) = std::sync::mpsc::channel();
        let send = |tx: &std::sync::mpsc::Sender<u32>| tx.send(value).is_ok();
        (send(&tx), rx.recv().unwrap())
    });
    assert_eq!(sent, (true, 1));
}

#[test]
fn loops_and_labels_inside_a_body_work() {
    let variables: Vec<_> = (0..10_u32).map(TVar::new).collect();
    let found = atomically!(|tx| {
        let mut seen = 0;
        'search: loop {
            for variable in &variables {
                if variable.read(tx) == 7 {
                    break 'search;
                }
                seen += 1;
            }
        }
        let half = 'half: {
            if variables[seen].read(tx) % 2 == 0 {
                break 'half seen / 2;
            }
            seen / 2 + 1
        };
        (seen, half)
    });
    assert_eq!(found, (7, 4));
}

struct Account {
    balance: TVar<u32>,
}

trait Holds {
    #[transactional]
    fn held(&self, tx: &ReadTransaction) -> u32;

    #[transactional]
    fn holds<'a>(&'a self, tx: &ReadTransaction, amount: u32) -> Option<&'a Self> {
        (self.held(tx) >= amount).then_some(self)
    }
}

impl Holds for Account {
    #[transactional]
    fn held(&self, tx: &ReadTransaction) -> u32 {
        self.balance.read(tx)
    }
}

impl Account {
    #[transactional]
    fn withdraw(&self, tx: &Transaction, amount: u32) -> TxResult<u32, String> {
        #![allow(clippy::unreadable_literal)]
        let Some(rest) = self.balance.read(tx).checked_sub(amount) else {
            return cancel(format!("only {} left", self.held(tx)))?;
        };
        self.balance.write(tx, rest);
        rest
    }

    #[transactional]
    fn digits(&self, tx: &ReadTransaction) -> impl Iterator<Item = char> + use<> {
        self.balance.read(tx).to_string().chars().collect::<Vec<_>>().into_iter()
    }

    #[transactional]
    fn boxed(&self, tx: &stm::Transaction<'_, '_>) -> Box<dyn Fn(&u32) -> bool> {
        let balance = self.balance.read(tx);
        if balance == 0 {
            return Box::new(|_| false);
        }
        Box::new(move |amount| *amount <= balance)
    }
}

#[test]
fn methods_take_part_like_functions() {
    let account = Account { balance: TVar::new(10) };
    assert!(snapshot!(|tx| account.holds(tx, 10).is_some()));
    assert_eq!(snapshot!(|tx| account.digits(tx)).collect::<String>(), "10");
    assert!(atomically!(|tx| account.boxed(tx))(&10));
    assert_eq!(atomically!(try |tx| account.withdraw(tx, 4)), Ok(6));
    assert_eq!(atomically!(try |tx| account.withdraw(tx, 7)), Err("only 6 left".to_owned()));
    assert_eq!(account.balance.load(), 6);
}

#[transactional]
fn largest<T: Ord + Clone + Send + Sync + 'static>(
    variables: &[TVar<T>],
    tx: &ReadTransaction,
) -> StmResult<Option<T>> {
    let mut values = Vec::new();
    for variable in variables {
        values.push(variable.read(tx));
    }
    values.into_iter().max()
}

#[test]
fn a_function_may_say_itself_that_it_returns_a_result() {
    let variables = [TVar::new(3), TVar::new(5)];
    assert_eq!(snapshot!(|tx| largest(&variables, tx)), Some(5));
}

/// A module of its own, because lints and names are what it is about.
#[deny(warnings, clippy::pedantic)]
#[path = "macros/surroundings.rs"]
mod surroundings;
