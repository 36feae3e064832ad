//! A contest whose competitors fail, each in a way of its own: it shows that a report can do without them.

use std::hint::black_box;

use super::{Contest, Field, competitor as who};
use crate::workloads::Contender;

fn nothing(operations: u64) -> u64 {
    for number in 0..operations {
        black_box(number);
    }
    operations
}

/// Does what it is to do.
struct Sound;

impl Contender for Sound {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        nothing(operations)
    }

    fn verify(&self, _operations: u64) {}
}

/// Panics while another thread waits for it.
struct Panics;

impl Contender for Panics {
    fn run(&self, worker: usize, _operations: u64) -> u64 {
        if worker == 0 {
            panic!("a competitor panics");
        }
        loop {
            std::thread::park();
        }
    }

    fn verify(&self, _operations: u64) {}
}

/// Comes to a wrong result.
struct IsWrong;

impl Contender for IsWrong {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        nothing(operations)
    }

    fn verify(&self, _operations: u64) {
        panic!("a competitor is wrong");
    }
}

/// Overflows its stack.
struct Overflows;

/// Not a tail call, however clever the compiler is.
fn deeper(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    let below = if black_box(true) { deeper(depth + 1) } else { 0 };
    below + here[below as usize % here.len()]
}

impl Contender for Overflows {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        deeper(operations)
    }

    fn verify(&self, _operations: u64) {}
}

/// Comes to no end.
struct Hangs;

impl Contender for Hangs {
    fn run(&self, _worker: usize, _operations: u64) -> u64 {
        loop {
            std::thread::park();
        }
    }

    fn verify(&self, _operations: u64) {}
}

fn enter(field: &mut Field<'_>) {
    const TWO: &[usize] = &[2];
    field.enter(who::OURS, TWO, || Box::new(Sound));
    field.enter(who::STD_MUTEX, TWO, || Box::new(Panics));
    field.enter(who::STD_RWLOCK, TWO, || Box::new(IsWrong));
    field.enter(who::PL_MUTEX, TWO, || Box::new(Overflows));
    field.enter(who::ACTOR, TWO, || Box::new(Hangs));
}

/// Not one of [all](super::all): only who asks for it by its whole name gets it.
pub fn contest() -> Contest {
    Contest {
        name: "broken",
        title: "Broken competitors",
        what: "Nothing is done, and all but one fail at that.",
        operation: "nothing",
        baseline: who::PL_MUTEX,
        absent: "",
        losses: "",
        enter,
    }
}
