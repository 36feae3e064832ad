//! Two workers that wait for each other in turn.

use std::sync::{Condvar, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Team;
use crate::workloads::variable::Variable;

/// A turn that two sides hand to each other.
pub trait Turns: Sync {
    /// It is the turn of side 0.
    fn new() -> Self;
    /// Waits for this side's turn and hands it to the other side.
    fn pass(&self, side: usize);
}

/// A variable that says whose turn it is; whoever's it is not retries.
pub struct Transactional<V>(V);

impl<V: Variable> Turns for Transactional<V> {
    fn new() -> Self {
        Self(V::new(0))
    }

    fn pass(&self, side: usize) {
        let side = side as u64;
        stm::atomically(|tx| {
            tx.check(self.0.read(tx)? == side)?;
            self.0.write(tx, 1 - side)
        });
    }
}

/// The same in fast-stm's variable.
pub struct FastStm(fast_stm::TVar<u64>);

impl Turns for FastStm {
    fn new() -> Self {
        Self(fast_stm::TVar::new(0))
    }

    fn pass(&self, side: usize) {
        let side = side as u64;
        fast_stm::atomically(|tx| {
            fast_stm::guard(self.0.read(tx)? == side)?;
            self.0.write(tx, 1 - side)
        });
    }
}

/// The same under the standard library's mutex and condition variable.
pub struct Locked(Mutex<usize>, Condvar);

impl Turns for Locked {
    fn new() -> Self {
        Self(Mutex::new(0), Condvar::new())
    }

    fn pass(&self, side: usize) {
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turn = self.1.wait_while(turn, |turn| *turn != side).unwrap_or_else(PoisonError::into_inner);
        *turn = 1 - side;
        drop(turn);
        self.1.notify_one();
    }
}

/// A channel with room for one each way. The one to side 0 starts with a message in it.
pub struct Channels([(Sender<()>, Receiver<()>); 2]);

impl Turns for Channels {
    fn new() -> Self {
        let channels = [bounded(1), bounded(1)];
        channels[0].0.send(()).expect("the receiver is here");
        Self(channels)
    }

    fn pass(&self, side: usize) {
        self.0[side].1.recv().expect("the sender is here");
        self.0[1 - side].0.send(()).expect("the receiver is here");
    }
}

/// Round trips between two workers: both pass the turn on as often.
pub struct PingPong<S>(S);

impl<S: Turns> PingPong<S> {
    pub fn new() -> Self {
        Self(S::new())
    }
}

impl<S: Turns> Team for PingPong<S> {
    /// Counts round trips: those of side 0. That it returns at all is the proof that no wake-up was lost and no turn
    /// taken twice: either would leave one side waiting.
    fn run(&self, worker: usize, operations: u64) -> u64 {
        (0..operations).for_each(|_| self.0.pass(worker));
        if worker == 0 { operations } else { 0 }
    }

    fn verify(&self, _operations: u64) {
        // Back at side 0, where it started.
        self.0.pass(0);
        self.0.pass(1);
    }
}
