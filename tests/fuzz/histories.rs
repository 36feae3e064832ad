//! Turns bytes into a program of transactions for two or three threads, runs it, and checks its history.
//!
//! The bytes choose what the threads do and at which steps of the library they are slow, and the fuzzer keeps those that
//! reach code no others have reached. How the threads meet is still a matter of chance, so each program is run several
//! times over, and a file that once failed may have to be run often: `.ci/fuzz --replay FILE`.

#![no_main]

use std::hint::spin_loop;

use common::history::{Choices, Program, Size, check, play_with};
use libfuzzer_sys::fuzz_target;
use stm::probe;

/// How often each thread does what it has to do.
const TIMES: usize = 8;

/// Each choice takes a byte; when there are none left, the first alternative is taken.
struct Bytes<'d> {
    rest: &'d [u8],
}

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        usize::from(first) % bound
    }

    fn is_exhausted(&self) -> bool {
        self.rest.is_empty()
    }
}

fn size(choices: &mut Bytes<'_>) -> Size {
    let variables = 1 + choices.below(12);
    Size {
        threads: 2 + choices.below(2),
        variables,
        hot: 1 + choices.below(variables),
        actions: 100,
        apart: 2 + choices.below(8),
        longest: [4, 10, 30][choices.below(3)],
    }
}

/// A step at which a thread is slow, and how slow.
#[derive(Clone, Copy, Debug)]
struct Delay {
    point: usize,
    spins: usize,
}

impl Delay {
    fn draw(choices: &mut Bytes<'_>) -> Self {
        // There are 18 steps, so nearly half of these are none. From nothing to some microseconds.
        Self { point: choices.below(32), spins: (1 << choices.below(8)) - 1 }
    }

    /// Makes the running thread slow.
    fn set(self) {
        probe::set(move |point| {
            if point as usize == self.point {
                (0..self.spins).for_each(|_| spin_loop());
            }
        });
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Bytes { rest: data };
    let size = size(&mut choices);
    let delays = [(); 3].map(|()| Delay::draw(&mut choices));
    let mut program = Program::draw(&mut choices, size);
    for thread in &mut program.threads {
        *thread = (0..TIMES).flat_map(|_| thread.clone()).collect();
    }
    let history = play_with(&program, |thread| delays[thread].set());
    if let Err(violation) = check(&history) {
        program.threads.iter_mut().for_each(|thread| thread.truncate(thread.len() / TIMES));
        panic!("{violation}\nwith {delays:?} in {TIMES} times {program:?}");
    }
});
