//! STAMP's vacation: clients of a travel agency's database.
//!
//! Three tables hold how many cars, rooms and flights there are, how many are taken, and what they cost; a fourth holds the
//! customers, each with a sorted list of bookings. A client's session is one transaction: it looks at a few offers and books
//! the dearest of each kind, or removes a customer and all that was booked, or adds and withdraws offers. Transactions are
//! of middle length, spend all their time in the tables, and rarely conflict.

use std::fmt;

use super::competitor::{Competitor, Port};
use super::crew;
use super::outcome::{Outcome, Verdict, ensure};
use super::random::Random;
use super::systems::{Found, Map, System};

/// What a run is made of. The letters are those of the published command lines.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `-n`: at most so many offers are looked at in a session.
    pub queries: u64,
    /// `-q`: the part of the tables that sessions are about, in percent.
    pub range: u64,
    /// `-u`: the part of the sessions that book something, in percent. The others are half and half of the other two kinds.
    pub users: u64,
    /// `-r`: the rows of each table.
    pub relations: u64,
    /// `-t`: sessions of all clients together.
    pub transactions: u64,
}

impl Parameters {
    /// `-n2 -q90 -u98 -r16384 -t4096`: vacation-low, as published for simulators.
    #[must_use]
    pub fn small() -> Self {
        Self { queries: 2, range: 90, users: 98, relations: 16_384, transactions: 4096 }
    }

    /// `-n4 -q60 -u90 -r16384 -t4096`: vacation-high, as published for simulators.
    #[must_use]
    pub fn small_high() -> Self {
        Self { queries: 4, range: 60, users: 90, ..Self::small() }
    }

    /// `-n2 -q90 -u98 -r65536 -t400000`: vacation-low in the size that this project's targets are stated for.
    #[must_use]
    pub fn middle() -> Self {
        Self { relations: 65_536, transactions: 400_000, ..Self::small() }
    }

    /// `-n4 -q60 -u90 -r65536 -t400000`: vacation-high in the size that this project's targets are stated for.
    #[must_use]
    pub fn middle_high() -> Self {
        Self { relations: 65_536, transactions: 400_000, ..Self::small_high() }
    }

    /// `-n2 -q90 -u98 -r1048576 -t4194304`: vacation-low, as published for real machines.
    #[must_use]
    pub fn full() -> Self {
        Self { relations: 1_048_576, transactions: 4_194_304, ..Self::small() }
    }

    /// `-n4 -q60 -u90 -r1048576 -t4194304`: vacation-high, as published for real machines.
    #[must_use]
    pub fn full_high() -> Self {
        Self { relations: 1_048_576, transactions: 4_194_304, ..Self::small_high() }
    }

    /// `-n4 -q90 -u60 -r16 -t400`: for tests, with few rows and many changes.
    #[must_use]
    pub fn tiny() -> Self {
        Self { queries: 4, range: 90, users: 60, relations: 16, transactions: 400 }
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, range, users, relations, transactions } = self;
        write!(f, "-n{} -q{} -u{} -r{} -t{}", queries, range, users, relations, transactions)
    }
}

/// Runs the program.
///
/// # Panics
///
/// When a sequential competitor is given several threads.
#[must_use]
pub fn run(competitor: Competitor, parameters: &Parameters, threads: usize) -> Outcome {
    competitor.run(parameters, threads)
}

const KINDS: usize = 3;

/// How many of an offer are added or withdrawn at a time.
const BATCH: u64 = 100;

/// The database.
struct Agency<S: System> {
    offers: [S::Map<Offer<S>>; KINDS],
    customers: S::Map<Customer<S>>,
}

/// Cars of a make, rooms of a hotel, or seats of a flight.
struct Offer<S: System> {
    used: S::Var<u64>,
    free: S::Var<u64>,
    total: S::Var<u64>,
    price: S::Var<u64>,
}

struct Customer<S: System> {
    /// Sorted by what is booked.
    bookings: S::Link<Booking<S>>,
}

struct Booking<S: System> {
    what: What,
    price: u64,
    next: S::Link<Booking<S>>,
}

/// An offer's kind, and its number in its table.
type What = (usize, u64);

/// What a client is about to do.
enum Session {
    /// Look at these offers, and book for the customer.
    Book(u64),
    /// Remove the customer.
    Leave(u64),
    /// Add offers, at that price, or withdraw some where it is `None`.
    Change,
}

/// A session, and what it is about.
struct Client {
    random: Random,
    offers: Vec<(What, Option<u64>)>,
}

impl Client {
    /// Thinks of the next session.
    fn next(&mut self, parameters: &Parameters) -> Session {
        let random = &mut self.random;
        let range = (parameters.relations * parameters.range / 100).max(1);
        let books = random.percent(parameters.users);
        let leaves = random.percent(50);
        let customer = random.below(range);
        self.offers.clear();
        for _ in 0..=random.below(parameters.queries) {
            let what = (random.index(KINDS), random.below(range));
            let price = random.percent(50).then(|| price(random));
            self.offers.push((what, price));
        }
        match (books, leaves) {
            (true, _) => Session::Book(customer),
            (false, true) => Session::Leave(customer),
            (false, false) => Session::Change,
        }
    }
}

fn price(random: &mut Random) -> u64 {
    50 + 10 * random.below(5)
}

impl<S: System> Offer<S> {
    fn new(total: u64, price: u64) -> Self {
        Self { used: S::var(0), free: S::var(total), total: S::var(total), price: S::var(price) }
    }
}

impl<S: System> Agency<S> {
    fn new() -> Self {
        Self { offers: std::array::from_fn(|_| S::Map::new()), customers: S::Map::new() }
    }

    /// Books the dearest offer of each kind.
    fn book<'tx>(&'tx self, tx: &S::Tx<'tx>, customer: u64, offers: &[(What, Option<u64>)]) -> Result<(), S::Abort> {
        let mut best = [None; KINDS];
        for &((kind, number), _) in offers {
            let Some(offer) = self.offers[kind].get(tx, number)? else { continue };
            if S::read(tx, &offer.free)? > 0 {
                let price = S::read(tx, &offer.price)?;
                best[kind] = best[kind].max(Some((price, number)));
            }
        }
        if best.iter().all(Option::is_none) {
            return Ok(());
        }
        if self.customers.get(tx, customer)?.is_none() {
            self.customers.insert(tx, customer, Customer { bookings: S::link(None) })?;
        }
        for (kind, best) in best.into_iter().enumerate() {
            let Some((price, number)) = best else { continue };
            let Some(customer) = self.customers.get(tx, customer)? else { return S::restart(tx) };
            let Some(offer) = self.offers[kind].get(tx, number)? else { return S::restart(tx) };
            if customer.add(tx, (kind, number), price)? {
                S::modify(tx, &offer.used, |used| used + 1)?;
                S::modify(tx, &offer.free, |free| free.wrapping_sub(1))?;
            }
        }
        Ok(())
    }

    /// Removes a customer, and gives back what was booked. Returns what it would have cost.
    fn leave<'tx>(&'tx self, tx: &S::Tx<'tx>, customer: u64) -> Result<u64, S::Abort> {
        let Some(entry) = self.customers.get(tx, customer)? else { return Ok(0) };
        let mut bill = 0;
        let mut link = &entry.bookings;
        while let Some(booking) = S::follow(tx, link)?.map(Found::get) {
            let (kind, number) = booking.what;
            let Some(offer) = self.offers[kind].get(tx, number)? else { return S::restart(tx) };
            S::modify(tx, &offer.used, |used| used.wrapping_sub(1))?;
            S::modify(tx, &offer.free, |free| free + 1)?;
            bill += booking.price;
            link = &booking.next;
        }
        self.customers.remove(tx, customer)?;
        Ok(bill)
    }

    /// Adds offers, and withdraws others.
    fn change<'tx>(&'tx self, tx: &S::Tx<'tx>, offers: &[(What, Option<u64>)]) -> Result<(), S::Abort> {
        for &((kind, number), price) in offers {
            let table = &self.offers[kind];
            match (table.get(tx, number)?, price) {
                (None, None) => {}
                (None, Some(price)) => {
                    table.insert(tx, number, Offer::new(BATCH, price))?;
                }
                (Some(offer), Some(price)) => {
                    S::modify(tx, &offer.free, |free| free + BATCH)?;
                    S::modify(tx, &offer.total, |total| total + BATCH)?;
                    S::write(tx, &offer.price, price)?;
                }
                (Some(offer), None) => {
                    let (free, total) = (S::read(tx, &offer.free)?, S::read(tx, &offer.total)?);
                    if total == BATCH && free == BATCH {
                        table.remove(tx, number)?;
                    } else if free >= BATCH {
                        S::write(tx, &offer.free, free - BATCH)?;
                        S::write(tx, &offer.total, total.wrapping_sub(BATCH))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts the bookings of some customers, by offer; returns how many customers have theirs in disorder.
    fn count_bookings<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        part: (u64, u64),
        booked: &mut [Vec<u64>; KINDS],
    ) -> Result<u64, S::Abort> {
        let mut disorders = 0;
        self.customers.range(tx, part.0, part.1, |_, customer| {
            let (mut link, mut last) = (&customer.bookings, None);
            while let Some(booking) = S::follow(tx, link)?.map(Found::get) {
                disorders += u64::from(last.replace(booking.what).is_some_and(|last| last >= booking.what));
                booked[booking.what.0][booking.what.1 as usize] += 1;
                link = &booking.next;
            }
            Ok(true)
        })?;
        Ok(disorders)
    }

    /// Checks some offers of a kind against their bookings, which it takes away.
    fn check_offers<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        kind: usize,
        part: (u64, u64),
        booked: &mut [u64],
    ) -> Result<Verdict, S::Abort> {
        let mut verdict = Ok(());
        self.offers[kind].range(tx, part.0, part.1, |number, offer| {
            let (used, free) = (S::read(tx, &offer.used)?, S::read(tx, &offer.free)?);
            let total = S::read(tx, &offer.total)?;
            let booked = std::mem::take(&mut booked[number as usize]);
            let right = used == booked && used.wrapping_add(free) == total;
            if !right {
                verdict = Err(format!(
                    "offer {number} of kind {kind}: {booked} bookings, {used} used, {free} free, {total} in all"
                ));
            }
            Ok(right)
        })?;
        Ok(verdict)
    }
}

/// Checks that the offers and the bookings tell the same story. Nobody changes them meanwhile: it can be
/// done in parts, and no body runs twice.
fn check<S: System>(system: &S, agency: &S::Node<Agency<S>>, relations: u64) -> Verdict {
    let parts = || (0..relations).step_by(PART).map(|first| (first, first + PART as u64 - 1));
    let mut booked = [(); KINDS].map(|()| vec![0; relations as usize]);
    for part in parts() {
        let disorders = system.atomically(agency, |tx, agency| agency.count_bookings(tx, part, &mut booked));
        ensure(disorders == 0, || "a customer's bookings are not in order".to_owned())?;
    }
    let customers = system.atomically(agency, |tx, agency| agency.customers.check(tx));
    ensure(customers.is_some(), || "the table of customers is broken".to_owned())?;
    for (kind, booked) in booked.iter_mut().enumerate() {
        let offers = system.atomically(agency, |tx, agency| agency.offers[kind].check(tx));
        ensure(offers.is_some(), || format!("table {kind} is broken"))?;
        for part in parts() {
            system.atomically(agency, |tx, agency| agency.check_offers(tx, kind, part, booked))?;
        }
        ensure(booked.iter().all(|&bookings| bookings == 0), || "what is booked is not offered".to_owned())?;
    }
    Ok(())
}

/// How many rows are checked in one transaction.
const PART: usize = 1 << 16;

impl<S: System> Customer<S> {
    /// Adds a booking if there is none of the same offer, and returns whether it did.
    fn add<'tx>(&'tx self, tx: &S::Tx<'tx>, what: What, price: u64) -> Result<bool, S::Abort> {
        let mut link = &self.bookings;
        let mut next = S::follow(tx, link)?;
        while let Some(booking) = next.map(Found::get) {
            if booking.what >= what {
                if booking.what == what {
                    return Ok(false);
                }
                break;
            }
            link = &booking.next;
            next = S::follow(tx, link)?;
        }
        let booking = Booking { what, price, next: S::link(next.map(Found::own)) };
        S::lead(tx, link, Some(S::node(booking)))?;
        Ok(true)
    }
}

/// Fills the tables, in random order.
fn open<S: System>(parameters: &Parameters) -> (S, S::Node<Agency<S>>) {
    let (system, agency) = (S::new(), S::node(Agency::<S>::new()));
    let mut random = Random::new(1);
    let mut numbers: Vec<u64> = (0..parameters.relations).collect();
    for kind in 0..KINDS {
        random.shuffle(&mut numbers);
        for &number in &numbers {
            let (total, price) = (BATCH * (1 + random.below(5)), price(&mut random));
            system.atomically(&agency, |tx, agency| agency.offers[kind].insert(tx, number, Offer::new(total, price)));
        }
    }
    random.shuffle(&mut numbers);
    for &number in &numbers {
        system.atomically(&agency, |tx, agency| {
            agency.customers.insert(tx, number, Customer { bookings: S::link(None) })
        });
    }
    (system, agency)
}

impl Port for Parameters {
    fn run<S: System>(&self, threads: usize) -> Outcome {
        let (system, agency) = open::<S>(self);
        let measured = crew::run(&system, threads, |worker| {
            let mut client = Client { random: Random::new(2 + worker.number as u64), offers: Vec::new() };
            for _ in worker.share(self.transactions as usize) {
                let session = client.next(self);
                worker.atomically(&agency, |tx, agency| match session {
                    Session::Book(customer) => agency.book(tx, customer, &client.offers),
                    Session::Leave(customer) => agency.leave(tx, customer).map(drop),
                    Session::Change => agency.change(tx, &client.offers),
                });
            }
        });
        measured.outcome(check(&system, &agency, self.relations))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn offers_and_bookings_agree() {
        every_run(|competitor, threads| {
            let outcome = run(competitor, &Parameters::tiny(), threads);
            assert_eq!(outcome.transactions, 400);
            outcome
        });
    }
}
