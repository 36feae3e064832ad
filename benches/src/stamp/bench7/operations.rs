//! What is done to the graph of objects.

use super::super::random::Random;
use super::super::systems::{Found, Map, System};
use super::Parameters;
use super::structure::{Composite, DATES, FAN, Module, Part, text};

/// Parts that an operation looks up.
const LOOKUPS: usize = 10;

/// An operation. Where it takes place is chosen when it runs.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    /// Visits every part that can be reached from the tree.
    WalkAll,
    /// Goes to every composite part, and changes the first of its parts.
    ChangeAll,
    /// Goes down to one composite part, and visits its parts.
    Walk,
    /// Goes down to one composite part, changing dates, and changes its parts.
    Change,
    /// Reads what was made within a hundredth of all dates.
    ReadDates,
    /// Reads a few parts.
    LookUp,
    /// Changes a few parts.
    Swap,
    /// Changes the dates of a few parts.
    Redate,
    /// Reads a document.
    Read,
    /// Writes a document.
    Write,
    /// Has a base assembly use another composite part of the library.
    Exchange,
    /// Has a base assembly use a new composite part.
    Renew,
}

impl Operation {
    /// Of those that are not long, 40 of 95 traverse one composite part, 45 look something up, and 10 change what there is.
    pub(super) fn random(random: &mut Random, parameters: &Parameters) -> Self {
        let reads = random.percent(parameters.reads);
        if random.percent(parameters.long) {
            return if reads { Self::WalkAll } else { Self::ChangeAll };
        }
        match (random.below(95), reads) {
            (0..30, true) => Self::Walk,
            (30..40, true) => Self::ReadDates,
            (0..40, false) => Self::Change,
            (40..75, true) => Self::LookUp,
            (75..85, true) => Self::Read,
            (40..60, false) => Self::Swap,
            (60..75, false) => Self::Redate,
            (75..85, false) => Self::Write,
            (85..90, _) => Self::Exchange,
            _ => Self::Renew,
        }
    }

    /// Does it; returns whether traversals have found all that they must.
    pub(super) fn run<'tx, S: System>(
        self,
        tx: &S::Tx<'tx>,
        module: &'tx Module<S>,
        random: &mut Random,
    ) -> Result<bool, S::Abort> {
        match self {
            Self::WalkAll => module.walk_all(tx),
            Self::ChangeAll => module.change_all(tx),
            Self::Walk => {
                let composite = module.descend(tx, random, false)?;
                let mut sum = 0_u64;
                let found = composite.traverse(|part| {
                    sum += S::read(tx, &part.x)? + S::read(tx, &part.y)?;
                    Ok(())
                })?;
                std::hint::black_box(sum);
                Ok(found == module.parts)
            }
            Self::Change => {
                let composite = module.descend(tx, random, true)?;
                Ok(composite.traverse(|part| swap::<S>(tx, part))? == module.parts)
            }
            Self::ReadDates => module.read_dates(tx, random),
            Self::LookUp => module.look_up(tx, random, |part| {
                std::hint::black_box((S::read(tx, &part.x)?, S::read(tx, &part.y)?));
                Ok(())
            }),
            Self::Swap => module.look_up(tx, random, |part| swap::<S>(tx, part)),
            Self::Redate => {
                let mut dates = random.clone();
                module.look_up(tx, random, |part| module.redate(tx, part, dates.below(DATES)))
            }
            Self::Read => {
                let composite = module.descend(tx, random, false)?;
                let document = S::follow(tx, &composite.document)?.map(Found::get);
                Ok(document.is_some_and(|document| document.bytes().filter(u8::is_ascii_whitespace).count() > 0))
            }
            Self::Write => {
                let composite = module.descend(tx, random, false)?;
                let document = S::node(text(composite.number, random.below(1000)));
                S::lead(tx, &composite.document, Some(document))?;
                Ok(true)
            }
            Self::Exchange => module.exchange(tx, random),
            Self::Renew => module.renew(tx, random),
        }
    }
}

/// Swaps the coordinates of a part.
fn swap<'tx, S: System>(tx: &S::Tx<'tx>, part: &'tx Part<S>) -> Result<(), S::Abort> {
    let (x, y) = (S::read(tx, &part.x)?, S::read(tx, &part.y)?);
    S::write(tx, &part.x, y)?;
    S::write(tx, &part.y, x)
}

impl<S: System> Module<S> {
    /// Calls `visit` for each place where a composite part is used, reading the tree on the way.
    fn visit_all<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        mut visit: impl FnMut(&'tx Composite<S>) -> Result<bool, S::Abort>,
    ) -> Result<bool, S::Abort> {
        let mut latest = 0;
        for date in &self.assemblies {
            latest = S::read(tx, date)?.max(latest);
        }
        std::hint::black_box(latest);
        let mut sound = true;
        for link in self.bases.iter().flatten() {
            let Some(composite) = S::follow(tx, link)? else { return S::restart(tx) };
            sound &= visit(composite.get())?;
        }
        Ok(sound)
    }

    fn walk_all<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<bool, S::Abort> {
        let mut sum = 0_u64;
        let sound = self.visit_all(tx, |composite| {
            let found = composite.traverse(|part| {
                sum += S::read(tx, &part.x)? + S::read(tx, &part.y)?;
                Ok(())
            })?;
            Ok(found == self.parts)
        });
        std::hint::black_box(sum);
        sound
    }

    fn change_all<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<bool, S::Abort> {
        self.visit_all(tx, |composite| swap::<S>(tx, &composite.parts[0]).map(|()| true))
    }

    /// Goes down from the root to a composite part by random turns.
    fn descend<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        random: &mut Random,
        changes: bool,
    ) -> Result<&'tx Composite<S>, S::Abort> {
        let first_base = self.assemblies.len() - self.bases.len();
        let mut at = 0;
        loop {
            let date = S::read(tx, &self.assemblies[at])?;
            // Near the root a change would be in everybody's way: it is the leaf's date that changes.
            if changes && at >= first_base {
                S::write(tx, &self.assemblies[at], date + 1)?;
            }
            if at >= first_base {
                break;
            }
            at = FAN * at + 1 + random.index(FAN);
        }
        match S::follow(tx, &self.bases[at - first_base][random.index(FAN)])? {
            Some(composite) => Ok(composite.get()),
            None => S::restart(tx),
        }
    }

    fn read_dates<'tx>(&'tx self, tx: &S::Tx<'tx>, random: &mut Random) -> Result<bool, S::Abort> {
        let from = random.below(DATES - DATES / 100) << 48;
        let to = from + ((DATES / 100) << 48);
        let mut right = true;
        self.by_date.range(tx, from, to, |key, part| {
            right &= part.key(S::read(tx, &part.date)?) == key;
            Ok(true)
        })?;
        Ok(right)
    }

    /// Calls `visit` for a few random parts, as far as there are parts of those numbers.
    fn look_up<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        random: &mut Random,
        mut visit: impl FnMut(&'tx Part<S>) -> Result<(), S::Abort>,
    ) -> Result<bool, S::Abort> {
        let numbers = S::read(tx, &self.next)? * self.parts as u64;
        for _ in 0..LOOKUPS {
            if let Some(part) = self.by_number.get(tx, random.below(numbers))? {
                visit(part)?;
            }
        }
        Ok(true)
    }

    fn redate<'tx>(&'tx self, tx: &S::Tx<'tx>, part: &'tx Part<S>, date: u64) -> Result<(), S::Abort> {
        let old = S::read(tx, &part.date)?;
        if old == date {
            return Ok(());
        }
        let Some(node) = self.by_number.get(tx, part.number)? else { return S::restart(tx) };
        self.by_date.remove(tx, part.key(old))?;
        self.by_date.insert(tx, part.key(date), node.clone())?;
        S::write(tx, &part.date, date)
    }

    fn exchange<'tx>(&'tx self, tx: &S::Tx<'tx>, random: &mut Random) -> Result<bool, S::Abort> {
        let link = &self.bases[random.index(self.bases.len())][random.index(FAN)];
        let wanted = random.below(S::read(tx, &self.next)?);
        let mut next = None;
        self.library.range(tx, wanted, u64::MAX, |_, composite| {
            next = Some(composite);
            Ok(false)
        })?;
        // There may be none with so high a number.
        let Some(composite) = next else { return Ok(true) };
        self.replace(tx, link, composite)
    }

    fn renew<'tx>(&'tx self, tx: &S::Tx<'tx>, random: &mut Random) -> Result<bool, S::Abort> {
        let link = &self.bases[random.index(self.bases.len())][random.index(FAN)];
        let composite = self.make(tx, random)?;
        self.replace(tx, link, &composite)
    }

    /// Has a place use another composite part. The new one comes first: it may be the old one.
    fn replace<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        link: &'tx S::Link<Composite<S>>,
        composite: &S::Node<Composite<S>>,
    ) -> Result<bool, S::Abort> {
        let Some(old) = S::follow(tx, link)? else { return S::restart(tx) };
        self.employ(tx, link, composite)?;
        self.dismiss(tx, old.get())?;
        Ok(true)
    }
}
