//! The variables that scenarios work on, and what must be true of them after a fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use common::{Census, Clash, Counted, elsewhere};
use stm::probe::{self, Point};
use stm::{StmResult, TCell, TVar, Transaction, atomically, options};

/// More variables than a write log scans.
pub(crate) const NUMBERS: usize = 12;
pub(crate) const TEXTS: usize = 2;

/// Every variable starts as 0.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) numbers: Vec<TVar<u64>>,
    /// Boxed, and counted.
    pub(crate) texts: Vec<TVar<Counted>>,
    /// Nobody has used it yet.
    pub(crate) cell: TCell<u64>,
    /// Not looked at afterwards: other threads may write it meanwhile.
    pub(crate) gate: TVar<u64>,
    pub(crate) clash: Clash,
    pub(crate) census: Census,
    /// The scenario's thread is about to block.
    pub(crate) blocked: Arc<AtomicBool>,
    /// The scenario is over.
    pub(crate) over: AtomicBool,
    pub(crate) hooks: Arc<Hooks>,
}

/// Pairs of hooks: of each pair one must run.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) registered: AtomicU32,
    pub(crate) committed: AtomicU32,
    pub(crate) undone: AtomicU32,
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::SeqCst);
}

impl Stage {
    pub(crate) fn new() -> Self {
        let census = Census::new();
        Self {
            numbers: (0..NUMBERS).map(|_| TVar::new(0)).collect(),
            texts: (0..TEXTS).map(|_| TVar::new(census.value(0))).collect(),
            cell: TCell::new(0),
            gate: TVar::new(0),
            clash: Clash::new(),
            census,
            blocked: Arc::default(),
            over: AtomicBool::new(false),
            hooks: Arc::default(),
        }
    }

    /// Registers a pair of hooks.
    pub(crate) fn hook(&self, tx: &Transaction<'_, '_>) {
        let (commit, rollback) = (Arc::clone(&self.hooks), Arc::clone(&self.hooks));
        tx.on_commit(move || count(&commit.committed));
        tx.on_rollback(move || count(&rollback.undone));
        count(&self.hooks.registered);
    }

    /// Adds 1 to a number.
    pub(crate) fn bump(&self, tx: &Transaction<'_, '_>, index: usize) -> StmResult<()> {
        self.numbers[index].modify(tx, |n| n + 1)
    }

    /// Gives a boxed variable a new value.
    pub(crate) fn rewrite(&self, tx: &Transaction<'_, '_>, index: usize) -> StmResult<()> {
        let payload = self.texts[index].with(tx, |text| text.payload)?;
        self.texts[index].write(tx, self.census.value(payload + 1))
    }

    /// The committed values, each by itself.
    pub(crate) fn state(&self) -> Vec<u64> {
        let numbers = self.numbers.iter().map(TVar::load);
        numbers.chain(self.texts.iter().map(|text| text.load().payload)).chain([self.cell.load()]).collect()
    }

    /// Reads and writes everything in one transaction.
    pub(crate) fn touch_all(&self) {
        atomically(|tx| {
            for index in 0..NUMBERS {
                self.bump(tx, index)?;
            }
            for index in 0..TEXTS {
                self.rewrite(tx, index)?;
            }
            self.cell.modify(tx, |n| n + 1)
        });
    }

    /// Checks that no variable is locked or damaged: all of them hold `expected`, this thread and others can go on with
    /// them, and another can have the token.
    #[track_caller]
    pub(crate) fn assert_usable(&self, expected: &[u64]) {
        assert_eq!(elsewhere(|| self.state()), expected);
        self.touch_all();
        elsewhere(|| self.touch_all());
        let runs = elsewhere(|| {
            let clash = Clash::new();
            options().promote_after(2).run(|tx| {
                if tx.attempt_number() == 1 {
                    clash.at_commit(tx)?;
                }
                (0..NUMBERS).try_for_each(|index| self.bump(tx, index))?;
                Ok(tx.attempt_number())
            })
        });
        assert_eq!(runs, Ok(2), "a promoted run was to commit");
        let state = elsewhere(|| self.state());
        for (index, (now, before)) in state.iter().zip(expected).enumerate() {
            let added = if index < NUMBERS { 3 } else { 2 };
            assert_eq!(now - before, added, "variable {index}");
        }
    }
}

/// Someone who waits for the first number or the first text to change.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    runs: AtomicU32,
    blocked: AtomicU32,
}

impl Waiter {
    /// Waits on another thread of `scope`; returns when it is about to block.
    pub(crate) fn start<'s>(
        self: &Arc<Self>,
        stage: &'s Stage,
        scope: &'s thread::Scope<'s, '_>,
    ) -> thread::ScopedJoinHandle<'s, ()> {
        let (waiter, blocked) = (Arc::clone(self), Arc::clone(self));
        let handle = scope.spawn(move || {
            probe::set(move |point| {
                if point == Point::Block {
                    blocked.blocked.fetch_add(1, Ordering::SeqCst);
                }
            });
            atomically(|tx| {
                waiter.runs.fetch_add(1, Ordering::SeqCst);
                let number = stage.numbers[0].read(tx)?;
                let text = stage.texts[0].with(tx, |text| text.payload)?;
                tx.check(number > 0 || text > 0)
            });
        });
        while self.blocked.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        handle
    }

    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

/// Ends a [`Waiter`] when it is dropped: a check that fails must not leave the test hanging.
#[derive(Debug)]
pub(crate) struct Releases<'s>(pub(crate) &'s Stage);

impl Drop for Releases<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.numbers[0].store(1);
        }
    }
}
