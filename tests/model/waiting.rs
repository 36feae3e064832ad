//! What a program that retries waits for: the variables whose change lets it run again.

use std::cell::Cell;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stm::try_atomically;

use super::patience::{lose_patience, patience};
use super::play::Play;
use super::program::Program;
use super::world::World;

/// How long a program that should sleep is watched for running again.
const WATCH: Duration = Duration::from_micros(100);

/// Runs `program`, which retries in run number `attempts`, writes the variable of `handle` before it falls asleep, and
/// says whether that makes it run again.
///
/// The write happens in the body, behind its last step: what the program has read is not what it was when the
/// transaction comes to wait for it, so it does not wait. If the variable is none of those it waits for, it sleeps until
/// somebody comes to its rescue. That happens after a moment if `awaits` is false, as then it should sleep, and else
/// after a long time.
pub(crate) fn runs_again(world: &World, program: &Program, handle: usize, attempts: u32, awaits: bool) -> bool {
    let (rolled_back, undone) = mpsc::channel();
    let (over, ended) = mpsc::channel::<()>();
    let play = Play::new(world, true);
    let rescued = Cell::new(false);
    let patience = patience();
    thread::scope(|scope| {
        scope.spawn(move || {
            let patience = if awaits {
                patience
            } else {
                // Its sender lives until the program is undone, just before it sleeps.
                let _ = undone.recv();
                WATCH
            };
            if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                world.anchor.store(1);
            }
        });
        let ended_by = try_atomically(|tx| {
            if tx.attempt_number() > attempts {
                rescued.set(world.anchor.read(tx)? != 0);
                return Ok(());
            }
            let result = play.body(tx, &program.0);
            if tx.attempt_number() == attempts {
                if let Some(variable) = world.get(handle) {
                    variable.store(variable.load());
                }
                let rolled_back = rolled_back.clone();
                tx.on_rollback(move || {
                    let _ = rolled_back.send(());
                });
            }
            result
        });
        assert_eq!(ended_by, Ok(()), "a program that waits neither commits nor cancels");
        drop((over, rolled_back));
    });
    world.anchor.store(0);
    if awaits && rescued.get() {
        lose_patience();
    }
    !rescued.get()
}
