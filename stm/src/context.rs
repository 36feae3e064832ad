//! The thread's transaction: where it is kept, and how one is begun and left.
//!
//! Each thread has one [`Context`], whose logs are reused. When it is taken (a hook runs in the middle of a body) or
//! destroyed already (a destructor of another thread-local runs a transaction), a temporary one takes its place.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::task::Waker;
use std::time::Instant;

use crate::archive;
use crate::attempt::{Aftermath, Attempt, Tracking};
use crate::commit::Privilege;
use crate::contention::{Jitter, Token};
use crate::reclaim::{self, Handle, Local};
use crate::shim::{Point, get_pointer, point, set_pointer, thread_owner, thread_pointer};
use crate::unwind::Panics;
use crate::wait::{self, Batons};
use crate::waited::Site;

thread_pointer! { static CURRENT: Context }

thread_owner! { static OWNER: Owner = Owner(Box::new(Context::new())) }

/// One thread's transaction state.
pub(crate) struct Context {
    attempt: Attempt,
    /// Held by the run under way if it is a promoted one.
    token: Cell<Option<Token>>,
    pub(crate) jitter: RefCell<Jitter>,
    /// Where the transaction was started that ended last and left something to be done. Stored rather than kept in a register,
    /// which every commit of a boxed value would have to save.
    site: Cell<Option<Site>>,
    /// Made when the thread first waits.
    waker: Cell<Option<Waker>>,
    /// Keeps the record that the attempt uses.
    _handle: Handle,
}

struct Owner(Box<Context>);

impl Drop for Owner {
    fn drop(&mut self) {
        set_pointer(&CURRENT, std::ptr::null());
    }
}

impl Context {
    fn new() -> Self {
        let handle = Handle::current();
        let seed = (&raw const *handle.local()).addr() as u64;
        Self {
            attempt: Attempt::new(handle.local()),
            token: Cell::new(None),
            jitter: RefCell::new(Jitter::new(seed)),
            site: Cell::new(None),
            waker: Cell::new(None),
            _handle: handle,
        }
    }

    #[inline(always)]
    pub(crate) fn local(&self) -> &'static Local {
        self.attempt.local()
    }

    fn thread_waker(&self) -> Waker {
        let waker = self.waker.take().unwrap_or_else(wait::thread_waker);
        self.waker.set(Some(waker.clone()));
        waker
    }

    /// Starts a run of a body, promoted if it comes with the token. Panics if one is running on this thread.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn begin(
        &self,
        number: u32,
        token: Option<Token>,
        deadline: Option<Instant>,
        tracking: Tracking,
    ) -> Running<'_> {
        self.refuse_nesting();
        self.local().enter();
        let privilege = match (&token, deadline) {
            (Some(_), _) => Privilege::Promoted,
            (None, None) => Privilege::Ordinary,
            (None, Some(deadline)) => {
                self.attempt.set_deadline(deadline);
                Privilege::Hurried
            }
        };
        self.attempt.begin(number, privilege, tracking);
        if token.is_some() {
            self.token.set(token);
        }
        let running = Running { context: self };
        point(Point::Begun);
        running
    }

    /// Panics if a body is running on this thread.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn refuse_nesting(&self) {
        if self.attempt.is_running() {
            nested();
        }
    }

    /// Has the batons passed on when the next run is left.
    pub(crate) fn owe(&self, batons: &mut Batons) {
        self.attempt.owe(batons);
    }

    /// Frees the thread for other transactions, and others from a promoted one: user code may follow.
    fn leave(&self) {
        self.attempt.leave();
        let snapshot = self.attempt.closes_snapshot();
        if snapshot {
            self.local().withdraw();
        }
        self.local().unpin();
        drop(self.token.take());
        if snapshot {
            archive::closed(self.local());
        }
    }

    /// Ends a run that leaves something to be done.
    #[inline(never)]
    #[track_caller]
    fn finish_untidy(&self) {
        self.site.set(Some(Location::caller()));
        let aftermath = self.attempt.tidy();
        self.leave();
        if let Some(mut aftermath) = aftermath {
            self.site.get().into_iter().for_each(|site| aftermath.wake.sign(site));
            conclude(aftermath);
        }
        reclaim::keep_up(self.local());
    }

    /// Undoes a run.
    #[cold]
    #[inline(never)]
    fn undo(&self) {
        let aftermath = self.attempt.roll_back();
        self.leave();
        if let Some(aftermath) = aftermath {
            conclude(aftermath);
        }
        point(Point::Undone);
        if !std::thread::panicking() {
            reclaim::keep_up(self.local());
        }
    }
}

#[cold]
#[track_caller]
fn nested() -> ! {
    panic!(
        "`atomically` was called inside the body of another transaction on the same thread; pass the `tx` you have to a \
         function instead (operations on one `tx` are one transaction), or use `tx.nested(..)` for a part that can be \
         undone on its own, or `tx.on_commit(..)` for something to run afterwards"
    );
}

/// A run of a body that is under way. Dropping it undoes the run: that happens when the body panics.
pub(crate) struct Running<'c> {
    context: &'c Context,
}

impl Running<'_> {
    #[inline(always)]
    pub(crate) fn attempt(&self) -> &Attempt {
        &self.context.attempt
    }

    /// A waker that unparks this thread.
    pub(crate) fn waker(&self) -> Waker {
        self.context.thread_waker()
    }

    /// Ends a run that has committed, and tells the world.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn finish(self) {
        let context = ManuallyDrop::new(self).context;
        let local = context.local();
        if context.attempt.finish() || !local.unpin_plainly() {
            return context.finish_untidy();
        }
        context.attempt.leave();
    }

    /// Undoes a run.
    #[cold]
    pub(crate) fn roll_back(self) {
        drop(self);
    }
}

impl Drop for Running<'_> {
    // In line, and what it does is not: so a run that is not undone stays in a register.
    #[inline(always)]
    fn drop(&mut self) {
        self.context.undo();
    }
}

/// Wakes waiters, also those in line behind the run, and runs hooks, which may wait for them: all of them, whatever panics.
#[cold]
fn conclude(mut aftermath: Aftermath) {
    let mut panics = Panics::new();
    aftermath.wake.wake(&mut panics);
    aftermath.due.run(&mut panics);
    panics.resume();
}

/// The thread's context, if it has one in sight.
#[inline(always)]
pub(crate) fn current<'c>() -> Option<&'c Context> {
    // SAFETY: a non-null CURRENT is a context that lives at least until its owner, further out on this thread's stack or
    // the thread-local OWNER, sets it to null. Whoever calls this is further in, and uses it on this thread only.
    unsafe { get_pointer(&CURRENT).as_ref() }
}

/// A context where none was in sight: the thread's own, made by this, or a temporary one.
pub(crate) struct Lease {
    context: *const Context,
    /// In this order: nobody may find the context any more when it is dropped.
    _temporary: Option<(Suspended, Box<Context>)>,
}

impl Lease {
    #[cold]
    #[inline(never)]
    pub(crate) fn new() -> Self {
        let own = OWNER.try_with(|owner| (!owner.0.attempt.is_running()).then_some(&raw const *owner.0));
        if let Ok(Some(context)) = own {
            set_pointer(&CURRENT, context);
            return Self { context, _temporary: None };
        }
        let temporary = Box::new(Context::new());
        let context = &raw const *temporary;
        Self { context, _temporary: Some((Suspended::replacing_with(context), temporary)) }
    }
}

impl Deref for Lease {
    type Target = Context;

    fn deref(&self) -> &Context {
        // SAFETY: it is the temporary context, or that of OWNER, which is not destroyed while the thread runs anything but
        // thread-local destructors; and those find it gone.
        unsafe { &*self.context }
    }
}

/// The thread's context is out of sight. Dropping this brings it back.
pub(crate) struct Suspended(*const Context);

impl Suspended {
    fn replacing_with(context: *const Context) -> Self {
        let previous = get_pointer(&CURRENT);
        set_pointer(&CURRENT, context);
        Self(previous)
    }

    /// For user code in the middle of a body that may run transactions of its own.
    pub(crate) fn new() -> Self {
        Self::replacing_with(std::ptr::null())
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        set_pointer(&CURRENT, self.0);
    }
}
