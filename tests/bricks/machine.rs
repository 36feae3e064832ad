//! Links and references against plain values: whatever is done in transactions, one-shot, and in parts that are undone.

use common::{scaled, watchdog};
use proptest::prelude::*;
use proptest::test_runner::Config;
use stm::{Linkage, ReadTransaction, Shared, StmResult, TLink, Transaction, atomically, cancel, snapshot};

const LINKS: usize = 3;

struct Node {
    number: u64,
    next: TLink<Node>,
}

fn node(number: u64) -> Shared<Node> {
    Shared::new(Node { number, next: TLink::empty() })
}

#[derive(Clone, Debug)]
enum Step {
    /// A new node, or none.
    Write(usize, Option<u64>),
    /// The node of another link: the same one.
    Copy(usize, usize),
    /// A new node in front of what is there.
    Push(usize, u64),
    /// To what is behind the first node.
    Pop(usize),
    /// A part that is undone, or that is kept.
    Nested(Vec<Step>, bool),
    /// A part that retries, in front of one that counts.
    OrElse(Vec<Step>, Vec<Step>),
}

#[derive(Clone, Debug)]
enum Operation {
    Transaction(Vec<Step>),
    Store(usize, Option<u64>),
    /// The reference that `load` gives, stored elsewhere.
    Move(usize, usize),
}

/// A chain of numbers for each link.
type Model = [Vec<u64>; LINKS];

fn step() -> impl Strategy<Value = Step> {
    let (link, number) = (0..LINKS, 0..100_u64);
    let leaf = prop_oneof![
        (link.clone(), prop::option::of(number.clone())).prop_map(|(link, number)| Step::Write(link, number)),
        (link.clone(), link.clone()).prop_map(|(from, to)| Step::Copy(from, to)),
        (link.clone(), number).prop_map(|(link, number)| Step::Push(link, number)),
        link.prop_map(Step::Pop),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let steps = prop::collection::vec(inner, 0..4);
        prop_oneof![
            (steps.clone(), any::<bool>()).prop_map(|(steps, kept)| Step::Nested(steps, kept)),
            (steps.clone(), steps).prop_map(|(first, second)| Step::OrElse(first, second)),
        ]
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let link = 0..LINKS;
    prop_oneof![
        3 => prop::collection::vec(step(), 0..6).prop_map(Operation::Transaction),
        1 => (link.clone(), prop::option::of(0..100_u64)).prop_map(|(link, number)| Operation::Store(link, number)),
        1 => (link.clone(), link).prop_map(|(from, to)| Operation::Move(from, to)),
    ]
}

fn interpret(model: &mut Model, step: &Step) {
    match step {
        Step::Write(link, number) => model[*link] = number.iter().copied().collect(),
        Step::Copy(from, to) => model[*to] = model[*from].clone(),
        Step::Push(link, number) => model[*link].insert(0, *number),
        Step::Pop(link) => drop(model[*link].drain(..model[*link].len().min(1))),
        Step::Nested(steps, true) | Step::OrElse(_, steps) => steps.iter().for_each(|step| interpret(model, step)),
        Step::Nested(_, false) => {}
    }
}

fn perform<'tx>(tx: &Transaction<'tx, '_>, links: &'tx [TLink<Node>], step: &Step) -> StmResult<()> {
    match step {
        Step::Write(link, number) => links[*link].write(tx, number.map(node)),
        Step::Copy(from, to) => {
            let found = links[*from].read(tx)?.map(Linkage::to_shared);
            links[*to].write(tx, found)
        }
        Step::Push(link, number) => {
            let next = TLink::new(links[*link].read(tx)?.map(Linkage::to_shared));
            links[*link].write(tx, Some(Shared::new(Node { number: *number, next })))
        }
        Step::Pop(link) => match links[*link].read(tx)? {
            Some(first) => links[*link].write(tx, first.get().next.read(tx)?.map(Linkage::to_shared)),
            None => Ok(()),
        },
        Step::Nested(steps, kept) => {
            let outcome = tx.nested(|tx| {
                steps.iter().try_for_each(|step| perform(tx, links, step))?;
                if *kept { Ok(()) } else { cancel(()) }
            })?;
            assert_eq!(outcome.is_ok(), *kept);
            Ok(())
        }
        Step::OrElse(first, second) => tx.or_else(
            |tx| {
                first.iter().try_for_each(|step| perform(tx, links, step))?;
                tx.retry()
            },
            |tx| second.iter().try_for_each(|step| perform(tx, links, step)),
        ),
    }
}

fn chains<'tx>(tx: &ReadTransaction<'tx, '_>, links: &'tx [TLink<Node>]) -> StmResult<Vec<Vec<u64>>> {
    let chain = |mut link: &'tx TLink<Node>| {
        let mut numbers = Vec::new();
        while let Some(node) = link.read(tx)? {
            assert_eq!(node.number, node.get().number);
            numbers.push(node.number);
            link = &node.get().next;
        }
        Ok(numbers)
    };
    links.iter().map(chain).collect()
}

/// The same by references, outside of transactions.
fn loaded(links: &[TLink<Node>]) -> Vec<Vec<u64>> {
    let chain = |link: &TLink<Node>| {
        let (mut numbers, mut next) = (Vec::new(), link.load());
        while let Some(node) = next {
            assert!(Shared::ptr_eq(&node, &node.clone()));
            numbers.push(node.number);
            next = node.next.load();
        }
        numbers
    };
    links.iter().map(chain).collect()
}

proptest! {
    #![proptest_config(Config { cases: scaled(300) as u32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn links_do_what_plain_values_do(operations in prop::collection::vec(operation(), 1..12)) {
        let _watchdog = watchdog();
        let (links, mut model) = ([const { TLink::empty() }; LINKS], Model::default());
        for operation in &operations {
            match operation {
                Operation::Transaction(steps) => {
                    steps.iter().for_each(|step| interpret(&mut model, step));
                    let seen = atomically(|tx| {
                        steps.iter().try_for_each(|step| perform(tx, &links, step))?;
                        chains(tx, &links)
                    });
                    prop_assert_eq!(&seen[..], &model[..], "what the transaction itself saw");
                }
                Operation::Store(link, number) => {
                    links[*link].store(number.map(node));
                    model[*link] = number.iter().copied().collect();
                }
                Operation::Move(from, to) => {
                    let found = links[*from].load();
                    links[*to].store(found.clone());
                    prop_assert!(found.zip(links[*to].load()).is_none_or(|(one, other)| Shared::ptr_eq(&one, &other)));
                    model[*to] = model[*from].clone();
                }
            }
            prop_assert_eq!(&snapshot(|tx| chains(tx, &links))[..], &model[..]);
            prop_assert_eq!(&loaded(&links)[..], &model[..]);
        }
    }
}
