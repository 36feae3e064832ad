//! All programs, each in all its sizes.

use std::fmt::Display;

use super::competitor::{Competitor, Port};
use super::outcome::Outcome;
use super::{bench7, intruder, kmeans, labyrinth, lee, ssca2, vacation};

/// How large an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For tests.
    Tiny,
    /// As published for simulators.
    Small,
    /// Between the two: what this project's targets are stated for, or else the larger of the inputs published for
    /// simulators, or the small one.
    Middle,
    /// As published for real machines.
    Full,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tiny, Self::Small, Self::Middle, Self::Full];

    /// Returns the size of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn called(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|size| size.name() == name).ok_or_else(|| format!("no size `{name}`"))
    }

    /// By what it is called for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Middle => "middle",
            Self::Full => "full",
        }
    }
}

/// A program with its parameters, which need not be known any more.
trait Runnable {
    fn run(&self, competitor: Competitor, threads: usize) -> Outcome;

    /// The parameters as a command line has them.
    fn arguments(&self) -> String;
}

impl<P: Port + Display> Runnable for P {
    fn run(&self, competitor: Competitor, threads: usize) -> Outcome {
        competitor.run(self, threads)
    }

    fn arguments(&self) -> String {
        self.to_string()
    }
}

/// One of the programs.
pub struct Program {
    /// By which it is called for.
    pub name: &'static str,
    /// What its transactions are like.
    pub what: &'static str,
    /// Why the library loses where it does, as far as that is known.
    pub losses: &'static str,
    choose: fn(Size) -> Box<dyn Runnable>,
    /// What of this library runs it.
    ours: &'static [Competitor],
}

const VACATION: &str = "A session looks up dozens of rows, and each step down a table's tree is a recorded read of some 21 \
     instructions, where the holder of one lock follows pointers. With `TOrdMap` a look-up takes some 760 instructions, with \
     `TMap` some 210. One lock is ahead as long as one session at a time is fast enough; sessions run side by side here.";
const INTRUDER: &str = "Three short transactions a packet: entering and leaving, and the locks and versions of what is written, \
     weigh more than the work between them. All threads take from one queue and put into another: their ends are written by \
     everybody, so transactions that meet there run again, where a lock lets them queue.";
const KMEANS: &str = "A transaction adds a point's coordinates to the sums of its cluster: one variable written for each, some 180 \
     instructions, where a lock's holder adds to plain numbers. With few clusters transactions meet, and run again. The search \
     for the nearest cluster, outside, is the same for all.";
const ROUTING: &str = "Nearly all the time goes into planning, outside of transactions, which is the same for all; so is planning \
     again when another path has come in the way. A path's cells are then locked, written and stamped one by one, some 180 \
     instructions each, where a lock's holder stores.";
const SSCA2: &str = "Two transactions an edge, each of one or two variables: some 170 to 330 instructions of bookkeeping for an \
     addition and a store, where a lock and an unlock take some 10. They rarely meet, so threads win it back as far as there are \
     cores.";
const BENCH7: &str = "A traversal records each object it comes by, and checks all of them again when others have committed meanwhile: \
     thousands of reads of some 21 instructions and more, where a lock's holder follows pointers. A long one beside writers \
     may run several times.";

/// Whom a program that has no maps in its transactions is run by.
const PLAIN: &[Competitor] = &[Competitor::Stm];
/// Whom a program with ordered maps is run by.
const ORDERED: &[Competitor] = &[Competitor::Stm, Competitor::Ordered];
/// Whom a program with maps that need not be ordered is run by.
const MAPS: &[Competitor] = &[Competitor::Stm, Competitor::Ordered, Competitor::Hashed];

impl Program {
    /// Who can run it to some purpose, the baseline first.
    pub fn competitors(&self) -> impl Iterator<Item = Competitor> {
        Competitor::ALL.into_iter().filter(|competitor| !competitor.is_ours() || self.ours.contains(competitor))
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// When a sequential competitor is given several threads.
    #[must_use]
    pub fn run(&self, competitor: Competitor, size: Size, threads: usize) -> Outcome {
        (self.choose)(size).run(competitor, threads)
    }

    /// The parameters of that size, as a command line has them.
    #[must_use]
    pub fn arguments(&self, size: Size) -> String {
        (self.choose)(size).arguments()
    }
}

/// A function that has parameters for each size.
macro_rules! sizes {
    ($program:ident: $tiny:ident, $small:ident, $middle:ident, $full:ident) => {
        |size| {
            Box::new(match size {
                Size::Tiny => $program::Parameters::$tiny(),
                Size::Small => $program::Parameters::$small(),
                Size::Middle => $program::Parameters::$middle(),
                Size::Full => $program::Parameters::$full(),
            })
        }
    };
}

/// All programs.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "vacation-low",
        what: "sessions with a travel agency's tables: middle length, few conflicts",
        losses: VACATION,
        choose: sizes!(vacation: tiny, small, middle, full),
        ours: MAPS,
    },
    Program {
        name: "vacation-high",
        what: "the same, with longer sessions on fewer rows",
        losses: VACATION,
        choose: sizes!(vacation: tiny, small_high, middle_high, full_high),
        ours: MAPS,
    },
    Program {
        name: "intruder",
        what: "packets put together to flows between two queues: short, many conflicts",
        losses: INTRUDER,
        choose: sizes!(intruder: tiny, small, middle, full),
        ours: MAPS,
    },
    Program {
        name: "kmeans-low",
        what: "points added to clusters: short, most work outside, few conflicts",
        losses: KMEANS,
        choose: sizes!(kmeans: tiny, small, middle, full),
        ours: PLAIN,
    },
    Program {
        name: "kmeans-high",
        what: "the same, with fewer clusters",
        losses: KMEANS,
        choose: sizes!(kmeans: tiny, small_high, middle_high, full_high),
        ours: PLAIN,
    },
    Program {
        name: "labyrinth",
        what: "paths through a maze, planned outside: writes of hundreds of variables",
        losses: ROUTING,
        choose: sizes!(labyrinth: tiny, small, middle, full),
        ours: PLAIN,
    },
    Program {
        name: "ssca2",
        what: "a graph built from its edges: very short, few conflicts",
        losses: SSCA2,
        choose: sizes!(ssca2: tiny, small, middle, full),
        ours: PLAIN,
    },
    Program {
        name: "lee",
        what: "wires on a circuit board, planned outside: writes of dozens of variables",
        losses: ROUTING,
        choose: sizes!(lee: tiny, small, full, full_memory),
        ours: PLAIN,
    },
    Program {
        name: "bench7-read",
        what: "traversals, look-ups and changes of a graph of objects: all lengths, nine in ten only read",
        losses: BENCH7,
        choose: sizes!(bench7: tiny, small_reads, small_reads, full_reads),
        ours: ORDERED,
    },
    Program {
        name: "bench7-mixed",
        what: "the same, six in ten only read",
        losses: BENCH7,
        choose: sizes!(bench7: tiny, small, small, full),
        ours: ORDERED,
    },
    Program {
        name: "bench7-write",
        what: "the same, one in ten only reads",
        losses: BENCH7,
        choose: sizes!(bench7: tiny, small_writes, small_writes, full_writes),
        ours: ORDERED,
    },
];

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, Size};

    #[test]
    fn parameters_are_the_published_ones() {
        let published = [
            ("vacation-low", "-n2 -q90 -u98 -r16384 -t4096", "-n2 -q90 -u98 -r1048576 -t4194304"),
            ("vacation-high", "-n4 -q60 -u90 -r16384 -t4096", "-n4 -q60 -u90 -r1048576 -t4194304"),
            ("intruder", "-a10 -l4 -n2038 -s1", "-a10 -l128 -n262144 -s1"),
            ("kmeans-low", "-m40 -n40 -t0.05 -i random-n2048-d16-c16", "-m40 -n40 -t0.00001 -i random-n65536-d32-c16"),
            ("kmeans-high", "-m15 -n15 -t0.05 -i random-n2048-d16-c16", "-m15 -n15 -t0.00001 -i random-n65536-d32-c16"),
            ("labyrinth", "-i random-x32-y32-z3-n96", "-i random-x512-y512-z7-n512"),
            ("ssca2", "-s13 -i1.0 -u1.0 -l3 -p3", "-s20 -i1.0 -u1.0 -l3 -p3"),
        ];
        for (name, small, full) in published {
            let program = PROGRAMS.iter().find(|program| program.name == name).expect(name);
            assert_eq!(
                (program.arguments(Size::Small).as_str(), program.arguments(Size::Full).as_str()),
                (small, full)
            );
        }
    }
}
