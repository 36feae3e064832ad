//! A variable of whatever type: [`TVar`] and [`TCell`] of every kind of value behind one interface of numbers.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use stm::{Changes, ReadTransaction, Ref, StmResult, TCell, TVar, Transaction, TxResult};

use super::kinds::{Empty, Kind, Payload, Text, Value, Wide, changed};
use super::performed::{call, note};

/// How two handles compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) equal: bool,
    pub(crate) order: Ordering,
    pub(crate) partial_order: Option<Ordering>,
    pub(crate) same_hash: bool,
}

pub(crate) trait Variable: Send + Sync {
    fn load(&self) -> Value;
    fn store(&self, value: Value);
    fn swap(&self, value: Value) -> Value;
    /// Changes the value and returns the one before.
    fn fetch_update(&self, by: Value) -> Value;
    fn wait_until(&self, value: Value) -> Value;
    fn wait_until_async(&self, value: Value) -> Value;
    /// The first change that is seen of what `meanwhile` does.
    fn next_change(&self, meanwhile: &dyn Fn()) -> Value;
    fn show(&self) -> String;

    fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value>;
    fn read_ref<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value>;
    fn with<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value>;
    fn plain_ref<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value>;
    /// Holds a reference while `meanwhile` runs. Returns what is there afterwards, and what the reference shows.
    fn hold<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        meanwhile: &mut dyn FnMut() -> TxResult<(), Value>,
    ) -> TxResult<(Value, Value), Value>;
    fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<()>;
    fn replace<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<Value>;
    fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, f: &dyn Fn(Value) -> Value) -> StmResult<()>;
    /// Changes the value and returns the one before.
    fn update<'tx>(&'tx self, tx: &Transaction<'tx, '_>, by: Value) -> StmResult<Value>;
    fn write_if_changed<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<bool>;

    /// For [`Variable::compare`].
    fn as_any(&self) -> &dyn Any;
    /// Another handle to the same variable. A cell has none.
    fn another(&self) -> Option<Box<dyn Variable>>;
    fn named(self: Box<Self>, name: &'static str) -> Box<dyn Variable>;
    fn name(&self) -> Option<&'static str>;
    /// Compares two handles. There is no answer for cells, nor for different types.
    fn compare(&self, other: &dyn Variable) -> Option<Comparison>;
}

macro_rules! variable {
    ($Variable:ident { $($handle:item)* }) => {
        impl<T: Payload> Variable for $Variable<T> {
            fn load(&self) -> Value {
                call!($Variable::load(self)).value()
            }

            fn store(&self, value: Value) {
                call!($Variable::store(self, T::of(value)));
            }

            fn swap(&self, value: Value) -> Value {
                call!($Variable::swap(self, T::of(value))).value()
            }

            fn fetch_update(&self, by: Value) -> Value {
                call!($Variable::fetch_update(self, |value| {
                    let old = value.value();
                    *value = T::of(changed(old, by));
                    old
                }))
            }

            fn wait_until(&self, value: Value) -> Value {
                let value = T::KIND.keep(value);
                call!($Variable::wait_until(self, |found| found.value() == value)).value()
            }

            fn wait_until_async(&self, value: Value) -> Value {
                let value = T::KIND.keep(value);
                pollster::block_on(call!($Variable::wait_until_async(self, |found| found.value() == value))).value()
            }

            fn next_change(&self, meanwhile: &dyn Fn()) -> Value {
                let mut changes = call!($Variable::changes(self));
                meanwhile();
                pollster::block_on(call!(Changes::next(&mut changes))).value()
            }

            fn show(&self) -> String {
                note(concat!(stringify!($Variable), ": Debug"));
                format!("{self:?}")
            }

            fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value> {
                Ok(call!($Variable::read(self, tx))?.value())
            }

            fn read_ref<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value> {
                let value = call!($Variable::read_ref(self, tx))?;
                note("Ref: Deref");
                Ok(value.value())
            }

            fn with<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value> {
                call!($Variable::with(self, tx, |value| value.value()))
            }

            fn plain_ref<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Value> {
                let value = call!($Variable::read_ref(self, tx))?;
                Ok(call!(Ref::into_ref(value)).value())
            }

            fn hold<'tx>(
                &'tx self,
                tx: &ReadTransaction<'tx, '_>,
                meanwhile: &mut dyn FnMut() -> TxResult<(), Value>,
            ) -> TxResult<(Value, Value), Value> {
                let held = call!($Variable::read_ref(self, tx))?;
                meanwhile()?;
                // What came meanwhile may have hidden a signal: then this is refused.
                let now = call!($Variable::read(self, tx))?;
                ["Ref: Debug", "Ref: Display"].into_iter().for_each(note);
                let (shown, value) = (format!("{held:?} {held}"), format!("{:?} {}", *held, *held));
                assert_eq!(shown, value, "a reference is shown as its value");
                Ok((now.value(), held.value()))
            }

            fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<()> {
                call!($Variable::write(self, tx, T::of(value)))
            }

            fn replace<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<Value> {
                Ok(call!($Variable::replace(self, tx, T::of(value)))?.value())
            }

            fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, f: &dyn Fn(Value) -> Value) -> StmResult<()> {
                call!($Variable::modify(self, tx, |value| T::of(f(value.value()))))
            }

            fn update<'tx>(&'tx self, tx: &Transaction<'tx, '_>, by: Value) -> StmResult<Value> {
                call!($Variable::update(self, tx, |value| {
                    let old = value.value();
                    *value = T::of(changed(old, by));
                    old
                }))
            }

            fn write_if_changed<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: Value) -> StmResult<bool> {
                call!($Variable::write_if_changed(self, tx, T::of(value)))
            }

            fn as_any(&self) -> &dyn Any {
                self
            }

            $($handle)*
        }
    };
}

variable!(TVar {
    fn another(&self) -> Option<Box<dyn Variable>> {
        note("TVar: Clone");
        Some(Box::new(self.clone()))
    }

    fn named(self: Box<Self>, name: &'static str) -> Box<dyn Variable> {
        Box::new(call!(TVar::named(*self, name)))
    }

    fn name(&self) -> Option<&'static str> {
        call!(TVar::name(self))
    }

    fn compare(&self, other: &dyn Variable) -> Option<Comparison> {
        let other = other.as_any().downcast_ref::<Self>()?;
        ["TVar: PartialEq", "TVar: Ord", "TVar: PartialOrd", "TVar: Hash"].into_iter().for_each(note);
        Some(Comparison {
            equal: self == other,
            order: self.cmp(other),
            partial_order: self.partial_cmp(other),
            same_hash: hash_of(self) == hash_of(other),
        })
    }
});

variable!(TCell {
    fn another(&self) -> Option<Box<dyn Variable>> {
        None
    }

    fn named(self: Box<Self>, _: &'static str) -> Box<dyn Variable> {
        self
    }

    fn name(&self) -> Option<&'static str> {
        None
    }

    fn compare(&self, _: &dyn Variable) -> Option<Comparison> {
        None
    }
});

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// How a variable comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Birth {
    New,
    From,
    /// With the default value of its type, whatever value was asked for.
    Default,
}

fn handle<T: Payload>(birth: Birth, value: Value) -> Box<dyn Variable> {
    Box::new(match birth {
        Birth::New => call!(TVar::new(T::of(value))),
        Birth::From => {
            note("TVar: From");
            TVar::from(T::of(value))
        }
        Birth::Default => {
            note("TVar: Default");
            TVar::<T>::default()
        }
    })
}

fn cell<T: Payload>(birth: Birth, value: Value) -> Box<dyn Variable> {
    Box::new(match birth {
        Birth::New => call!(TCell::new(T::of(value))),
        Birth::From => {
            note("TCell: From");
            TCell::from(T::of(value))
        }
        Birth::Default => {
            note("TCell: Default");
            TCell::<T>::default()
        }
    })
}

/// Makes a [`TVar`].
pub(crate) fn make_handle(kind: Kind, birth: Birth, value: Value) -> Box<dyn Variable> {
    match kind {
        Kind::Number => handle::<u64>(birth, value),
        Kind::Text => handle::<Text>(birth, value),
        Kind::Wide => handle::<Wide>(birth, value),
        Kind::Empty => handle::<Empty>(birth, value),
    }
}

/// Makes a [`TCell`].
pub(crate) fn make_cell(kind: Kind, birth: Birth, value: Value) -> Box<dyn Variable> {
    match kind {
        Kind::Number => cell::<u64>(birth, value),
        Kind::Text => cell::<Text>(birth, value),
        Kind::Wide => cell::<Wide>(birth, value),
        Kind::Empty => cell::<Empty>(birth, value),
    }
}

fn passing_by<T: Payload>(tx: &Transaction<'_, '_>, first: Value, second: Value) -> StmResult<Value> {
    let variable = call!(TVar::new(T::of(first)));
    call!(TVar::write(&variable, tx, T::of(second)))?;
    Ok(call!(TVar::read(&variable, tx))?.value())
}

/// Makes many variables in the body, writes and reads them, and drops them: there are more now than a log is searched for
/// one by one. Returns what they hold, which is the same in all.
pub(crate) fn make_crowd(tx: &Transaction<'_, '_>, value: Value) -> StmResult<Value> {
    const CROWD: usize = 9;
    let crowd: [TVar<u64>; CROWD] = std::array::from_fn(|_| TVar::new(0));
    for variable in &crowd {
        variable.write(tx, value.into())?;
    }
    let values = crowd.iter().map(|variable| variable.read(tx)).collect::<StmResult<Vec<_>>>()?;
    Ok(if values == [u64::from(value); CROWD] { value } else { Value::MAX })
}

/// Makes a variable in the body, writes it, reads it back, and drops it before the body ends.
pub(crate) fn make_and_drop(tx: &Transaction<'_, '_>, kind: Kind, first: Value, second: Value) -> StmResult<Value> {
    match kind {
        Kind::Number => passing_by::<u64>(tx, first, second),
        Kind::Text => passing_by::<Text>(tx, first, second),
        Kind::Wide => passing_by::<Wide>(tx, first, second),
        Kind::Empty => passing_by::<Empty>(tx, first, second),
    }
}
