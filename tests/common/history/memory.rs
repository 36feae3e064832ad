//! Variables of every kind a library may treat differently, all of which hold [`Value`]s.

use stm::{ReadTransaction, StmResult, TCell, TVar, Transaction};

use super::program::{Reading, Writing};
use super::record::{Value, initial_value};

/// A type that can carry a value, and show that it is not whole.
trait Form: Clone + PartialEq + Send + Sync + 'static {
    fn of(value: Value) -> Self;

    /// The value, or [`TORN`].
    fn value(&self) -> Value;
}

/// Stands for what is no value at all: parts of several.
const TORN: Value = Value::MAX;

/// One word, stored in place.
impl Form for u64 {
    fn of(value: Value) -> Self {
        value
    }

    fn value(&self) -> Value {
        *self
    }
}

/// Two halves of a word, stored in place.
impl Form for (u32, u32) {
    fn of(value: Value) -> Self {
        ((value >> 32) as u32, value as u32)
    }

    fn value(&self) -> Value {
        u64::from(self.0) << 32 | u64::from(self.1)
    }
}

/// Too wide to be stored in place.
impl Form for [u64; 2] {
    fn of(value: Value) -> Self {
        [value, !value]
    }

    fn value(&self) -> Value {
        if self[1] == !self[0] { self[0] } else { TORN }
    }
}

/// Has a destructor.
impl Form for String {
    fn of(value: Value) -> Self {
        value.to_string()
    }

    fn value(&self) -> Value {
        self.parse().unwrap_or(TORN)
    }
}

#[derive(Debug)]
enum Variable {
    Word(TVar<u64>),
    Cell(TCell<u64>),
    Halves(TVar<(u32, u32)>),
    Text(TVar<String>),
    Wide(TCell<[u64; 2]>),
}

/// Does the same with a variable of whatever kind.
macro_rules! with {
    ($variable:expr, $name:ident => $body:expr) => {
        match $variable {
            Variable::Word($name) => $body,
            Variable::Cell($name) => $body,
            Variable::Halves($name) => $body,
            Variable::Text($name) => $body,
            Variable::Wide($name) => $body,
        }
    };
}

/// Numbered variables; neighbours are of different kinds.
#[derive(Debug)]
pub struct Memory {
    variables: Vec<Variable>,
}

impl Memory {
    /// Creates variables that hold their initial values.
    pub fn new(variables: usize) -> Self {
        let variable = |number| {
            let value = initial_value(number);
            match number % 5 {
                0 => Variable::Word(TVar::new(Form::of(value))),
                1 => Variable::Cell(TCell::new(Form::of(value))),
                2 => Variable::Text(TVar::new(Form::of(value))),
                3 => Variable::Halves(TVar::new(Form::of(value))),
                _ => Variable::Wide(TCell::new(Form::of(value))),
            }
        };
        Self { variables: (0..variables).map(variable).collect() }
    }

    /// Returns how many variables there are.
    pub fn size(&self) -> usize {
        self.variables.len()
    }

    pub(super) fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, x: usize, how: Reading) -> StmResult<Value> {
        with!(&self.variables[x], variable => match how {
            Reading::Clone => Ok(variable.read(tx)?.value()),
            Reading::Borrow => Ok(variable.read_ref(tx)?.value()),
            Reading::With => variable.with(tx, Form::value),
        })
    }

    /// Writes without a look at what was there.
    pub(super) fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, x: usize, value: Value) -> StmResult<()> {
        with!(&self.variables[x], variable => variable.write(tx, Form::of(value)))
    }

    /// Writes, and returns what was there.
    pub(super) fn exchange<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        x: usize,
        value: Value,
        how: Writing,
    ) -> StmResult<Value> {
        with!(&self.variables[x], variable => match how {
            Writing::Replace => Ok(variable.replace(tx, Form::of(value))?.value()),
            Writing::Update => variable.update(tx, |current| std::mem::replace(current, Form::of(value)).value()),
            Writing::Modify => {
                let mut old = TORN;
                variable.modify(tx, |current| {
                    old = current.value();
                    Form::of(value)
                })?;
                Ok(old)
            }
            Writing::Write | Writing::IfChanged => {
                let old = variable.read(tx)?.value();
                if how == Writing::Write {
                    variable.write(tx, Form::of(value))?;
                } else {
                    assert!(variable.write_if_changed(tx, Form::of(value))?, "no value is written twice");
                }
                Ok(old)
            }
        })
    }

    pub(super) fn load(&self, x: usize) -> Value {
        with!(&self.variables[x], variable => variable.load().value())
    }

    pub(super) fn store(&self, x: usize, value: Value) {
        with!(&self.variables[x], variable => variable.store(Form::of(value)));
    }

    pub(super) fn swap(&self, x: usize, value: Value) -> Value {
        with!(&self.variables[x], variable => variable.swap(Form::of(value)).value())
    }

    pub(super) fn fetch_update(&self, x: usize, value: Value) -> Value {
        with!(&self.variables[x], variable => {
            variable.fetch_update(|current| std::mem::replace(current, Form::of(value)).value())
        })
    }
}
