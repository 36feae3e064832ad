//! An ordered map over plain variables: a tree balanced by height (Adelson-Velsky and Landis).
//!
//! Keys never change and values do not move, so that a search reads one link a level and nothing else. An insertion or a
//! removal reads the heights beside its path, from the bottom up to where the height stays the same.

use std::cmp::Ordering;

use super::systems::{Found, Map, System};

/// A map from numbers to values that do not move.
pub(crate) struct Tree<S: System, V: Send + Sync + 'static> {
    root: S::Link<Branch<S, V>>,
}

/// What a search looks at comes first, and so in one cache line as far as possible.
#[repr(C)]
pub(crate) struct Branch<S: System, V: Send + Sync + 'static> {
    key: u64,
    left: S::Link<Branch<S, V>>,
    right: S::Link<Branch<S, V>>,
    height: S::Var<u64>,
    value: V,
}

type At<'tx, S, V> = <S as System>::At<'tx, Branch<S, V>>;
type Link<S, V> = <S as System>::Link<Branch<S, V>>;

/// What a change below a link did.
enum Change {
    /// The key was there, or was not: nothing has changed.
    Nothing,
    /// The tree has changed, but not in height.
    Inside,
    /// The height has changed as well.
    Height,
}

impl Change {
    fn happened(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// No tree in memory is deeper. A body that sees several moments at once could go round in circles.
const DEEPEST: usize = 92;

impl<S: System, V: Send + Sync + 'static> Map<S, V> for Tree<S, V> {
    fn new() -> Self {
        Self { root: S::link(None) }
    }

    #[inline]
    fn get<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64) -> Result<Option<&'tx V>, S::Abort> {
        let mut link = &self.root;
        let mut depth = 0;
        while let Some(at) = S::follow(tx, link)? {
            let branch = at.get();
            link = match key.cmp(&branch.key) {
                Ordering::Less => &branch.left,
                Ordering::Greater => &branch.right,
                Ordering::Equal => return Ok(Some(&branch.value)),
            };
            check_depth::<S>(tx, &mut depth)?;
        }
        Ok(None)
    }

    fn insert<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64, value: V) -> Result<bool, S::Abort> {
        let branch = Branch { key, left: S::link(None), right: S::link(None), height: S::var(1), value };
        Ok(Self::insert_below(tx, &self.root, S::node(branch), 0)?.happened())
    }

    fn remove<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64) -> Result<bool, S::Abort> {
        Ok(Self::remove_below(tx, &self.root, key, 0)?.happened())
    }

    fn range<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        from: u64,
        to: u64,
        mut visit: impl FnMut(u64, &'tx V) -> Result<bool, S::Abort>,
    ) -> Result<(), S::Abort> {
        Self::walk_below(tx, &self.root, from, to, &mut visit, 0).map(|_| ())
    }

    /// Checks that the keys are in order and the tree is balanced.
    fn check<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Option<usize>, S::Abort> {
        Ok(Self::check_below(tx, &self.root, &mut None)?.map(|(_, count)| count))
    }
}

#[inline(always)]
fn check_depth<S: System>(tx: &S::Tx<'_>, depth: &mut usize) -> Result<(), S::Abort> {
    if S::TORN {
        *depth += 1;
        if *depth > DEEPEST {
            return S::restart(tx);
        }
    }
    Ok(())
}

/// The two sides of a branch, as seen by a rotation to one side or to the other.
trait Sides<'tx, S: System, V: Send + Sync + 'static>: Fn(&'tx Branch<S, V>) -> (&'tx Link<S, V>, &'tx Link<S, V>) {}

impl<'tx, S: System, V: Send + Sync + 'static, F> Sides<'tx, S, V> for F where
    F: Fn(&'tx Branch<S, V>) -> (&'tx Link<S, V>, &'tx Link<S, V>)
{
}

impl<S: System, V: Send + Sync + 'static> Tree<S, V> {
    fn insert_below<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        new: S::Node<Branch<S, V>>,
        mut depth: usize,
    ) -> Result<Change, S::Abort> {
        check_depth::<S>(tx, &mut depth)?;
        let Some(at) = S::follow(tx, link)? else {
            S::lead(tx, link, Some(new))?;
            return Ok(Change::Height);
        };
        let branch = at.get();
        let change = match new.key.cmp(&branch.key) {
            Ordering::Less => Self::insert_below(tx, &branch.left, new, depth)?,
            Ordering::Greater => Self::insert_below(tx, &branch.right, new, depth)?,
            Ordering::Equal => return Ok(Change::Nothing),
        };
        Self::settle(tx, link, at, change)
    }

    fn remove_below<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        key: u64,
        mut depth: usize,
    ) -> Result<Change, S::Abort> {
        check_depth::<S>(tx, &mut depth)?;
        let Some(at) = S::follow(tx, link)? else { return Ok(Change::Nothing) };
        let branch = at.get();
        match key.cmp(&branch.key) {
            Ordering::Less => {
                let change = Self::remove_below(tx, &branch.left, key, depth)?;
                Self::settle(tx, link, at, change)
            }
            Ordering::Greater => {
                let change = Self::remove_below(tx, &branch.right, key, depth)?;
                Self::settle(tx, link, at, change)
            }
            Ordering::Equal => Self::take_out(tx, link, at),
        }
    }

    /// Takes a branch out of its place; if both sides are taken, its successor gets the place.
    fn take_out<'tx>(tx: &S::Tx<'tx>, link: &'tx Link<S, V>, at: At<'tx, S, V>) -> Result<Change, S::Abort> {
        let branch = at.get();
        let (left, right) = (S::follow(tx, &branch.left)?, S::follow(tx, &branch.right)?);
        let (Some(left), Some(_)) = (left, right) else {
            S::lead(tx, link, left.or(right).map(Found::own))?;
            return Ok(Change::Height);
        };
        let (heir, change) = Self::take_first(tx, &branch.right, 0)?;
        let next = heir.get();
        S::lead(tx, &next.left, Some(left.own()))?;
        let right = S::follow(tx, &branch.right)?;
        S::lead(tx, &next.right, right.map(Found::own))?;
        let height = S::read(tx, &branch.height)?;
        S::write(tx, &next.height, height)?;
        S::lead(tx, link, Some(heir.own()))?;
        Self::settle(tx, link, heir, change)
    }

    /// Takes the first branch below a link out of the tree.
    fn take_first<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        mut depth: usize,
    ) -> Result<(At<'tx, S, V>, Change), S::Abort> {
        check_depth::<S>(tx, &mut depth)?;
        let Some(at) = S::follow(tx, link)? else { return S::restart(tx) };
        let branch = at.get();
        if S::follow(tx, &branch.left)?.is_none() {
            let right = S::follow(tx, &branch.right)?;
            S::lead(tx, link, right.map(Found::own))?;
            return Ok((at, Change::Height));
        }
        let (first, change) = Self::take_first(tx, &branch.left, depth)?;
        Ok((first, Self::settle(tx, link, at, change)?))
    }

    fn height<'tx>(tx: &S::Tx<'tx>, at: Option<At<'tx, S, V>>) -> Result<u64, S::Abort> {
        at.map_or(Ok(0), |at| S::read(tx, &at.get().height))
    }

    /// Corrects the height of a branch; returns whether it was another.
    fn measure<'tx>(tx: &S::Tx<'tx>, branch: &'tx Branch<S, V>) -> Result<bool, S::Abort> {
        let left = Self::height(tx, S::follow(tx, &branch.left)?)?;
        let right = Self::height(tx, S::follow(tx, &branch.right)?)?;
        let (old, new) = (S::read(tx, &branch.height)?, left.max(right) + 1);
        if old != new {
            S::write(tx, &branch.height, new)?;
        }
        Ok(old != new)
    }

    /// Restores the balance of a branch, below which something has changed.
    fn settle<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        at: At<'tx, S, V>,
        change: Change,
    ) -> Result<Change, S::Abort> {
        if !matches!(change, Change::Height) {
            return Ok(change);
        }
        let branch = at.get();
        let left = Self::height(tx, S::follow(tx, &branch.left)?)?;
        let right = Self::height(tx, S::follow(tx, &branch.right)?)?;
        let old = S::read(tx, &branch.height)?;
        let new = if left > right + 1 {
            Self::lean(tx, &branch.left, |branch| (&branch.right, &branch.left))?;
            Self::rotate(tx, link, at, |branch| (&branch.left, &branch.right))?
        } else if right > left + 1 {
            Self::lean(tx, &branch.right, |branch| (&branch.left, &branch.right))?;
            Self::rotate(tx, link, at, |branch| (&branch.right, &branch.left))?
        } else {
            let new = left.max(right) + 1;
            if new != old {
                S::write(tx, &branch.height, new)?;
            }
            new
        };
        Ok(if new == old { Change::Inside } else { Change::Height })
    }

    /// Sees to it that the outer side of the branch at `link` is not the lower one. `sides` gives the inner side first.
    fn lean<'tx>(tx: &S::Tx<'tx>, link: &'tx Link<S, V>, sides: impl Sides<'tx, S, V>) -> Result<(), S::Abort> {
        let Some(at) = S::follow(tx, link)? else { return S::restart(tx) };
        let (inner, outer) = sides(at.get());
        if Self::height(tx, S::follow(tx, inner)?)? > Self::height(tx, S::follow(tx, outer)?)? {
            Self::rotate(tx, link, at, sides)?;
        }
        Ok(())
    }

    /// Puts the higher side of a branch, which `sides` gives first, into the branch's place. Returns its height.
    fn rotate<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        at: At<'tx, S, V>,
        sides: impl Sides<'tx, S, V>,
    ) -> Result<u64, S::Abort> {
        let branch = at.get();
        let (high, _) = sides(branch);
        let Some(riser) = S::follow(tx, high)? else { return S::restart(tx) };
        let (_, inner) = sides(riser.get());
        let moved = S::follow(tx, inner)?;
        S::lead(tx, high, moved.map(Found::own))?;
        S::lead(tx, inner, Some(at.own()))?;
        S::lead(tx, link, Some(riser.own()))?;
        Self::measure(tx, branch)?;
        Self::measure(tx, riser.get())?;
        S::read(tx, &riser.get().height)
    }

    fn walk_below<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        from: u64,
        to: u64,
        visit: &mut impl FnMut(u64, &'tx V) -> Result<bool, S::Abort>,
        mut depth: usize,
    ) -> Result<bool, S::Abort> {
        check_depth::<S>(tx, &mut depth)?;
        let Some(at) = S::follow(tx, link)? else { return Ok(true) };
        let branch = at.get();
        let goes_on = branch.key <= from || Self::walk_below(tx, &branch.left, from, to, visit, depth)?;
        let goes_on = goes_on && (!(from..=to).contains(&branch.key) || visit(branch.key, &branch.value)?);
        Ok(goes_on && (branch.key >= to || Self::walk_below(tx, &branch.right, from, to, visit, depth)?))
    }

    /// The height and the number of keys, if all is well.
    fn check_below<'tx>(
        tx: &S::Tx<'tx>,
        link: &'tx Link<S, V>,
        last: &mut Option<u64>,
    ) -> Result<Option<(u64, usize)>, S::Abort> {
        let Some(at) = S::follow(tx, link)? else { return Ok(Some((0, 0))) };
        let branch = at.get();
        let Some((left, before)) = Self::check_below(tx, &branch.left, last)? else { return Ok(None) };
        if last.replace(branch.key).is_some_and(|last| last >= branch.key) {
            return Ok(None);
        }
        let Some((right, behind)) = Self::check_below(tx, &branch.right, last)? else { return Ok(None) };
        let height = S::read(tx, &branch.height)?;
        let sound = height == left.max(right) + 1 && left.abs_diff(right) <= 1;
        Ok(sound.then_some((height, before + behind + 1)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::random::Random;
    use super::super::systems::{AsyncStm, CratesIoStm, FastStm, Map, Sequential, Stm, System};
    use super::Tree;

    fn agrees_with_a_set<S: System>() {
        let (system, tree) = (S::new(), S::node(Tree::<S, u64>::new()));
        let (mut random, mut model) = (Random::new(1), BTreeSet::new());
        for step in 0..3000 {
            let key = random.below(if step % 1000 < 500 { 200 } else { 50 });
            if random.percent(if step % 500 < 250 { 70 } else { 30 }) {
                let inserted = system.atomically(&tree, |tx, tree| tree.insert(tx, key, key + 1));
                assert_eq!(inserted, model.insert(key));
            } else {
                assert_eq!(system.atomically(&tree, |tx, tree| tree.remove(tx, key)), model.remove(&key));
            }
            let found = system.atomically(&tree, |tx, tree| Ok(tree.get(tx, key)?.copied()));
            assert_eq!(found, model.get(&key).map(|key| key + 1));
            assert_eq!(system.atomically(&tree, |tx, tree| tree.check(tx)), Some(model.len()));
            let range = system.atomically(&tree, |tx, tree| {
                let mut keys = Vec::new();
                tree.range(tx, 20, 30, |key, _| {
                    keys.push(key);
                    Ok(keys.len() < 5)
                })?;
                Ok(keys)
            });
            assert!(range.iter().eq(model.range(20..=30).take(5)));
        }
    }

    #[test]
    fn the_tree_agrees_with_a_set_and_stays_balanced() {
        agrees_with_a_set::<Sequential>();
        agrees_with_a_set::<Stm>();
        agrees_with_a_set::<FastStm>();
        agrees_with_a_set::<CratesIoStm>();
        agrees_with_a_set::<AsyncStm>();
    }
}
