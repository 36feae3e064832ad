//! `TCell`: a variable in place. It is made in a constant, lives in statics and structures, and
//! behaves as `TVar` does.

use std::sync::Arc;
use std::thread;

use common::{Census, Rendezvous, Sample, elsewhere, on_a_small_stack, race, scaled, threads, watchdog};
use stm::{ReadTransaction, Ref, StmResult, TCell, TVar, Transaction, atomically, snapshot};

#[test]
fn a_cell_of_one_word_is_two_words() {
    assert_eq!(size_of::<TCell<u64>>(), 16);
    assert_eq!(size_of::<TCell<u8>>(), 16);
    assert_eq!(size_of::<TCell<()>>(), 16);
    assert_eq!(size_of::<TCell<bool>>(), 16);
    assert_eq!(size_of::<TCell<Box<String>>>(), 16);
    assert_eq!(align_of::<TCell<u64>>(), 16, "word and value share a cache line");
}

#[test]
fn a_cell_is_made_in_a_constant() {
    #[allow(clippy::declare_interior_mutable_const, reason = "this is what is tested")]
    const PAIR: (TCell<u64>, TCell<Option<String>>) = (TCell::new(3), TCell::new(None));
    static NUMBER: TCell<u64> = TCell::new(5);
    static TEXT: TCell<&str> = TCell::new("text");
    static LIST: TCell<Vec<u64>> = TCell::new(Vec::new());
    static ARRAY: [TCell<u64>; 3] = [const { TCell::new(1) }; 3];
    let total = atomically(|tx| {
        LIST.update(tx, |list| list.push(7))?;
        ARRAY[1].write(tx, 10)?;
        let text = TEXT.read(tx)?.len() as u64;
        let array = ARRAY.iter().map(|cell| cell.read(tx)).sum::<Result<u64, _>>()?;
        Ok(NUMBER.read(tx)? + text + array + LIST.with(tx, |list| list[0])?)
    });
    assert_eq!(total, 5 + 4 + 12 + 7);
    // Each use of a constant is a cell of its own.
    let (first, second) = (PAIR, PAIR);
    first.0.store(4);
    first.1.store(Some(String::from("first")));
    assert_eq!((first.0.load(), second.0.load()), (4, 3));
    assert_eq!((first.1.load().is_some(), second.1.load()), (true, None));
}

#[test]
fn a_cell_has_the_operations_of_a_variable() {
    fn check<T: Sample>() {
        let cell = TCell::new(T::of(0));
        atomically(|tx| {
            assert_eq!(cell.read(tx)?, T::of(0));
            cell.write(tx, T::of(1))?;
            assert_eq!(*cell.read_ref(tx)?, T::of(1));
            assert_eq!(cell.replace(tx, T::of(2))?, T::of(1));
            cell.modify(tx, |value| if value == T::of(2) { T::of(3) } else { value })?;
            assert_eq!(cell.update(tx, |value| std::mem::replace(value, T::of(4)))?, T::of(3));
            assert!(!cell.write_if_changed(tx, T::of(4))?);
            assert!(cell.write_if_changed(tx, T::of(5))?);
            cell.with(tx, |value| assert_eq!(*value, T::of(5)))
        });
        assert_eq!(cell.load(), T::of(5));
        cell.store(T::of(6));
        assert_eq!(cell.swap(T::of(7)), T::of(6));
        assert_eq!(cell.fetch_update(|value| std::mem::replace(value, T::of(8))), T::of(7));
        assert_eq!(cell.wait_until(|value| *value == T::of(8)), T::of(8));
        assert_eq!(snapshot(|tx| cell.read(tx)), T::of(8));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn every_operation_may_be_the_first() {
    fn check<T: Sample>() {
        let operations: [fn(&TCell<T>); 12] = [
            |cell| assert_eq!(cell.load(), T::of(1)),
            |cell| cell.store(T::of(1)),
            |cell| assert_eq!(cell.swap(T::of(1)), T::of(1)),
            |cell| cell.fetch_update(|value| assert_eq!(*value, T::of(1))),
            |cell| drop(cell.wait_until(|value| *value == T::of(1))),
            |cell| assert!(format!("{cell:?}").contains(&format!("{:?}", T::of(1)))),
            |cell| assert_eq!(atomically(|tx| cell.read(tx)), T::of(1)),
            |cell| assert_eq!(snapshot(|tx| Ok(T::clone(&*cell.read_ref(tx)?))), T::of(1)),
            |cell| atomically(|tx| cell.write(tx, T::of(1))),
            |cell| atomically(|tx| cell.modify(tx, |value| value)),
            |cell| atomically(|tx| cell.update(tx, |value| assert_eq!(*value, T::of(1)))),
            |cell| assert!(!atomically(|tx| cell.write_if_changed(tx, T::of(1)))),
        ];
        for first in operations {
            for second in operations {
                let cell = TCell::new(T::of(1));
                first(&cell);
                second(&cell);
                assert_eq!(cell.load(), T::of(1));
            }
            let cell = TCell::new(T::of(1));
            elsewhere(|| first(&cell));
            assert_eq!(cell.load(), T::of(1));
        }
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_fresh_cell_may_be_used_from_many_threads_at_once() {
    fn check<T: Sample>() {
        let (rounds, parties) = (scaled(1_000), threads());
        let cells: Vec<_> = (0..rounds).map(|n| TCell::new(T::of(n as u64))).collect();
        let meeting = Rendezvous::new(parties);
        race(parties, |me| {
            for (n, cell) in (0..).zip(&cells) {
                meeting.meet();
                // Another one of each kind first, each time.
                match (me + n as usize) % 5 {
                    0 => assert_eq!(cell.load(), T::of(n)),
                    1 => assert_eq!(atomically(|tx| cell.read(tx)), T::of(n)),
                    2 => assert!(snapshot(|tx| cell.with(tx, |value| *value == T::of(n)))),
                    3 => assert!(format!("{cell:?}").contains(&format!("{:?}", T::of(n)))),
                    _ => cell.fetch_update(|value| assert_eq!(*value, T::of(n))),
                }
            }
        });
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();

    // The same for the one kind of cell that nobody owns.
    static SHARED: TCell<String> = TCell::new(String::new());
    static COUNT: TCell<u64> = TCell::new(0);
    race(threads(), |_| {
        atomically(|tx| {
            SHARED.update(tx, |text| text.push('x'))?;
            COUNT.modify(tx, |n| n + 1)
        });
    });
    assert_eq!((SHARED.load().len(), COUNT.load()), (threads(), threads() as u64));
}

#[test]
fn a_cell_that_is_never_used_drops_its_value() {
    let census = Census::new();
    drop(TCell::new(census.value(1)));
    drop(vec![TCell::new(Some(census.value(1))), TCell::new(None)]);
    census.settle(0);
    let cell = TCell::new(census.value(1));
    cell.store(census.value(2));
    drop(cell);
    census.settle(0);
}

/// A structure of cells, shared by reference count, as a user would build one.
struct Account {
    balance: TCell<i64>,
    owner: TCell<String>,
    log: TCell<Vec<i64>>,
}

impl Account {
    fn new(owner: &str, balance: i64) -> Self {
        Self { balance: TCell::new(balance), owner: TCell::new(owner.into()), log: TCell::new(Vec::new()) }
    }

    fn deposit<'tx>(&'tx self, tx: &Transaction<'tx, '_>, amount: i64) -> StmResult<()> {
        self.log.update(tx, |log| log.push(amount))?;
        self.balance.modify(tx, |balance| balance + amount)
    }

    fn is_consistent<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        let logged: i64 = self.log.read_ref(tx)?.iter().sum();
        Ok(self.balance.read(tx)? == 100 + logged && !self.owner.read_ref(tx)?.is_empty())
    }
}

#[test]
fn cells_in_structures_behind_reference_counts_work_together() {
    let _watchdog = watchdog();
    let accounts: Vec<_> = ["ann", "bob"].map(|owner| Arc::new(Account::new(owner, 100))).into();
    race(threads(), |me| {
        for round in 0..scaled(300) {
            let (from, to) = (&accounts[(me + round) % 2], &accounts[(me + round + 1) % 2]);
            atomically(|tx| {
                from.deposit(tx, -1)?;
                to.deposit(tx, 1)
            });
            assert!(snapshot(|tx| Ok(from.is_consistent(tx)? && to.is_consistent(tx)?)));
        }
    });
    assert_eq!(accounts.iter().map(|account| account.balance.load()).sum::<i64>(), 200);
}

#[test]
fn a_cell_and_a_variable_commit_together() {
    let (cell, variable) = (TCell::new(0_u64), TVar::new(String::new()));
    let result: Result<(), ()> = stm::try_atomically(|tx| {
        cell.write(tx, 1)?;
        variable.write(tx, String::from("x"))?;
        stm::cancel(())
    });
    assert_eq!((result, cell.load(), variable.load()), (Err(()), 0, String::new()));
    atomically(|tx| {
        tx.or_else(
            |tx| {
                cell.write(tx, 5)?;
                tx.retry()
            },
            |tx| {
                cell.modify(tx, |n| n + 1)?;
                variable.write(tx, String::from("y"))
            },
        )
    });
    assert_eq!((cell.load(), variable.load()), (1, String::from("y")));
}

#[test]
fn a_cell_on_the_stack_is_shared_by_scoped_threads() {
    let _watchdog = watchdog();
    let cell = TCell::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                for _ in 0..scaled(500) {
                    atomically(|tx| cell.modify(tx, |n| n + 1));
                }
            });
        }
    });
    assert_eq!(cell.load(), (threads() * scaled(500)) as u64);
}

/// A list of cells within values of cells, reached through references that the transaction gave out.
struct Node {
    value: TCell<u64>,
    next: TCell<Option<Arc<Node>>>,
}

type Link = TCell<Option<Arc<Node>>>;

/// Adds to every value, and returns the sum of those before.
fn add_to_all<'tx>(tx: &Transaction<'tx, '_>, mut link: &'tx Link, by: u64) -> StmResult<u64> {
    let mut sum = 0;
    while let Some(node) = Ref::into_ref(link.read_ref(tx)?) {
        sum += node.value.replace(tx, node.value.read(tx)? + by)?;
        link = &node.next;
    }
    Ok(sum)
}

fn push_front<'tx>(tx: &Transaction<'tx, '_>, head: &'tx Link, value: u64) -> StmResult<()> {
    let next = head.read(tx)?;
    head.write(tx, Some(Arc::new(Node { value: TCell::new(value), next: TCell::new(next) })))
}

#[test]
fn cells_inside_of_values_belong_to_the_transaction() {
    let _watchdog = watchdog();
    let head = Link::new(None);
    for value in 1..=5 {
        atomically(|tx| push_front(tx, &head, value));
    }
    let sums = atomically(|tx| {
        let before = add_to_all(tx, &head, 10)?;
        // A node that only this transaction has, and cells of it.
        push_front(tx, &head, 100)?;
        let undone = tx.or_else(
            |tx| {
                add_to_all(tx, &head, 1_000)?;
                head.write(tx, None)?;
                tx.retry()
            },
            |tx| add_to_all(tx, &head, 0),
        )?;
        Ok((before, undone))
    });
    assert_eq!(sums, (15, 165));
    race(threads(), |me| {
        for round in 0..scaled(100) {
            let sum = atomically(|tx| {
                if me == 0 && round % 10 == 0 {
                    push_front(tx, &head, 0)?;
                }
                add_to_all(tx, &head, 0)
            });
            assert_eq!(sum, 165);
        }
    });
}

#[test]
fn a_plain_reference_lasts_as_long_as_the_run() {
    fn check<T: Sample>() {
        let (cell, variable) = (TCell::new(T::of(1)), TVar::new(T::of(2)));
        atomically(|tx| {
            if tx.attempt_number() > 1 {
                return Ok(());
            }
            let (first, second) = (Ref::into_ref(cell.read_ref(tx)?), Ref::into_ref(variable.read_ref(tx)?));
            cell.write(tx, T::of(3))?;
            variable.write(tx, T::of(4))?;
            let pending = Ref::into_ref(cell.read_ref(tx)?);
            cell.write(tx, T::of(5))?;
            elsewhere(|| {
                for n in 0..300 {
                    cell.store(T::of(n));
                    variable.store(T::of(n));
                }
                stm::collect();
            });
            stm::collect();
            assert_eq!((first, second, pending), (&T::of(1), &T::of(2), &T::of(3)));
            tx.restart()
        });
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn cells_have_default_and_from() {
    assert_eq!(TCell::<u64>::default().load(), 0);
    assert_eq!(TCell::from(String::from("x")).load(), "x");
    assert_eq!(format!("{:?}", TCell::new(5_u64)), "TCell { value: 5 }");
}

/// A long chain of cells is dropped on a small stack.
#[test]
fn a_long_chain_of_cells_is_dropped_without_recursion() {
    struct Link {
        _counted: common::Counted,
        _next: TCell<Option<Box<Link>>>,
    }
    let _watchdog = watchdog();
    let census = Census::new();
    let mut chain = None;
    for n in 0..scaled(200_000) as u64 {
        chain = Some(Box::new(Link { _counted: census.value(n), _next: TCell::new(chain) }));
    }
    let counted = census.clone();
    on_a_small_stack(move || {
        drop(chain);
        counted.settle(0);
    });
}
