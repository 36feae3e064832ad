//! Runs a program and writes down what happened.

use std::thread;
use std::time::Instant;

use stm::{StmResult, TVar, Transaction, TxError, TxResult};

use super::memory::Memory;
use super::program::{Action, Program, Reading, Step};
use super::record::{Attempt, History};
use super::recorder::Recorder;
use crate::{Rendezvous, race};

/// Runs a program and returns its history.
pub fn play(program: &Program) -> History {
    play_with(program, |_| ())
}

/// Runs a program in which each thread first does `prepare`, with its number from 0, and returns its history.
pub fn play_with(program: &Program, prepare: impl Fn(usize) + Sync) -> History {
    let threads = &program.threads;
    let memory = Memory::new(program.variables);
    let gates: Vec<_> = threads.chunks(2).map(|neighbours| (TVar::new(0), neighbours.len())).collect();
    // Short programs would be over before the next thread has woken up.
    let start = Rendezvous::new(threads.len());
    let epoch = Instant::now();
    let attempts = race(threads.len(), |me| {
        let (gate, parties) = &gates[me / 2];
        let player = Player { recorder: Recorder::new(&memory, me + 1, epoch), gate, parties: *parties };
        prepare(me);
        start.meet();
        player.play(&threads[me])
    });
    History { variables: program.variables, attempts: attempts.into_iter().flatten().collect() }
}

/// The error of those who cancel.
struct Cancelled;

struct Player<'m> {
    recorder: Recorder<'m>,
    /// How often one of the neighbours has come to a meeting. Not part of the history.
    gate: &'m TVar<usize>,
    parties: usize,
}

impl<'m> Player<'m> {
    fn play(self, actions: &[Action]) -> Vec<Attempt> {
        let mut meetings = 0;
        for action in actions {
            match action {
                Action::Commit(steps) => self.recorder.atomically(|tx| self.body(tx, steps)),
                Action::Cancel(steps) => self.cancel(steps),
                Action::Irrevocable(steps) => self.recorder.irrevocable(|tx| self.body(tx, steps)),
                Action::Snapshot(first, second) => self.snapshot(first, second.as_deref()),
                Action::Load(x) => self.recorder.load(*x),
                Action::Store(x) => self.recorder.store(*x),
                Action::Swap(x) => self.recorder.swap(*x),
                Action::FetchUpdate(x) => self.recorder.fetch_update(*x),
                Action::Meet(steps) => {
                    meetings += 1;
                    self.meet(steps, meetings * self.parties);
                }
            }
        }
        self.recorder.finish()
    }

    fn body<'tx>(&self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> StmResult<()>
    where
        'm: 'tx,
    {
        self.steps(tx, steps).map_err(|error| match error {
            TxError::Abort(abort) => abort,
            TxError::Cancel(Cancelled) => unreachable!("only nested steps cancel"),
        })
    }

    fn cancel(&self, steps: &[Step]) {
        let result = self.recorder.try_atomically(|tx| {
            self.steps(tx, steps)?;
            Err::<(), _>(TxError::Cancel(Cancelled))
        });
        assert!(result.is_err(), "a body that only ever cancels has committed");
    }

    fn snapshot(&self, first: &[usize], second: Option<&[usize]>) {
        let recorder = &self.recorder;
        recorder.snapshot(|tx| {
            let read_all = |tx: &_, variables: &[usize]| {
                variables.iter().try_fold(0, |sum: u64, &x| Ok(sum ^ recorder.read(tx, x, Reading::Clone)?))
            };
            let Some(second) = second else { return read_all(tx, first).map(drop) };
            recorder.choose(
                tx,
                |tx| if read_all(tx, first)? % 2 == 0 { Ok(()) } else { recorder.retry(tx) },
                |tx| read_all(tx, second).map(drop),
            )
        });
    }

    /// Comes to a meeting, and waits until `expected` have come in all.
    fn meet(&self, steps: &[Step], expected: usize) {
        self.recorder.atomically(|tx| {
            self.gate.modify(tx, |come| come + 1)?;
            self.body(tx, steps)
        });
        self.recorder.atomically(|tx| {
            self.body(tx, steps)?;
            if self.gate.read(tx)? < expected { self.recorder.retry(tx) } else { Ok(()) }
        });
    }

    fn steps<'tx>(&self, tx: &Transaction<'tx, '_>, steps: &[Step]) -> TxResult<(), Cancelled>
    where
        'm: 'tx,
    {
        steps.iter().try_for_each(|step| self.step(tx, step))
    }

    fn step<'tx>(&self, tx: &Transaction<'tx, '_>, step: &Step) -> TxResult<(), Cancelled>
    where
        'm: 'tx,
    {
        let recorder = &self.recorder;
        match step {
            Step::Read(x, how) => drop(recorder.read(tx, *x, *how)?),
            Step::Write(x, how) => recorder.write(tx, *x, *how)?,
            Step::OrElse(first, second) => {
                recorder.or_else(tx, |tx| self.steps(tx, first), |tx| self.steps(tx, second))?;
            }
            Step::Nested(inner, undone) => {
                // Undone or not, the transaction goes on.
                let _ = recorder.nested(tx, |tx| {
                    self.steps(tx, inner)?;
                    if *undone { Err(TxError::Cancel(Cancelled)) } else { Ok(()) }
                })?;
            }
            Step::RetryByChance(x) => {
                if recorder.read(tx, *x, Reading::Clone)? % 2 == 0 {
                    recorder.retry(tx)?;
                }
            }
            Step::RestartOnce if tx.attempt_number() == 1 => tx.restart()?,
            Step::RestartOnce => {}
            Step::Pause => thread::yield_now(),
        }
        Ok(())
    }
}
