//! Sorted lists.

use std::sync::Arc;

use stm::{Shared, StmResult, TLink, Transaction};

use super::maps::{Map, Mix};
use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::ours::run;
use crate::systems::{Lock, LockKind, Stm, Value};
use crate::workloads::progress::Team;

/// How many different keys there are; half of them are in the list.
const KEYS: u64 = 1024;

struct Link<S: Stm>(Option<Arc<Node<S>>>);

impl<S: Stm> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stm> Value for Link<S> {}

struct Node<S: Stm> {
    key: u64,
    value: u64,
    next: S::Var<Link<S>>,
}

/// Where a link is, and what it is.
type Place<S> = (<S as Stm>::Var<Link<S>>, Link<S>);

/// A list whose links are variables.
struct List<S: Stm>(S::Var<Link<S>>);

impl<S: Stm> List<S> {
    /// Returns the place of the first node whose key is not below, and what is there.
    #[inline]
    fn find(&self, tx: &S::Tx<'_>, key: u64) -> Result<Place<S>, S::Abort> {
        let mut place = self.0.clone();
        let mut link = S::read(tx, &place)?;
        while let Some(node) = &link.0
            && node.key < key
        {
            let next = S::read(tx, &node.next)?;
            place = node.next.clone();
            link = next;
        }
        Ok((place, link))
    }
}

impl<S: Stm> Map for List<S> {
    fn new() -> Self {
        Self(S::var(Link(None)))
    }

    fn get(&self, key: u64) -> Option<u64> {
        S::atomically(|tx| {
            let (_, link) = self.find(tx, key)?;
            Ok(link.0.filter(|node| node.key == key).map(|node| node.value))
        })
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        S::atomically(|tx| {
            let (place, link) = self.find(tx, key)?;
            if link.0.as_ref().is_some_and(|node| node.key == key) {
                return Ok(false);
            }
            S::write(tx, &place, Link(Some(Arc::new(Node { key, value, next: S::var(link) }))))?;
            Ok(true)
        })
    }

    fn remove(&self, key: u64) -> bool {
        S::atomically(|tx| {
            let (place, link) = self.find(tx, key)?;
            let Some(node) = link.0.filter(|node| node.key == key) else { return Ok(false) };
            let next = S::read(tx, &node.next)?;
            S::write(tx, &place, next)?;
            Ok(true)
        })
    }
}

struct Linked {
    key: u64,
    value: u64,
    next: TLink<Linked>,
}

/// The list of this library's links in place. `COUNTED` counts runs.
struct Links<const COUNTED: bool>(TLink<Linked>);

impl<const COUNTED: bool> Links<COUNTED> {
    #[inline]
    fn find<'tx>(&'tx self, tx: &Transaction<'tx, '_>, key: u64) -> StmResult<&'tx TLink<Linked>> {
        let mut place = &self.0;
        while let Some(node) = place.read(tx)?
            && node.get().key < key
        {
            place = &node.get().next;
        }
        Ok(place)
    }
}

impl<const COUNTED: bool> Map for Links<COUNTED> {
    fn new() -> Self {
        Self(TLink::empty())
    }

    fn get(&self, key: u64) -> Option<u64> {
        run::<COUNTED, _>(|tx| {
            let found = self.find(tx, key)?.read(tx)?;
            Ok(found.map(|node| node.get()).filter(|node| node.key == key).map(|node| node.value))
        })
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        run::<COUNTED, _>(|tx| {
            let place = self.find(tx, key)?;
            let next = place.read(tx)?;
            if next.is_some_and(|node| node.get().key == key) {
                return Ok(false);
            }
            let next = TLink::new(next.map(|node| node.to_shared()));
            place.write(tx, Some(Shared::new(Linked { key, value, next })))?;
            Ok(true)
        })
    }

    fn remove(&self, key: u64) -> bool {
        run::<COUNTED, _>(|tx| {
            let place = self.find(tx, key)?;
            let found = place.read(tx)?.map(|node| node.get()).filter(|node| node.key == key);
            let Some(node) = found else { return Ok(false) };
            let next = node.next.read(tx)?.map(|next| next.to_shared());
            place.write(tx, next)?;
            Ok(true)
        })
    }
}

/// An ordinary list.
struct Plain {
    key: u64,
    value: u64,
    next: Chain,
}

type Chain = Option<Box<Plain>>;

/// An ordinary list under one lock.
struct Locked<L: LockKind>(L::Of<Chain>);

fn seek(mut chain: &mut Chain, key: u64) -> &mut Chain {
    while chain.as_ref().is_some_and(|node| node.key < key) {
        chain = &mut chain.as_mut().expect("it was just looked at").next;
    }
    chain
}

impl<L: LockKind> Map for Locked<L> {
    fn new() -> Self {
        Self(Lock::new(None))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.with(|mut chain| {
            while let Some(node) = chain {
                if node.key >= key {
                    return (node.key == key).then_some(node.value);
                }
                chain = &node.next;
            }
            None
        })
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.0.with_mut(|chain| {
            let place = seek(chain, key);
            if place.as_ref().is_some_and(|node| node.key == key) {
                return false;
            }
            *place = Some(Box::new(Plain { key, value, next: place.take() }));
            true
        })
    }

    fn remove(&self, key: u64) -> bool {
        self.0.with_mut(|chain| {
            let place = seek(chain, key);
            match place.take() {
                Some(node) if node.key == key => {
                    *place = node.next;
                    true
                }
                other => {
                    *place = other;
                    false
                }
            }
        })
    }
}

fn lists<S: Stm, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<List<S>, UPDATES, KEYS>::new())
}

fn locked<L: LockKind, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<Locked<L>, UPDATES, KEYS>::new())
}

fn links<const COUNTED: bool, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<Links<COUNTED>, UPDATES, KEYS>::new())
}

fn enter<const UPDATES: u64>(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, lists, UPDATES);
    field.twins(who::OURS_LINKS, threads, links::<false, UPDATES>, links::<true, UPDATES>);
    every_lock!(field, threads, locked, UPDATES);
}

fn contest(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "Operations on a sorted list of 512 numbers of 1024: a look-up follows some 256 links. The number of entries \
               is checked.",
        operation: "operation",
        baseline: who::PL_MUTEX,
        absent: "A lock per node (hand over hand): as many lock operations as links.",
        losses: "Every link that is followed is recorded and checked again at the commit. With `TVar`s each is a handle \
                 besides, counted up and down; `TLink`s are the form for structures.",
        enter,
    }
}

pub fn contests() -> Vec<Contest> {
    vec![
        contest("sorted-list-0", "Sorted list, look-ups alone", enter::<0>),
        contest("sorted-list-20", "Sorted list, 20 % updates", enter::<20>),
        contest("sorted-list-100", "Sorted list, updates alone", enter::<100>),
    ]
}
