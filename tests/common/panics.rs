//! Expected panics: caught, kept off the terminal, with message and location.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// An expected panic: what it said and where it was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The message.
    pub message: String,
    /// The file the panic reports.
    pub file: String,
    /// The line the panic reports.
    pub line: u32,
}

thread_local! {
    static QUIET: Cell<u32> = const { Cell::new(0) };
    static SEEN: RefCell<Vec<Panic>> = const { RefCell::new(Vec::new()) };
}

fn text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn record(info: &PanicHookInfo<'_>) {
    let location = info.location().expect("std always knows the location");
    let panic = Panic { message: text(info.payload()), file: location.file().to_owned(), line: location.line() };
    SEEN.with_borrow_mut(|seen| seen.push(panic));
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.try_with(Cell::get).unwrap_or(0) > 0 { record(info) } else { default(info) }
        }));
    });
}

/// Runs `body`, which may panic, without the message on the terminal.
pub fn quietly<R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    install();
    QUIET.with(|quiet| quiet.set(quiet.get() + 1));
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    QUIET.with(|quiet| quiet.set(quiet.get() - 1));
    result
}

/// Runs `body`, which must panic, and returns the panic that came out of it.
#[track_caller]
pub fn expect_panic<R>(body: impl FnOnce() -> R) -> Panic {
    SEEN.with_borrow_mut(Vec::clear);
    let Err(payload) = quietly(body) else { panic!("this was to panic, and returned") };
    let message = text(&*payload);
    // Several may have been raised on the way: the one that came out is told by its message.
    let seen = SEEN.take();
    seen.into_iter().find(|panic| panic.message == message).expect("the hook ran on this thread")
}
