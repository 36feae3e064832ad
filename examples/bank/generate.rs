//! Writes ledgers: the same shape gives the same file everywhere.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What a generated ledger looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of transfers.
    pub rows: u64,
    /// The number of accounts they are drawn from. A short ledger does not mention all of them.
    pub accounts: u64,
    /// Chooses one of the ledgers of this shape.
    pub seed: u64,
}

/// The largest amount of a generated row.
const LARGEST: u64 = 100;

/// One row in this many is the reversal of another: its amount is negative.
const REVERSAL: u64 = 10;

/// Writes a ledger to `out`, header first.
///
/// Some accounts are much busier than others, as in real ledgers, so that transactions do meet.
pub fn generate(shape: &Shape, out: &mut impl Write) -> io::Result<()> {
    let mut random = SplitMix(shape.seed);
    writeln!(out, "from,to,amount")?;
    for _ in 0..shape.rows {
        let from = 1 + random.skewed(shape.accounts);
        let to = 1 + random.skewed(shape.accounts);
        let sign = if random.below(REVERSAL) == 0 { "-" } else { "" };
        let amount = 1 + random.below(LARGEST);
        writeln!(out, "{from},{to},{sign}{amount}")?;
    }
    Ok(())
}

/// Writes a ledger to the file at `path`, over what is there.
pub fn generate_file(shape: &Shape, path: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    generate(shape, &mut out)?;
    out.flush()
}

/// The SplitMix64 generator. A generator from a crate may change with its versions; this one gives the same ledgers for ever.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, each with the same probability.
    fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }

    /// A number below `bound`, low ones more often: the product of two uniform fractions.
    fn skewed(&mut self, bound: u64) -> u64 {
        let product = (self.next() >> 32) * (self.next() >> 32);
        scale(product, bound)
    }
}

/// Multiplies the fraction `fraction / 2^64` by `bound`.
fn scale(fraction: u64, bound: u64) -> u64 {
    ((u128::from(fraction) * u128::from(bound)) >> 64) as u64
}
