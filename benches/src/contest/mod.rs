//! The contests of the comparison: each is one workload that everybody runs who can.

pub mod accounts;
pub mod async_queues;
pub mod broken;
pub mod collections;
pub mod competitor;
pub mod counters;
pub mod ends;
pub mod field;
pub mod hash;
pub mod lists;
pub mod maps;
pub mod michael_scott;
pub mod moves;
pub mod opposite;
pub mod pairs;
pub mod queues;
pub mod reads;
pub mod scans;
pub mod texts;
pub mod tree;
pub mod waiting;
pub mod write_sets;

pub use competitor::{Competitor, Family};
pub use field::{Field, Plan};

/// One workload of the comparison.
pub struct Contest {
    /// By which `--only` finds it.
    pub name: &'static str,
    pub title: &'static str,
    /// What is done, and what is checked.
    pub what: &'static str,
    /// What one operation is.
    pub operation: &'static str,
    /// Whom the others' times are divided by.
    pub baseline: Competitor,
    /// Who is not there though one might expect it, and why.
    pub absent: &'static str,
    /// Why the library loses where it does, as far as that is known.
    pub losses: &'static str,
    pub enter: fn(&mut Field<'_>),
}

/// All contests, in the order of the report.
pub fn all() -> Vec<Contest> {
    let parts = [
        reads::contests(),
        counters::contests(),
        accounts::contests(),
        moves::contests(),
        maps::contests(),
        scans::contests(),
        lists::contests(),
        queues::contests(),
        pairs::contests(),
        ends::contests(),
        waiting::contests(),
        opposite::contests(),
        write_sets::contests(),
        texts::contests(),
    ];
    parts.into_iter().flatten().collect()
}

/// Enters everybody who has transactions: `$build` is a function that is generic in the system, and may be in a number.
macro_rules! every_stm {
    ($field:expr, $workers:expr, $build:ident $(, $n:expr)?) => {{
        use crate::contest::competitor as who;
        use crate::systems::{Counted, Ours};
        $field.twins(who::OURS, $workers, $build::<Ours $(, { $n })?>, $build::<Counted<Ours> $(, { $n })?>);
        $crate::contest::every_other_stm!($field, $workers, $build $(, $n)?);
    }};
}

/// Enters everybody else who has transactions.
macro_rules! every_other_stm {
    ($field:expr, $workers:expr, $build:ident $(, $n:expr)?) => {{
        use crate::contest::competitor as who;
        use crate::systems::{AsyncStm, Counted, CratesIoStm, FastStm};
        $field.twins(who::FAST_STM, $workers, $build::<FastStm $(, { $n })?>, $build::<Counted<FastStm> $(, { $n })?>);
        $field.twins(who::ASYNC_STM, $workers, $build::<AsyncStm $(, { $n })?>, $build::<Counted<AsyncStm> $(, { $n })?>);
        $field.twins(who::CRATES_IO_STM, $workers, $build::<CratesIoStm $(, { $n })?>, $build::<Counted<CratesIoStm> $(, { $n })?>);
    }};
}

/// Enters all locks: `$build` is a function that is generic in the kind of lock, and may be in a number.
macro_rules! every_lock {
    ($field:expr, $workers:expr, $build:ident $(, $n:expr)?) => {{
        use crate::contest::competitor as who;
        use crate::systems::{PlMutex, PlRwLock, StdMutex, StdRwLock};
        $field.enter(who::STD_MUTEX, $workers, $build::<StdMutex $(, { $n })?>);
        $field.enter(who::PL_MUTEX, $workers, $build::<PlMutex $(, { $n })?>);
        $field.enter(who::STD_RWLOCK, $workers, $build::<StdRwLock $(, { $n })?>);
        $field.enter(who::PL_RWLOCK, $workers, $build::<PlRwLock $(, { $n })?>);
    }};
}

pub(crate) use {every_lock, every_other_stm, every_stm};
