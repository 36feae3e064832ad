//! Who holds a lock, and how: the rules of a re-entrant, upgradable lock for readers and writers.
//!
//! How often an owner holds the lock in each mode, and in how many calls it waits to hold it in a stronger one, fits into a word.
//! Such words stand in a few *seats*, each a variable in place: taking a seat allocates nothing, and who lets go changes one seat,
//! in one atomic step. Whoever finds no seat, or no room in it, is in a list.
//!
//! The word of the first seat has two flags. If the one is not set, the other seats and the list are empty; if the other is not
//! set, nobody stands in line. So who finds neither need not look any further: where one owner uses the lock, or one at a time, one
//! step on one variable locks it, and another one unlocks it.

use super::mode::Mode;
use super::owner::Owner;
use crate::error::StmResult;
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

const SEATS: usize = 4;

/// A count, as bits of a seat's word. The owner's number is in the bits above all counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    shift: u32,
    bits: u32,
}

impl Count {
    const CLAIMS_TO_WRITE: Self = Self { shift: 2, bits: 2 };
    const CLAIMS_UPGRADABLE: Self = Self { shift: 4, bits: 2 };
    const WRITES: Self = Self { shift: 6, bits: 5 };
    const UPGRADABLE: Self = Self { shift: 11, bits: 4 };
    const READS: Self = Self { shift: 15, bits: 10 };

    /// How often it is held in this mode.
    pub(super) fn held(mode: Mode) -> Self {
        match mode {
            Mode::Read => Self::READS,
            Mode::Upgradable => Self::UPGRADABLE,
            Mode::Write => Self::WRITES,
        }
    }

    /// In how many calls an owner, who holds it already, waits to hold it in this mode. (For `Read` it does not wait.)
    pub(super) fn claimed(mode: Mode) -> Self {
        match mode {
            Mode::Read | Mode::Upgradable => Self::CLAIMS_UPGRADABLE,
            Mode::Write => Self::CLAIMS_TO_WRITE,
        }
    }

    const fn one(self) -> u64 {
        1 << self.shift
    }

    const fn mask(self) -> u64 {
        ((1 << self.bits) - 1) << self.shift
    }

    fn of(self, word: u64) -> u32 {
        ((word & self.mask()) >> self.shift) as u32
    }
}

/// In the word of the first seat: there may be somebody who is not in it.
const FURTHER: u64 = 1;
/// There as well: somebody may stand in line.
const QUEUE: u64 = 2;
const FLAGS: u64 = FURTHER | QUEUE;
/// Where the owner's number begins.
const OWNER: u32 = 25;
const COUNTS: u64 = (1 << OWNER) - 1 - FLAGS;
const WRITES: u64 = Count::WRITES.mask();
const UPGRADABLE: u64 = Count::UPGRADABLE.mask();
const HELD: u64 = WRITES | UPGRADABLE | Count::READS.mask();
const CLAIMS_TO_WRITE: u64 = Count::CLAIMS_TO_WRITE.mask();
const CLAIMS: u64 = CLAIMS_TO_WRITE | Count::CLAIMS_UPGRADABLE.mask();

/// Whether the seat is this owner's.
fn is_of(word: u64, owner: u64) -> bool {
    word >> OWNER == owner && word & COUNTS != 0
}

/// The word when one of the owner's holds or claims is gone, if there is one in it.
fn without(word: u64, owner: u64, count: Count) -> Option<u64> {
    let has = word >> OWNER == owner && word & count.mask() != 0;
    has.then(|| word - count.one()).map(|less| if less & COUNTS == 0 { less & FLAGS } else { less })
}

/// The word with one more hold or claim of the owner, if the seat is empty or the owner's, and there is room in it. The flags are
/// the same.
fn with(word: u64, owner: u64, count: Count) -> Option<u64> {
    let fits = if word & COUNTS == 0 { owner >> (u64::BITS - OWNER) == 0 } else { word >> OWNER == owner };
    let has_room = word & count.mask() != count.mask();
    (fits && has_room).then(|| (owner << OWNER | word & (COUNTS | FLAGS)) + count.one())
}

/// What stands in the list: one owner, one count.
#[derive(Clone, Copy, Debug)]
struct Listed {
    owner: u64,
    count: Count,
    times: u32,
}

fn list(list: &mut Vec<Listed>, owner: u64, count: Count) {
    match list.iter_mut().find(|listed| listed.owner == owner && listed.count == count) {
        Some(listed) => {
            listed.times = listed.times.checked_add(1).expect("a lock is not held four thousand million times over");
        }
        None => list.push(Listed { owner, count, times: 1 }),
    }
}

/// Whether there was something to remove.
fn unlist(list: &mut Vec<Listed>, owner: u64, count: Count) -> bool {
    let Some(place) = list.iter().position(|listed| listed.owner == owner && listed.count == count) else {
        return false;
    };
    list[place].times -= 1;
    if list[place].times == 0 {
        list.swap_remove(place);
    }
    true
}

/// Who holds a lock.
pub(super) struct Holds {
    seats: [TCell<u64>; SEATS],
    list: TCell<Vec<Listed>>,
}

/// Who holds a lock at one moment, as one of the owners sees it.
#[derive(Clone, Copy)]
pub(super) struct Survey {
    owner: u64,
    seats: [u64; SEATS],
    /// Which counts of the owner are not zero.
    own: u64,
    /// Which counts of any other are not zero.
    others: u64,
    /// Those flags of the first seat that have to be set.
    flags: u64,
}

impl Survey {
    fn note(&mut self, owner: u64, counts: u64) {
        if owner == self.owner {
            self.own |= counts;
        } else {
            self.others |= counts;
        }
    }

    /// Whether the owner holds the lock in some mode.
    pub(super) fn has(&self) -> bool {
        self.own & HELD != 0
    }

    /// Whether somebody may stand in line.
    pub(super) fn is_queued(&self) -> bool {
        self.flags & QUEUE != 0
    }

    /// Somebody has looked: nobody stands in line.
    pub(super) fn is_vacant(&mut self) {
        self.flags &= !QUEUE;
    }

    /// Whether nobody else holds it.
    pub(super) fn is_free(&self) -> bool {
        self.others & HELD == 0
    }

    /// Whether nobody else holds it to write.
    pub(super) fn is_readable(&self) -> bool {
        self.others & WRITES == 0
    }

    /// Whether the owner can have the lock in this mode, beside what it has and what others have.
    pub(super) fn admits(&self, mode: Mode) -> bool {
        // Who comes anew does not delay the one who waits for the others to leave, or for the upgradable hold.
        let (excluded, before) = match mode {
            Mode::Read => (WRITES, CLAIMS_TO_WRITE),
            Mode::Upgradable => (WRITES | UPGRADABLE, CLAIMS),
            Mode::Write => (HELD, CLAIMS),
        };
        let is_new = self.own & (HELD | CLAIMS) == 0;
        self.others & excluded == 0 && !(is_new && self.others & before != 0)
    }
}

impl Holds {
    pub(super) fn new() -> Self {
        Self { seats: std::array::from_fn(|_| TCell::new(0)), list: TCell::new(Vec::new()) }
    }

    /// Looks at who holds the lock, on behalf of an owner or of nobody.
    #[inline]
    pub(super) fn survey<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, owner: Option<Owner>) -> StmResult<Survey> {
        let first = self.seats[0].read(tx)?;
        // No owner's number is 0.
        let owner = owner.map_or(0, Owner::number);
        let mut survey = Survey { owner, seats: [0; SEATS], own: 0, others: 0, flags: first & QUEUE };
        survey.seats[0] = first;
        survey.note(first >> OWNER, first & COUNTS);
        if first & FURTHER != 0 {
            self.survey_further(tx, &mut survey)?;
        }
        Ok(survey)
    }

    #[cold]
    fn survey_further<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, survey: &mut Survey) -> StmResult<()> {
        for (cell, seat) in self.seats.iter().zip(0..).skip(1) {
            let word = cell.read(tx)?;
            survey.seats[seat] = word;
            survey.flags |= if word == 0 { 0 } else { FURTHER };
            survey.note(word >> OWNER, word & COUNTS);
        }
        self.list.with(tx, |list| {
            survey.flags |= if list.is_empty() { 0 } else { FURTHER };
            list.iter().for_each(|listed| survey.note(listed.owner, listed.count.one()));
        })
    }

    /// Counts one more for the owner, whom the survey is of.
    #[inline]
    pub(super) fn add<'tx>(&'tx self, tx: &Transaction<'tx, '_>, survey: &Survey, count: Count) -> StmResult<()> {
        let first = survey.seats[0];
        match with(first, survey.owner, count) {
            // (Where others are in further seats, so may this one be.)
            Some(more) if survey.flags & FURTHER == 0 => self.seats[0].write(tx, more & !FLAGS | survey.flags),
            _ => self.add_further(tx, survey, count),
        }
    }

    #[cold]
    fn add_further<'tx>(&'tx self, tx: &Transaction<'tx, '_>, survey: &Survey, count: Count) -> StmResult<()> {
        let (owner, seats) = (survey.owner, &survey.seats);
        let more = |seat: &usize| with(seats[*seat], owner, count).is_some();
        let own = (0..SEATS).filter(|seat| is_of(seats[*seat], owner)).find(more);
        let place = own.or_else(|| (0..SEATS).find(more));
        if place != Some(0) && seats[0] & FURTHER == 0 {
            self.seats[0].write(tx, seats[0] | FURTHER)?;
        }
        match place.and_then(|seat| Some((seat, with(seats[seat], owner, count)?))) {
            Some((seat, more)) => self.seats[seat].write(tx, more),
            None => self.list.update(tx, |listed| list(listed, owner, count)),
        }
    }

    /// Counts one more for an owner at once, if nobody else holds the lock or stands in line; else does nothing. `has` tells
    /// whether it has, also if this panics: then it was after that (somebody's waker or destructor).
    #[inline]
    pub(super) fn add_alone(&self, owner: Owner, count: Count, has: &mut bool) {
        let more = |word: u64| if word & FLAGS == 0 { with(word, owner.number(), count) } else { None };
        if more(self.seats[0].load()).is_some() {
            self.seats[0].fetch_update(|word| {
                let more = more(*word);
                *has = more.is_some();
                *word = more.unwrap_or(*word);
            });
        }
    }

    /// Notes that somebody stands in line.
    pub(super) fn announce<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        let first = self.seats[0].read(tx)?;
        if first & QUEUE == 0 { self.seats[0].write(tx, first | QUEUE) } else { Ok(()) }
    }

    /// Counts one less for an owner, and says whether there was one to take away.
    pub(super) fn remove<'tx>(&'tx self, tx: &Transaction<'tx, '_>, owner: Owner, count: Count) -> StmResult<bool> {
        let owner = owner.number();
        let first = self.seats[0].read(tx)?;
        if let Some(less) = without(first, owner, count) {
            return self.seats[0].write(tx, less).map(|()| true);
        }
        if first & FURTHER == 0 {
            return Ok(false);
        }
        for seat in &self.seats[1..] {
            if let Some(less) = without(seat.read(tx)?, owner, count) {
                return seat.write(tx, less).map(|()| true);
            }
        }
        self.list.update(tx, |list| unlist(list, owner, count))
    }

    /// Counts one less for an owner who has it, at once and anywhere.
    ///
    /// One look at each place in turn finds it, although others come and go meanwhile. Who has found the first places empty is
    /// among as many as the further ones have left, at that moment and from then on: only those of them take away there.
    #[inline]
    pub(super) fn remove_now(&self, owner: Owner, count: Count) {
        let number = owner.number();
        let is_gone = self.seats.iter().any(|seat| {
            without(seat.load(), number, count).is_some()
                && seat.fetch_update(|word| without(*word, number, count).map(|less| *word = less).is_some())
        });
        if !is_gone {
            self.unlist_now(number, count);
        }
    }

    #[cold]
    fn unlist_now(&self, owner: u64, count: Count) {
        // What an owner has stays where it is. If it is nowhere, somebody has taken it back by the owner's token.
        if self.list.show(|list| list.iter().any(|listed| listed.owner == owner && listed.count == count)) {
            self.list.fetch_update(|list| unlist(list, owner, count));
        }
    }

    /// Counts one less of one and one more of another, at once and anywhere.
    pub(super) fn exchange_now(&self, owner: Owner, from: Count, to: Count) {
        let number = owner.number();
        let exchange = |word: u64| with(word, number, to).and_then(|more| without(more, number, from));
        // Not one behind it, if there is no room in the first that has it: see `remove_now`.
        let seat = self.seats.iter().find(|seat| without(seat.load(), number, from).is_some());
        let is_done = seat.is_some_and(|seat| {
            exchange(seat.load()).is_some()
                && seat.fetch_update(|word| exchange(*word).map(|other| *word = other).is_some())
        });
        if !is_done {
            self.exchange_listed(owner, from, to);
        }
    }

    /// In two steps. In between the owner has both, which is more than either.
    #[cold]
    fn exchange_listed(&self, owner: Owner, from: Count, to: Count) {
        self.list.fetch_update(|listed| list(listed, owner.number(), to));
        // Afterwards: whoever takes the flag away has read that the list is empty, in the same transaction.
        self.seats[0].fetch_update(|word| *word |= FURTHER);
        self.remove_now(owner, from);
    }

    /// How often an owner holds it in this mode.
    pub(super) fn times<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, owner: Owner, mode: Mode) -> StmResult<u32> {
        let (owner, count) = (owner.number(), Count::held(mode));
        let survey = self.survey(tx, None)?;
        let in_seats: u32 = survey.seats.iter().filter(|word| is_of(**word, owner)).map(|word| count.of(*word)).sum();
        if survey.flags & FURTHER == 0 {
            return Ok(in_seats);
        }
        let is_it = |listed: &&Listed| listed.owner == owner && listed.count == count;
        self.list.with(tx, |list| in_seats + list.iter().filter(is_it).map(|listed| listed.times).sum::<u32>())
    }

    /// Whether it would be a deadlock if the owner, who holds the lock already, waited to hold it in this mode.
    ///
    /// It is one if somebody who is in the way holds on until this owner has left. Who waits to write does, and is in the way of
    /// whoever wants to write. Who waits for the upgradable hold waits for the one who has that, and nobody else. There are no
    /// longer circles: who wants to write waits for all, so one who does and is in a circle is in one of two; and of those who
    /// do not, each waits for the one who has the upgradable hold, who does not wait for that.
    pub(super) fn is_deadlock<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        owner: Owner,
        mode: Mode,
    ) -> StmResult<bool> {
        let survey = self.survey(tx, Some(owner))?;
        let mut all: Vec<(u64, u64)> = survey.seats.iter().map(|word| (word >> OWNER, word & COUNTS)).collect();
        if survey.flags & FURTHER != 0 {
            self.list.with(tx, |list| all.extend(list.iter().map(|listed| (listed.owner, listed.count.one()))))?;
        }
        let waits_for_us = |other: u64| {
            let has = all.iter().filter(|(owner, _)| *owner == other).fold(0, |has, (_, counts)| has | counts);
            has & HELD != 0
                && match mode {
                    Mode::Read => false,
                    Mode::Upgradable => has & UPGRADABLE != 0 && has & CLAIMS_TO_WRITE != 0,
                    Mode::Write => has & CLAIMS_TO_WRITE != 0 || (has & CLAIMS != 0 && survey.own & UPGRADABLE != 0),
                }
        };
        Ok(survey.has() && all.iter().any(|(other, _)| *other != survey.owner && waits_for_us(*other)))
    }

    /// How many owners read, about, and whether one writes, without waiting for anybody.
    pub(super) fn show(&self) -> (usize, bool) {
        let seats: Vec<u64> = self.seats.iter().map(|seat| seat.show(|word| *word)).collect();
        let of = |count: Count| {
            let listed = self.list.show(|list| list.iter().filter(|listed| listed.count == count).count());
            listed + seats.iter().filter(|word| count.of(**word) > 0).count()
        };
        (of(Count::READS) + of(Count::UPGRADABLE), of(Count::WRITES) > 0)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use std::thread;

    use super::*;
    use crate::run::atomically;
    use crate::sync::TRwLock;

    #[test]
    fn counts_have_bits_of_their_own() {
        let counts = [Count::READS, Count::UPGRADABLE, Count::WRITES, Count::CLAIMS_UPGRADABLE, Count::CLAIMS_TO_WRITE];
        let together = counts.iter().fold(FLAGS, |bits, count| {
            assert_eq!(bits & count.mask(), 0);
            bits | count.mask()
        });
        assert_eq!(together, (1 << OWNER) - 1);
        let full = with(0, 5, Count::WRITES).map(|word| word | Count::WRITES.mask()).unwrap();
        assert!(with(full, 5, Count::WRITES).is_none() && with(full, 6, Count::READS).is_none());
        assert_eq!(without(with(FLAGS, 5, Count::READS).unwrap(), 5, Count::READS), Some(FLAGS));
    }

    /// While one looks for its hold in a seat, others empty the seat, and fill it again when it looks further.
    #[test]
    fn a_hold_that_is_let_go_is_found_wherever_it_is() {
        let (lock, owner) = (TRwLock::new(0_u64), Owner::numbered(7));
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for round in 0..500 {
                        let times = 20 + round % 32;
                        (0..times).for_each(|_| assert!(atomically(|tx| lock.try_lock(tx, owner, Mode::Write))));
                        (0..times).for_each(|_| lock.holds().remove_now(owner, Count::held(Mode::Write)));
                    }
                });
            }
        });
        assert_eq!(atomically(|tx| lock.held(tx, owner, Mode::Write)), 0, "one has not been found");
    }

    #[test]
    fn an_owner_whose_number_does_not_fit_is_one_like_any_other() {
        let lock = TRwLock::new(0_u64);
        // Two of which the bits that fit are the same, and one that is just those.
        let owners = [1 << 62 | 7, 1 << 61 | 7, 7, 1 << (u64::BITS - OWNER)].map(Owner::numbered);
        for (place, owner) in owners.into_iter().enumerate() {
            assert!(atomically(|tx| lock.try_lock(tx, owner, Mode::Write)));
            for (other, stranger) in owners.into_iter().enumerate() {
                assert_eq!(atomically(|tx| lock.try_lock(tx, stranger, Mode::Read)), other == place);
                assert_eq!(atomically(|tx| lock.held(tx, stranger, Mode::Write)), u32::from(other == place));
            }
            lock.holds().exchange_now(owner, Count::held(Mode::Write), Count::held(Mode::Upgradable));
            lock.holds().remove_now(owner, Count::held(Mode::Read));
            assert_eq!(atomically(|tx| lock.held(tx, owner, Mode::Upgradable)), 1);
            assert!(owners.iter().all(|owner| atomically(|tx| lock.try_lock(tx, *owner, Mode::Read))));
            owners.iter().for_each(|owner| lock.holds().remove_now(*owner, Count::held(Mode::Read)));
            atomically(|tx| lock.unlock(tx, owner, Mode::Upgradable));
        }
        assert!(lock.try_write().is_some());
    }
}
