//! `Position`: a place in a ring, and the round in which it is meant.

/// Counts up through the places of a ring: the place in the lower half, the round above. That spares a division. Rounds wrap
/// around, which nobody notices: two positions of one ring are never more than a round apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position(u64);

const PLACE_BITS: u32 = 32;
const PLACES: u64 = (1 << PLACE_BITS) - 1;
/// The uppermost bit is left for whoever stores a position.
const ROUNDS: u64 = (1 << 31) - 1;

impl Position {
    pub(super) const START: Self = Self(0);
    /// The largest ring.
    pub(super) const MOST: usize = PLACES as usize;

    #[inline(always)]
    fn of(round: u64, place: u64) -> Self {
        Self(((round & ROUNDS) << PLACE_BITS) | place)
    }

    #[inline(always)]
    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) fn place(self) -> usize {
        (self.0 & PLACES) as usize
    }

    #[inline(always)]
    fn round(self) -> u64 {
        self.0 >> PLACE_BITS
    }

    #[inline(always)]
    pub(super) fn next(self, places: usize) -> Self {
        if self.place() + 1 < places { Self(self.0 + 1) } else { Self::of(self.round() + 1, 0) }
    }

    pub(super) fn previous(self, places: usize) -> Self {
        match self.place() {
            0 => Self::of(self.round().wrapping_sub(1), places as u64 - 1),
            place => Self::of(self.round(), place as u64 - 1),
        }
    }

    /// How many steps it is to `end`, which is a round ahead at most.
    pub(super) fn distance(self, end: Self, places: usize) -> usize {
        if self.round() == end.round() { end.place() - self.place() } else { places + end.place() - self.place() }
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_walked_in_both_directions_through_the_wrap_of_rounds() {
        for places in [1, 2, 3, 7] {
            let start = Position::of(ROUNDS - 1, 0);
            let mut walked = vec![start];
            for _ in 0..4 * places {
                let last = *walked.last().unwrap();
                assert_eq!(last.next(places).previous(places), last);
                assert!(last.place() < places && last.bits() >> 63 == 0);
                walked.push(last.next(places));
            }
            for (index, from) in walked.iter().enumerate() {
                for steps in 0..=places.min(walked.len() - 1 - index) {
                    assert_eq!(from.distance(walked[index + steps], places), steps);
                }
            }
        }
    }
}
