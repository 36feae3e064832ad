//! Times of single transactions, beside the systems one would otherwise use.
//!
//! ```text
//! cargo bench --bench core                 # everything, about two minutes
//! cargo bench --bench core -- transfer     # what matches a pattern
//! ```
//!
//! One thread. Criterion measures one contender after the other, so on a noisy machine compare with
//! `cargo bench --bench targets`, which takes turns, before believing a difference.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use stm::{TCell, TVar};

use stm_benches::workloads::Contender;
use stm_benches::workloads::accounts::{self, CoarseMutex, OrderedMutexes, Transfers, Visits};
use stm_benches::workloads::aftermath::Aftermath;
use stm_benches::workloads::counters::Increments;
use stm_benches::workloads::empty::{Empty, FastEmpty, Loop};
use stm_benches::workloads::reads::{InSnapshot, InTransaction, Loaded, Many, Single};
use stm_benches::workloads::texts::{self, ReadTen, SwapAny, SwapTwo};
use stm_benches::workloads::variable::Variable;
use stm_benches::workloads::wide::{ReadWide, WriteWide};
use stm_benches::workloads::write_sets::WriteSets;

type FastVar = fast_stm::TVar<u64>;
type Accounts<V> = accounts::Transactional<V>;
type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Measures one contender and verifies what it did.
fn measure(group: &mut Group<'_>, name: &str, contender: impl Contender) {
    // An atomic only because criterion's closure is shared between warm-up and measurement.
    let total = AtomicU64::new(0);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|operations| {
            let start = Instant::now();
            let done = contender.run(0, operations);
            let elapsed = start.elapsed();
            // Relaxed: one thread.
            total.fetch_add(done, Ordering::Relaxed);
            elapsed.mul_f64(operations as f64 / done as f64)
        });
    });
    let total = total.into_inner();
    // A filter on the command line may have left it out.
    if total > 0 {
        contender.verify(total);
    }
}

fn read_one(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read 1");
    let group = &mut group;
    measure(group, "TVar", Single::<InTransaction<TVar<u64>>>::new());
    measure(group, "TCell", Single::<InTransaction<TCell<u64>>>::new());
    measure(group, "TVar, snapshot", Single::<InSnapshot<TVar<u64>>>::new());
    measure(group, "TCell, snapshot", Single::<InSnapshot<TCell<u64>>>::new());
    measure(group, "pl-mutex", Single::<Mutex<u64>>::new());
    measure(group, "atomic", Single::<AtomicU64>::new());
    measure(group, "fast-stm", Single::<FastVar>::new());
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load outside");
    measure(&mut group, "TVar", Single::<Loaded<TVar<u64>>>::new());
    measure(&mut group, "TCell", Single::<Loaded<TCell<u64>>>::new());
}

fn read_many<const N: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("read {N}"));
    let group = &mut group;
    group.throughput(Throughput::Elements(N as u64));
    measure(group, "TVar", Many::<InTransaction<TVar<u64>>, N>::new());
    measure(group, "TCell", Many::<InTransaction<TCell<u64>>, N>::new());
    measure(group, "TVar, snapshot", Many::<InSnapshot<TVar<u64>>, N>::new());
    measure(group, "TCell, snapshot", Many::<InSnapshot<TCell<u64>>, N>::new());
    measure(group, "atomic", Many::<AtomicU64, N>::new());
    measure(group, "fast-stm", Many::<FastVar, N>::new());
}

fn increment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("increment");
    let group = &mut group;
    measure(group, "TVar", Increments::<TVar<u64>>::new());
    measure(group, "TCell", Increments::<TCell<u64>>::new());
    measure(group, "TVar, once waited for", Aftermath::new());
    measure(group, "pl-mutex", Increments::<Mutex<u64>>::new());
    measure(group, "atomic", Increments::<AtomicU64>::new());
    measure(group, "fast-stm", Increments::<FastVar>::new());
}

fn transfer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transfer");
    let group = &mut group;
    measure(group, "TVar", Transfers::<Accounts<TVar<u64>>>::new());
    measure(group, "TCell", Transfers::<Accounts<TCell<u64>>>::new());
    measure(group, "TVar, by atomically!", Transfers::<accounts::MacroForm<TVar<u64>>>::new());
    measure(group, "ordered pl-mutexes", Transfers::<OrderedMutexes>::new());
    measure(group, "fast-stm", Transfers::<accounts::FastStm>::new());
}

fn read_mostly(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read-mostly");
    let group = &mut group;
    measure(group, "TVar", Visits::<Accounts<TVar<u64>>>::new());
    measure(group, "TCell", Visits::<Accounts<TCell<u64>>>::new());
    measure(group, "coarse pl-mutex", Visits::<CoarseMutex>::new());
    measure(group, "fast-stm", Visits::<accounts::FastStm>::new());
}

fn boxed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("boxed");
    let group = &mut group;
    measure(group, "read 64 bytes, TVar", ReadWide::new());
    measure(group, "write 64 bytes, TVar", WriteWide::new());
    measure(group, "10 Strings by reference, TVar", ReadTen::<texts::Transactional>::new());
    measure(group, "10 Strings by clone, fast-stm", ReadTen::<texts::FastStm>::new());
    measure(group, "swap 2 Strings, TVar", SwapTwo::<texts::Transactional>::new());
    measure(group, "swap 2 Strings, fast-stm", SwapTwo::<texts::FastStm>::new());
    measure(group, "swap 2 of 1024 Strings, TVar", SwapAny::<texts::Transactional>::new());
    measure(group, "swap 2 of 1024 Strings, fast-stm", SwapAny::<texts::FastStm>::new());
}

fn empty(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("empty");
    measure(&mut group, "transaction", Empty);
    measure(&mut group, "fast-stm", FastEmpty);
    measure(&mut group, "no transaction", Loop);
    measure(&mut group, "crossbeam-epoch pin and unpin", CrossbeamPin);
}

/// Times are per write.
fn write_sets(criterion: &mut Criterion) {
    fn sizes<V: Variable>(group: &mut Group<'_>, kind: &str) {
        measure(group, &format!("{kind}, 1"), WriteSets::<V, 1>::new());
        measure(group, &format!("{kind}, 10"), WriteSets::<V, 10>::new());
        measure(group, &format!("{kind}, 100"), WriteSets::<V, 100>::new());
        measure(group, &format!("{kind}, 1000"), WriteSets::<V, 1000>::new());
        measure(group, &format!("{kind}, 10000"), WriteSets::<V, 10_000>::new());
        measure(group, &format!("{kind}, 100000"), WriteSets::<V, 100_000>::new());
    }
    let mut group = criterion.benchmark_group("write set, time per write");
    sizes::<TVar<u64>>(&mut group, "TVar");
    sizes::<TCell<u64>>(&mut group, "TCell");
}

/// Entering and leaving an epoch of crossbeam-epoch, which a transaction would do if that reclaimed its memory. (The
/// library's own pin is part of [`Empty`].)
struct CrossbeamPin;

impl Contender for CrossbeamPin {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        // A handle at hand, as the library has its record: no thread-local look-up in the loop.
        let handle = crossbeam_epoch::Collector::new().register();
        for _ in 0..operations {
            std::hint::black_box(handle.pin());
        }
        assert!(!handle.is_pinned());
        operations
    }

    fn verify(&self, _operations: u64) {}
}

fn main() {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(&core) = cores.first() {
        core_affinity::set_for_current(core);
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
        .sample_size(30)
        .nresamples(5000)
        .without_plots()
        .configure_from_args();
    empty(&mut criterion);
    load(&mut criterion);
    read_one(&mut criterion);
    read_many::<10>(&mut criterion);
    read_many::<100>(&mut criterion);
    read_many::<1000>(&mut criterion);
    increment(&mut criterion);
    transfer(&mut criterion);
    read_mostly(&mut criterion);
    boxed(&mut criterion);
    write_sets(&mut criterion);
    criterion.final_summary();
}
