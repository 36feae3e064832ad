//! Histories made by hand: one with a fault of each kind for each structure, which has to be rejected with the reason in few words,
//! and those that merely look strange.

use std::collections::{BTreeMap, VecDeque};

use common::linearity::{Entry, History, Spec, Violation, by_key, check, is_linear};

use super::broadcast::{News, Op as Cast, Ret as Got};
use super::keyed::{Keyed, Op, Ret};
use super::locks::{Key, Lock, Meeting, Op as Ask, Permits, Step};
use super::numbers::{Count, Op as At, Places, Ret as Value, Sum};
use super::ranked::{Op as Rank, Ranked, Ret as Out};
use super::sequences::{Op as End, Ret as Had, Sequence};
use super::table::{Op as Sql, Ret as Answer, Rows};
use super::together::{Both, Either};
use super::values::{Gate, Kept, Left, Op as Var, Place, Promised, Ret as Seen, Told, Word};

/// A thread, from when to when, and what it has called and got.
type Call<S> = (usize, u64, u64, <S as Spec>::Op, <S as Spec>::Ret);

fn history<S: Spec>(calls: Vec<Call<S>>) -> History<S> {
    let mut history = vec![Vec::new(); 1 + calls.iter().map(|call| call.0).max().unwrap_or(0)];
    for (thread, began, ended, op, returned) in calls {
        history[thread].push(Entry { ops: vec![op], returned: Some(vec![returned]), began, ended });
    }
    history
}

/// It is rejected, for so many of its operations, with these words.
#[track_caller]
fn rejects<S: Spec>(start: &S, calls: Vec<Call<S>>, size: usize, says: &[&str]) -> Violation {
    let violation = check(start, &history(calls)).expect_err("it was taken for linearisable");
    let text = violation.to_string();
    for word in says {
        assert!(text.contains(word), "it does not say {word:?}:\n{text}");
    }
    assert_eq!(violation.size(), size, "{text}");
    violation
}

#[track_caller]
fn accepts<S: Spec>(start: &S, calls: Vec<Call<S>>) -> S {
    check(start, &history(calls)).unwrap_or_else(|violation| panic!("{violation}"))
}

fn map(pairs: &[(u64, u64)]) -> Keyed {
    Keyed(pairs.iter().copied().collect())
}

#[test]
fn maps() {
    let (none, one) = (map(&[]), map(&[(1, 10)]));
    let was = |value: u64| Ret::Was(Some(value));
    let nothing = || Ret::Was(None);
    // A lost insert.
    let insert = || (0, 0, 1, Op::Insert(1, 10), nothing());
    rejects(
        &none,
        vec![insert(), (1, 2, 3, Op::Get(1), nothing())],
        2,
        &["thread 1, 2..3: Get(1) = Was(None)", "then there is Keyed({1: 10})", "would return [Was(Some(10))]"],
    );
    // Seen and then gone, while it is being inserted.
    let slow = || (0, 0, 9, Op::Insert(1, 10), nothing());
    rejects(&none, vec![slow(), (1, 2, 3, Op::Get(1), was(10)), (1, 4, 5, Op::Get(1), nothing())], 3, &[]);
    // The same seen by two threads.
    rejects(&none, vec![slow(), (1, 2, 3, Op::Get(1), was(10)), (2, 4, 5, Op::Get(1), nothing())], 3, &[]);
    // Removed twice.
    rejects(&one, vec![(0, 0, 5, Op::Remove(1), was(10)), (1, 1, 4, Op::Remove(1), was(10))], 2, &[]);
    // Both were first.
    rejects(&none, vec![(0, 0, 5, Op::Insert(1, 1), nothing()), (1, 1, 4, Op::Insert(1, 2), nothing())], 2, &[]);
    // A count that misses what is there.
    rejects(&one, vec![(0, 0, 1, Op::Insert(2, 20), nothing()), (1, 2, 3, Op::Len, Ret::Count(1))], 2, &[]);
    // A lost update.
    let update = |thread| (thread, thread as u64, 5 + thread as u64, Op::Update(1, 1), was(11));
    rejects(&one, vec![update(0), update(1)], 2, &["would return [Was(Some(12))]"]);
    // What is beside the fault, or after it, is not told.
    let beside = vec![
        (0, 0, 1, Op::Get(1), nothing()),
        (0, 2, 3, Op::Insert(1, 10), nothing()),
        (1, 4, 5, Op::Get(2), nothing()),
        (1, 6, 7, Op::Get(1), nothing()),
        (0, 8, 9, Op::Remove(1), was(10)),
    ];
    let violation = rejects(&none, beside, 2, &[]);
    assert!(!violation.to_string().contains("Get(2)") && !violation.to_string().contains("Remove"), "{violation}");
    // What overlaps may come in either order, and in another one for each key.
    for value in [None, Some(10)] {
        accepts(&none, vec![slow(), (1, 2, 3, Op::Get(1), Ret::Was(value))]);
    }
    let end = accepts(
        &one,
        vec![
            (0, 0, 9, Op::Remove(1), was(12)),
            (1, 1, 3, Op::Update(1, 1), was(11)),
            (2, 2, 4, Op::Update(1, 1), was(12)),
        ],
    );
    assert_eq!(end, none);
}

#[test]
fn ordered_maps() {
    let two = map(&[(1, 10), (5, 50)]);
    let nothing = || Ret::Was(None);
    let pairs = |keys: &[u64]| Ret::Pairs(keys.iter().map(|key| (*key, key * 10)).collect());
    // A phantom: a range that misses a key that was inserted before it began.
    let insert = || (0, 0, 1, Op::Insert(3, 30), nothing());
    rejects(&two, vec![insert(), (1, 2, 3, Op::Range(1, 6), pairs(&[1, 5]))], 2, &["Range(1, 6)", "(3, 30)"]);
    // One half from before and one from after.
    let swap = || vec![(0, 0, 1, Op::Remove(5), Ret::Was(Some(50))), (0, 2, 3, Op::Insert(2, 20), nothing())];
    let mut torn = swap();
    torn.push((1, 0, 9, Op::Range(0, 9), pairs(&[1, 2, 5])));
    rejects(&two, torn, 3, &[]);
    let mut between = swap();
    between.push((1, 0, 9, Op::Range(0, 9), pairs(&[1])));
    accepts(&two, between);
    // A neighbour that was removed, an end that was passed, one first for two.
    rejects(
        &two,
        vec![(0, 0, 1, Op::Remove(5), Ret::Was(Some(50))), (1, 2, 3, Op::NextAfter(1), Ret::Pair(Some((5, 50))))],
        2,
        &[],
    );
    let first = |thread| (thread, thread as u64, 5 + thread as u64, Op::PopFirst, Ret::Pair(Some((1, 10))));
    rejects(&two, vec![first(0), first(1)], 2, &["would return [Pair(Some((5, 50)))]"]);
    rejects(&two, vec![insert(), (1, 2, 3, Op::PrevBefore(5), Ret::Pair(Some((1, 10))))], 2, &[]);
}

#[test]
fn tables() {
    let none = Rows(BTreeMap::new());
    let row = (1, 7, 3);
    let insert = || (0, 0, 1, Sql::Insert(row), Answer::Done(true));
    // An index that does not know of a row, and one that still does.
    rejects(&none, vec![insert(), (1, 2, 3, Sql::ByUnique(7), Answer::Row(None))], 2, &[]);
    rejects(&none, vec![insert(), (1, 2, 3, Sql::ByOrdered(0, 9), Answer::Rows(vec![]))], 2, &[]);
    let remove = (0, 2, 3, Sql::Remove(1), Answer::Row(Some(row)));
    rejects(&none, vec![insert(), remove, (1, 4, 5, Sql::ByUnique(7), Answer::Row(Some(row)))], 3, &[]);
    // Two rows with one key.
    let other = (1, 0, 2, Sql::Insert((2, 7, 4)), Answer::Done(true));
    rejects(&none, vec![insert(), other], 2, &["would return [Refused(\"unique\")]"]);
    accepts(&none, vec![insert(), (1, 0, 2, Sql::Insert((2, 7, 4)), Answer::Refused("unique"))]);
}

#[test]
fn arrays_and_counters() {
    let start = Places(vec![1, 2]);
    rejects(&start, vec![(0, 0, 1, At::Write(0, 9), Value::Done), (1, 2, 3, At::Read(0), Value::Value(1))], 2, &[]);
    // Half of a swap.
    let swap = (0, 0, 9, At::Swap(0, 1), Value::Done);
    rejects(&start, vec![swap, (1, 1, 2, At::All, Value::Values(vec![2, 2]))], 2, &["Places([2, 1])"]);
    let add = |thread| (thread, 0, 9, Count::Add(1), None);
    rejects(&Sum(0), vec![add(0), add(1), (0, 10, 11, Count::Get, Some(1))], 3, &["would return [Some(2)]"]);
    let take = |thread| (thread, 0, 9, Count::TryTake(3), Some(3));
    rejects(&Sum(5), vec![take(0), take(1)], 2, &[]);
    rejects(&Sum(5), vec![(0, 0, 1, Count::Take(6), Some(6))], 1, &["would wait"]);
    assert_eq!(accepts(&Sum(0), vec![(0, 0, 9, Count::Take(1), Some(1)), (1, 0, 9, Count::Add(1), None)]), Sum(0));
}

fn sequence(items: &[u64]) -> Sequence {
    Sequence { items: VecDeque::from(items.to_vec()), ..Sequence::default() }
}

#[test]
fn queues() {
    let (none, two) = (sequence(&[]), sequence(&[1, 2]));
    let item = |item: u64| Had::Item(Some(item));
    let push = |thread, began, item| (thread, began, began + 1, End::PushBack(item), Had::Done(true));
    // One item for two, an item that is lost, an item from nowhere.
    rejects(&two, vec![(0, 0, 9, End::PopFront, item(1)), (1, 0, 9, End::PopFront, item(1))], 2, &[]);
    rejects(
        &none,
        vec![push(0, 0, 1), (1, 2, 3, End::PopFront, Had::Item(None))],
        2,
        &["would return [Item(Some(1))]"],
    );
    rejects(&none, vec![push(0, 0, 1), (1, 2, 3, End::PopFront, item(2))], 2, &[]);
    // Not first in, first out.
    let pops = [(1, 4, 5, End::PopFront, item(2)), (1, 6, 7, End::PopFront, item(1))];
    let fifo = |began| [vec![push(0, 0, 1), push(2, began, 2)], pops.to_vec()].concat();
    rejects(&none, fifo(2), 3, &["PopFront = Item(Some(2)) would return [Item(Some(1))]"]);
    accepts(&none, fifo(0));
    // The wrong end, a length of no moment.
    rejects(&two, vec![(0, 0, 1, End::PopBack, item(1))], 1, &[]);
    rejects(&two, vec![push(0, 0, 3), (1, 2, 3, End::Len, Had::Count(2))], 2, &[]);
    // One more than there is room for, and in after it was closed.
    let bounded = || Sequence { capacity: Some(1), ..sequence(&[]) };
    let put = |thread| (thread, 0, 9, End::Put(thread as u64), Had::Done(true));
    rejects(&bounded(), vec![put(0), put(1)], 2, &["would wait"]);
    accepts(&bounded(), vec![put(0), put(1), (2, 0, 9, End::Take, item(1))]);
    let close = (0, 0, 1, End::Close, Had::Done(true));
    rejects(&bounded(), vec![close, (1, 2, 3, End::Put(1), Had::Done(true))], 2, &["would return [Done(false)]"]);
}

#[test]
fn queues_by_rank_and_for_many() {
    let push = |thread, began, rank, name| (thread, began, began + 1, Rank::Push(rank, name), Out::Done);
    let pop = |thread, began, known| (thread, began, began + 1, Rank::TryPop, Out::Item(known));
    let start = Ranked::default();
    rejects(&start, vec![push(0, 0, 1, 1), push(0, 2, 5, 2), pop(1, 4, Some((1, 1)))], 3, &["(5, 2)"]);
    // Of two equal ones the younger.
    rejects(&start, vec![push(0, 0, 1, 1), push(0, 2, 1, 2), pop(1, 4, Some((1, 2)))], 3, &[]);
    accepts(&start, vec![push(0, 0, 1, 1), push(1, 0, 1, 2), pop(2, 4, Some((1, 2)))]);

    let send = |began, item| (0, began, began + 1, Cast::Send(item), Got::Done);
    let receive = |thread, began, who, item| (thread, began, began + 1, Cast::TryRecv(who), Got::Item(item));
    let news = || News::new(None, 2);
    accepts(&news(), vec![send(0, 1), receive(1, 2, 0, Some(1)), receive(2, 2, 1, Some(1))]);
    // Twice to one subscriber, past one, out of order.
    rejects(&news(), vec![send(0, 1), receive(1, 2, 0, Some(1)), receive(2, 2, 0, Some(1))], 3, &[]);
    rejects(&news(), vec![send(0, 1), send(2, 2), receive(1, 4, 0, Some(2))], 3, &["would return [Item(Some(1))]"]);
    // One that is kept no longer.
    rejects(&News::new(Some(1), 1), vec![send(0, 1), send(2, 2), receive(1, 4, 0, Some(1))], 3, &[]);
}

#[test]
fn places_promises_and_latches() {
    let take = |thread| (thread, thread as u64, 9 + thread as u64, Var::Take, Seen::Value(Some(1)));
    // One value for two takers; two values in one place.
    rejects(&Place(Some(1)), vec![take(0), take(1)], 2, &["Take = Value(Some(1)) would wait"]);
    let put = |thread, n| (thread, 0, 9, Var::Put(n), Seen::Is(true));
    rejects(&Place(None), vec![put(0, 1), put(1, 2)], 2, &["would wait"]);
    accepts(&Place(None), vec![put(0, 1), put(1, 2), take(2)]);

    let set = |thread, n| (thread, 0, 9, Word::Set(n), Told::Set(true));
    rejects(&Promised(Kept::Not), vec![set(0, 1), set(1, 2)], 2, &[]);
    let get = |began, kept| (2, began, began + 1, Word::TryGet, Told::Found(kept));
    rejects(&Promised(Kept::Not), vec![set(0, 1), get(2, Kept::Yes(1)), get(4, Kept::Not)], 3, &[]);
    rejects(&Promised(Kept::Not), vec![set(0, 1), get(10, Kept::Broken)], 2, &[]);

    let down = |thread, is_open| (thread, 0, 9, Gate::CountDown, is_open);
    rejects(&Left(2), vec![down(0, 0), down(1, 0)], 2, &[]);
    rejects(&Left(2), vec![down(0, 0), (1, 10, 11, Gate::Wait, 1)], 2, &["Wait = 1 would wait"]);
    rejects(&Left(1), vec![down(0, 1), (1, 10, 11, Gate::IsOpen, 0)], 2, &[]);
}

#[test]
fn locks() {
    // One permit for two; one that is given back and not there.
    let acquire = |thread| (thread, 0, 9, Ask::Acquire(thread, 2), 1);
    rejects(&Permits(3), vec![acquire(0), acquire(1)], 2, &["then there is Permits(1)", "would wait"]);
    rejects(&Permits(3), vec![acquire(0), (1, 10, 11, Ask::Available, 3)], 2, &[]);
    rejects(&Permits(0), vec![(0, 0, 1, Ask::Release(2), 1), (1, 2, 3, Ask::TryAcquire(2), 0)], 2, &[]);

    // Two who write, one who reads beside one who writes, a value that changes under a reader.
    let lock = |thread, mode| (thread, 0, 9, Key::Lock(thread, mode), Some(1));
    let start = || Lock::new(2);
    rejects(&start(), vec![lock(0, 2), lock(1, 2)], 2, &["would wait"]);
    rejects(&start(), vec![lock(0, 0), lock(1, 2)], 2, &[]);
    rejects(&start(), vec![lock(0, 0), (1, 10, 11, Key::TrySet(1, 5), Some(1))], 2, &["would return [Some(0)]"]);
    accepts(&start(), vec![lock(0, 0), lock(1, 1)]);

    // Through before all have come; two who were the last.
    let arrive = |thread, is_last| (thread, 0, 9, Step::Arrive(thread), Some(is_last));
    rejects(&Meeting::new(2, 2), vec![arrive(0, 0), (0, 10, 11, Step::Pass(0), Some(1))], 2, &["would wait"]);
    rejects(&Meeting::new(2, 2), vec![arrive(0, 1), arrive(1, 1)], 2, &[]);
    accepts(&Meeting::new(2, 2), vec![arrive(0, 0), arrive(1, 1), (0, 10, 11, Step::Pass(0), Some(1))]);
}

/// What a transaction does is one operation.
#[test]
fn transactions() {
    let start = Both(sequence(&[1]), Sum(0));
    let entry = |began, ended, ops, returned| Entry { ops, returned: Some(returned), began, ended };
    let moves = entry(
        0,
        9,
        vec![Either::Left(End::PopFront), Either::Right(Count::Add(1))],
        vec![Either::Left(Had::Item(Some(1))), Either::Right(None)],
    );
    let looks = |length, sum| {
        let ops = vec![Either::Left(End::Len), Either::Right(Count::Get)];
        entry(1, 2, ops, vec![Either::Left(Had::Count(length)), Either::Right(Some(sum))])
    };
    for (length, sum, is_right) in [(1, 0, true), (0, 1, true), (0, 0, false), (1, 1, false)] {
        let seen = vec![vec![moves.clone()], vec![looks(length, sum)]];
        assert_eq!(is_linear(&start, &seen), is_right, "{length} and {sum}");
    }
    // Write skew: each looked before the other wrote.
    let skew = |thread: usize| {
        let ops = vec![At::Read(1 - thread), At::Write(thread, 1)];
        vec![Entry { ops, returned: Some(vec![Value::Value(0), Value::Done]), began: 0, ended: 9 }]
    };
    let violation = check(&Places(vec![0, 0]), &vec![skew(0), skew(1)]).expect_err("it is not serialisable");
    assert!(violation.to_string().contains("Read(1) = Value(0); Write(0, 1) = Done"), "{violation}");
}

/// What has not returned may have taken effect or not.
#[test]
fn unfinished_operations() {
    let push = Entry { ops: vec![End::PushBack(1)], returned: None, began: 0, ended: u64::MAX };
    let pop = |began, item| Entry {
        ops: vec![End::PopFront],
        returned: Some(vec![Had::Item(item)]),
        began,
        ended: began + 1,
    };
    let is_right = |pops: Vec<_>| is_linear(&sequence(&[]), &vec![vec![push.clone()], pops]);
    assert!(is_right(vec![pop(1, None), pop(3, None)]));
    assert!(is_right(vec![pop(1, None), pop(3, Some(1)), pop(5, None)]));
    assert!(!is_right(vec![pop(1, Some(1)), pop(3, Some(1))]));
}

#[test]
fn a_history_is_checked_key_by_key() {
    let calls = || {
        vec![
            (0, 0, 9, Op::Insert(1, 10), Ret::Was(None)),
            (1, 1, 2, Op::Get(1), Ret::Was(Some(10))),
            (1, 3, 4, Op::Insert(2, 20), Ret::Was(None)),
        ]
    };
    let right = |calls| {
        by_key(&history::<Keyed>(calls), |op| match op {
            Op::Get(key) | Op::Insert(key, _) => *key,
            _ => unreachable!("not made above"),
        })
    };
    let parts = right(calls());
    assert_eq!(parts.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(parts.values().all(|part| is_linear(&map(&[]), part)));
    let mut wrong = calls();
    wrong.push((0, 10, 11, Op::Get(2), Ret::Was(None)));
    let verdicts = right(wrong).into_values().map(|part| is_linear(&map(&[]), &part));
    assert_eq!(verdicts.collect::<Vec<_>>(), [true, false]);
}
