//! Panics at chosen steps.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::thread;

use common::quietly;
use stm::probe::{self, Point};

/// What an injected panic carries.
#[derive(Debug)]
pub(crate) struct Injected(pub(crate) Point);

/// Which steps a thread took, and where it was stopped.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) met: Vec<Point>,
    /// The step whose panic came out, if one did.
    pub(crate) stopped: Option<Point>,
}

impl Course {
    /// Whether the transaction has happened.
    pub(crate) fn took_effect(&self) -> bool {
        self.met.contains(&Point::Decided)
    }
}

/// Runs `act` and panics at the first step for which `choose` says so; it is told how many came before. `choose` is not
/// asked while the thread unwinds: a second panic would end the process.
#[track_caller]
pub(crate) fn inject(choose: impl FnMut(usize, Point) -> bool + 'static, act: impl FnOnce()) -> Course {
    let met = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&met);
    let choose = RefCell::new(choose);
    probe::set(move |point| {
        if thread::panicking() {
            return;
        }
        let number = seen.borrow().len();
        seen.borrow_mut().push(point);
        if choose.borrow_mut()(number, point) {
            resume_unwind(Box::new(Injected(point)));
        }
    });
    let result = quietly(act);
    probe::clear();
    let met = met.take();
    let stopped = result.err().map(|payload| match payload.downcast::<Injected>() {
        Ok(injected) => injected.0,
        Err(other) => panic!("another panic came out: {:?}", other.downcast_ref::<&str>()),
    });
    assert!(stopped.is_none() || stopped == met.last().copied(), "the panic came out of the step it was raised at");
    Course { met, stopped }
}
