//! Threads that end by a panic: in a body, in a hook, with the token, or registered as a waiter. Those who wait are
//! woken by whoever writes next, and nothing of the ended thread is left in anybody's way.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::{Census, Clash, Counted, Runs, elsewhere, scaled, watchdog};
use stm::probe::{self, Point};
use stm::{StmResult, TVar, Transaction, atomically, options};

use crate::inject::Injected;
use crate::{alone, heap};

struct Scene {
    /// What others wait for. Nobody who ends by a panic makes it 1.
    awaited: TVar<u64>,
    text: TVar<Counted>,
    /// Nobody ever writes it.
    quiet: TVar<u64>,
    census: Census,
}

impl Scene {
    fn new() -> Self {
        let census = Census::new();
        Self { awaited: TVar::new(0), text: TVar::new(census.value(0)), quiet: TVar::new(0), census }
    }

    fn spoil(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.awaited.write(tx, 99)?;
        self.text.write(tx, self.census.value(99))
    }

    /// Runs until it is promoted, and goes on with `then`.
    fn promoted<T>(&self, then: impl Fn(&Transaction<'_, '_>) -> StmResult<T>) -> T {
        let clash = Clash::new();
        let result = options().promote_after(2).run(|tx| {
            self.spoil(tx)?;
            if tx.attempt_number() == 1 {
                clash.at_commit(tx)?;
            }
            then(tx)
        });
        result.expect("nothing bounds the attempts")
    }

    /// Waits for what never comes, and panics at `step`.
    fn wait_until(&self, step: Point) {
        probe::set(move |point| {
            if point == step && !thread::panicking() {
                end();
            }
        });
        atomically(|tx| {
            self.spoil(tx)?;
            let text = self.text.with(tx, |text| text.payload)?;
            tx.check(self.awaited.read(tx)? + text + self.quiet.read(tx)? == 1)
        });
    }
}

/// Panics, without a message on the terminal.
fn end() -> ! {
    resume_unwind(Box::new(Injected(Point::Settle)))
}

/// A way for a thread to end: its name, and what the thread does.
type End = (&'static str, fn(&Scene));

const ENDS: [End; 10] = [
    ("in a body", |scene| {
        atomically(|tx| {
            scene.spoil(tx)?;
            end()
        })
    }),
    ("in a branch", |scene| {
        atomically(|tx| {
            tx.or_else(
                |tx| {
                    scene.spoil(tx)?;
                    tx.retry()
                },
                |tx| {
                    scene.spoil(tx)?;
                    end()
                },
            )
        })
    }),
    ("in a hook behind the commit", |scene| {
        atomically(|tx| {
            tx.on_commit(|| end());
            scene.text.write(tx, scene.census.value(1))
        });
    }),
    ("in a hook of an undone run", |scene| {
        atomically(|tx| {
            scene.spoil(tx)?;
            tx.on_rollback(|| end());
            if tx.attempt_number() == 1 { tx.restart() } else { Ok(()) }
        });
    }),
    ("in a hook that runs when the thread is registered already", |scene| {
        atomically(|tx| {
            tx.on_rollback(|| end());
            tx.check(scene.awaited.read(tx)? + scene.quiet.read(tx)? == 1)
        });
    }),
    ("with the token", |scene| scene.promoted(|_| end())),
    ("in a hook behind a promoted run", |scene| {
        scene.promoted(|tx| {
            scene.awaited.write(tx, 0)?;
            tx.on_commit(|| end());
            Ok(())
        });
    }),
    ("about to register", |scene| scene.wait_until(Point::Register)),
    ("about to arm a variable", |scene| scene.wait_until(Point::Arm)),
    ("about to block", |scene| scene.wait_until(Point::Block)),
];

/// Runs `act` on a thread that ends by its panic.
#[track_caller]
fn ends(scene: &Scene, act: fn(&Scene)) {
    let result = thread::scope(|scope| scope.spawn(|| act(scene)).join());
    assert!(result.expect_err("it panics").is::<Injected>());
}

#[test]
fn whoever_waits_is_woken_by_the_next_writer_however_others_end() {
    let (_alone, _watchdog) = (alone(), watchdog());
    for (name, act) in ENDS {
        println!("{name}");
        let (scene, runs) = (Scene::new(), Runs::default());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    atomically(|tx| {
                        runs.count();
                        scene.text.with(tx, |_| ())?;
                        tx.check(scene.awaited.read(tx)? == 1)
                    });
                });
            }
            runs.let_them_sleep(3);
            for _ in 0..3 {
                ends(&scene, act);
            }
            elsewhere(|| atomically(|tx| scene.awaited.write(tx, 1)));
        });
        // Nothing stays locked, and the token is free.
        elsewhere(|| scene.promoted(|_| Ok(())));
        scene.census.settle(1);
    }
}

/// Neither in the table of waiters, nor in logs, nor in the queue for the token.
#[test]
fn threads_that_end_by_panic_leave_no_memory_behind() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let scene = Scene::new();
    let rounds = AtomicU32::new(0);
    let all_ends = |times: usize| {
        for _ in 0..times {
            ENDS.iter().for_each(|&(_, act)| ends(&scene, act));
            scene.awaited.store(0);
            // What ended threads have left does not pile up.
            scene.census.settle(1);
            rounds.fetch_add(1, Ordering::SeqCst);
        }
        heap::live()
    };
    let before = all_ends(20);
    let grown = all_ends(scaled(300)) - before;
    // A waiter that stayed in the table would be some hundred bytes, and there were hundreds of them.
    assert!(grown < 10_000, "{grown} bytes more after {} rounds", rounds.load(Ordering::SeqCst));
}
