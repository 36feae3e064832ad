//! The graph of objects, how it is made, and what must be true of it.

use super::super::outcome::{Verdict, ensure};
use super::super::random::Random;
use super::super::systems::{Found, Map, System};
use super::Parameters;

/// What each assembly has below it, and what each base assembly uses.
pub(super) const FAN: usize = 3;
/// Dates are less.
pub(super) const DATES: u64 = 1000;
/// Connections from each atomic part.
const CONNECTIONS: usize = 3;

/// All there is.
pub(super) struct Module<S: System> {
    /// The tree of assemblies by levels, as in a heap: the children of `i` are at `FAN * i + 1` and behind. The dates.
    pub(super) assemblies: Vec<S::Var<u64>>,
    /// The leaves of the tree.
    pub(super) bases: Vec<[S::Link<Composite<S>>; FAN]>,
    /// The composite parts that are in use, by number.
    pub(super) library: S::Map<S::Node<Composite<S>>>,
    /// Their atomic parts, by number.
    pub(super) by_number: S::Map<S::Node<Part<S>>>,
    /// And by date, see [`Part::key`].
    pub(super) by_date: S::Map<S::Node<Part<S>>>,
    /// The number of the next composite part.
    pub(super) next: S::Var<u64>,
    pub(super) parts: usize,
    composites: u64,
}

pub(super) struct Composite<S: System> {
    pub(super) number: u64,
    /// How many places use it.
    pub(super) uses: S::Var<u64>,
    pub(super) document: S::Link<String>,
    /// The first is where traversals begin.
    pub(super) parts: Vec<S::Node<Part<S>>>,
}

pub(super) struct Part<S: System> {
    pub(super) number: u64,
    pub(super) x: S::Var<u64>,
    pub(super) y: S::Var<u64>,
    pub(super) date: S::Var<u64>,
    /// The date at first.
    made: u64,
    /// The parts it is connected to, by their places in the composite part.
    pub(super) to: [usize; CONNECTIONS],
}

impl<S: System> Part<S> {
    /// By what it is found in the index by date.
    pub(super) fn key(&self, date: u64) -> u64 {
        date << 48 | self.number
    }
}

impl<S: System> Composite<S> {
    fn new(number: u64, count: usize, random: &mut Random) -> Self {
        let part = |place: usize, random: &mut Random| {
            let number = number * count as u64 + place as u64;
            // The ring makes the graph connected.
            let mut to = [0; CONNECTIONS].map(|_| random.index(count));
            to[0] = (place + 1) % count;
            let (x, y, made) = (S::var(2 * number), S::var(2 * number + 1), random.below(DATES));
            S::node(Part { number, x, y, date: S::var(made), made, to })
        };
        Self {
            number,
            uses: S::var(0),
            document: S::link(Some(S::node(text(number, 0)))),
            parts: (0..count).map(|place| part(place, random)).collect(),
        }
    }

    /// Visits the parts along their connections; returns how many it has found.
    pub(super) fn traverse<'tx>(
        &'tx self,
        mut visit: impl FnMut(&'tx Part<S>) -> Result<(), S::Abort>,
    ) -> Result<usize, S::Abort> {
        let mut seen = vec![false; self.parts.len()];
        let mut ahead = vec![0];
        let mut count = 0;
        while let Some(place) = ahead.pop() {
            if !std::mem::replace(&mut seen[place], true) {
                visit(&self.parts[place])?;
                ahead.extend(self.parts[place].to);
                count += 1;
            }
        }
        Ok(count)
    }
}

/// What is in a document.
pub(super) fn text(number: u64, version: u64) -> String {
    format!("{number:>8} {version:>4} ").repeat(32)
}

impl<S: System> Module<S> {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let bases = FAN.pow(parameters.levels - 1);
        Self {
            assemblies: (0..(FAN * bases - 1) / (FAN - 1)).map(|_| S::var(0)).collect(),
            bases: (0..bases).map(|_| std::array::from_fn(|_| S::link(None))).collect(),
            library: S::Map::new(),
            by_number: S::Map::new(),
            by_date: S::Map::new(),
            next: S::var(0),
            parts: parameters.parts,
            composites: parameters.composites,
        }
    }

    /// Makes the composite parts that there are at first, and has the assemblies use them.
    pub(super) fn fill<'tx>(&'tx self, tx: &S::Tx<'tx>, random: &mut Random) -> Result<(), S::Abort> {
        for _ in 0..self.composites {
            self.make(tx, random)?;
        }
        for (place, link) in self.bases.iter().flatten().enumerate() {
            // Everyone is used at least once, if there are enough places.
            let place = place as u64;
            let choice = if place < self.composites { place } else { random.below(self.composites) };
            let Some(composite) = self.library.get(tx, choice)? else { return S::restart(tx) };
            self.employ(tx, link, composite)?;
        }
        for number in 0..self.composites {
            let Some(composite) = self.library.get(tx, number)? else { return S::restart(tx) };
            if S::read(tx, &composite.uses)? == 0 {
                self.discard(tx, composite)?;
            }
        }
        Ok(())
    }

    /// Makes a composite part, which nobody uses yet.
    pub(super) fn make<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        random: &mut Random,
    ) -> Result<S::Node<Composite<S>>, S::Abort> {
        let number = S::read(tx, &self.next)?;
        S::write(tx, &self.next, number + 1)?;
        let composite = Composite::<S>::new(number, self.parts, random);
        for part in &composite.parts {
            self.by_number.insert(tx, part.number, part.clone())?;
            self.by_date.insert(tx, part.key(part.made), part.clone())?;
        }
        let composite = S::node(composite);
        self.library.insert(tx, number, composite.clone())?;
        Ok(composite)
    }

    /// Has a place of a base assembly use a composite part.
    pub(super) fn employ<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        link: &'tx S::Link<Composite<S>>,
        composite: &S::Node<Composite<S>>,
    ) -> Result<(), S::Abort> {
        S::lead(tx, link, Some(composite.clone()))?;
        let Some(composite) = S::follow(tx, link)?.map(Found::get) else { return S::restart(tx) };
        S::modify(tx, &composite.uses, |uses| uses + 1)
    }

    /// A place of a base assembly no longer uses what it did. What nobody uses is thrown away.
    pub(super) fn dismiss<'tx>(&'tx self, tx: &S::Tx<'tx>, composite: &'tx Composite<S>) -> Result<(), S::Abort> {
        let uses = S::read(tx, &composite.uses)?.wrapping_sub(1);
        S::write(tx, &composite.uses, uses)?;
        if uses == 0 { self.discard(tx, composite) } else { Ok(()) }
    }

    fn discard<'tx>(&'tx self, tx: &S::Tx<'tx>, composite: &'tx Composite<S>) -> Result<(), S::Abort> {
        for part in &composite.parts {
            let date = S::read(tx, &part.date)?;
            self.by_number.remove(tx, part.number)?;
            self.by_date.remove(tx, part.key(date))?;
        }
        self.library.remove(tx, composite.number)?;
        Ok(())
    }

    /// Checks that the library has what is used and nothing else, and that the indexes have its parts and nothing else.
    pub(super) fn check<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Verdict, S::Abort> {
        let mut uses = vec![0_u64; S::read(tx, &self.next)? as usize];
        for link in self.bases.iter().flatten() {
            match S::follow(tx, link)? {
                Some(composite) => uses[composite.get().number as usize] += 1,
                None => return Ok(Err("a base assembly lacks a part".to_owned())),
            }
        }
        let mut verdict = Ok(());
        self.library.range(tx, 0, u64::MAX, |number, composite| {
            let uses = std::mem::take(&mut uses[number as usize]);
            let right = uses > 0 && S::read(tx, &composite.uses)? == uses && self.is_sound(tx, composite)?;
            if !right {
                verdict = Err(format!("composite part {number}, used {uses} times, is not as it must be"));
            }
            Ok(right)
        })?;
        let sizes = (self.library.check(tx)?, self.by_number.check(tx)?, self.by_date.check(tx)?);
        let parts = sizes.0.map(|composites| composites * self.parts);
        Ok(verdict
            .and_then(|()| ensure(uses.iter().all(|&uses| uses == 0), || "what is used is not there".to_owned()))
            .and_then(|()| {
                ensure(parts.is_some() && sizes.1 == parts && sizes.2 == parts, || format!("sizes: {sizes:?}"))
            }))
    }

    /// Whether a composite part's document and atomic parts are as they must be.
    fn is_sound<'tx>(&'tx self, tx: &S::Tx<'tx>, composite: &'tx Composite<S>) -> Result<bool, S::Abort> {
        let Some(document) = S::follow(tx, &composite.document)? else { return Ok(false) };
        let mut sound = document.get().starts_with(&format!("{:>8} ", composite.number));
        for part in &composite.parts {
            let (x, y) = (S::read(tx, &part.x)?, S::read(tx, &part.y)?);
            let date = S::read(tx, &part.date)?;
            let indexed = [self.by_number.get(tx, part.number)?, self.by_date.get(tx, part.key(date))?];
            sound &= (x.min(y), x.max(y)) == (2 * part.number, 2 * part.number + 1);
            sound &= indexed.iter().all(|found| found.is_some_and(|found| found.number == part.number));
        }
        Ok(sound && composite.traverse(|_| Ok(()))? == self.parts)
    }
}
