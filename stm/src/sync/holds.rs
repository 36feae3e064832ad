//! Who holds a lock, and how: the rules of a re-entrant, upgradable lock for readers and writers.

use super::mode::Mode;
use super::owner::Owner;

/// What one owner holds: how often in each mode.
#[derive(Clone, Debug)]
struct Hold {
    owner: Owner,
    counts: [u32; 3],
}

impl Hold {
    fn has(&self, mode: Mode) -> bool {
        self.counts[mode as usize] > 0
    }
}

/// Who holds a lock. Whoever does is in the list once.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    list: Vec<Hold>,
    /// The one who waits to hold it in a stronger mode than it does already, and in how many calls. There can be only
    /// one: two would wait for each other.
    claim: Option<(Owner, u32)>,
}

impl Holds {
    /// Whether the owner holds the lock in some mode.
    pub(super) fn has(&self, owner: Owner) -> bool {
        self.list.iter().any(|hold| hold.owner == owner)
    }

    /// How often the owner holds it in this mode.
    pub(super) fn times(&self, owner: Owner, mode: Mode) -> u32 {
        self.list.iter().find(|hold| hold.owner == owner).map_or(0, |hold| hold.counts[mode as usize])
    }

    /// Whether nobody holds it.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether nobody else holds it.
    pub(super) fn is_free_for(&self, owner: Owner) -> bool {
        self.list.iter().all(|hold| hold.owner == owner)
    }

    /// How many owners there are who hold it in this mode.
    pub(super) fn count(&self, mode: Mode) -> usize {
        self.list.iter().filter(|hold| hold.has(mode)).count()
    }

    /// Whether the owner can have the lock in this mode, beside what it has and what others have.
    pub(super) fn admit(&self, owner: Owner, mode: Mode) -> bool {
        let mut others = self.list.iter().filter(|hold| hold.owner != owner);
        let fits = match mode {
            Mode::Read => others.all(|other| !other.has(Mode::Write)),
            Mode::Upgradable => others.all(|other| !other.has(Mode::Write) && !other.has(Mode::Upgradable)),
            Mode::Write => others.next().is_none(),
        };
        // Who comes anew does not delay the one who waits for the others to leave.
        fits && (self.has(owner) || !self.is_claimed_by_another(owner))
    }

    pub(super) fn add(&mut self, owner: Owner, mode: Mode) {
        let place = self.list.iter().position(|hold| hold.owner == owner).unwrap_or_else(|| {
            self.list.push(Hold { owner, counts: [0; 3] });
            self.list.len() - 1
        });
        let count = &mut self.list[place].counts[mode as usize];
        *count = count.checked_add(1).expect("a lock is not held four thousand million times over");
    }

    /// Whether there was something to remove.
    pub(super) fn remove(&mut self, owner: Owner, mode: Mode) -> bool {
        let Some(place) = self.list.iter().position(|hold| hold.owner == owner && hold.has(mode)) else { return false };
        let hold = &mut self.list[place];
        hold.counts[mode as usize] -= 1;
        if hold.counts == [0; 3] {
            self.list.swap_remove(place);
        }
        true
    }

    pub(super) fn is_claimed_by_another(&self, owner: Owner) -> bool {
        self.claim.is_some_and(|(claimant, _)| claimant != owner)
    }

    pub(super) fn claim(&mut self, owner: Owner) {
        let calls = self.claim.map_or(0, |(_, calls)| calls);
        self.claim = Some((owner, calls + 1));
    }

    pub(super) fn unclaim(&mut self, owner: Owner) {
        if let Some((claimant, calls)) = self.claim
            && claimant == owner
        {
            self.claim = (calls > 1).then_some((owner, calls - 1));
        }
    }
}
