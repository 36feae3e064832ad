//! The checker beside a search that tries every order of all operations.

use common::linearity::{Entry, History, Spec, check, is_linear};
use common::{Random, scaled};

use super::sequences::{Op, Ret, Sequence};

/// Whether some order of the rest, from this state on, keeps to real time and returns what was returned.
fn some_order(state: &Sequence, rest: &[Entry<Sequence>]) -> bool {
    rest.is_empty()
        || (0..rest.len()).any(|at| {
            let first = &rest[at];
            let is_first = rest.iter().all(|other| other.ended >= first.began);
            let after = state.after(&first.ops).filter(|(_, returned)| first.returned.as_ref() == Some(returned));
            is_first && after.is_some_and(|(state, _)| some_order(&state, &[&rest[..at], &rest[at + 1..]].concat()))
        })
}

/// Up to three threads; what they return is right in some order of their beginning, or changed a little.
fn random_history(random: &mut Random) -> History<Sequence> {
    let mut state = Sequence::default();
    let (mut history, mut time) = (vec![Vec::new(); 3], [0; 3]);
    for fresh in 0..3 + random.below(4) as u64 {
        let thread = random.below(3);
        let op = match random.below(5) {
            0 | 1 => Op::PushBack(fresh),
            2 | 3 => Op::PopFront,
            _ => Op::Len,
        };
        let mut returned = state.step(&op).expect("none of these waits");
        if random.below(8) == 0 {
            returned = match returned {
                Ret::Item(_) => Ret::Item((random.below(2) == 0).then_some(random.below(3) as u64)),
                Ret::Count(_) => Ret::Count(random.below(3)),
                other => other,
            };
        }
        // Times of all threads differ.
        let began = time[thread] + 1 + random.below(3);
        let ended = began + 1 + random.below(6);
        time[thread] = ended;
        let at = |time: usize| (time * 3 + thread) as u64;
        history[thread].push(Entry {
            ops: vec![op],
            returned: Some(vec![returned]),
            began: at(began),
            ended: at(ended),
        });
    }
    history
}

#[test]
fn the_checker_says_what_a_search_through_all_orders_says() {
    let mut verdicts = [0, 0];
    for seed in 0..scaled(3_000) as u64 {
        let history = random_history(&mut Random::new(seed));
        let expected = some_order(&Sequence::default(), &history.concat());
        assert_eq!(is_linear(&Sequence::default(), &history), expected, "seed {seed}: {history:?}");
        verdicts[usize::from(expected)] += 1;
        if let Err(violation) = check(&Sequence::default(), &history) {
            assert!((1..=6).contains(&violation.size()), "{violation}");
        }
    }
    assert!(verdicts.iter().all(|count| *count > scaled(3_000) / 20), "{verdicts:?} histories are wrong and right");
}
