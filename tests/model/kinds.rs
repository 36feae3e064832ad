//! The values of variables: a type for each way a value may be stored, all of them made from a number.

use std::cell::{Cell, RefCell};
use std::fmt;

use common::{Census, Counted};
use stm::collect;

/// What the interpreter knows of a value.
pub(crate) type Value = u8;

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// In the variable's own word.
    Number,
    /// Behind a pointer, with a destructor.
    Text,
    /// The same, aligned to more than any allocator gives by itself.
    Wide,
    /// Behind a pointer to nothing: a value without a byte, but with a destructor.
    Empty,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Number, Self::Text, Self::Wide, Self::Empty];

    /// What is left of a number when it is stored as this kind.
    pub(crate) fn keep(self, value: Value) -> Value {
        if self == Self::Empty { 0 } else { value }
    }

    /// How many of the counted values one value of this kind owns.
    pub(crate) fn counted(self) -> usize {
        usize::from(matches!(self, Self::Text | Self::Wide))
    }
}

/// What the operations that change a value make of it.
pub(crate) fn changed(old: Value, by: Value) -> Value {
    old.wrapping_mul(3).wrapping_add(by)
}

/// A value of a variable.
pub(crate) trait Payload:
    Clone + Default + PartialEq + fmt::Debug + fmt::Display + Send + Sync + 'static
{
    const KIND: Kind;
    fn of(value: Value) -> Self;
    fn value(&self) -> Value;
}

thread_local! {
    static CENSUS: RefCell<Census> = RefCell::default();
    static EMPTIES: Cell<isize> = const { Cell::new(0) };
}

/// Lets `census` count the values this thread makes from numbers.
pub(crate) fn count_in(census: &Census) {
    CENSUS.set(census.clone());
}

/// How many more values without a byte this thread has made than dropped.
///
/// They can not be told from those of other threads. A thread that ends leaves its garbage to others, which would count
/// it: only where no thread does so does this mean something.
pub(crate) fn live_empties() -> isize {
    EMPTIES.get()
}

/// Starts to count from what there is now: a case that failed may have left some behind.
pub(crate) fn forget_empties() {
    collect();
    EMPTIES.set(0);
}

fn counted(value: Value) -> Counted {
    CENSUS.with_borrow(|census| census.value(value.into()))
}

fn number(payload: u64) -> Value {
    Value::try_from(payload).expect("only bytes are written")
}

impl Payload for u64 {
    const KIND: Kind = Kind::Number;

    fn of(value: Value) -> Self {
        value.into()
    }

    fn value(&self) -> Value {
        number(*self)
    }
}

macro_rules! shown_as_number {
    ($Type:ident) => {
        impl fmt::Debug for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.value(), f)
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.value(), f)
            }
        }
    };
}

macro_rules! counted_payload {
    ($Type:ident, $kind:expr, $documentation:literal $(, $attribute:meta)?) => {
        #[doc = $documentation]
        #[derive(Clone, PartialEq)]
        $(#[$attribute])?
        pub(crate) struct $Type(Counted);

        impl Payload for $Type {
            const KIND: Kind = $kind;

            fn of(value: Value) -> Self {
                Self(counted(value))
            }

            fn value(&self) -> Value {
                number(self.0.payload)
            }
        }

        impl Default for $Type {
            fn default() -> Self {
                Self::of(0)
            }
        }

        shown_as_number!($Type);
    };
}

counted_payload!(Text, Kind::Text, "A value with a destructor.");
counted_payload!(Wide, Kind::Wide, "A value with a destructor and an unusual alignment.", repr(align(64)));

/// A value without a byte.
#[derive(PartialEq)]
pub(crate) struct Empty(());

impl Payload for Empty {
    const KIND: Kind = Kind::Empty;

    fn of(_: Value) -> Self {
        EMPTIES.set(EMPTIES.get() + 1);
        Self(())
    }

    fn value(&self) -> Value {
        0
    }
}

impl Default for Empty {
    fn default() -> Self {
        Self::of(0)
    }
}

impl Clone for Empty {
    fn clone(&self) -> Self {
        Self::of(0)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        EMPTIES.set(EMPTIES.get() - 1);
    }
}

shown_as_number!(Empty);
