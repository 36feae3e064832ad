//! The table from addresses of variables to those who wait for them.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use super::Waiter;
use super::line::Call;
use crate::shim::{Mutex, MutexGuard, shared_static};
use crate::word::Word;

const BUCKETS: usize = if cfg!(any(stm_loom, stm_shuttle)) { 1 } else { 256 };

shared_static! {
    static TABLE: Table = Table::new()
}

struct Table([CachePadded<Mutex<Bucket>>; BUCKETS]);

type Bucket = BTreeMap<usize, Vec<Group>>;

impl Table {
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    const fn new() -> Self {
        Self([const { CachePadded::new(Mutex::new(BTreeMap::new())) }; BUCKETS])
    }
    #[cfg(any(stm_loom, stm_shuttle))]
    fn new() -> Self {
        Self(std::array::from_fn(|_| CachePadded::new(Mutex::new(BTreeMap::new()))))
    }
}

/// The bucket of an address, for as long as the guard lives. Wakers are user code: none is called or dropped meanwhile.
fn bucket(address: usize) -> MutexGuard<'static, Bucket> {
    // Fibonacci hashing; cells are 16-byte aligned.
    let hash = ((address >> 4) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    TABLE.0[(hash >> 32) as usize % BUCKETS].lock()
}

/// Those who wait for one variable in the same way.
struct Group {
    /// Of these each write wakes one, of those without a call all.
    call: Option<Call>,
    /// By number: whoever came first is first. Leaving does not look at the others.
    waiting: BTreeMap<u64, Entry>,
    /// How many have been woken and have not said yet what came of it: batons, see [`super::line`].
    batons: usize,
}

struct Entry {
    /// The variable as the waiter has read it.
    seen: Word,
    waiter: Arc<Waiter>,
}

/// How a waiter is known to the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) call: Option<Call>,
    pub(super) number: u64,
}

impl Group {
    fn new(call: Option<Call>) -> Self {
        Self { call, waiting: BTreeMap::new(), batons: 0 }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.batons == 0
    }
}

/// Runs `f` on a group, which is made if need be, and forgets it if nothing is left in it.
fn with_group<R>(address: usize, call: Option<Call>, f: impl FnOnce(&mut Group) -> R) -> R {
    let mut bucket = bucket(address);
    let groups = bucket.entry(address).or_default();
    let position = groups.iter().position(|group| group.call == call).unwrap_or_else(|| {
        groups.push(Group::new(call));
        groups.len() - 1
    });
    let result = f(&mut groups[position]);
    if groups[position].is_empty() {
        groups.swap_remove(position);
        if groups.is_empty() {
            bucket.remove(&address);
        }
    }
    result
}

/// Registers a waiter.
pub(super) fn enter(address: usize, seen: Word, waiter: &Arc<Waiter>) {
    let Ticket { call, number } = waiter.ticket(address);
    let entry = Entry { seen, waiter: Arc::clone(waiter) };
    with_group(address, call, |group| group.waiting.insert(number, entry));
}

/// Takes a waiter out, which has itself a hold on it. Returns whether it has the baton of its line now: because somebody has
/// taken it out before, to wake it, or because it `owes` it.
pub(super) fn leave(address: usize, ticket: Ticket, owes: bool) -> bool {
    let mut bucket = bucket(address);
    // Without a trace of its group it was in no line: the group of a line lasts as long as its batons.
    let Some(groups) = bucket.get_mut(&address) else { return false };
    let Some(position) = groups.iter().position(|group| group.call == ticket.call) else { return false };
    let group = &mut groups[position];
    let was_there = group.waiting.remove(&ticket.number).is_some();
    let is_in_line = group.call.is_some();
    if is_in_line && was_there && owes {
        group.batons += 1;
    }
    if group.is_empty() {
        groups.swap_remove(position);
        if groups.is_empty() {
            bucket.remove(&address);
        }
    }
    is_in_line && (owes || !was_there)
}

/// Takes out who is to be woken by a write that has left the variable with the word `now`: of those who have not read
/// it as it is now, the first of each line and all who are in none. Returns whether somebody is left.
pub(super) fn take(address: usize, now: Word, mut wake: impl FnMut(Arc<Waiter>)) -> bool {
    let mut bucket = bucket(address);
    let Some(groups) = bucket.get_mut(&address) else { return false };
    for group in groups.iter_mut() {
        if group.call.is_none() {
            let all = mem::take(&mut group.waiting).into_iter();
            let (left, changed): (_, BTreeMap<_, _>) = all.partition(|(_, entry)| entry.seen == now);
            group.waiting = left;
            changed.into_values().for_each(|entry| wake(entry.waiter));
        } else if let Some(number) =
            group.waiting.iter().find(|(_, entry)| entry.seen != now).map(|(number, _)| *number)
        {
            group.batons += 1;
            group.waiting.remove(&number).into_iter().for_each(|entry| wake(entry.waiter));
        }
    }
    groups.retain(|group| !group.is_empty());
    let is_left = groups.iter().any(|group| !group.waiting.is_empty());
    if groups.is_empty() {
        bucket.remove(&address);
    }
    is_left
}

/// Takes a baton back whose holder waits again: it speaks for the line from now on.
pub(super) fn put_down(address: usize, call: Call) {
    with_group(address, Some(call), |group| group.batons -= 1);
}

/// Takes a baton on to the next in line, unless there is another to see to the line. Returns whom to wake.
pub(super) fn pass(address: usize, call: Call) -> Option<Arc<Waiter>> {
    with_group(address, Some(call), |group| {
        group.batons -= 1;
        if group.batons > 0 {
            return None;
        }
        let (_, next) = group.waiting.pop_first()?;
        group.batons = 1;
        Some(next.waiter)
    })
}

/// Everybody who waits, one bucket after the other. Buckets are locked for as long as it takes to copy pointers.
pub(super) fn everybody() -> Vec<Arc<Waiter>> {
    let mut found = BTreeMap::new();
    for bucket in &TABLE.0 {
        let bucket = bucket.lock();
        let entries = bucket.values().flatten().flat_map(|group| group.waiting.values());
        // None is dropped here, which would be user code: each is kept by the table too.
        found.extend(entries.map(|entry| (Arc::as_ptr(&entry.waiter).addr(), Arc::clone(&entry.waiter))));
    }
    found.into_values().collect()
}

/// How many waiters and batons there are: a model ends with none.
#[cfg(all(test, any(stm_loom, not(stm_shuttle))))]
pub(super) fn count(mut counts: impl FnMut(usize) -> bool) -> usize {
    let mut in_bucket = |bucket: &Bucket| -> usize {
        let groups = bucket.iter().filter(|(address, _)| counts(**address)).flat_map(|(_, groups)| groups);
        groups.map(|group| group.waiting.len() + group.batons).sum()
    };
    TABLE.0.iter().map(|bucket| in_bucket(&bucket.lock())).sum()
}

/// Whether anything is kept for an address.
#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
pub(super) fn knows(address: usize) -> bool {
    bucket(address).contains_key(&address)
}
