//! The machine: what can be done with variables, in the world and in the interpreter at once.

use std::cmp::Ordering;
use std::fmt::{self, Debug, Formatter};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stm::timer;

use crate::model::generate::{Words, action, kind, value};
use crate::model::interpreter::Model;
use crate::model::kinds::{Kind, Value, count_in, forget_empties, live_empties};
use crate::model::patience::settle;
use crate::model::performed::call;
use crate::model::program::{Action, Outcome, Runner, Var};
use crate::model::run::Manner;
use crate::model::shrink::Shrink;
use crate::model::variable::{Birth, Comparison, make_cell, make_handle};
use crate::model::world::{NAMES, World};

/// How many handles there may be besides those the world begins with.
const MORE: usize = 6;
/// Names for variables.
const CALLED: [&str; 3] = ["Ada", "Grace", "Edsger"];

/// One thing to do. Where there is no such handle, it does nothing.
#[derive(Clone)]
pub(crate) enum Operation {
    Act(Runner, Action),
    Make {
        kind: Kind,
        cell: bool,
        birth: Birth,
        value: Value,
    },
    Share(usize),
    Drop(usize),
    Name(usize, &'static str),
    Show(usize),
    Compare(usize, usize),
    /// Waits for a value, as a task or as a thread, which another thread writes if it is not there yet.
    WaitUntil(usize, Value, bool),
    /// Follows its changes while two values are stored.
    Change(usize, Value, Value),
    /// Waits until some time has passed.
    Time,
}

impl Debug for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = |handle: &usize| format!("{:?}", Var::World(*handle));
        match self {
            Self::Act(runner, action) => write!(f, "{action:?}  // {runner:?}"),
            Self::Make { kind, cell, birth, value } => {
                write!(f, "let handle = {}::<{kind:?}>::{birth:?}({value});", if *cell { "TCell" } else { "TVar" })
            }
            Self::Share(handle) => write!(f, "let handle = {}.clone();", name(handle)),
            Self::Drop(handle) => write!(f, "drop({});", name(handle)),
            Self::Name(handle, called) => write!(f, "let {0} = {0}.named({called:?});", name(handle)),
            Self::Show(handle) => write!(f, "see(format!(\"{{:?}}\", {}));", name(handle)),
            Self::Compare(one, other) => write!(f, "see({}.cmp(&{}));", name(one), name(other)),
            Self::WaitUntil(handle, value, false) => {
                write!(f, "{}.wait_until(|found| found == {value});", name(handle))
            }
            Self::WaitUntil(handle, value, true) => {
                write!(f, "{}.wait_until_async(|found| found == {value}).await;", name(handle))
            }
            Self::Change(handle, first, second) => {
                let name = name(handle);
                write!(f, "{{ let mut changes = {name}.changes(); {name}.store({first}); {name}.store({second}); ")?;
                f.write_str("see(changes.next().await); }")
            }
            Self::Time => f.write_str("timer(Duration::from_micros(50)).wait_until(|over| over);"),
        }
    }
}

impl Shrink for Operation {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Act(runner, action) => {
                action.smaller().into_iter().map(|action| Self::Act(*runner, action)).collect()
            }
            _ => Vec::new(),
        }
    }
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let words = Words { more_handles: MORE, ..Words::ALL };
    let handle = 0..NAMES.len() + MORE;
    let birth = prop::sample::select(vec![Birth::New, Birth::From, Birth::Default]);
    prop_oneof![
        8 => (prop::sample::select(&Runner::ALL[..]), action(words, 6))
            .prop_map(|(runner, action)| Operation::Act(runner, action)),
        2 => (kind(), any::<bool>(), birth, value())
            .prop_map(|(kind, cell, birth, value)| Operation::Make { kind, cell, birth, value }),
        2 => handle.clone().prop_map(Operation::Share),
        2 => handle.clone().prop_map(Operation::Drop),
        2 => (handle.clone(), prop::sample::select(&CALLED[..]))
            .prop_map(|(handle, called)| Operation::Name(handle, called)),
        2 => handle.clone().prop_map(Operation::Show),
        2 => (handle.clone(), handle.clone()).prop_map(|(one, other)| Operation::Compare(one, other)),
        2 => (handle.clone(), value(), any::<bool>())
            .prop_map(|(handle, value, task)| Operation::WaitUntil(handle, value, task)),
        1 => (handle, value(), value()).prop_map(|(handle, first, second)| Operation::Change(handle, first, second)),
        1 => Just(Operation::Time),
    ]
}

/// Both worlds, and what the interpreter does not know.
struct Machine {
    world: World,
    model: Model,
    /// For each handle, whether it is for a cell.
    cells: Vec<bool>,
    /// The name of each variable.
    names: Vec<Option<&'static str>>,
}

impl Machine {
    fn new() -> Self {
        let (world, model) = World::new(Default::default());
        let cells = NAMES.iter().map(|name| name.contains("cell")).collect();
        Self { world, model, cells, names: vec![None; NAMES.len()] }
    }

    fn do_one(&mut self, operation: &Operation) -> TestCaseResult {
        match *operation {
            Operation::Act(runner, ref action) => self.act(runner, action)?,
            Operation::Make { kind, cell, birth, value } => self.make(kind, cell, birth, value),
            Operation::Share(handle) => {
                if self.model.variable(handle).is_some() && self.world.share(handle) {
                    self.model.share(handle);
                    self.cells.push(false);
                    self.compare(handle, self.world.len() - 1)?;
                }
            }
            Operation::Drop(handle) => {
                if let Some(variable) = self.world.take(handle) {
                    drop(variable);
                    self.model.drop_handle(handle);
                }
            }
            Operation::Name(handle, called) => {
                if let Some(variable) = self.world.take(handle) {
                    self.world.put_back(handle, variable.named(called));
                    let variable = self.world.variable(handle);
                    self.names[variable] = (!self.cells[handle]).then_some(called);
                    self.show(handle)?;
                }
            }
            Operation::Show(handle) => self.show(handle)?,
            Operation::Compare(one, other) => self.compare(one, other)?,
            Operation::WaitUntil(handle, value, task) => self.wait_until(handle, value, task)?,
            Operation::Change(handle, first, second) => self.change(handle, first, second)?,
            Operation::Time => {
                let over = call!(timer(Duration::from_micros(50)));
                prop_assert!(over.wait_until(|over| *over));
            }
        }
        prop_assert_eq!(self.world.values(), self.model.values(), "what it left, then what the interpreter says");
        Ok(())
    }

    fn act(&mut self, runner: Runner, action: &Action) -> TestCaseResult {
        // A snapshot has no bound on its runs: it would wait.
        let action = if matches!(action, Action::Snapshot(_)) { &action.or_nothing() } else { action };
        let expected = self.model.act(action);
        let waits = expected.outcome == Outcome::Waits;
        // Only by this door a program that waits comes back.
        let attempts = (waits || runner == Runner::Options).then_some(self.model.attempts());
        let (trace, fired) = self.world.act(action, Manner { runner, attempts, anchored: waits });
        prop_assert_eq!(trace, expected, "what it saw and how it ended, then what the interpreter says");
        prop_assert_eq!(fired, self.model.take_fired(), "which hooks ran, then what the interpreter says");
        Ok(())
    }

    fn make(&mut self, kind: Kind, cell: bool, birth: Birth, value: Value) {
        if self.world.len() == NAMES.len() + MORE {
            return;
        }
        let make = if cell { make_cell } else { make_handle };
        self.world.add(make(kind, birth, value));
        self.model.add(kind, if birth == Birth::Default { 0 } else { value });
        self.cells.push(cell);
        self.names.resize(self.world.len(), None);
    }

    fn show(&self, handle: usize) -> TestCaseResult {
        let (Some(variable), Some(value)) = (self.world.get(handle), self.model.value(handle)) else { return Ok(()) };
        let name = self.names[self.world.variable(handle)];
        prop_assert_eq!(variable.name(), name);
        let named = name.map(|name| format!("name: {name:?}, ")).unwrap_or_default();
        let kind = if self.cells[handle] { "TCell" } else { "TVar" };
        prop_assert_eq!(variable.show(), format!("{kind} {{ {named}value: {value} }}"));
        Ok(())
    }

    /// Two handles are equal if they are for the same variable, and everything else follows from that.
    fn compare(&self, one: usize, other: usize) -> TestCaseResult {
        let (Some(first), Some(second)) = (self.world.get(one), self.world.get(other)) else { return Ok(()) };
        let Some(comparison) = first.compare(second) else { return Ok(()) };
        let Comparison { equal, order, partial_order, same_hash } = comparison;
        prop_assert_eq!(equal, self.model.variable(one) == self.model.variable(other));
        prop_assert_eq!(order == Ordering::Equal, equal);
        prop_assert_eq!(partial_order, Some(order));
        prop_assert!(same_hash || !equal, "equal handles have one hash");
        prop_assert_eq!(second.compare(first).map(|reverse| reverse.order), Some(order.reverse()));
        Ok(())
    }

    fn change(&mut self, handle: usize, first: Value, second: Value) -> TestCaseResult {
        let (Some(variable), Some(kind)) = (self.world.get(handle), self.model.kind(handle)) else { return Ok(()) };
        let found = variable.next_change(&|| {
            variable.store(first);
            variable.store(second);
        });
        self.model.set(handle, second);
        prop_assert_eq!(found, kind.keep(second), "the latest");
        Ok(())
    }

    fn wait_until(&mut self, handle: usize, value: Value, task: bool) -> TestCaseResult {
        let (Some(variable), Some(kind)) = (self.world.get(handle), self.model.kind(handle)) else { return Ok(()) };
        let wait = || if task { variable.wait_until_async(value) } else { variable.wait_until(value) };
        let found = if self.model.value(handle) == Some(kind.keep(value)) {
            wait()
        } else {
            self.model.set(handle, value);
            thread::scope(|scope| {
                scope.spawn(|| {
                    count_in(&self.world.census);
                    variable.store(value);
                });
                wait()
            })
        };
        prop_assert_eq!(found, kind.keep(value));
        Ok(())
    }

    /// What is alive is what the variables hold, and after them nothing.
    fn end(self) -> TestCaseResult {
        let Self { world, model, .. } = self;
        let kinds = model.live_kinds();
        let census = world.census.clone();
        settle(|| census.live(), kinds.iter().map(|kind| kind.counted()).sum())?;
        settle(live_empties, kinds.iter().filter(|kind| **kind == Kind::Empty).count())?;
        drop(world);
        settle(|| census.live(), 0)?;
        settle(live_empties, 0)
    }
}

pub(crate) fn check(operations: &[Operation]) -> TestCaseResult {
    forget_empties();
    let mut machine = Machine::new();
    operations.iter().try_for_each(|operation| machine.do_one(operation))?;
    machine.end()
}
