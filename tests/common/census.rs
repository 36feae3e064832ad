//! Values that are counted when they are made and when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts the live values it handed out.
#[derive(Clone, Debug, Default)]
pub struct Census {
    live: Arc<AtomicIsize>,
}

impl Census {
    /// Creates a census that counts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one counted value.
    pub fn value(&self, payload: u64) -> Counted {
        self.live.fetch_add(1, Ordering::SeqCst);
        Counted { payload, census: self.clone() }
    }

    /// Returns how many values were created and not dropped yet.
    pub fn live(&self) -> isize {
        self.live.load(Ordering::SeqCst)
    }

    /// Collects garbage until exactly `expected` values are live, and checks that it stays so.
    ///
    /// Other tests of the same binary may hold back reclamation for as long as one of their transactions takes, and a million
    /// values take their time: it gives up when nothing has been dropped for some seconds.
    #[track_caller]
    pub fn settle(&self, expected: usize) {
        let expected = isize::try_from(expected).expect("a test's count fits");
        let (mut least, mut idle) = (self.live(), 0);
        while self.live() > expected && idle < 20_000 {
            stm::collect();
            thread::sleep(Duration::from_millis(1));
            idle = if self.live() < least { 0 } else { idle + 1 };
            least = least.min(self.live());
        }
        // A value dropped twice, or too early, shows as too few live ones.
        for _ in 0..8 {
            stm::collect();
        }
        assert_eq!(self.live(), expected, "values created and not dropped");
    }
}

/// A value its [`Census`] counts; clones count as values of their own.
#[derive(Debug)]
pub struct Counted {
    /// What tells one value from another.
    pub payload: u64,
    census: Census,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.value(self.payload)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.live.fetch_sub(1, Ordering::SeqCst);
    }
}
