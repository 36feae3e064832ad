//! Which of the library's operations this thread has called, by name.

use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static NAMES: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes one operation.
pub(crate) fn note(name: &'static str) {
    NAMES.with_borrow_mut(|names| names.insert(name));
}

/// Returns what was noted, and forgets it.
pub(crate) fn take() -> BTreeSet<&'static str> {
    NAMES.take()
}

/// Calls an associated function, or a free one, and notes that it did: the note can not name another than the call.
macro_rules! call {
    ($Type:ident :: $function:ident $arguments:tt) => {{
        $crate::model::performed::note(concat!(stringify!($Type), "::", stringify!($function)));
        $Type::$function $arguments
    }};
    ($function:ident $arguments:tt) => {{
        $crate::model::performed::note(stringify!($function));
        $function $arguments
    }};
}

pub(crate) use call;
