//! Whole transactions under schedules that shuttle chooses: random ones, PCT's, and, for two threads, all with few
//! preemptions. `.ci/shuttle` builds and runs this; an ordinary build has nothing here.
//!
//! A scenario is a function that starts threads and returns what came of it. It runs once for each schedule, and checks
//! itself: by assertions at every moment of every body, also of those that will be run again, and by its outcome, which
//! has to be one of those listed. Each of those listed must come up, or the scenario does not reach what it is about. A
//! thread that sleeps for ever is a deadlock, which shuttle reports.
//!
//! Memory orderings are out of sight here: shuttle's atomics are sequentially consistent. The loom models have those.
#![cfg(stm_shuttle)]

#[path = "schedules/anomalies.rs"]
mod anomalies;
#[path = "schedules/choosing.rs"]
mod choosing;
#[path = "schedules/explore.rs"]
mod explore;
#[path = "schedules/in_line.rs"]
mod in_line;
#[path = "schedules/ledger.rs"]
mod ledger;
#[path = "schedules/opacity.rs"]
mod opacity;
#[path = "schedules/promotion.rs"]
mod promotion;
#[path = "schedules/systematic.rs"]
mod systematic;
#[path = "schedules/threads.rs"]
mod threads;
#[path = "schedules/transfers.rs"]
mod transfers;
#[path = "schedules/undoing.rs"]
mod undoing;
#[path = "schedules/values.rs"]
mod values;
#[path = "schedules/waiting.rs"]
mod waiting;
