//! Histories in which one transaction runs after the other are accepted whatever is in them, and rejected as soon as one
//! read in them is another.

use std::collections::BTreeMap;

use common::history::{Access, Attempt, Fate, History, check, fresh_value, initial_value};
use proptest::prelude::*;

const VARIABLES: usize = 4;

/// What one transaction touches, and how it ends.
#[derive(Clone, Debug)]
struct Plan {
    reads: Vec<usize>,
    writes: Vec<usize>,
    commits: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let some = || prop::collection::vec(0..VARIABLES, 0..4);
    (some(), some(), prop::bool::weighted(0.7)).prop_map(|(reads, mut writes, commits)| {
        writes.sort_unstable();
        writes.dedup();
        Plan { reads, writes, commits }
    })
}

/// Runs the plans one after the other on plain values. Without versions every writer reads first.
fn serial(plans: &[Plan], versions: bool) -> History {
    let mut values: [u64; VARIABLES] = std::array::from_fn(initial_value);
    let mut history = History { variables: VARIABLES, attempts: Vec::new() };
    let mut written = 0;
    for (number, plan) in (1..).zip(plans) {
        let mut reads = plan.reads.clone();
        if !versions {
            reads.extend(&plan.writes);
        }
        let mut attempt = Attempt {
            thread: 1 + number % 3,
            transaction: number,
            run: 1,
            start: 10 * number as u64,
            end: 10 * number as u64 + 5,
            fate: if plan.commits { Fate::Committed } else { Fate::Aborted },
            reads: reads.iter().map(|&variable| Access { variable, value: values[variable] }).collect(),
            writes: Vec::new(),
            discarded: Vec::new(),
            version: versions.then_some(number as u64),
        };
        for &variable in &plan.writes {
            written += 1;
            let value = fresh_value(9, written);
            attempt.writes.push(Access { variable, value });
            if plan.commits {
                values[variable] = value;
            }
        }
        history.attempts.push(attempt);
    }
    history
}

/// Every value that was ever in each variable.
fn values(history: &History) -> BTreeMap<usize, Vec<u64>> {
    let mut values: BTreeMap<_, _> = (0..VARIABLES).map(|x| (x, vec![initial_value(x)])).collect();
    for attempt in history.attempts.iter().filter(|attempt| attempt.committed()) {
        attempt.writes.iter().for_each(|write| values.entry(write.variable).or_default().push(write.value));
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_serial_history_is_accepted(plans in prop::collection::vec(plan(), 0..20), versions: bool) {
        let history = serial(&plans, versions);
        prop_assert!(check(&history).is_ok(), "{:?}", check(&history));
    }

    #[test]
    fn a_serial_history_with_one_read_altered_is_rejected(
        plans in prop::collection::vec(plan(), 1..20),
        versions: bool,
        which: prop::sample::Index,
        other: prop::sample::Index,
    ) {
        let mut history = serial(&plans, versions);
        let values = values(&history);
        let reads: Vec<_> = history
            .attempts
            .iter()
            .enumerate()
            .flat_map(|(index, attempt)| (0..attempt.reads.len()).map(move |place| (index, place)))
            .collect();
        prop_assume!(!reads.is_empty());
        let (index, place) = *which.get(&reads);
        let Access { variable, value } = history.attempts[index].reads[place];
        // Any other version of the variable, or a value that nobody wrote.
        let mut others: Vec<_> = values[&variable].iter().copied().filter(|&other| other != value).collect();
        others.push(fresh_value(8, 1));
        history.attempts[index].reads[place].value = *other.get(&others);
        prop_assert!(check(&history).is_err(), "{history:?}");
    }
}
