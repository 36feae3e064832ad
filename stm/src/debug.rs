//! Looking into a program that hangs: who waits, for what, and for how long.
//!
//! [`waiting`] can be called at any time, from any thread: from a watchdog, from a signal handler's thread, or
//! by hand from a debugger. Name [variables](crate::TVar::named) and [transactions](crate::Options::name) to make
//! what it says easy to read, and [`record`] more while you are looking for something.
//!
//! # Examples
//!
//! ```
//! use std::thread;
//! use stm::{TVar, debug, options};
//!
//! let queue = TVar::new(Vec::<u32>::new()).named("queue");
//! thread::scope(|threads| {
//!     let worker = threads.spawn(|| {
//!         options().name("worker").run(|tx| match queue.update(tx, Vec::pop)? {
//!             Some(item) => Ok(item),
//!             None => tx.retry(),
//!         })
//!     });
//!     while debug::waiting().waiters().is_empty() {
//!         thread::yield_now();
//!     }
//!     let waiting = debug::waiting();
//!     println!("{waiting}");
//!     let [waiter] = waiting.waiters() else { unreachable!() };
//!     assert_eq!(waiter.name(), Some("worker"));
//!     assert_eq!(waiter.variables()[0].name(), Some("queue"));
//!     queue.store(vec![1]);
//!     assert_eq!(worker.join().unwrap(), Ok(1));
//! });
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::contention;
use crate::names;
use crate::wait;
use crate::waited::{Site, Waited, Who};

pub use crate::contention::Stage;
pub use crate::waited::Variable;

/// From now on notes where each [`TVar`](crate::TVar) is made and, when somebody waits for a variable, who writes it; or no
/// longer does.
///
/// Off at first. It makes a new variable cost a hundred nanoseconds and some memory more, and a write that wakes somebody as
/// much. Variables that were made while it was off are known by name only. A cell ([`TCell`](crate::TCell)) is always
/// known by its address only, which is what `{:p}` of a reference to it shows.
///
/// # Examples
///
/// ```
/// stm::debug::record(true);
/// ```
pub fn record(on: bool) {
    names::record(on);
}

/// Returns who waits at the moment: all transactions, of threads and of tasks, that have called
/// [`retry`](crate::ReadTransaction::retry) or its kin and have not been woken since; and those that wait for a promoted or
/// [irrevocable](crate::Options::irrevocable) transaction to end, with that one. Display it.
///
/// Not one moment of the whole program: who comes or goes meanwhile may be there or not. A transaction that
/// has been woken and is about to run, or that blocks in its body, does not wait.
pub fn waiting() -> Waiting {
    let describe = |waiter: wait::Seen| Waiter {
        name: waiter.name,
        site: waiter.site,
        line: waiter.line,
        waited: waiter.waited,
        variables: waiter.addresses.iter().map(|&address| names::describe(address)).collect(),
    };
    let mut waiters: Vec<_> = wait::everybody().into_iter().map(describe).collect();
    // Whoever has waited longest is the first to look at.
    waiters.sort_by_key(|waiter| std::cmp::Reverse(waiter.waited));
    let describe = |contention::Seen { who, lasted, stage }| Turn { who, lasted, stage };
    Waiting { waiters, turns: contention::everybody().into_iter().map(describe).collect() }
}

/// Who waits: made by [`waiting`].
#[derive(Clone, Debug)]
pub struct Waiting {
    waiters: Vec<Waiter>,
    turns: Vec<Turn>,
}

impl Waiting {
    /// Returns those that wait for variables; who has waited longest is the first.
    pub fn waiters(&self) -> &[Waiter] {
        &self.waiters
    }

    /// Returns the transaction that keeps the others from committing, if there is one, those that wait for their turn to do so,
    /// in their order, and those whose commit it holds up.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }
}

/// A transaction that keeps all others from committing, as promoted and [irrevocable](crate::Options::irrevocable) ones do, or
/// one that waits for such a transaction to end.
///
/// If that goes on for long, the first may be waiting in its body for one of the others, which is a deadlock.
///
/// # Examples
///
/// ```
/// use stm::debug::{self, Stage};
/// use stm::options;
///
/// let seen = options().name("import").irrevocable().run(|_| Ok(debug::waiting()));
/// let waiting = seen.unwrap();
/// let turn = &waiting.turns()[0];
/// assert_eq!((turn.name(), turn.stage()), (Some("import"), Stage::Holds));
/// assert!(waiting.to_string().contains("`import`"));
/// ```
#[derive(Clone, Debug)]
pub struct Turn {
    who: Who,
    lasted: Duration,
    stage: Stage,
}

impl Turn {
    /// Returns the transaction's [name](crate::Options::name).
    pub fn name(&self) -> Option<&'static str> {
        self.who.name
    }

    /// Returns where the transaction was started; or the call of the one-shot operation, if it is one.
    pub fn site(&self) -> &'static Location<'static> {
        self.who.site
    }

    /// Returns how long it has kept the others from committing, or has waited.
    pub fn lasted(&self) -> Duration {
        self.lasted
    }

    /// Returns whether it has its turn or waits, and for what.
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

/// A transaction that waits.
#[derive(Clone, Debug)]
pub struct Waiter {
    name: Option<&'static str>,
    site: Site,
    line: Option<Site>,
    waited: Duration,
    variables: Vec<Variable>,
}

impl Waiter {
    /// Returns the transaction's [name](crate::Options::name).
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// Returns where the transaction was started: the call of `atomically` or another runner.
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// Returns the call at which the transaction waits [in line](crate::ReadTransaction::retry_in_line), if it does.
    pub fn line(&self) -> Option<&'static Location<'static>> {
        self.line
    }

    /// Returns how long this wait has lasted: since the body last ran, not since the transaction was started.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the variables that it has read, of which one has to be written.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = |turn: &&Turn| turn.stage != Stage::Holds;
        match self.waiters.len() + self.turns.iter().filter(waits).count() {
            0 if self.turns.is_empty() => return f.write_str("no transaction waits"),
            0 => f.write_str("no transaction waits, and one keeps the others from committing:")?,
            1 => f.write_str("1 transaction waits:")?,
            many => write!(f, "{many} transactions wait:")?,
        }
        grouped(f, &self.turns, |turn| (turn.who.name, turn.who.site, turn.stage))?;
        grouped(f, &self.waiters, |waiter| {
            let addresses: Vec<_> = waiter.variables().iter().map(Variable::address).collect();
            (waiter.name, waiter.site, waiter.line, addresses)
        })
    }
}

/// Shows the first of those with the same key, and how many there are: of a thousand workers that wait for the same queue one
/// is enough to read about.
fn grouped<T: fmt::Display, K: Ord>(f: &mut fmt::Formatter<'_>, all: &[T], key: impl Fn(&T) -> K) -> fmt::Result {
    let mut alike: BTreeMap<K, Vec<&T>> = BTreeMap::new();
    let mut order = Vec::new();
    for one in all {
        let group = alike.entry(key(one)).or_default();
        if group.is_empty() {
            order.push(key(one));
        }
        group.push(one);
    }
    for key in order {
        let group = &alike[&key];
        write!(f, "\n\n{}", group[0])?;
        match group.len() - 1 {
            0 => {}
            1 => f.write_str("\n  and 1 more like it, not as long")?,
            more => write!(f, "\n  and {more} more like it, not as long")?,
        }
    }
    Ok(())
}

/// Shows which transaction it is.
fn show_who(f: &mut fmt::Formatter<'_>, name: Option<&str>, site: Site) -> fmt::Result {
    match name {
        Some(name) => write!(f, "`{name}`, started at {site},"),
        None => write!(f, "the transaction started at {site}"),
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_who(f, self.who.name, self.who.site)?;
        match self.stage {
            Stage::Holds => write!(f, " has kept the others from committing for {:.1?}", self.lasted),
            Stage::Queues => {
                write!(f, " has waited for {:.1?} for its turn to run while nobody else commits", self.lasted)
            }
            Stage::StandsAside => write!(f, " has waited for {:.1?} to be let commit", self.lasted),
        }
    }
}

impl fmt::Display for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_who(f, self.name, self.site)?;
        write!(f, " has waited for {:.1?}", self.waited)?;
        let variables = self.variables();
        f.write_str(if variables.len() == 1 { " for" } else { " for one of" })?;
        for variable in &variables[..variables.len().min(Waited::SHOWN)] {
            write!(f, "\n  - {variable}")?;
            if let Some(written) = variable.written() {
                write!(f, ", last written at {written} while somebody waited for it")?;
            }
        }
        if variables.len() > Waited::SHOWN {
            write!(f, "\n  - {} others", variables.len() - Waited::SHOWN)?;
        }
        if let Some(line) = self.line {
            write!(f, "\n  in line at {line}")?;
        }
        Ok(())
    }
}
