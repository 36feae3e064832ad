//! What is counted, and the targets for it.

use parking_lot::Mutex;
use stm::{TCell, TVar};

use super::structures;
use stm_benches::workloads::Contender;
use stm_benches::workloads::accounts::{self, CoarseMutex, OrderedMutexes, Transfers, Visits};
use stm_benches::workloads::aftermath::{AfterSnapshot, Aftermath};
use stm_benches::workloads::counters::Increments;
use stm_benches::workloads::empty::{Empty, FastEmpty, Loop};
use stm_benches::workloads::reads::{InSnapshot, InTransaction, Loaded, Many, ReadAll, Single};
use stm_benches::workloads::texts::{self, ReadTen, SwapAny, SwapTwo};
use stm_benches::workloads::wide::{ReadWide, WriteWide};
use stm_benches::workloads::write_sets::WriteSets;

type FastVar = fast_stm::TVar<u64>;
type Accounts<V> = accounts::Transactional<V>;

/// Builds a contender. Late, so that no row's memory is in another's way.
pub(crate) type Build = fn() -> Box<dyn Contender>;

/// What a row's instructions are held against.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Open,
    /// At most `reach` is owed, at most `aim` is good.
    AtMost {
        reach: f64,
        aim: f64,
    },
    /// As many as the row of this name takes.
    SameAs(&'static str),
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) build: Build,
    /// Count only what this row takes more than the contender here, divided by the number of steps that it takes more.
    pub(crate) beyond: Option<(Build, f64)>,
    /// The two numbers of operations whose difference is counted.
    pub(crate) operations: [u64; 2],
    pub(crate) limit: Limit,
    /// False where nothing may be allocated once warm: reads, and writes of inline values.
    pub(crate) allocates: bool,
}

impl Row {
    pub(crate) fn new(name: &'static str, build: Build) -> Self {
        Self {
            name,
            build,
            beyond: None,
            // Apart by a multiple of every batch size in the runtime.
            operations: [2_048, 10_240],
            limit: Limit::Open,
            allocates: false,
        }
    }

    fn at_most(self, reach: f64, aim: f64) -> Self {
        let limit = Limit::AtMost { reach, aim };
        Self { limit, ..self }
    }

    pub(crate) fn allocates(self) -> Self {
        Self { allocates: true, ..self }
    }

    /// One more read of a transaction: so many that the loop's ends vanish, so few that they stay in the first cache.
    fn further_read<S: ReadAll + 'static>(name: &'static str) -> Self {
        let base: Build = || Box::new(Many::<S, 1>::new());
        Self { beyond: Some((base, 100.0)), ..Self::new(name, || Box::new(Many::<S, 101>::new())) }
    }

    fn write_set<const SIZE: usize>(name: &'static str) -> Self {
        Self {
            // One pass over all variables, and three.
            operations: [100_000, 300_000],
            ..Self::new(name, || Box::new(WriteSets::<TVar<u64>, SIZE>::new()))
        }
    }
}

/// All rows, in the order of the table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows =
        vec![Row::new("the measuring loop", || Box::new(Loop)), Row::new("empty transaction", || Box::new(Empty))];
    rows.extend(reads());
    rows.extend(writes());
    rows.extend(boxed());
    rows.extend(structures::rows());
    rows.extend(peers());
    rows
}

fn reads() -> Vec<Row> {
    vec![
        Row::new("load outside, TVar", || Box::new(Single::<Loaded<TVar<u64>>>::new())),
        Row::new("load outside, TCell", || Box::new(Single::<Loaded<TCell<u64>>>::new())),
        Row::new("read 1, TVar", || Box::new(Single::<InTransaction<TVar<u64>>>::new())).at_most(90.0, 70.0),
        Row::new("read 1, TCell", || Box::new(Single::<InTransaction<TCell<u64>>>::new())).at_most(90.0, 70.0),
        Row::new("read 1, TVar, read-only", || Box::new(Single::<InSnapshot<TVar<u64>>>::new())),
        Row::new("read 1, TCell, read-only", || Box::new(Single::<InSnapshot<TCell<u64>>>::new())),
        Row::further_read::<InTransaction<TVar<u64>>>("each further read, TVar").at_most(27.0, 22.0),
        Row::further_read::<InTransaction<TCell<u64>>>("each further read, TCell").at_most(27.0, 22.0),
        Row::further_read::<InSnapshot<TVar<u64>>>("each further read, TVar, read-only").at_most(20.0, 16.0),
        Row::further_read::<InSnapshot<TCell<u64>>>("each further read, TCell, read-only").at_most(20.0, 16.0),
    ]
}

fn writes() -> Vec<Row> {
    const INCREMENT: &str = "increment, TVar";
    const TRANSFER: &str = "transfer, TVar";
    vec![
        Row::new(INCREMENT, || Box::new(Increments::<TVar<u64>>::new())).at_most(190.0, 130.0),
        Row::new("increment, TCell", || Box::new(Increments::<TCell<u64>>::new())).at_most(190.0, 130.0),
        Row {
            limit: Limit::SameAs(INCREMENT),
            // Its history has threads, whose instructions vary a little from run to run: more operations drown them.
            operations: [2_048, 526_336],
            ..Row::new("increment, TVar, once waited for", || Box::new(Aftermath::new()))
        },
        Row::new(TRANSFER, || Box::new(Transfers::<Accounts<TVar<u64>>>::new())).at_most(320.0, 200.0),
        Row {
            limit: Limit::SameAs(TRANSFER),
            ..Row::new("transfer, TVar, by `atomically!`", || {
                Box::new(Transfers::<accounts::MacroForm<TVar<u64>>>::new())
            })
        },
        Row {
            limit: Limit::SameAs(TRANSFER),
            ..Row::new("transfer, TVar, after a snapshot", || {
                Box::new(AfterSnapshot::new(Transfers::<Accounts<TVar<u64>>>::new()))
            })
        },
        Row::new("transfer, TCell", || Box::new(Transfers::<Accounts<TCell<u64>>>::new())).at_most(320.0, 200.0),
        Row::new("read-mostly, TVar", || Box::new(Visits::<Accounts<TVar<u64>>>::new())),
        Row::new("read-mostly, TCell", || Box::new(Visits::<Accounts<TCell<u64>>>::new())),
        Row::write_set::<10>("each write of sets of 10, TVar"),
        Row::write_set::<1000>("each write of sets of 1000, TVar"),
        Row::write_set::<100_000>("each write of sets of 100,000, TVar"),
    ]
}

fn boxed() -> Vec<Row> {
    vec![
        Row::new("boxed read", || Box::new(ReadWide::new())),
        Row::new("boxed write", || Box::new(WriteWide::new())).allocates(),
        Row::new("10 Strings by reference", || Box::new(ReadTen::<texts::Transactional>::new())),
        Row::new("swap of 2 Strings", || Box::new(SwapTwo::<texts::Transactional>::new())).allocates(),
        Row::new("swap of 2 of 1024 Strings", || Box::new(SwapAny::<texts::Transactional>::new())).allocates(),
    ]
}

fn peers() -> Vec<Row> {
    let mutexes = [
        Row::new("pl-mutex: read 1", || Box::new(Single::<Mutex<u64>>::new())),
        Row::new("pl-mutex: increment", || Box::new(Increments::<Mutex<u64>>::new())),
        Row::new("two ordered pl-mutexes: transfer", || Box::new(Transfers::<OrderedMutexes>::new())),
        Row::new("one coarse pl-mutex: read-mostly", || Box::new(Visits::<CoarseMutex>::new())),
    ];
    let fast_stm = [
        Row::new("fast-stm: empty transaction", || Box::new(FastEmpty)),
        Row::new("fast-stm: read 1", || Box::new(Single::<FastVar>::new())),
        Row::new("fast-stm: increment", || Box::new(Increments::<FastVar>::new())),
        Row::new("fast-stm: transfer", || Box::new(Transfers::<accounts::FastStm>::new())),
        Row::new("fast-stm: 10 Strings by clone", || Box::new(ReadTen::<texts::FastStm>::new())),
        Row::new("fast-stm: swap of 2 Strings", || Box::new(SwapTwo::<texts::FastStm>::new())),
    ];
    let fast_stm = fast_stm.map(Row::allocates);
    mutexes.into_iter().chain(fast_stm).collect()
}
