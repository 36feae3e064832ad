//! A move from one structure to another is one step to everybody, whichever two they are.

#[path = "moves/places.rs"]
mod places;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use common::{Ends, Random, race, scaled, watchdog};
use stm::{ReadTransaction, StmResult, Transaction, atomically, snapshot};

use places::{Place, all_kinds};

/// As many as are in all places together, if they have room for them and for a move.
const ITEMS: usize = 6;

/// Lets others come in between, at times.
fn pause(random: u64) {
    if random.is_multiple_of(4) {
        thread::yield_now();
    }
}

/// Moves an item, unless there is none, or no room for it: then everything stays as it is.
fn move_one(
    tx: &Transaction<'_, '_>,
    from: &dyn Place,
    to: &dyn Place,
    fresh: u64,
    random: &mut Random,
) -> StmResult<bool> {
    tx.or_else(
        |tx| {
            let Some(item) = from.take(tx, fresh)? else { return tx.retry() };
            pause(random.draw());
            let is_in = to.put(tx, item)?;
            pause(random.draw());
            if is_in { Ok(true) } else { tx.retry() }
        },
        |_| Ok(false),
    )
}

/// How many items there are, and which, if all places know that.
type Seen = (usize, Option<Vec<u64>>);

fn look(tx: &ReadTransaction<'_, '_>, places: &[&dyn Place]) -> StmResult<Seen> {
    let (mut count, mut items) = (0, Some(Vec::new()));
    for (at, place) in (0..).zip(places) {
        pause(at + count as u64);
        count += place.count(tx)?;
        items = match (items, place.items(tx)?) {
            (Some(all), Some(more)) => Some([all, more].concat()),
            _ => None,
        };
    }
    Ok((count, items))
}

/// Puts in as many as there are to be.
fn fill(places: &[&dyn Place]) -> Seen {
    let room: usize = places.iter().map(|place| place.room()).sum();
    let items: Vec<_> = (0..ITEMS.min(room - 1) as u64).collect();
    for item in &items {
        assert!(atomically(|tx| {
            for place in places {
                if place.put(tx, *item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }));
    }
    let knows = places.iter().all(|place| atomically(|tx| place.items(tx)).is_some());
    (items.len(), knows.then_some(items))
}

/// Two threads move items between all of the places until there were so many snapshots, and moves from each place.
fn stays_whole(places: &[&dyn Place], snapshots: usize) {
    let all = fill(places);
    let is_over = AtomicBool::new(false);
    let (fresh, taken) = (AtomicU64::new(1_000), Vec::from_iter(places.iter().map(|_| AtomicUsize::new(0))));
    race(3, |me| {
        if me == 0 {
            let _ends = Ends(&is_over);
            let mut looks = 0;
            while looks < snapshots || taken.iter().any(|count| count.load(Ordering::SeqCst) < 20) {
                let body = |tx: &ReadTransaction<'_, '_>| look(tx, places);
                let mut seen = if looks % 2 == 0 { snapshot(body) } else { atomically(|tx| look(tx, places)) };
                seen.1.iter_mut().for_each(|items| items.sort_unstable());
                assert_eq!(seen, all, "{:?}", places.iter().map(|place| place.name()).collect::<Vec<_>>());
                looks += 1;
            }
            return;
        }
        let mut random = Random::new(me as u64);
        while !is_over.load(Ordering::SeqCst) {
            let from = random.below(places.len());
            let to = (from + 1 + random.below(places.len() - 1)) % places.len();
            let fresh = fresh.fetch_add(1, Ordering::SeqCst);
            let moved = atomically(|tx| move_one(tx, places[from], places[to], fresh, &mut random));
            taken[from].fetch_add(moved.into(), Ordering::SeqCst);
        }
    });
}

#[test]
fn a_move_between_any_two_is_one_step() {
    let _watchdog = watchdog();
    let kinds = all_kinds().len();
    for one in 0..kinds {
        // Two of a kind, too; moves go both ways.
        for other in one..kinds {
            let (left, right) = (all_kinds().swap_remove(one), all_kinds().swap_remove(other));
            stays_whole(&[&*left, &*right], scaled(30));
        }
    }
}

#[test]
fn a_move_among_all_is_one_step() {
    let _watchdog = watchdog();
    let kinds = all_kinds();
    let knowing: Vec<_> = kinds.iter().map(|place| &**place).filter(|place| place.knows_its_items()).collect();
    stays_whole(&knowing, scaled(300));
    let kinds = all_kinds();
    stays_whole(&kinds.iter().map(|place| &**place).collect::<Vec<_>>(), scaled(300));
}
