//! Random programs against a plain interpreter that runs them one at a time on plain values.
//!
//! Alone on one thread a program must give exactly what the interpreter gives: results, final
//! values, and which hooks ran in which order. Several programs on several threads must give
//! what the interpreter gives for some order of them that keeps each thread's own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

use common::{race, scaled, watchdog};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stm::{StmResult, TCell, TVar, Transaction, TxError, TxResult, try_atomically};

/// The variables: two inline handles, two boxed ones, one cell.
const VARIABLES: usize = 5;

/// What the model knows of a variable; the real ones hold it in their own type.
type Value = u8;

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    ReadRef(usize),
    Write(usize, Value),
    Replace(usize, Value),
    Modify(usize, Value),
    Update(usize, Value),
    WriteIfChanged(usize, Value),
    /// Adds one variable to another.
    Add(usize, usize),
    /// Makes a variable, writes it, and reads it back.
    Fresh(Value, Value),
    Hooks,
    OrElse(Vec<Step>, Vec<Step>),
    Nested(Vec<Step>),
    /// Retries unless the variable has at least this value.
    Check(usize, Value),
    Retry,
    /// Retries, hides the signal, and ends its block as if nothing had happened.
    SwallowedRetry,
    /// Retries, hides the signal, and cancels.
    SwallowedRetryThenCancel(Value),
    /// Cancels if the variable has at least this value.
    CancelFrom(usize, Value),
    Cancel(Value),
    /// Lets another thread in.
    Yield,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Trace {
    /// What the reading steps returned, in order.
    seen: Vec<Value>,
    /// How the program ended: with an error, or not.
    error: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fired {
    Commit(usize),
    Rollback(usize),
}

// ---- the interpreter ----

/// Why a sequence of steps did not reach its end.
enum Stop {
    Retry,
    Cancel(Value),
}

#[derive(Clone, Default)]
struct Model {
    values: [Value; VARIABLES],
    seen: Vec<Value>,
    commit_hooks: Vec<usize>,
    rollback_hooks: Vec<usize>,
    fired: Vec<Fired>,
    /// How many pairs of hooks were ever registered: the next pair's name.
    named: usize,
}

/// What a scope goes back to when it is undone. `seen` stays: it is the program's own memory.
struct Mark {
    values: [Value; VARIABLES],
    commit_hooks: usize,
    rollback_hooks: usize,
}

impl Model {
    fn mark(&self) -> Mark {
        Mark { values: self.values, commit_hooks: self.commit_hooks.len(), rollback_hooks: self.rollback_hooks.len() }
    }

    fn undo(&mut self, mark: &Mark) {
        self.values = mark.values;
        self.commit_hooks.truncate(mark.commit_hooks);
        self.fired.extend(self.rollback_hooks.drain(mark.rollback_hooks..).rev().map(Fired::Rollback));
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Read(x) | Step::ReadRef(x) => self.seen.push(self.values[*x]),
            Step::Write(x, value) => self.values[*x] = *value,
            Step::Replace(x, value) => {
                self.seen.push(self.values[*x]);
                self.values[*x] = *value;
            }
            Step::Modify(x, by) => self.values[*x] = self.values[*x].wrapping_add(*by),
            Step::Update(x, by) => {
                self.seen.push(self.values[*x]);
                self.values[*x] = self.values[*x].wrapping_mul(3).wrapping_add(*by);
            }
            Step::WriteIfChanged(x, value) => {
                self.seen.push(u8::from(self.values[*x] != *value));
                self.values[*x] = *value;
            }
            Step::Add(x, y) => self.values[*x] = self.values[*x].wrapping_add(self.values[*y]),
            Step::Fresh(_, value) => self.seen.push(*value),
            Step::Hooks => {
                self.commit_hooks.push(self.named);
                self.rollback_hooks.push(self.named);
                self.named += 1;
            }
            Step::OrElse(first, second) => {
                let mark = self.mark();
                match self.steps(first) {
                    Err(Stop::Retry) => {
                        self.undo(&mark);
                        self.steps(second)?;
                    }
                    other => other?,
                }
            }
            Step::Nested(inner) => {
                let mark = self.mark();
                match self.steps(inner) {
                    Err(Stop::Cancel(error)) => {
                        self.undo(&mark);
                        self.seen.push(error);
                    }
                    other => other?,
                }
            }
            Step::Check(x, least) if self.values[*x] >= *least => {}
            Step::Check(..) | Step::Retry | Step::SwallowedRetry | Step::SwallowedRetryThenCancel(_) => {
                return Err(Stop::Retry);
            }
            Step::CancelFrom(x, least) if self.values[*x] < *least => {}
            Step::CancelFrom(x, _) => return Err(Stop::Cancel(self.values[*x])),
            Step::Cancel(error) => return Err(Stop::Cancel(*error)),
            Step::Yield => {}
        }
        Ok(())
    }

    /// Runs a whole program; one that retries as a whole does nothing instead.
    fn run(&mut self, program: &[Step]) -> Trace {
        let mark = self.mark();
        let program = Step::OrElse(program.to_vec(), Vec::new());
        let error = match self.step(&program) {
            Ok(()) => {
                self.fired.extend(self.commit_hooks.drain(..).map(Fired::Commit));
                self.rollback_hooks.clear();
                None
            }
            Err(Stop::Cancel(error)) => {
                self.undo(&mark);
                Some(error)
            }
            Err(Stop::Retry) => unreachable!("the empty branch does not retry"),
        };
        Trace { seen: std::mem::take(&mut self.seen), error }
    }
}

// ---- the real thing ----

#[derive(Debug)]
struct World {
    numbers: [TVar<u64>; 2],
    texts: [TVar<String>; 2],
    cell: TCell<Value>,
}

fn number(text: &str) -> Value {
    text.parse().expect("only numbers are written")
}

impl World {
    fn new() -> Self {
        Self {
            numbers: Default::default(),
            texts: std::array::from_fn(|_| TVar::new(String::from("0"))),
            cell: TCell::new(0),
        }
    }

    fn values(&self) -> [Value; VARIABLES] {
        let [a, b] = self.numbers.each_ref().map(|x| u8::try_from(x.load()).expect("only bytes are written"));
        let [c, d] = self.texts.each_ref().map(|x| number(&x.load()));
        [a, b, c, d, self.cell.load()]
    }

    fn read<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize) -> StmResult<Value> {
        match x {
            0 | 1 => Ok(u8::try_from(self.numbers[x].read(tx)?).expect("only bytes are written")),
            2 | 3 => Ok(number(&self.texts[x - 2].read(tx)?)),
            _ => self.cell.read(tx),
        }
    }

    fn read_ref<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize) -> StmResult<Value> {
        match x {
            0 | 1 => Ok(u8::try_from(*self.numbers[x].read_ref(tx)?).expect("only bytes are written")),
            2 | 3 => Ok(number(&self.texts[x - 2].read_ref(tx)?)),
            _ => self.cell.with(tx, |value| *value),
        }
    }

    fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, value: Value) -> StmResult<()> {
        match x {
            0 | 1 => self.numbers[x].write(tx, value.into()),
            2 | 3 => self.texts[x - 2].write(tx, value.to_string()),
            _ => self.cell.write(tx, value),
        }
    }

    fn replace<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, value: Value) -> StmResult<Value> {
        match x {
            0 | 1 => Ok(u8::try_from(self.numbers[x].replace(tx, value.into())?).expect("a byte")),
            2 | 3 => Ok(number(&self.texts[x - 2].replace(tx, value.to_string())?)),
            _ => self.cell.replace(tx, value),
        }
    }

    fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, f: impl FnOnce(Value) -> Value) -> StmResult<()> {
        match x {
            0 | 1 => self.numbers[x].modify(tx, |n| f(u8::try_from(n).expect("a byte")).into()),
            2 | 3 => self.texts[x - 2].modify(tx, |text| f(number(&text)).to_string()),
            _ => self.cell.modify(tx, f),
        }
    }

    /// Puts `f` of the value in its place, and returns the old one.
    fn update<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, f: impl FnOnce(Value) -> Value) -> StmResult<Value> {
        match x {
            0 | 1 => self.numbers[x].update(tx, |n| {
                let old = u8::try_from(*n).expect("a byte");
                *n = f(old).into();
                old
            }),
            2 | 3 => self.texts[x - 2].update(tx, |text| {
                let old = number(text);
                *text = f(old).to_string();
                old
            }),
            _ => self.cell.update(tx, |value| {
                let old = *value;
                *value = f(old);
                old
            }),
        }
    }

    fn write_if_changed<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, value: Value) -> StmResult<bool> {
        match x {
            0 | 1 => self.numbers[x].write_if_changed(tx, value.into()),
            2 | 3 => self.texts[x - 2].write_if_changed(tx, value.to_string()),
            _ => self.cell.write_if_changed(tx, value),
        }
    }
}

/// One run of a program: what it has seen, and where its hooks report.
struct Play<'w> {
    world: &'w World,
    fired: Arc<Mutex<Vec<Fired>>>,
    named: std::cell::Cell<usize>,
    seen: std::cell::RefCell<Vec<Value>>,
}

impl<'w> Play<'w> {
    fn hook(&self, fired: Fired) -> impl FnOnce() + Send + 'static {
        let log = Arc::clone(&self.fired);
        move || log.lock().expect("no hook panics").push(fired)
    }

    fn saw(&self, value: Value) {
        self.seen.borrow_mut().push(value);
    }

    fn steps<'tx>(&self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> TxResult<(), Value>
    where
        'w: 'tx,
    {
        for step in steps {
            if matches!(step, Step::SwallowedRetry) {
                let _ = tx.retry::<()>();
                break;
            }
            self.step(tx, step)?;
        }
        Ok(())
    }

    fn step<'tx>(&self, tx: &Transaction<'tx, '_>, step: &Step) -> TxResult<(), Value>
    where
        'w: 'tx,
    {
        let world = self.world;
        match step {
            Step::Read(x) => self.saw(world.read(tx, *x)?),
            Step::ReadRef(x) => self.saw(world.read_ref(tx, *x)?),
            Step::Write(x, value) => world.write(tx, *x, *value)?,
            Step::Replace(x, value) => self.saw(world.replace(tx, *x, *value)?),
            Step::Modify(x, by) => world.modify(tx, *x, |value| value.wrapping_add(*by))?,
            Step::Update(x, by) => self.saw(world.update(tx, *x, |value| value.wrapping_mul(3).wrapping_add(*by))?),
            Step::WriteIfChanged(x, value) => self.saw(world.write_if_changed(tx, *x, *value)?.into()),
            Step::Add(x, y) => {
                let other = world.read(tx, *y)?;
                world.modify(tx, *x, |value| value.wrapping_add(other))?;
            }
            Step::Fresh(first, value) => {
                let made = TVar::new(first.to_string());
                made.write(tx, value.to_string())?;
                self.saw(number(&made.read(tx)?));
            }
            Step::Hooks => {
                let name = self.named.replace(self.named.get() + 1);
                tx.on_commit(self.hook(Fired::Commit(name)));
                tx.on_rollback(self.hook(Fired::Rollback(name)));
            }
            Step::OrElse(first, second) => {
                tx.try_or_else(|tx| self.steps(tx, first), |tx| self.steps(tx, second))?;
                // A branch may have hidden a signal: then this is refused, and nothing after it happens.
                world.cell.read(tx)?;
            }
            Step::Nested(inner) => {
                if let Err(error) = tx.nested(|tx| self.steps(tx, inner))? {
                    self.saw(error);
                }
            }
            Step::Check(x, least) => tx.check(world.read(tx, *x)? >= *least)?,
            Step::Retry => tx.retry()?,
            Step::SwallowedRetry => unreachable!("it ends its block"),
            Step::SwallowedRetryThenCancel(error) => {
                let _ = tx.retry::<()>();
                return Err(TxError::Cancel(*error));
            }
            Step::CancelFrom(x, least) => {
                let value = world.read(tx, *x)?;
                if value >= *least {
                    return Err(TxError::Cancel(value));
                }
            }
            Step::Cancel(error) => return Err(TxError::Cancel(*error)),
            Step::Yield => thread::yield_now(),
        }
        Ok(())
    }

    fn run(&self, program: &[Step]) -> Trace {
        let error = try_atomically(|tx| {
            // Each run of the body starts from nothing; the hooks' names go on.
            self.seen.borrow_mut().clear();
            tx.try_or_else(|tx| self.steps(tx, program), |_| Ok(()))
        })
        .err();
        Trace { seen: self.seen.take(), error }
    }
}

impl World {
    fn run(&self, program: &[Step], named: usize) -> (Trace, Vec<Fired>) {
        let play = Play { world: self, fired: Arc::default(), named: named.into(), seen: Default::default() };
        let trace = play.run(program);
        let fired = std::mem::take(&mut *play.fired.lock().expect("no hook panics"));
        (trace, fired)
    }
}

// ---- programs ----

fn step() -> impl Strategy<Value = Step> {
    let variable = 0..VARIABLES;
    // Few values, so that programs meet.
    let value = 0..4_u8;
    let leaf = prop_oneof![
        4 => variable.clone().prop_map(Step::Read),
        1 => variable.clone().prop_map(Step::ReadRef),
        4 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::Write(x, value)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::Replace(x, value)),
        2 => (variable.clone(), 1..3_u8).prop_map(|(x, by)| Step::Modify(x, by)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, by)| Step::Update(x, by)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::WriteIfChanged(x, value)),
        2 => (variable.clone(), variable.clone()).prop_map(|(x, y)| Step::Add(x, y)),
        1 => (value.clone(), value.clone()).prop_map(|(first, value)| Step::Fresh(first, value)),
        2 => Just(Step::Hooks),
        2 => (variable.clone(), 1..4_u8).prop_map(|(x, least)| Step::Check(x, least)),
        1 => Just(Step::Retry),
        1 => Just(Step::SwallowedRetry),
        1 => value.clone().prop_map(Step::SwallowedRetryThenCancel),
        1 => (variable, 2..6_u8).prop_map(|(x, least)| Step::CancelFrom(x, least)),
        1 => value.prop_map(Step::Cancel),
        1 => Just(Step::Yield),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let steps = prop::collection::vec(inner, 0..6);
        prop_oneof![
            2 => (steps.clone(), steps.clone()).prop_map(|(first, second)| Step::OrElse(first, second)),
            1 => steps.prop_map(Step::Nested),
        ]
    })
}

fn program(length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..length)
}

// ---- one thread ----

fn check_alone(programs: &[Vec<Step>]) -> TestCaseResult {
    let (world, mut model) = (World::new(), Model::default());
    for program in programs {
        let named = model.named;
        let expected = model.run(program);
        let (trace, fired) = world.run(program, named);
        prop_assert_eq!(trace, expected, "what it saw and how it ended");
        prop_assert_eq!(world.values(), model.values, "what it left");
        prop_assert_eq!(fired, std::mem::take(&mut model.fired), "which hooks ran");
    }
    Ok(())
}

// ---- several threads ----

/// Every outcome of running the threads' programs one at a time, each thread's in its order.
fn serial_outcomes(threads: &[Vec<Vec<Step>>]) -> HashSet<(Vec<Vec<Trace>>, [Value; VARIABLES])> {
    fn go(
        threads: &[Vec<Vec<Step>>],
        model: &Model,
        traces: &mut Vec<Vec<Trace>>,
        outcomes: &mut HashSet<(Vec<Vec<Trace>>, [Value; VARIABLES])>,
    ) {
        let mut ended = true;
        for thread in 0..threads.len() {
            let Some(program) = threads[thread].get(traces[thread].len()) else { continue };
            ended = false;
            let mut model = model.clone();
            let trace = model.run(program);
            traces[thread].push(trace);
            go(threads, &model, traces, outcomes);
            traces[thread].pop();
        }
        if ended {
            outcomes.insert((traces.clone(), model.values));
        }
    }
    let mut outcomes = HashSet::new();
    go(threads, &Model::default(), &mut vec![Vec::new(); threads.len()], &mut outcomes);
    outcomes
}

/// Runs the programs together `times` times, for they meet differently each time.
fn check_together(threads: &[Vec<Vec<Step>>], times: usize) -> TestCaseResult {
    let outcomes = serial_outcomes(threads);
    for _ in 0..times {
        let world = World::new();
        let traces = race(threads.len(), |me| {
            let run = |program: &Vec<Step>| world.run(program, 0).0;
            threads[me].iter().map(run).collect::<Vec<_>>()
        });
        let outcome = (traces, world.values());
        prop_assert!(outcomes.contains(&outcome), "no order gives {outcome:?}, only {outcomes:?}");
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_program_alone_does_what_the_interpreter_does(programs in prop::collection::vec(program(12), 1..4)) {
        check_alone(&programs)?;
    }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn programs_of_two_threads_do_what_some_order_does(
        threads in prop::collection::vec(prop::collection::vec(program(8), 1..4), 2..3),
    ) {
        let _watchdog = watchdog();
        check_together(&threads, 5)?;
    }

    #[test]
    fn programs_of_three_threads_do_what_some_order_does(
        threads in prop::collection::vec(prop::collection::vec(program(6), 1..3), 3..4),
    ) {
        let _watchdog = watchdog();
        check_together(&threads, 5)?;
    }
}

/// Programs that contend as much as possible: everyone reads and writes the same few.
#[test]
fn programs_that_contend_do_what_some_order_does() {
    let _watchdog = watchdog();
    let steps = |thread: u8| {
        vec![
            Step::Read(0),
            Step::Yield,
            Step::Read(2),
            Step::Modify(0, thread),
            Step::Modify(2, 1),
            Step::Yield,
            Step::OrElse(vec![Step::Check(4, 2), Step::Write(4, 0)], vec![Step::Modify(4, 1)]),
            Step::Add(1, 0),
        ]
    };
    let threads: Vec<_> = (1..=3).map(|thread| vec![steps(thread), steps(thread)]).collect();
    check_together(&threads, scaled(2_000)).expect("some order gives it");
}
