//! What is kept for snapshots, and how it is given back.

use std::hash::BuildHasher;
use std::thread;

use super::*;
use crate::clock::tests::alone;

/// Keeps everybody, and so commits of other tests, from tidying up.
struct Untidied;

impl Untidied {
    fn new() -> Self {
        in_the_end("nobody is at it", || !TIDYING.swap(true, Ordering::Acquire));
        Self
    }
}

impl Drop for Untidied {
    fn drop(&mut self) {
        TIDYING.store(false, Ordering::Release);
    }
}

/// Runs `f` with a snapshot of this thread open, and its moment.
fn while_open<R>(f: impl FnOnce(&Local, Version) -> R) -> R {
    reclaim::with_local(|local| {
        let _pin = local.pin();
        let (moment, announced) = open(local);
        let result = f(local, moment);
        if announced {
            local.withdraw();
        }
        result
    })
}

fn version(raw: u64) -> Version {
    Version::from_raw(raw)
}

/// A value of a variable that does not exist: its address would not be aligned.
fn value(cell: usize, from: u64) -> Replaced {
    Replaced { cell, from: version(from), kind: None, value: ptr::null_mut() }
}

fn newest(local: &Local) -> &Chunk {
    // SAFETY: the newest chunk is never cut off.
    unsafe { local.kept.newest.load(Ordering::Relaxed).cast::<Chunk>().as_ref() }
        .expect("the thread has kept something")
}

/// How many values the thread has in its newest chunk.
fn kept(local: &Local) -> u64 {
    // SAFETY: as above.
    let chunk = unsafe { local.kept.newest.load(Ordering::Relaxed).cast::<Chunk>().as_ref() };
    chunk.map_or(0, |chunk| chunk.length.load(Ordering::Relaxed))
}

/// Repeats what the commits of other tests may disturb.
fn in_the_end(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        thread::yield_now();
    }
    panic!("never: {what}");
}

#[test]
fn addresses_are_spread_in_the_bits_that_a_map_looks_at() {
    let hash = |address: usize| BuildHasherDefault::<AddressHasher>::default().hash_one(address);
    let spread = |bits: fn(u64) -> u64| {
        let mut seen: Vec<_> = (0..1024).map(|i| bits(hash(0x7F00_0000_0000 + 16 * i))).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    assert!(spread(|hash| hash & 1023) > 400, "{}", spread(|hash| hash & 1023));
    assert_eq!(spread(|hash| hash >> 57), 128);
    // And as a hasher of bytes it is one, too.
    let of_bytes = |bytes: [u8; 2]| {
        let mut hasher = AddressHasher::default();
        hasher.write(&bytes);
        hasher.finish()
    };
    let mut all: Vec<_> = (0..=255).map(|byte| of_bytes([1, byte])).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 256);
}

#[test]
fn a_chunk_takes_so_many_values_and_knows_the_newest() {
    let chunk = Chunk::new(ptr::null_mut());
    for i in 0..CHUNK as u64 {
        // The last one is not the newest.
        let until = if i + 1 == CHUNK as u64 { 1 } else { 100 + i };
        assert!(chunk.push(value(1, 0), version(until)));
        assert_eq!(chunk.length.load(Ordering::Relaxed), i + 1);
    }
    assert!(!chunk.push(value(1, 0), version(1000)), "it is full");
    assert_eq!(chunk.length.load(Ordering::Relaxed), CHUNK as u64);
    assert_eq!(chunk.newest.load(Ordering::Relaxed), 100 + CHUNK as u64 - 2);
    assert_eq!(chunk.slots[1].until.load(Ordering::Relaxed), 101);
}

#[test]
fn a_value_was_current_from_its_version_until_the_next() {
    let chunk = Chunk::new(ptr::null_mut());
    chunk.push(value(7, 10), version(20));
    let at = |moment| chunk.slots[0].at(version(moment)).map(|found| (found.cell, found.from.raw()));
    assert_eq!([9, 10, 19, 20, 21].map(at), [None, Some((7, 10)), Some((7, 10)), None, None]);
}

#[test]
fn only_what_a_snapshot_may_want_is_kept() {
    let _alone = alone();
    while_open(|local, moment| {
        assert!(NEWEST.load(Ordering::Relaxed) >= moment.raw() && local.kept.moment.load(Ordering::Relaxed) > 0);
        // No other test makes a moment meanwhile.
        let newest = NEWEST.load(Ordering::Relaxed);
        let _untidied = Untidied::new();
        for (from, is_kept) in [(0, true), (newest, true), (newest + 1, false), (newest + 5, false)] {
            let before = kept(local);
            keep([value(3, from)].into_iter(), version(newest + 10));
            let after = kept(local);
            let more = if after < before { after } else { after - before };
            assert_eq!(more, u64::from(is_kept), "{from} of {newest}");
        }
    });
}

/// One snapshot finds what was kept before and after it first looked, over several chunks.
#[test]
fn a_snapshot_finds_all_that_was_kept() {
    let _alone = alone();
    while_open(|_, moment| {
        let _untidied = Untidied::new();
        let (moment, mut past) = (moment.raw(), Past::default());
        let mut next = 0;
        for count in [1, 1, CHUNK / 2, 5, CHUNK, 3 * CHUNK, 1, 2 * CHUNK + 1, CHUNK] {
            let cells: Vec<_> = (next..next + count).map(|i| 2 * i + 1).collect();
            next += count;
            keep(cells.iter().map(|&cell| value(cell, moment)), version(moment + 1));
            for cell in cells {
                let found = past.find(cell, version(moment)).map(|found| (found.cell, found.from.raw()));
                assert_eq!(found, Some((cell, moment)), "{next}");
            }
        }
        assert!(past.find(2 * next + 1, version(moment)).is_none(), "it was not kept");
        // Of no concern: it was replaced before, and it is from later.
        let newest = NEWEST.load(Ordering::Relaxed);
        keep([value(2 * next + 1, 0)].into_iter(), version(moment));
        keep([value(2 * next + 3, newest)].into_iter(), version(newest + 1));
        assert!(past.find(2 * next + 1, version(moment)).is_none());
        assert_eq!(past.find(2 * next + 3, version(moment)).is_some(), newest == moment);
        // A second one, which has seen nothing yet.
        assert!(Past::default().find(1, version(moment)).is_some());
    });
}

/// A later snapshot of this thread looks at what is new since the first one, and no further: what an earlier look has
/// found, it has found.
#[test]
fn a_snapshot_looks_at_nothing_twice() {
    let _alone = alone();
    while_open(|local, moment| {
        let _untidied = Untidied::new();
        let mut past = Past::default();
        for count in [CHUNK + 2, 1] {
            keep((0..count).map(|i| value(2 * i + 1, 0)), version(moment.raw() + 1));
            assert!(past.find(1, moment).is_some());
            past.gather(moment);
            past.found.clear();
            past.gather(moment);
            assert!(past.found.is_empty(), "nothing is new");
        }
        assert_eq!(past.seen[local.number], (ptr::from_ref(newest(local)), kept(local)));
    });
}

#[test]
fn what_a_snapshot_has_found_is_forgotten_with_its_memory_if_that_is_large() {
    for (count, is_given_back) in [(Past::KEEP / 2, false), (2 * Past::KEEP, true)] {
        let mut past = Past::default();
        past.found.extend((0..count).map(|i| (i, value(i, 0))));
        past.seen.push((ptr::null(), 1));
        past.clear();
        assert!(past.found.is_empty() && past.seen.is_empty());
        assert_eq!(past.found.capacity() == 0, is_given_back);
    }
    let mut past = Past::default();
    past.found.reserve(Past::KEEP);
    let capacity = past.found.capacity();
    past.seen.push((ptr::null(), 1));
    past.clear();
    assert_eq!(past.found.capacity() == 0, capacity > Past::KEEP);
}

/// Fills the chunk that a thread before this one has left.
fn fill(local: &Local) {
    let room = (0..CHUNK).take_while(|_| !kept(local).is_multiple_of(CHUNK as u64));
    room.for_each(|_| append(local, value(1, 0), version(1)));
}

/// Makes chains of full chunks on a thread of its own, with values replaced by 10, 20 and so on, the newest last.
fn with_chain(chunks: u64, f: impl FnOnce(&Local) + Send) {
    let work = move || {
        reclaim::with_local(|local| {
            fill(local);
            for until in 1..=chunks {
                (0..CHUNK).for_each(|_| append(local, value(1, 0), version(10 * until)));
            }
            f(local);
        });
    };
    thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
}

fn untils(local: &Local) -> Vec<u64> {
    let mut untils = Vec::new();
    let mut chunk = Some(newest(local));
    while let Some(current) = chunk {
        untils.push(current.newest.load(Ordering::Relaxed));
        // SAFETY: nobody else cuts it off, and the thread is pinned.
        chunk = unsafe { current.older.load(Ordering::Relaxed).as_ref() };
    }
    untils
}

#[test]
fn what_no_snapshot_wants_is_cut_off_and_counted() {
    let _alone = alone();
    let _untidied = Untidied::new();
    for (oldest, left) in [
        (9, vec![40, 30, 20, 10]),
        (10, vec![40, 30, 20]),
        (19, vec![40, 30, 20]),
        (25, vec![40, 30]),
        (40, vec![40]),
        (90, vec![40]),
    ] {
        with_chain(4, |local| {
            let _pin = local.pin();
            // An older thread may have left a chunk of its own.
            cut(local, 9, local);
            let (before, chunks) = (untils(local).len(), CHUNKS.load(Ordering::Relaxed));
            cut(local, oldest, local);
            let after = untils(local);
            assert_eq!(after[..left.len().min(after.len())], left, "{oldest}");
            assert!(after.len() <= left.len() + usize::from(oldest < 10));
            assert_eq!(chunks - CHUNKS.load(Ordering::Relaxed), (before - after.len()) as u64, "{oldest}");
            assert_eq!(length(newest(local)), after.len() as u64);
            cut(local, 90, local);
            assert_eq!(untils(local), [40], "the first one is in use");
        });
    }
}

#[test]
fn much_is_more_than_a_few_chunks() {
    let _alone = alone();
    let _untidied = Untidied::new();
    reclaim::records().for_each(|local| reclaim::with_local(|own| cut(local, u64::MAX, own)));
    assert_eq!(CHUNKS.load(Ordering::Relaxed), 0, "the first of each chain is not counted");
    with_chain(FEW_CHUNKS, |local| {
        in_the_end("there are enough", || {
            let few = CHUNKS.load(Ordering::Relaxed) < FEW_CHUNKS;
            (0..CHUNK).filter(|_| few).for_each(|_| append(local, value(1, 0), version(10)));
            !few
        });
        assert!(!is_large());
        (0..CHUNK).for_each(|_| append(local, value(1, 0), version(10)));
        assert_eq!(CHUNKS.load(Ordering::Relaxed), FEW_CHUNKS + 1);
        assert!(is_large());
        cut(local, u64::MAX, local);
        assert!(!is_large());
    });
}

/// Does what `context` does at the end of a snapshot.
#[test]
fn the_end_of_a_snapshot_gives_back_what_was_kept_if_it_is_much() {
    let _alone = alone();
    let open_and_close = || {
        while_open(|_, _| ());
        reclaim::with_local(closed);
    };
    with_chain(2 * FEW_CHUNKS, |_| {
        assert!(is_large());
        in_the_end("it is given back", || {
            open_and_close();
            !is_large() && !clock::now().is_keeping()
        });
    });
    with_chain(2 * FEW_CHUNKS, |_| {
        // Somebody is at it all the time: it gives up.
        let untidied = Untidied::new();
        open_and_close();
        assert!(is_large() && !tidy() && try_tidy().is_none());
        drop(untidied);
        in_the_end("it is given back", || {
            open_and_close();
            !is_large()
        });
    });
    // It is little: nobody looks.
    open_and_close();
    assert!(!is_large() && clock::now().is_keeping());
}

#[test]
fn keeping_ends_when_no_snapshot_is_open_and_not_before() {
    let _alone = alone();
    while_open(|_, _| {
        for _ in 0..10 {
            assert!(!tidy() && clock::now().is_keeping(), "this one is open");
        }
        assert!(!clock::now().is_a_moment(), "nobody else may have this moment");
    });
    assert!(tidy());
    assert!(!clock::now().is_keeping());
    assert!(tidy(), "nobody keeps");
    let first = while_open(|_, moment| moment.raw());
    assert!(clock::now().is_keeping());
    let second = while_open(|_, moment| moment.raw());
    assert!(second >= first);
}

/// What others know of is the outer one, which wants more.
#[test]
fn one_within_another_does_not_hide_it() {
    let _alone = alone();
    while_open(|local, outer| {
        for _ in 0..3 {
            clock::end_moment();
            let (inner, announced) = open(local);
            assert!(inner > outer && !announced);
            assert_eq!(local.kept.moment.load(Ordering::Relaxed), outer.raw());
        }
    });
}

/// What one snapshot wants is not cut off because another has ended.
#[test]
fn tidying_leaves_what_the_oldest_snapshot_wants() {
    let _alone = alone();
    while_open(|_, moment| {
        let work = || {
            reclaim::with_local(|local| {
                fill(local);
                let until = [moment.raw(), moment.raw() + 1, moment.raw() + 2];
                for until in until {
                    (0..CHUNK).for_each(|_| append(local, value(1, 0), version(until)));
                }
                while_open(|local, later| {
                    assert!(later > moment || clock::now().version() == moment);
                    assert!(!tidy());
                    assert_eq!(untils(local), [until[2], until[1]]);
                });
            });
        };
        thread::scope(|scope| {
            scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    });
}

#[test]
fn commits_look_less_and_less_often_whether_they_have_to_keep() {
    let _alone = alone();
    let patience = |local: &Local| local.kept.patience.get();
    while_open(|local, _| {
        let mut expected = vec![];
        local.kept.patience.set((0, 0));
        for _ in 0..PATIENCE.0 + 2 * PATIENCE.0 + 1 {
            committed();
            expected.push(patience(local));
        }
        assert_eq!(expected[..2], [(64, 64), (63, 64)]);
        assert_eq!(expected[62..66], [(2, 64), (1, 64), (128, 128), (127, 128)]);
        assert_eq!(expected[64 + 128], (256, 256));
        for (most, next) in [(512, 1024), (1024, 1024), (600, 1024)] {
            local.kept.patience.set((1, most));
            committed();
            assert_eq!(patience(local), (next, next));
        }
        local.kept.patience.set((1, 512));
    });
    reclaim::with_local(|local| {
        committed();
        assert_eq!(patience(local), (64, 64), "none is open");
    });
    assert!(!clock::now().is_keeping());
}

#[test]
fn births_are_noted_while_a_snapshot_may_be_open_and_forgotten_after_it() {
    let _alone = alone();
    assert!(tidy());
    assert!(!is_younger(1, version(0)));
    born(1);
    assert!(!is_younger(1, version(0)), "nobody wants to know");
    while_open(|_, moment| {
        born(1);
        assert!(is_younger(1, moment) && is_younger(1, version(0)) && !is_younger(3, version(0)));
    });
    let _untidied = {
        assert!(tidy());
        assert!(!is_younger(1, version(0)));
        Untidied::new()
    };
    let births = || {
        let births = BIRTHS.lock();
        assert_eq!(births.len() as u64, BORN.load(Ordering::Relaxed));
        births.len()
    };
    note_birth(1, version(7));
    note_birth(3, version(8));
    assert!(births() >= 2);
    assert_eq!([6, 7, 8].map(|moment| is_younger(1, version(moment))), [true, true, false]);
    note_birth(1, version(7));
    births();
    forget_births(8, true);
    births();
    assert!(!is_younger(1, version(0)) && is_younger(3, version(8)));
    forget_births(9, true);
    births();
    assert!(!is_younger(3, version(0)));
    // Found, and yet not meant: the address has had another variable then.
    while_open(|_, moment| {
        let mut past = Past::default();
        keep([value(5, 0)].into_iter(), version(moment.raw() + 1));
        assert!(past.find(5, moment).is_some());
        born(5);
        assert!(past.find(5, moment).is_none());
    });
}
