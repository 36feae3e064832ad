//! `TPriorityQueue`: the greatest first, and of equal ones the first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use common::{Census, Counted, elsewhere, on_a_small_stack, quietly, race, runs_until, scaled, watchdog};
use proptest::prelude::*;
use stm::channel::{TPriorityQueue, TQueue};
use stm::{StmResult, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

/// Compared by its priority alone.
#[derive(Clone, Debug)]
struct Job {
    priority: u8,
    number: u32,
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Job {}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        self.priority.cmp(&other.priority)
    }
}

#[derive(Clone, Debug)]
enum Action {
    Push(u8),
    Pop,
    Flush,
    /// A part that is undone.
    Undone(Vec<Action>),
    /// A part that is undone by a retry, and another instead.
    Choice(Vec<Action>, Vec<Action>),
}

/// The same in a plain list: greatest first, equals in order of arrival.
#[derive(Clone, Default)]
struct Model {
    jobs: Vec<Job>,
    next: u32,
}

impl Model {
    fn push(&mut self, priority: u8) -> Job {
        let job = Job { priority, number: self.next };
        self.next += 1;
        let place = self.jobs.partition_point(|other| other.priority >= priority);
        self.jobs.insert(place, job.clone());
        job
    }
}

fn numbers(jobs: &[Job]) -> Vec<(u8, u32)> {
    jobs.iter().map(|job| (job.priority, job.number)).collect()
}

fn act(tx: &Transaction<'_, '_>, queue: &TPriorityQueue<Job>, model: &mut Model, actions: &[Action]) -> StmResult<()> {
    for action in actions {
        match action {
            Action::Push(priority) => queue.push(tx, model.push(*priority))?,
            Action::Pop => {
                let expected = (!model.jobs.is_empty()).then(|| model.jobs.remove(0));
                assert_eq!(queue.try_peek(tx)?.map(|job| job.number), expected.as_ref().map(|job| job.number));
                assert_eq!(queue.try_pop(tx)?.map(|job| job.number), expected.map(|job| job.number));
            }
            Action::Flush => {
                let all = std::mem::take(&mut model.jobs);
                assert_eq!(numbers(&queue.flush(tx)?), numbers(&all));
            }
            Action::Undone(part) => {
                let mut undone = model.clone();
                let result = tx.nested(|tx| -> TxResult<(), ()> {
                    act(tx, queue, &mut undone, part)?;
                    cancel(())
                })?;
                assert_eq!(result, Err(()));
            }
            Action::Choice(first, second) => {
                let mut undone = model.clone();
                tx.or_else(
                    |tx| {
                        act(tx, queue, &mut undone, first)?;
                        tx.retry()
                    },
                    |tx| act(tx, queue, model, second),
                )?;
            }
        }
        assert_eq!(numbers(&queue.items(tx)?), numbers(&model.jobs));
        assert_eq!((queue.len(tx)?, queue.is_empty(tx)?), (model.jobs.len(), model.jobs.is_empty()));
    }
    Ok(())
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let simple = prop_oneof![8 => (0..8_u8).prop_map(Action::Push), 5 => Just(Action::Pop), 1 => Just(Action::Flush)];
    let action = simple.prop_recursive(2, 8, 4, |inner| {
        let some = prop::collection::vec(inner, 0..4);
        prop_oneof![
            some.clone().prop_map(Action::Undone),
            (some.clone(), some).prop_map(|(first, second)| Action::Choice(first, second)),
        ]
    });
    prop::collection::vec(action, 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: scaled(300) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_priority_queue_is_a_sorted_list(transactions in prop::collection::vec((actions(), any::<bool>()), 1..15)) {
        let _watchdog = watchdog();
        let (queue, mut model) = (TPriorityQueue::new(), Model::default());
        for (actions, cancels) in transactions {
            let mut after = model.clone();
            let result = try_atomically(|tx| {
                after = model.clone();
                act(tx, &queue, &mut after, &actions)?;
                if cancels { cancel(()) } else { Ok(()) }
            });
            if result.is_ok() {
                model = after;
            }
            prop_assert_eq!(numbers(&snapshot(|tx| queue.items(tx))), numbers(&model.jobs));
        }
    }
}

#[test]
fn a_large_one_is_a_binary_heap() {
    let _watchdog = watchdog();
    let mut random = common::Random::new(7);
    let (queue, mut heap) = (TPriorityQueue::new(), BinaryHeap::new());
    for _ in 0..scaled(20_000) {
        if random.below(5) < 3 {
            let item = random.below(1 << 20);
            queue.send(item);
            heap.push(item);
        } else {
            assert_eq!(queue.try_recv(), heap.pop());
        }
    }
    let collected: TPriorityQueue<usize> = heap.iter().copied().collect();
    assert_eq!(collected.to_vec(), queue.to_vec());
    assert_eq!((&queue).into_iter().max(), heap.peek().copied());
    while let Some(item) = heap.pop() {
        assert_eq!(queue.recv(), item);
    }
    assert_eq!(format!("{queue:?}"), "[]");
}

#[test]
fn an_item_wakes_who_waits_for_it() {
    let _watchdog = watchdog();
    let queue = TPriorityQueue::new();
    let (item, runs) = runs_until(|runs| atomically(|tx| (runs.count(), queue.pop(tx)).1), |_| queue.send(5));
    assert_eq!((item, runs), (5, 2));
    let task = queue.recv_async();
    queue.send(6);
    assert_eq!(pollster::block_on(task), 6);
}

/// In the middle of a body that puts in the least of all, another thread takes out the greatest.
#[test]
fn who_puts_in_below_hardly_ever_conflicts_with_who_takes_out_above() {
    let _watchdog = watchdog();
    let queue: TPriorityQueue<u64> = (1_000..3_000).collect();
    let (rounds, mut conflicts) = (200, 0);
    for round in 0..rounds {
        conflicts += atomically(|tx| {
            queue.push(tx, 500 + round % 300)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| atomically(|tx| queue.pop(tx)));
            }
            Ok(tx.attempt_number() - 1)
        });
    }
    assert!(conflicts <= rounds as u32 / 10, "{conflicts} conflicts in {rounds} rounds");
}

/// What cannot have been before the other is done again.
#[test]
fn what_comes_first_is_what_is_taken_out() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let (queue, seen) = (TPriorityQueue::from_iter([5, 7]), stm::TVar::new(0));
        atomically(|tx| {
            let first = queue.pop(tx)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| queue.send(9));
            }
            seen.write(tx, first)
        });
        let left = queue.to_vec();
        assert!((seen.load() == 9 && left == [7, 5]) || (seen.load() == 7 && left == [9, 5]), "{left:?}");
    }
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_or_out_of_order() {
    let _watchdog = watchdog();
    let (queue, each) = (TPriorityQueue::new(), scaled(3_000) as u64);
    let (is_over, checked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut all: Vec<u64> = race(5, |index| {
        let mut taken = Vec::new();
        match index {
            0 | 1 => (0..each).for_each(|n| queue.send(n * 2 + index as u64)),
            2 | 3 => (0..each).for_each(|_| taken.push(queue.recv())),
            _ => {
                while !is_over.load(SeqCst) {
                    let items = queue.to_vec();
                    assert!(items.is_sorted_by(|one, other| one > other));
                    is_over.store(checked.fetch_add(1, SeqCst) > 50, SeqCst);
                }
            }
        }
        taken
    })
    .concat();
    all.sort_unstable();
    assert_eq!(all, (0..2 * each).collect::<Vec<_>>());
    assert!(queue.to_vec().is_empty());
}

#[test]
fn moves_to_another_queue_are_one_step() {
    let _watchdog = watchdog();
    let (ranked, plain) = ((0..40).collect::<TPriorityQueue<u64>>(), TQueue::new());
    let is_over = AtomicBool::new(false);
    race(3, |index| {
        if index == 0 {
            let _ends = common::Ends(&is_over);
            for _ in 0..scaled(300) {
                let seen = snapshot(|tx| Ok(ranked.len(tx)? + plain.len(tx)?));
                assert_eq!(seen, 40);
            }
            return;
        }
        while !is_over.load(SeqCst) {
            atomically(|tx| match ranked.try_pop(tx)? {
                Some(item) => plain.push(tx, item),
                None => plain.flush(tx)?.into_iter().try_for_each(|item| ranked.push(tx, item)),
            });
        }
    });
}

/// Panics when it is compared, while that is wished for.
#[derive(Clone, Debug)]
struct Fragile(Counted);

static IS_BROKEN: AtomicBool = AtomicBool::new(false);

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Fragile {}
impl PartialOrd for Fragile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Fragile {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(!IS_BROKEN.load(SeqCst), "it was to panic");
        self.0.payload.cmp(&other.0.payload)
    }
}

#[test]
fn a_comparison_that_panics_leaves_the_queue_as_it_was() {
    let _watchdog = watchdog();
    let (census, queue) = (Census::new(), TPriorityQueue::new());
    (0..20).for_each(|n| queue.send(Fragile(census.value(n))));
    IS_BROKEN.store(true, SeqCst);
    assert!(quietly(|| queue.send(Fragile(census.value(10)))).is_err());
    let pushed = quietly(|| atomically(|tx| (queue.try_pop(tx)?, queue.push(tx, Fragile(census.value(10)))).1));
    assert!(pushed.is_err());
    IS_BROKEN.store(false, SeqCst);
    census.settle(20);
    (0..20).rev().for_each(|n| assert_eq!(queue.recv().0.payload, n));
    census.settle(0);
}

#[test]
fn a_million_items_are_dropped_without_recursion() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let queue = TPriorityQueue::new();
        for hundred in 0..10_000 {
            atomically(|tx| (0..100).try_for_each(|n| queue.push(tx, hundred * 100 + n)));
        }
        assert_eq!(queue.recv(), 999_999);
        drop(queue);
        stm::collect();
    });
}

/// Compared as a coin falls.
#[derive(Clone, Debug)]
struct Moody(u64);

impl PartialEq for Moody {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Moody {}
impl PartialOrd for Moody {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Moody {
    fn cmp(&self, _: &Self) -> Ordering {
        static COIN: AtomicU64 = AtomicU64::new(1);
        let tossed = COIN.fetch_add(0x9E37_79B9_7F4A_7C15, SeqCst);
        if (tossed ^ (tossed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 0 {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

#[test]
fn items_without_an_order_come_in_some_order_and_none_is_lost() {
    let _watchdog = watchdog();
    for _ in 0..scaled(50) {
        let (queue, mut taken) = (TPriorityQueue::new(), Vec::new());
        for n in 0..400 {
            queue.send(Moody(n));
            if n % 3 == 0 {
                taken.extend(queue.try_recv().map(|item| item.0));
            }
        }
        while let Some(Moody(n)) = queue.try_recv() {
            taken.push(n);
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..400).collect::<Vec<_>>());
    }
}
