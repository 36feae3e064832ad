//! `TTable`: rows and indexes are always in step, whatever is refused, undone, or done at the same time.

#[path = "tables/memory.rs"]
mod memory;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Ends, Random, elsewhere, expect_panic, scaled, watchdog};
use proptest::prelude::*;
use stm::collections::{Conflict, OrderedIndex, TTable, UniqueIndex};
use stm::{ReadTransaction, StmResult, Transaction, TxResult, atomically, cancel, snapshot};

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    id: u8,
    email: String,
    age: u8,
    visits: u32,
}

fn user(id: u8, email: u8, age: u8) -> User {
    User { id, email: format!("{email}@example.org"), age, visits: 0 }
}

struct Users {
    table: TTable<User, u8>,
    by_email: UniqueIndex<User, u8, String>,
    by_age: OrderedIndex<User, u8, u8>,
}

thread_local! {
    /// Makes the computation of a key panic.
    static FUSE: Cell<bool> = const { Cell::new(false) };
}

impl Users {
    fn new() -> Self {
        let mut builder = TTable::builder(|user: &User| user.id);
        let by_email = builder.unique("email", |user| user.email.clone());
        let by_age = builder.ordered("age", |user| {
            assert!(!FUSE.get(), "no age");
            user.age
        });
        Self { table: builder.build(), by_email, by_age }
    }

    /// All rows, after a look at whether the indexes say the same.
    fn all(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<BTreeMap<u8, User>> {
        let rows: BTreeMap<_, _> = self.table.range(tx, ..)?.into_iter().map(|row| (row.id, row)).collect();
        for row in rows.values() {
            assert_eq!(self.by_email.get(tx, &row.email)?.as_ref(), Some(row));
            assert_eq!(self.by_email.primary(tx, &row.email)?, Some(row.id));
        }
        let mut expected: Vec<_> = rows.values().cloned().collect();
        expected.sort_by_key(|row| (row.age, row.id));
        assert_eq!(self.by_age.range(tx, ..)?, expected);
        Ok(rows)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8, u8),
    Change(u8, u8, u8, u8),
    /// A change whose closure does something else with the table.
    ChangeAround(u8, u8, u8, u8, Vec<Step>),
    Upsert(u8, u8, u8),
    /// All of them, or none.
    Extend(Vec<(u8, u8, u8)>),
    Retain(u8),
    Drain,
    Visit(u8),
    Remove(u8),
    Ages(u8, u8),
    Email(u8),
    Clear,
    Nested(Vec<Step>, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (id, email, age) = (0_u8..8, 0_u8..10, 0_u8..5);
    let leaf = prop_oneof![
        8 => (id.clone(), email.clone(), age.clone()).prop_map(|(id, email, age)| Step::Insert(id, email, age)),
        8 => (id.clone(), id.clone(), email.clone(), age.clone())
            .prop_map(|(id, new, email, age)| Step::Change(id, new, email, age)),
        3 => id.clone().prop_map(Step::Visit),
        3 => (id.clone(), email.clone(), age.clone()).prop_map(|(id, email, age)| Step::Upsert(id, email, age)),
        1 => prop::collection::vec((id.clone(), email.clone(), age.clone()), 0..4).prop_map(Step::Extend),
        1 => (1_u8..5).prop_map(Step::Retain),
        1 => Just(Step::Drain),
        5 => id.prop_map(Step::Remove),
        2 => (age.clone(), age).prop_map(|(from, to)| Step::Ages(from, to)),
        2 => email.prop_map(Step::Email),
        1 => Just(Step::Clear),
    ];
    leaf.prop_recursive(2, 12, 5, |inner| {
        let steps = prop::collection::vec(inner, 0..5);
        prop_oneof![
            (steps.clone(), any::<bool>()).prop_map(|(steps, undone)| Step::Nested(steps, undone)),
            (0_u8..8, 0_u8..8, 0_u8..10, 0_u8..5, steps)
                .prop_map(|(id, new, email, age, steps)| Step::ChangeAround(id, new, email, age, steps)),
        ]
    })
}

type Model = BTreeMap<u8, User>;

/// The index in which a row meets another one, apart from the row that it replaces.
fn clash(model: &Model, row: &User, instead_of: Option<u8>) -> Option<&'static str> {
    let others = || model.values().filter(|other| Some(other.id) != instead_of);
    if others().any(|other| other.id == row.id) {
        return Some("primary");
    }
    others().any(|other| other.email == row.email).then_some("email")
}

/// Changes a row in any way, its keys too.
fn change(tx: &Transaction, users: &Users, model: &mut Model, id: u8, change: impl Fn(&mut User)) -> StmResult<()> {
    let result = users.table.update(tx, &id, &change)?;
    let Some(mut row) = model.get(&id).cloned() else {
        assert_eq!(result, Ok(None));
        return Ok(());
    };
    change(&mut row);
    let expected = match clash(model, &row, Some(id)) {
        Some(index) => Err(Conflict { index, row }),
        None => {
            model.remove(&id);
            model.insert(row.id, row);
            Ok(Some(()))
        }
    };
    assert_eq!(result, expected);
    Ok(())
}

/// Replaces the row with this primary key.
fn replace(model: &mut Model, id: u8, row: User) -> Result<(), Conflict<User>> {
    if let Some(index) = clash(model, &row, Some(id)) {
        return Err(Conflict { index, row });
    }
    model.remove(&id);
    model.insert(row.id, row);
    Ok(())
}

/// What the closure does comes first.
fn change_around(
    tx: &Transaction,
    users: &Users,
    model: &mut Model,
    (id, new): (u8, &User),
    steps: &[Step],
) -> StmResult<()> {
    let (was_there, mut over) = (model.contains_key(&id), Ok(()));
    let result = users.table.update(tx, &id, |row| {
        over = steps.iter().try_for_each(|step| take(tx, step, users, model));
        *row = new.clone();
    });
    over?;
    let expected = if was_there { replace(model, id, new.clone()).map(Some) } else { Ok(None) };
    assert_eq!(result?, expected);
    Ok(())
}

/// Steps with many rows.
fn take_many(tx: &Transaction, step: &Step, users: &Users, model: &mut Model) -> StmResult<()> {
    match step {
        Step::Extend(rows) => {
            let rows: Vec<_> = rows.iter().map(|(id, email, age)| user(*id, *email, *age)).collect();
            let mut after = model.clone();
            let expected = rows.iter().try_for_each(|row| match clash(&after, row, None) {
                Some(index) => Err(Conflict { index, row: row.clone() }),
                None => {
                    after.insert(row.id, row.clone());
                    Ok(())
                }
            });
            if expected.is_ok() {
                *model = after;
            }
            assert_eq!(users.table.extend(tx, rows)?, expected);
        }
        Step::Retain(divisor) => {
            users.table.retain(tx, |row| row.age % divisor == 0)?;
            model.retain(|_, row| row.age % divisor == 0);
        }
        _ => {
            let all: Vec<User> = users.table.drain(tx)?.collect();
            assert_eq!(all, std::mem::take(model).into_values().collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn take(tx: &Transaction, step: &Step, users: &Users, model: &mut Model) -> StmResult<()> {
    match step {
        Step::ChangeAround(id, new, email, age, steps) => {
            change_around(tx, users, model, (*id, &user(*new, *email, *age)), steps)?;
        }
        Step::Upsert(id, email, age) => {
            let (old, row) = (model.get(id).cloned(), user(*id, *email, *age));
            let expected = replace(model, *id, row.clone()).map(|()| old);
            assert_eq!(users.table.upsert(tx, row)?, expected);
        }
        Step::Extend(_) | Step::Retain(_) | Step::Drain => take_many(tx, step, users, model)?,
        Step::Insert(id, email, age) => {
            let row = user(*id, *email, *age);
            let expected = match clash(model, &row, None) {
                Some(index) => Err(Conflict { index, row: row.clone() }),
                None => {
                    model.insert(*id, row.clone());
                    Ok(())
                }
            };
            assert_eq!(users.table.insert(tx, row)?, expected);
        }
        Step::Change(id, new, email, age) => {
            change(tx, users, model, *id, |row| *row = User { visits: row.visits, ..user(*new, *email, *age) })?;
        }
        Step::Visit(id) => {
            let visit = |row: &mut User| row.visits += 1;
            assert_eq!(users.table.update(tx, id, visit)?, Ok(model.get_mut(id).map(visit)));
        }
        Step::Remove(id) => assert_eq!(users.table.remove(tx, id)?, model.remove(id)),
        Step::Ages(from, to) => {
            let mut expected: Vec<_> =
                model.values().filter(|row| (*from..*to).contains(&row.age)).map(|row| (row.age, row.id)).collect();
            expected.sort_unstable();
            let found = users.by_age.range(tx, *from..*to)?;
            assert_eq!(found.iter().map(|row| (row.age, row.id)).collect::<Vec<_>>(), expected);
            let first = users.by_age.for_range(tx, from.., |age, _| ControlFlow::Break(*age))?;
            let youngest = model.values().map(|row| row.age).filter(|age| age >= from).min();
            assert_eq!(first.break_value(), youngest);
        }
        Step::Email(email) => {
            let email = user(0, *email, 0).email;
            let expected = model.values().find(|row| row.email == email);
            assert_eq!(users.by_email.get(tx, &email)?.as_ref(), expected);
            let id = expected.map_or(0, |row| row.id);
            assert_eq!(users.table.get_ref(tx, &id)?.as_deref(), model.get(&id));
            assert_eq!(users.table.contains_key(tx, &id)?, model.contains_key(&id));
            let found = tx.or_else(|tx| users.table.wait_for(tx, &id).map(Some), |_| Ok(None))?;
            assert_eq!(found.as_ref(), model.get(&id));
        }
        Step::Clear => {
            users.table.clear(tx)?;
            model.clear();
        }
        Step::Nested(steps, undone) => {
            let mut inner = model.clone();
            let result = tx.nested(|tx| -> TxResult<(), ()> {
                steps.iter().try_for_each(|step| take(tx, step, users, &mut inner))?;
                if *undone { cancel(()) } else { Ok(()) }
            })?;
            if result.is_ok() {
                *model = inner;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(400) as u32, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_what_its_rows_are(
        transactions in prop::collection::vec(prop::collection::vec(step(), 1..10), 1..10),
    ) {
        let _watchdog = watchdog();
        let (users, mut model) = (Users::new(), Model::new());
        for steps in &transactions {
            model = atomically(|tx| {
                let mut inner = model.clone();
                steps.iter().try_for_each(|step| take(tx, step, &users, &mut inner))?;
                assert_eq!(users.all(tx)?, inner);
                Ok(inner)
            });
            assert_eq!(snapshot(|tx| users.all(tx)), model);
            assert_eq!((&users.table).into_iter().collect::<Model>(), model);
            assert_eq!(users.table.snapshot(), model);
        }
    }
}

#[test]
fn indexes_are_in_step_for_everybody_at_every_moment() {
    let _watchdog = watchdog();
    let users = Users::new();
    (0..8).for_each(|id| atomically(|tx| users.table.insert(tx, user(id, id, id))).expect("all are new"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let ends = Ends(&done);
        for changer in 0..2 {
            let (users, done) = (&users, &done);
            scope.spawn(move || {
                let mut random = Random::new(changer);
                while !done.load(Ordering::SeqCst) {
                    let mut draw = || u8::try_from(random.below(10)).expect("small");
                    let (id, new, email, age) = (draw(), draw(), draw(), draw());
                    let changed = atomically(|tx| users.table.update(tx, &id, |row| *row = user(new, email, age)));
                    drop(changed);
                }
            });
        }
        for round in 0..scaled(1_500) {
            let count = if round % 2 == 0 { snapshot(|tx| users.all(tx)) } else { atomically(|tx| users.all(tx)) };
            assert_eq!(count.len(), 8, "rows are changed, and never lost");
        }
        drop(ends);
    });
}

#[test]
fn an_update_of_no_key_conflicts_with_that_row_alone() {
    let _watchdog = watchdog();
    let users = Users::new();
    (0..8).for_each(|id| atomically(|tx| users.table.insert(tx, user(id, id, id))).expect("all are new"));
    let visits = |other: &(dyn Fn() + Sync)| {
        atomically(|tx| {
            users.table.update(tx, &4, |row| row.visits += 1)?.expect("no key changes");
            if tx.attempt_number() == 1 {
                elsewhere(other);
            }
            Ok(tx.attempt_number())
        })
    };
    let others = visits(&|| {
        atomically(|tx| {
            users.table.update(tx, &3, |row| row.visits += 1)?.expect("no key changes");
            users.table.update(tx, &5, |row| row.age = 100)?.expect("it may change");
            users.table.remove(tx, &6).map(drop)
        });
    });
    assert_eq!(others, 1);
    let same = visits(&|| drop(atomically(|tx| users.table.update(tx, &4, |row| row.visits += 10))));
    assert_eq!(same, 2);
    assert_eq!(atomically(|tx| users.table.with(tx, &4, |row| row.visits)), Some(12));
}

#[test]
fn a_panic_in_computing_a_key_leaves_the_table_whole() {
    let _watchdog = watchdog();
    let users = Users::new();
    (0..4).for_each(|id| atomically(|tx| users.table.insert(tx, user(id, id, id))).expect("all are new"));
    let before = snapshot(|tx| users.all(tx));
    let fail = |operation: &dyn Fn(&Transaction) -> StmResult<()>| {
        FUSE.set(true);
        let panic = expect_panic(|| atomically(operation));
        FUSE.set(false);
        assert_eq!(panic.message, "no age");
        assert_eq!(snapshot(|tx| users.all(tx)), before);
    };
    fail(&|tx| users.table.insert(tx, user(7, 7, 7)).map(drop));
    fail(&|tx| users.table.update(tx, &1, |row| row.email.push('x')).map(drop));
    fail(&|tx| users.table.remove(tx, &1).map(drop));
}

#[test]
fn a_refusal_says_which_index_and_gives_the_row_back() {
    let users = Users::new();
    atomically(|tx| users.table.insert(tx, user(1, 1, 1))).expect("it is new");
    let refused = atomically(|tx| users.table.insert(tx, user(2, 1, 1))).expect_err("the address is taken");
    assert_eq!(refused.to_string(), "another row has the same key in the index `email`");
    assert_eq!(refused.row, user(2, 1, 1));
}

/// What may be done to a table.
type Change = fn(&Transaction, &TTable<User, u8>) -> StmResult<()>;

/// A panic of user code in the middle of a change, caught within the body, which then commits.
#[test]
fn a_panic_that_is_caught_within_the_body_leaves_the_indexes_in_step() {
    let _watchdog = watchdog();
    let users = Users::new();
    atomically(|tx| {
        (0..3).try_for_each(|id| users.table.insert(tx, user(id, id, id)).map(|row| row.expect("all differ")))
    });
    let before = atomically(|tx| users.all(tx));
    let changes: [Change; 3] = [
        |tx, table| table.insert(tx, user(7, 7, 7)).map(drop),
        |tx, table| table.update(tx, &1, |row| row.email.push('x')).map(drop),
        |tx, table| table.remove(tx, &1).map(drop),
    ];
    for change in changes {
        atomically(|tx| {
            FUSE.set(true);
            expect_panic(|| change(tx, &users.table));
            FUSE.set(false);
            Ok(())
        });
        assert_eq!(atomically(|tx| users.all(tx)), before);
        assert!(atomically(|tx| users.table.insert(tx, user(9, 1, 1))).is_err(), "the address is still taken");
    }
}
