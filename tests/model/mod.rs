//! A language of small programs, what they mean, and how they run for real.
//!
//! [`program`] has the words, [`generate`] makes sentences of them, [`print`] shows them as the code one would write.
//! [`interpreter`] says what they mean on plain values, one after the other; [`world`] and [`play`] run them as
//! transactions on variables of every kind, and [`waiting`] finds out what they wait for. [`property`] looks for one
//! on which two of these differ, and [`shrink`] makes it small.

#![allow(dead_code, reason = "each target speaks a part of the language")]

pub(crate) mod arena;
pub(crate) mod generate;
pub(crate) mod interpreter;
pub(crate) mod kinds;
pub(crate) mod patience;
pub(crate) mod performed;
pub(crate) mod play;
pub(crate) mod print;
pub(crate) mod program;
pub(crate) mod property;
pub(crate) mod run;
pub(crate) mod shrink;
pub(crate) mod variable;
pub(crate) mod waiting;
pub(crate) mod world;
