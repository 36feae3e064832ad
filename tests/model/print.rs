//! Programs as the code one would write: what a failure shows is meant to be read, and to be pasted into a test.

use std::fmt::{self, Debug, Formatter, Write};

use super::program::{Action, Program, Shot, Step, Var, can_cancel, count};
use super::world::NAMES;

impl Debug for Var {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::World(index) => match NAMES.get(index) {
                Some(name) => f.write_str(name),
                None => write!(f, "handle_{index}"),
            },
            Self::Made(index) => write!(f, "made_{index}"),
        }
    }
}

impl Debug for Shot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(x) => write!(f, "see({x:?}.load());"),
            Self::Store(x, value) => write!(f, "{x:?}.store({value});"),
            Self::Swap(x, value) => write!(f, "see({x:?}.swap({value}));"),
            Self::FetchUpdate(x, by) => write!(f, "see({x:?}.fetch_update(|old| replace(old, 3 * *old + {by})));"),
        }
    }
}

/// Steps, one a line, at a depth.
struct Block<'s>(&'s [Step], usize);

impl Debug for Block<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(steps, depth) = *self;
        steps.iter().try_for_each(|step| {
            let text = Line(step, depth);
            writeln!(f, "{:indent$}{text:?}", "", indent = 4 * depth)
        })
    }
}

struct Line<'s>(&'s Step, usize);

impl Line<'_> {
    /// A step with two branches.
    fn branches(f: &mut Formatter<'_>, name: &str, branches: [&[Step]; 2], depth: usize) -> fmt::Result {
        writeln!(f, "tx.{name}(")?;
        for steps in branches {
            let indent = 4 * (depth + 1);
            if steps.is_empty() {
                writeln!(f, "{:indent$}|_| Ok(()),", "")?;
                continue;
            }
            writeln!(f, "{:indent$}|tx| {{", "")?;
            write!(f, "{:?}", Block(steps, depth + 2))?;
            writeln!(f, "{:indent$}    Ok(())\n{:indent$}}},", "", "")?;
        }
        write!(f, "{:indent$})?;", "", indent = 4 * depth)
    }

    fn nested(f: &mut Formatter<'_>, steps: &[Step], depth: usize) -> fmt::Result {
        let indent = 4 * depth;
        writeln!(f, "if let Err(error) = tx.nested(|tx| {{")?;
        write!(f, "{:?}", Block(steps, depth + 1))?;
        write!(f, "{:indent$}    Ok(())\n{:indent$}}})? {{ see(error) }}", "", "")
    }
}

impl Debug for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(step, depth) = *self;
        match step {
            Step::Read(x) => write!(f, "see({x:?}.read(tx)?);"),
            Step::ReadRef(x) => write!(f, "see(*{x:?}.read_ref(tx)?);"),
            Step::With(x) => write!(f, "see({x:?}.with(tx, |value| *value)?);"),
            Step::IntoRef(x) => write!(f, "see(*Ref::into_ref({x:?}.read_ref(tx)?));"),
            Step::Hold(x, steps) => {
                let indent = 4 * depth;
                writeln!(f, "{{\n{:indent$}    let held = {x:?}.read_ref(tx)?;", "")?;
                write!(f, "{:?}", Block(steps, depth + 1))?;
                write!(f, "{:indent$}    see({x:?}.read(tx)?);\n{:indent$}    see(*held);\n{:indent$}}}", "", "", "")
            }
            Step::Write(x, value) => write!(f, "{x:?}.write(tx, {value})?;"),
            Step::Replace(x, value) => write!(f, "see({x:?}.replace(tx, {value})?);"),
            Step::Modify(x, by) => write!(f, "{x:?}.modify(tx, |old| 3 * old + {by})?;"),
            Step::Update(x, by) => write!(f, "see({x:?}.update(tx, |old| replace(old, 3 * *old + {by}))?);"),
            Step::WriteIfChanged(x, value) => write!(f, "see({x:?}.write_if_changed(tx, {value})?);"),
            Step::ReadThenWrite(x, by) => write!(f, "{x:?}.write(tx, 3 * {x:?}.read(tx)? + {by})?;"),
            Step::Add(x, y) => write!(f, "{{ let other = {y:?}.read(tx)?; {x:?}.modify(tx, |old| old + other)?; }}"),
            Step::Make(kind, value) => write!(f, "let made = TVar::<{kind:?}>::new({value});"),
            Step::MakeAndDrop(kind, first, second) => {
                write!(f, "{{ let it = TVar::<{kind:?}>::new({first}); it.write(tx, {second})?; see(it.read(tx)?); }}")
            }
            Step::Crowd(value) => {
                write!(f, "{{ let many = [TVar::new(0); 9]; many.write(tx, {value})?; see(many.read(tx)?); }}")
            }
            Step::Outside(shot) => write!(f, "{shot:?}"),
            Step::See(value) => write!(f, "see({value});"),
            Step::Hooks(name) => write!(f, "tx.on_commit(|| fire({name})); tx.on_rollback(|| fire({name}));"),
            Step::OrElse(first, second) => {
                let cancels = can_cancel(first) || can_cancel(second);
                Line::branches(f, if cancels { "try_or_else" } else { "or_else" }, [first, second], depth)
            }
            Step::Look(first, second) => Line::branches(f, "deref().or_else", [first, second], depth),
            Step::Nested(inner) => Line::nested(f, inner, depth),
            Step::Check(x, least) => write!(f, "tx.check({x:?}.read(tx)? >= {least})?;"),
            Step::CheckIs(x, value) => write!(f, "tx.check({x:?}.read(tx)? == {value})?;"),
            Step::CheckThat(holds) => write!(f, "tx.check({holds})?;"),
            Step::Retry => f.write_str("tx.retry()?;"),
            Step::SwallowedRetry => f.write_str("let _ = tx.retry(); return Ok(());"),
            Step::SwallowedRetryThenCancel(error) => {
                write!(f, "let _ = tx.or_else(|tx| tx.retry_in_line(), |tx| tx.retry()); return cancel({error});")
            }
            Step::CancelFrom(x, least) => {
                write!(f, "{{ let it = {x:?}.read(tx)?; if it >= {least} {{ cancel(it)? }} }}")
            }
            Step::Cancel(error) => write!(f, "cancel({error})?;"),
            Step::RestartBefore(number) => write!(f, "if tx.attempt_number() < {number} {{ tx.restart()? }}"),
            Step::Yield => f.write_str("thread::yield_now();"),
        }
    }
}

impl Debug for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Line(self, 0).fmt(f)
    }
}

/// A body as the argument of a runner.
fn body(f: &mut Formatter<'_>, runner: &str, steps: &[Step]) -> fmt::Result {
    let plural = if count(steps) == 1 { "" } else { "s" };
    writeln!(f, "{runner}(|tx| {{  // {} step{plural}", count(steps))?;
    write!(f, "{:?}", Block(steps, 1))?;
    f.write_str("    Ok(())\n});")
}

impl Debug for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        body(f, if can_cancel(&self.0) { "try_atomically" } else { "atomically" }, &self.0)
    }
}

impl Debug for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transaction(program) => program.fmt(f),
            Self::Snapshot(program) => body(f, "snapshot", &program.0),
            Self::Shot(shot) => shot.fmt(f),
        }
    }
}

/// Several things, one below the other.
pub(crate) fn lines<T: Debug>(things: &[T]) -> String {
    things.iter().fold(String::new(), |mut text, thing| {
        let _ = writeln!(text, "{thing:?}");
        text
    })
}
