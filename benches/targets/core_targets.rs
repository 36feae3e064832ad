//! The targets of the core: which contender is held against which peer, and how far.

use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use stm::{TCell, TVar};

use stm_benches::measure::trial::Limit::{AtLeast, AtMost, Nanoseconds, Open};
use stm_benches::measure::trial::{Build, Trial};
use stm_benches::workloads::accounts::{self, CoarseMutex, OrderedMutexes, Transfers, Visits};
use stm_benches::workloads::aftermath::Aftermath;
use stm_benches::workloads::counters::Increments;
use stm_benches::workloads::empty::{Empty, FastEmpty, Loop};
use stm_benches::workloads::reads::{InSnapshot, InTransaction, Loaded, Many, Single};
use stm_benches::workloads::texts::{self, ReadTen, SwapAny, SwapTwo};
use stm_benches::workloads::wide::{ReadWide, WriteWide};
use stm_benches::workloads::write_sets::WriteSets;

type FastVar = fast_stm::TVar<u64>;
type Accounts<V> = accounts::Transactional<V>;

const T_VAR: &str = "TVar";
const T_CELL: &str = "TCell";
const FAST: &str = "fast-stm";
const MUTEX: &str = "pl-mutex";
const ONE: &[usize] = &[1];
const TWO: &[usize] = &[2];
const BOTH: &[usize] = &[1, 2];

/// All trials, in the order of the table.
pub(crate) const TRIALS: &[(&str, Build)] = &[
    ("read 1", read_one),
    ("load outside", load),
    ("read 100", || read_many::<100>(30.0)),
    ("read 1000", || read_many::<1000>(50.0)),
    ("increment", increment),
    ("own counters", own_counters),
    ("transfer, 1024 accounts", transfer),
    ("read-mostly", read_mostly),
    ("String by reference x10", read_texts),
    ("swap of the same 2 Strings", swap_two),
    ("swap of 2 of 1024 Strings", swap_any),
    ("write set, time per write", write_sets),
    ("empty transaction", empty),
    ("64 bytes, boxed", wide),
];

fn read_one() -> Trial {
    let mut trial = Trial::new()
        .contender(T_VAR, Single::<InTransaction<TVar<u64>>>::new(), ONE)
        .contender(T_CELL, Single::<InTransaction<TCell<u64>>>::new(), ONE)
        .contender(MUTEX, Single::<Mutex<u64>>::new(), ONE)
        .contender(FAST, Single::<FastVar>::new(), ONE);
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (MUTEX, 1), AtMost(1.0), AtMost(0.7)).target(
            (ours, 1),
            (FAST, 1),
            AtLeast(15.0),
            Open,
        );
    }
    trial
}

fn load() -> Trial {
    let mut trial = Trial::new()
        .contender(T_VAR, Single::<Loaded<TVar<u64>>>::new(), ONE)
        .contender(T_CELL, Single::<Loaded<TCell<u64>>>::new(), ONE)
        .contender(MUTEX, Single::<Mutex<u64>>::new(), ONE);
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (MUTEX, 1), AtMost(0.35), Nanoseconds(1.0));
    }
    trial
}

fn read_many<const N: usize>(factor: f64) -> Trial {
    const T_VAR_SNAPSHOT: &str = "TVar, read-only";
    const T_CELL_SNAPSHOT: &str = "TCell, read-only";
    const ATOMICS: &str = "plain atomics";
    let mut trial = Trial::new()
        .contender(T_VAR, Many::<InTransaction<TVar<u64>>, N>::new(), ONE)
        .contender(T_CELL, Many::<InTransaction<TCell<u64>>, N>::new(), ONE)
        .contender(T_VAR_SNAPSHOT, Many::<InSnapshot<TVar<u64>>, N>::new(), ONE)
        .contender(T_CELL_SNAPSHOT, Many::<InSnapshot<TCell<u64>>, N>::new(), ONE)
        .contender(ATOMICS, Many::<AtomicU64, N>::new(), ONE)
        .contender(FAST, Many::<FastVar, N>::new(), ONE);
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (FAST, 1), AtLeast(factor), Open);
    }
    for ours in [T_VAR_SNAPSHOT, T_CELL_SNAPSHOT] {
        trial = trial.target((ours, 1), (ATOMICS, 1), AtMost(7.0), AtMost(5.0));
    }
    trial
}

fn increment() -> Trial {
    const AFTER: &str = "TVar, once waited for";
    let mut trial = Trial::new()
        .contender(T_VAR, Increments::<TVar<u64>>::new(), ONE)
        .contender(T_CELL, Increments::<TCell<u64>>::new(), ONE)
        .contender(AFTER, Aftermath::new(), ONE)
        .contender(MUTEX, Increments::<Mutex<u64>>::new(), ONE)
        .contender(FAST, Increments::<FastVar>::new(), ONE)
        // Nothing is to remain of it; the rest is for the machine's noise. `counts` holds it to the instruction.
        .target((AFTER, 1), (T_VAR, 1), AtMost(1.1), AtMost(1.05));
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (FAST, 1), AtLeast(9.0), Open).target(
            (ours, 1),
            (MUTEX, 1),
            AtMost(2.0),
            AtMost(1.6),
        );
    }
    trial
}

fn own_counters() -> Trial {
    let mut trial = Trial::new().contender(T_VAR, Increments::<TVar<u64>>::new(), BOTH).contender(
        T_CELL,
        Increments::<TCell<u64>>::new(),
        BOTH,
    );
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 2), (ours, 1), AtLeast(1.5), AtLeast(1.9));
    }
    trial
}

fn transfer() -> Trial {
    const ORDERED: &str = "two ordered pl-mutexes";
    const MACRO: &str = "TVar, by atomically!";
    let mut trial = Trial::new()
        .contender(T_VAR, Transfers::<Accounts<TVar<u64>>>::new(), BOTH)
        .contender(T_CELL, Transfers::<Accounts<TCell<u64>>>::new(), BOTH)
        .contender(MACRO, Transfers::<accounts::MacroForm<TVar<u64>>>::new(), ONE)
        .contender(ORDERED, Transfers::<OrderedMutexes>::new(), BOTH)
        .contender(FAST, Transfers::<accounts::FastStm>::new(), BOTH)
        // The same machine code; the rest is for the machine's noise. `counts` holds it to the instruction.
        .target((MACRO, 1), (T_VAR, 1), AtMost(1.1), AtMost(1.05));
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (ORDERED, 1), AtMost(1.3), AtMost(1.0)).target(
            (ours, 2),
            (ORDERED, 2),
            AtMost(1.7),
            AtMost(1.2),
        );
    }
    trial
}

fn read_mostly() -> Trial {
    const COARSE: &str = "one coarse pl-mutex";
    let mut trial = Trial::new()
        .contender(T_VAR, Visits::<Accounts<TVar<u64>>>::new(), BOTH)
        .contender(T_CELL, Visits::<Accounts<TCell<u64>>>::new(), BOTH)
        .contender(COARSE, Visits::<CoarseMutex>::new(), BOTH)
        .contender(FAST, Visits::<accounts::FastStm>::new(), BOTH);
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 1), (COARSE, 1), AtMost(1.6), AtMost(1.4)).target(
            (ours, 2),
            (COARSE, 2),
            AtMost(0.8),
            AtMost(0.65),
        );
    }
    trial
}

fn read_texts() -> Trial {
    Trial::new()
        .contender(T_VAR, ReadTen::<texts::Transactional>::new(), BOTH)
        .contender(FAST, ReadTen::<texts::FastStm>::new(), BOTH)
        .target((T_VAR, 1), (FAST, 1), AtLeast(15.0), AtLeast(20.0))
        .target((T_VAR, 2), (FAST, 2), AtLeast(15.0), AtLeast(20.0))
}

fn swap_two() -> Trial {
    Trial::new()
        .contender(T_VAR, SwapTwo::<texts::Transactional>::new(), BOTH)
        .contender(FAST, SwapTwo::<texts::FastStm>::new(), BOTH)
        .target((T_VAR, 1), (FAST, 1), AtLeast(2.0), AtLeast(4.0))
        .target((T_VAR, 2), (FAST, 2), AtLeast(1.2), AtLeast(2.0))
}

fn swap_any() -> Trial {
    Trial::new()
        .contender(T_VAR, SwapAny::<texts::Transactional>::new(), TWO)
        .contender(FAST, SwapAny::<texts::FastStm>::new(), TWO)
        .target((T_VAR, 2), (FAST, 2), AtLeast(1.2), AtLeast(2.0))
}

fn write_sets() -> Trial {
    const VAR_BIG: &str = "TVar, sets of 100,000";
    const VAR_SMALL: &str = "TVar, sets of 10";
    const CELL_BIG: &str = "TCell, sets of 100,000";
    const CELL_SMALL: &str = "TCell, sets of 10";
    Trial::new()
        .contender(VAR_BIG, WriteSets::<TVar<u64>, 100_000>::new(), ONE)
        .contender(VAR_SMALL, WriteSets::<TVar<u64>, 10>::new(), ONE)
        .contender(CELL_BIG, WriteSets::<TCell<u64>, 100_000>::new(), ONE)
        .contender(CELL_SMALL, WriteSets::<TCell<u64>, 10>::new(), ONE)
        .target((VAR_BIG, 1), (VAR_SMALL, 1), AtMost(2.0), AtMost(1.3))
        .target((CELL_BIG, 1), (CELL_SMALL, 1), AtMost(2.0), AtMost(1.3))
}

/// No target: what is under everything else.
fn empty() -> Trial {
    Trial::new().contender("ours", Empty, ONE).contender(FAST, FastEmpty, ONE).contender(
        "the measuring loop",
        Loop,
        ONE,
    )
}

/// No target: what a value behind a pointer costs by itself.
fn wide() -> Trial {
    Trial::new().contender("TVar, read by reference", ReadWide::new(), ONE).contender(
        "TVar, write",
        WriteWide::new(),
        BOTH,
    )
}
