//! Variables, and what a transaction waits for, in words.

use std::fmt;
use std::panic::Location;

/// A place in the source.
pub(crate) type Site = &'static Location<'static>;

/// Which transaction it is, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    /// The transaction's name.
    pub(crate) name: Option<&'static str>,
    /// Where it was started.
    pub(crate) site: Site,
}

/// A variable as [`waiting`](crate::debug::waiting) shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    pub(crate) address: usize,
    pub(crate) known: Known,
}

/// What is known of a variable for the sake of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: Option<&'static str>,
    pub(crate) made: Option<Site>,
    pub(crate) written: Option<Site>,
}

impl Variable {
    /// Returns where the variable is in memory, which tells it from the others.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Returns the name given by [`TVar::named`](crate::TVar::named).
    pub fn name(&self) -> Option<&'static str> {
        self.known.name
    }

    /// Returns where the variable was made, if that was [recorded](crate::debug::record); else where it was named.
    pub fn made(&self) -> Option<&'static Location<'static>> {
        self.known.made
    }

    /// Returns where the variable was last written while somebody waited for it, if that was
    /// [recorded](crate::debug::record).
    pub fn written(&self) -> Option<&'static Location<'static>> {
        self.known.written
    }
}

/// As in "`hits` (made at src/main.rs:7:16)".
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known.name {
            Some(name) => write!(f, "`{name}`")?,
            None => write!(f, "the variable at {:#x}", self.address)?,
        }
        match self.known.made {
            Some(made) => write!(f, " (made at {made})"),
            None => Ok(()),
        }
    }
}

/// What a transaction waits for: one of these variables is to be written. Displays as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waited {
    pub(crate) variables: Vec<Variable>,
    /// How many there are besides.
    pub(crate) others: usize,
}

impl Waited {
    /// More than a person wants to read.
    pub(crate) const SHOWN: usize = 8;
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variables, others } = self;
        // One left out would take as much room as the words that say so.
        let is_short = variables.len() <= Self::SHOWN + 1 && *others == 0;
        let shown = if is_short { variables.len() } else { variables.len().min(Self::SHOWN) };
        let left_out = variables.len() - shown + others;
        for (index, variable) in variables[..shown].iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == shown && left_out == 0 => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{variable}")?;
        }
        match left_out {
            0 => Ok(()),
            1 => f.write_str(" or one more"),
            _ => write!(f, ", or one of {left_out} others"),
        }
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_like_a_sentence() {
        let variable = |address| Variable { address, known: Known::default() };
        let named = |name| Variable { address: 1, known: Known { name: Some(name), ..Known::default() } };
        let text = |variables: &[Variable]| Waited { variables: variables.to_vec(), others: 0 }.to_string();
        assert_eq!(text(&[named("a")]), "`a`");
        assert_eq!(text(&[named("a"), variable(0x20)]), "`a` or the variable at 0x20");
        assert_eq!(text(&[named("a"), named("b"), named("c")]), "`a`, `b` or `c`");
        assert!(text(&[named("a"); 9]).ends_with("`a` or `a`"));
        assert!(text(&[named("a"); 10]).ends_with("`a`, or one of 2 others"));
        let with_others = |others| Waited { variables: vec![named("a"), named("b")], others }.to_string();
        assert_eq!(
            (with_others(1), with_others(7)),
            ("`a`, `b` or one more".into(), "`a`, `b`, or one of 7 others".into())
        );
        let made = Location::caller();
        let variable = Variable { address: 1, known: Known { name: Some("a"), made: Some(made), written: None } };
        assert_eq!(text(&[variable]), format!("`a` (made at {made})"));
    }
}
