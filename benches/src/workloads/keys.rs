//! Random choices, the same for every system.

/// How many accounts, or texts, a workload picks from.
pub const CHOICES: usize = 1024;

/// Marsaglia's xorshift64: three shifts, so that choosing keys stays small beside what is measured.
pub struct XorShift(u64);

impl XorShift {
    /// Creates a generator whose sequence depends on `stream` alone, so every system meets the same keys.
    #[inline]
    pub fn new(stream: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * stream as u64 + 1))
    }

    #[inline]
    pub fn next_number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Chooses two different keys.
    #[inline]
    pub fn pair(&mut self) -> (usize, usize) {
        let random = self.next_number() as usize;
        let first = random % CHOICES;
        let second = (random >> 32) % CHOICES;
        (first, (second + usize::from(first == second)) % CHOICES)
    }

    /// Chooses the keys of one read-mostly transaction, and whether it writes.
    #[inline]
    pub fn visit(&mut self) -> Visit {
        let random = self.next_number();
        Visit {
            start: random as usize % CHOICES,
            // Odd, so that all keys of one visit differ.
            stride: ((random >> 10) as usize % CHOICES) | 1,
            writes: (random >> 32) * 10 < 1 << 32,
        }
    }
}

/// The keys of one read-mostly transaction: an arithmetic progression, so that they cost no memory and no second generator.
#[derive(Clone, Copy)]
pub struct Visit {
    start: usize,
    stride: usize,
    /// True for one visit in ten: it also moves one unit from its first to its second key.
    pub writes: bool,
}

impl Visit {
    /// How many keys a visit reads.
    pub const READS: usize = 16;

    /// Returns key number `step`.
    #[inline]
    pub fn key(self, step: usize) -> usize {
        (self.start + step * self.stride) % CHOICES
    }
}
