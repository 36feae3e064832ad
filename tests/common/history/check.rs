//! The checker: is there an order of the attempts that explains everything, and agrees with real time?
//!
//! *Strict serialisability* (Papadimitriou, "The serializability of concurrent database updates", JACM 1979): the committed
//! transactions could have run one at a time, each between its start and its end. *Opacity* (Guerraoui and Kapałka, "On
//! the correctness of transactional memory", PPoPP 2008): so could the others, as transactions that only read.
//!
//! Because every value is written once, a read says whose write it has seen. With the order of each variable's versions
//! there are then four reasons for one attempt to come before another (Adya, "Weak consistency", 1999, and time):
//!
//! - the second read what the first wrote (WR),
//! - the second replaced what the first wrote (WW),
//! - the first read what the second replaced (RW),
//! - the first was over before the second began.
//!
//! (Before that come the things that are wrong in any order: a value that nobody left behind, a variable that was read
//! as two values, an update that two transactions made of the same version.)
//!
//! An order that agrees with all of them exists if and only if they do not go in circles. That takes time linear in the size
//! of the history, sorting apart. What is given up is only this: the order of versions is the one the variables really had,
//! so a history that some other order of blind writes would explain is rejected.

use super::graph::{Graph, View};
use super::naming::name;
use super::order::VersionOrder;
use super::record::History;
use super::violation::Violation;

/// Checks that the history is opaque, and with that strictly serialisable.
///
/// # Errors
///
/// Returns a shortest contradiction.
///
/// # Panics
///
/// Panics if the history is malformed: a value that was written twice, or a blind write that has no version.
pub fn check(history: &History) -> Result<(), Violation> {
    let order = VersionOrder::of(history)?;
    let graph = Graph::new(history, &order);
    if graph.remainder(View::WHOLE).is_empty() {
        return Ok(());
    }
    let circle = View::ALL.into_iter().find_map(|view| graph.shortest_circle(view));
    let circle = circle.expect("something is in the way of itself");
    Err(Violation::circle(name(history, &circle), history, &circle))
}
