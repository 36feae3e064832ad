//! What the steps of a program do to real variables.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

use stm::{ReadTransaction, ResultExt, StmResult, Transaction, TxError, TxResult, cancel};

use super::arena::Arena;
use super::kinds::{Value, changed};
use super::performed::call;
use super::program::{Fired, Outcome, Shot, Step, Trace, Var, can_cancel};
use super::variable::{Birth, Variable, make_and_drop, make_crowd, make_handle};
use super::world::{World, shoot};

/// One program at work: what it has made and seen, and where its hooks report.
pub(crate) struct Play<'w> {
    world: &'w World,
    /// What all runs of the body have made, and how much of that was made by earlier runs.
    made: Arena,
    earlier: Cell<usize>,
    /// What this run has looked at.
    looked: RefCell<HashSet<Var>>,
    seen: RefCell<Vec<Value>>,
    fired: Arc<Mutex<Vec<Fired>>>,
    anchored: bool,
}

/// The outside.
impl<'w> Play<'w> {
    /// An anchored body reads something besides what its steps do.
    pub(crate) fn new(world: &'w World, anchored: bool) -> Self {
        Self {
            world,
            made: Arena::default(),
            earlier: Cell::new(0),
            looked: RefCell::default(),
            seen: RefCell::default(),
            fired: Arc::default(),
            anchored,
        }
    }

    pub(crate) fn end(self, outcome: Outcome) -> (Trace, Vec<Fired>) {
        let made = (self.earlier.get()..).map_while(|index| Some(self.made.get(index)?.load())).collect();
        let fired = std::mem::take(&mut *self.fired.lock().expect("no hook panics"));
        (Trace { seen: self.seen.take(), made, outcome }, fired)
    }

    pub(crate) fn find(&self, x: Var) -> Option<&dyn Variable> {
        match x {
            Var::World(handle) => self.world.get(handle),
            Var::Made(number) => self.made.get(self.earlier.get() + number),
        }
    }

    pub(crate) fn see(&self, value: impl IntoIterator<Item = Value>) {
        self.seen.borrow_mut().extend(value);
    }

    /// The name under which `looked` knows a variable.
    fn variable(&self, x: Var) -> Var {
        match x {
            Var::World(handle) => Var::World(self.world.variable(handle)),
            Var::Made(_) => x,
        }
    }

    /// The variable, to be looked at.
    fn look_at(&self, x: Var) -> Option<&dyn Variable> {
        let found = self.find(x)?;
        self.looked.borrow_mut().insert(self.variable(x));
        Some(found)
    }
}

/// Bodies.
impl Play<'_> {
    /// Each run of the body starts from nothing.
    fn start(&self) {
        self.seen.borrow_mut().clear();
        self.looked.borrow_mut().clear();
        self.earlier.set(self.made.len());
    }

    pub(crate) fn body<'tx>(&'tx self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> TxResult<(), Value> {
        self.start();
        if self.anchored {
            self.world.anchor.read(tx)?;
        }
        self.steps(tx, steps)
    }

    /// A body that does not cancel.
    pub(crate) fn certain_body<'tx>(&'tx self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> StmResult<()> {
        without_cancel(self.body(tx, steps))
    }

    /// Steps that do not cancel.
    pub(crate) fn certain_steps<'tx>(&'tx self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> StmResult<()> {
        without_cancel(self.steps(tx, steps))
    }

    pub(crate) fn snapshot_body<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, steps: &[Step]) -> StmResult<()> {
        self.start();
        self.look(tx, steps)
    }
}

/// The result of steps that do not cancel.
fn without_cancel(result: TxResult<(), Value>) -> StmResult<()> {
    result.map_err(|error| match error {
        TxError::Abort(abort) => abort,
        TxError::Cancel(_) => unreachable!("no step of it cancels"),
    })
}

/// Steps.
impl Play<'_> {
    fn hook(&self, fired: Fired) -> impl FnOnce() + Send + 'static {
        let log = Arc::clone(&self.fired);
        move || log.lock().expect("no hook panics").push(fired)
    }

    pub(crate) fn steps<'tx>(&'tx self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> TxResult<(), Value> {
        for step in steps {
            if matches!(step, Step::SwallowedRetry) {
                let _: StmResult<()> = call!(ReadTransaction::retry(tx));
                break;
            }
            self.step(tx, step)?;
        }
        Ok(())
    }

    fn look<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, steps: &[Step]) -> StmResult<()> {
        steps.iter().try_for_each(|step| self.look_step(tx, step))
    }

    /// The steps that only read.
    fn look_step<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, step: &Step) -> StmResult<()> {
        match step {
            Step::Read(x) => self.see(self.look_at(*x).map(|x| x.read(tx)).transpose()?),
            Step::ReadRef(x) => self.see(self.look_at(*x).map(|x| x.read_ref(tx)).transpose()?),
            Step::With(x) => self.see(self.look_at(*x).map(|x| x.with(tx)).transpose()?),
            Step::IntoRef(x) => self.see(self.look_at(*x).map(|x| x.plain_ref(tx)).transpose()?),
            Step::See(value) => self.see([*value]),
            Step::Look(first, second) => {
                call!(ReadTransaction::or_else(tx, |tx| self.look(tx, first), |tx| self.look(tx, second)))?;
            }
            Step::Check(x, least) => {
                let value = self.look_at(*x).map(|x| x.read(tx)).transpose()?;
                call!(ReadTransaction::check(tx, value.is_none_or(|value| value >= *least)))?;
            }
            Step::CheckIs(x, right) => {
                let value = self.look_at(*x).map(|x| x.read(tx)).transpose()?;
                call!(ReadTransaction::check(tx, value.is_none_or(|value| value == *right)))?;
            }
            Step::CheckThat(holds) => call!(ReadTransaction::check(tx, *holds))?,
            Step::Retry => call!(ReadTransaction::retry(tx))?,
            Step::RestartBefore(number) => {
                if call!(ReadTransaction::attempt_number(tx)) < *number {
                    return call!(ReadTransaction::restart(tx));
                }
            }
            Step::Yield => thread::yield_now(),
            other => unreachable!("not for readers: {other:?}"),
        }
        Ok(())
    }

    fn step<'tx>(&'tx self, tx: &Transaction<'tx, '_>, step: &Step) -> TxResult<(), Value> {
        match step {
            Step::Hold(x, inner) => {
                if let Some(x) = self.look_at(*x) {
                    let (now, held) = x.hold(tx, &mut || self.steps(tx, inner))?;
                    self.see([now, held]);
                }
            }
            Step::Make(kind, value) => self.made.push(make_handle(*kind, Birth::New, *value)),
            Step::MakeAndDrop(kind, first, second) => self.see([make_and_drop(tx, *kind, *first, *second)?]),
            Step::Crowd(value) => self.see([make_crowd(tx, *value)?]),
            Step::Outside(shot) => self.outside(shot),
            Step::Hooks(name) => {
                call!(Transaction::on_commit(tx, self.hook(Fired::Commit(*name))));
                call!(Transaction::on_rollback(tx, self.hook(Fired::Rollback(*name))));
            }
            Step::OrElse(first, second) if can_cancel(first) || can_cancel(second) => {
                call!(Transaction::try_or_else(tx, |tx| self.steps(tx, first), |tx| self.steps(tx, second)))?;
            }
            Step::OrElse(first, second) => {
                let (first, second) = (|tx: &_| self.certain_steps(tx, first), |tx: &_| self.certain_steps(tx, second));
                call!(Transaction::or_else(tx, first, second))?;
            }
            Step::Nested(inner) => {
                if let Err(error) = call!(Transaction::nested(tx, |tx| self.steps(tx, inner)))? {
                    self.see([error]);
                }
            }
            Step::SwallowedRetry => unreachable!("it ends its block"),
            Step::SwallowedRetryThenCancel(error) => {
                // Of two kinds, so it waits like everybody: other programs may wait at this call for something else.
                let _: StmResult<()> = call!(ReadTransaction::or_else(
                    tx,
                    |tx| call!(ReadTransaction::retry_in_line(tx)),
                    |tx| call!(ReadTransaction::retry(tx)),
                ));
                return call!(cancel(*error));
            }
            Step::CancelFrom(x, least) => {
                if let Some(x) = self.look_at(*x) {
                    let value = x.read(tx)?;
                    let small = if value < *least { Ok(()) } else { Err(value) };
                    call!(ResultExt::or_cancel(small))?;
                }
            }
            Step::Cancel(error) => return call!(cancel(*error)),
            Step::Write(..)
            | Step::Replace(..)
            | Step::Modify(..)
            | Step::Update(..)
            | Step::WriteIfChanged(..)
            | Step::ReadThenWrite(..)
            | Step::Add(..) => self.change(tx, step)?,
            reading => self.look_step(tx, reading)?,
        }
        Ok(())
    }

    fn outside(&self, shot: &Shot) {
        let x = shot.variable();
        if let Some(variable) = self.find(x) {
            let looked = self.looked.borrow().contains(&self.variable(x));
            if matches!(shot, Shot::Load(_)) || !looked {
                self.see(shoot(variable, shot));
            }
        }
    }

    /// The steps that write.
    fn change<'tx>(&'tx self, tx: &Transaction<'tx, '_>, step: &Step) -> StmResult<()> {
        match step {
            Step::Write(x, value) => self.find(*x).map_or(Ok(()), |x| x.write(tx, *value)),
            Step::Replace(x, value) => {
                self.see(self.look_at(*x).map(|x| x.replace(tx, *value)).transpose()?);
                Ok(())
            }
            Step::Modify(x, by) => self.look_at(*x).map_or(Ok(()), |x| x.modify(tx, &|old| changed(old, *by))),
            Step::Update(x, by) => {
                self.see(self.look_at(*x).map(|x| x.update(tx, *by)).transpose()?);
                Ok(())
            }
            Step::WriteIfChanged(x, value) => {
                let differs = self.look_at(*x).map(|x| x.write_if_changed(tx, *value)).transpose()?;
                self.see(differs.map(Value::from));
                Ok(())
            }
            Step::ReadThenWrite(x, by) => self.look_at(*x).map_or(Ok(()), |x| {
                let old = x.read(tx)?;
                x.write(tx, changed(old, *by))
            }),
            Step::Add(to, from) => {
                let (Some(_), Some(_)) = (self.find(*to), self.find(*from)) else { return Ok(()) };
                let other = self.look_at(*from).map_or(Ok(0), |from| from.read(tx))?;
                self.look_at(*to).map_or(Ok(()), |to| to.modify(tx, &|old| old.wrapping_add(other)))
            }
            other => unreachable!("it does not write: {other:?}"),
        }
    }
}
