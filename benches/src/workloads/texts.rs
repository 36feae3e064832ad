//! Strings, which live behind a pointer: read by reference, and swapped.

use std::hint::black_box;

use stm::TVar;

use super::Contender;
use super::keys::{CHOICES, XorShift};

/// Text number `number`: as long as a name or a path, longer than any inline buffer.
pub fn text(number: usize) -> String {
    format!("{number:032}")
}

/// A system that keeps texts.
pub trait Texts: Sync {
    fn new(count: usize) -> Self;

    /// Returns the sum of the last bytes of all texts, read in one transaction in the cheapest way the system has.
    fn read_all(&self) -> u64;

    fn swap(&self, first: usize, second: usize);

    fn contents(&self) -> Vec<String>;
}

pub fn last_byte(text: &str) -> u64 {
    u64::from(text.as_bytes()[text.len() - 1])
}

/// Texts in transactional variables.
pub struct Transactional(Vec<TVar<String>>);

impl Texts for Transactional {
    fn new(count: usize) -> Self {
        Self((0..count).map(|number| TVar::new(text(number))).collect())
    }

    #[inline]
    fn read_all(&self) -> u64 {
        stm::atomically(|tx| {
            let mut sum = 0;
            for variable in &self.0 {
                sum += last_byte(&variable.read_ref(tx)?);
            }
            Ok(sum)
        })
    }

    #[inline]
    fn swap(&self, first: usize, second: usize) {
        stm::atomically(|tx| {
            let left = self.0[first].read(tx)?;
            let right = self.0[second].read(tx)?;
            self.0[first].write(tx, right)?;
            self.0[second].write(tx, left)
        });
    }

    fn contents(&self) -> Vec<String> {
        self.0.iter().map(TVar::load).collect()
    }
}

/// Texts in fast-stm's variables, which a transaction can only read by cloning the value.
pub struct FastStm(Vec<fast_stm::TVar<String>>);

impl Texts for FastStm {
    fn new(count: usize) -> Self {
        let texts = (0..count).map(text);
        Self(texts.map(fast_stm::TVar::new).collect())
    }

    #[inline]
    fn read_all(&self) -> u64 {
        fast_stm::atomically(|tx| {
            let mut sum = 0;
            for variable in &self.0 {
                sum += last_byte(&variable.read(tx)?);
            }
            Ok(sum)
        })
    }

    #[inline]
    fn swap(&self, first: usize, second: usize) {
        fast_stm::atomically(|tx| {
            let left = self.0[first].read(tx)?;
            let right = self.0[second].read(tx)?;
            self.0[first].write(tx, right)?;
            self.0[second].write(tx, left)
        });
    }

    fn contents(&self) -> Vec<String> {
        self.0.iter().map(fast_stm::TVar::read_atomic).collect()
    }
}

/// Transactions that read ten texts.
pub struct ReadTen<S> {
    texts: S,
}

impl<S: Texts> ReadTen<S> {
    const COUNT: usize = 10;
    /// The last bytes of the texts are the digits.
    const SUM: u64 = Self::COUNT as u64 * b'0' as u64 + 45;

    pub fn new() -> Self {
        Self { texts: S::new(Self::COUNT) }
    }
}

impl<S: Texts> Contender for ReadTen<S> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for _ in 0..operations {
            sum += black_box(&self.texts).read_all();
        }
        assert_eq!(sum, operations * Self::SUM, "a text was read wrongly");
        operations
    }

    fn verify(&self, _operations: u64) {
        assert!((0..Self::COUNT).map(text).eq(self.texts.contents()));
    }
}

/// Swaps of the only two texts there are.
pub struct SwapTwo<S> {
    texts: S,
}

impl<S: Texts> SwapTwo<S> {
    pub fn new() -> Self {
        Self { texts: S::new(2) }
    }
}

impl<S: Texts> Contender for SwapTwo<S> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        for _ in 0..operations {
            black_box(&self.texts).swap(0, 1);
        }
        operations
    }

    fn verify(&self, operations: u64) {
        let mut expected = vec![text(0), text(1)];
        if operations % 2 == 1 {
            expected.reverse();
        }
        assert_eq!(self.texts.contents(), expected, "a swap was lost");
    }
}

/// Swaps of two random texts of many.
pub struct SwapAny<S> {
    texts: S,
}

impl<S: Texts> SwapAny<S> {
    pub fn new() -> Self {
        Self { texts: S::new(CHOICES) }
    }
}

impl<S: Texts> Contender for SwapAny<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            let (first, second) = keys.pair();
            black_box(&self.texts).swap(first, second);
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        let mut contents = self.texts.contents();
        contents.sort_unstable();
        assert!((0..CHOICES).map(text).eq(contents), "a text was lost or doubled");
    }
}
