//! What the tests share: starting threads together, counting drops, catching panics with
//! their location, forcing conflicts, values that panic, reading the sources, and ending a test that hangs.

mod census;
mod clash;
mod frail;
mod hammer;
pub mod history;
pub mod linearity;
mod panics;
mod polls;
mod random;
mod runs;
mod sample;
pub mod sources;
mod threads;
mod watchdog;
mod world;

pub use census::{Census, Counted};
pub use clash::Clash;
pub use frail::{Frail, burn, light_fuse, put_out_fuse};
pub use hammer::while_hammered;
pub use panics::{Panic, expect_panic, quietly};
pub use polls::{Count, poll};
pub use random::Random;
pub use runs::{Runs, runs_until};
pub use sample::Sample;
pub use threads::{Ends, Rendezvous, elsewhere, on_a_small_stack, race, scaled, threads};
#[cfg(target_os = "linux")]
pub use threads::{timer_threads, until_one_timer_thread};
pub use watchdog::{Watchdog, watchdog};
pub use world::World;
