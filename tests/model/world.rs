//! The real thing: the same programs as transactions on real variables.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex};
use std::thread;

use stm::{StmResult, TCell, TVar, Transaction, TxError, TxResult, try_atomically};

use crate::program::{Fired, Step, Trace, VARIABLES, Value};

#[derive(Debug)]
pub(crate) struct World {
    numbers: [TVar<u64>; 2],
    texts: [TVar<String>; 2],
    cell: TCell<Value>,
}

fn number(text: &str) -> Value {
    text.parse().expect("only numbers are written")
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            numbers: Default::default(),
            texts: std::array::from_fn(|_| TVar::new(String::from("0"))),
            cell: TCell::new(0),
        }
    }

    pub(crate) fn values(&self) -> [Value; VARIABLES] {
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
    named: Cell<usize>,
    seen: RefCell<Vec<Value>>,
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
    pub(crate) fn run(&self, program: &[Step], named: usize) -> (Trace, Vec<Fired>) {
        let play = Play { world: self, fired: Arc::default(), named: named.into(), seen: Default::default() };
        let trace = play.run(program);
        let fired = std::mem::take(&mut *play.fired.lock().expect("no hook panics"));
        (trace, fired)
    }
}
