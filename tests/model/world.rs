//! The variables programs run on: each kind of value, behind handles and in place.

use common::Census;
use stm::TVar;

use super::interpreter::Model;
use super::kinds::{Kind, Value, count_in};
use super::program::{Shot, Var};
use super::variable::{Birth, Variable, make_cell, make_handle};

/// The names of the variables a world begins with.
pub(crate) const NAMES: [&str; 7] = ["number", "text", "cell", "text_cell", "wide", "empty", "wide_cell"];

/// Their kinds, and which of them are cells.
const VARIABLES: [(Kind, bool); 7] = [
    (Kind::Number, false),
    (Kind::Text, false),
    (Kind::Number, true),
    (Kind::Text, true),
    (Kind::Wide, false),
    (Kind::Empty, false),
    (Kind::Wide, true),
];

/// The kind of a variable that a world begins with.
pub(crate) fn kind_of(x: Var) -> Kind {
    match x {
        Var::World(handle) => VARIABLES[handle].0,
        Var::Made(_) => unreachable!("no world begins with it"),
    }
}

/// The values a world begins with.
pub(crate) type Start = [Value; VARIABLES.len()];

pub(crate) struct World {
    /// Handles keep their place when others are gone.
    handles: Vec<Option<Box<dyn Variable>>>,
    /// Which variable each handle is for.
    variables: Vec<usize>,
    /// Read by bodies that read nothing else and have to wait.
    pub(crate) anchor: TVar<u64>,
    /// Counts the values that the variables hold.
    pub(crate) census: Census,
}

impl World {
    /// Makes the variables, and a model of them.
    pub(crate) fn new(start: Start) -> (Self, Model) {
        let census = Census::new();
        count_in(&census);
        let mut world = Self { handles: Vec::new(), variables: Vec::new(), anchor: TVar::new(0), census };
        let mut model = Model::default();
        for ((kind, is_cell), value) in VARIABLES.into_iter().zip(start) {
            let make = if is_cell { make_cell } else { make_handle };
            world.add(make(kind, Birth::New, value));
            model.add(kind, value);
        }
        (world, model)
    }

    /// Adds a variable with one handle.
    pub(crate) fn add(&mut self, variable: Box<dyn Variable>) {
        self.variables.push(self.handles.len());
        self.handles.push(Some(variable));
    }

    /// Adds a handle to the variable of another. Cells have none to add.
    pub(crate) fn share(&mut self, handle: usize) -> bool {
        let Some(another) = self.get(handle).and_then(Variable::another) else { return false };
        self.variables.push(self.variables[handle]);
        self.handles.push(Some(another));
        true
    }

    /// Takes a handle out.
    pub(crate) fn take(&mut self, handle: usize) -> Option<Box<dyn Variable>> {
        self.handles.get_mut(handle)?.take()
    }

    pub(crate) fn put_back(&mut self, handle: usize, variable: Box<dyn Variable>) {
        self.handles[handle] = Some(variable);
    }

    pub(crate) fn get(&self, handle: usize) -> Option<&dyn Variable> {
        self.handles.get(handle)?.as_deref()
    }

    /// Which variable a handle is for.
    pub(crate) fn variable(&self, handle: usize) -> usize {
        self.variables[handle]
    }

    pub(crate) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(crate) fn values(&self) -> Vec<Option<Value>> {
        self.handles.iter().map(|handle| handle.as_ref().map(|variable| variable.load())).collect()
    }
}

/// Does a one-shot operation and returns what there is to see of it.
pub(crate) fn shoot(variable: &dyn Variable, shot: &Shot) -> Option<Value> {
    match *shot {
        Shot::Load(_) => Some(variable.load()),
        Shot::Store(_, value) => {
            variable.store(value);
            None
        }
        Shot::Swap(_, value) => Some(variable.swap(value)),
        Shot::FetchUpdate(_, by) => Some(variable.fetch_update(by)),
    }
}
