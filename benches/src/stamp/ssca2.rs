//! STAMP's ssca2: the first kernel of a graph benchmark (Scalable Synthetic Compact Applications 2), which builds a graph.
//!
//! From a list of edges in random order threads build an array with, for each vertex, the vertices that lead to it: first
//! the edges into each vertex are counted (a transaction each), then each is put in its place (another). Transactions are
//! very short, and rarely conflict.

use std::fmt;
use std::sync::OnceLock;

use super::competitor::{Competitor, Port};
use super::crew;
use super::outcome::{Outcome, Verdict, ensure};
use super::random::Random;
use super::systems::System;

/// What a run is made of. The letters are those of the published command lines.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `-s`: there are two to this power of vertices.
    pub scale: u32,
    /// `-i`: the probability of an edge from a vertex to the next, if that belongs to another clique. It halves with each
    /// doubling of the distance.
    pub between: f64,
    /// `-u`: the probability that an edge within a clique has no counterpart in the other direction.
    pub one_way: f64,
    /// `-l`: the length of paths in a later kernel, which is no part of the program; kept because it is published.
    pub path_length: u64,
    /// `-p`: at most so many edges lead from a vertex to another.
    pub parallel: u64,
}

impl Parameters {
    /// `-s13 -i1.0 -u1.0 -l3 -p3`: as published for simulators.
    #[must_use]
    pub fn small() -> Self {
        Self { scale: 13, between: 1.0, one_way: 1.0, path_length: 3, parallel: 3 }
    }

    /// `-s14 -i1.0 -u1.0 -l9 -p9`: as published for simulators, the larger input.
    #[must_use]
    pub fn middle() -> Self {
        Self { scale: 14, path_length: 9, parallel: 9, ..Self::small() }
    }

    /// `-s20 -i1.0 -u1.0 -l3 -p3`: as published for real machines.
    #[must_use]
    pub fn full() -> Self {
        Self { scale: 20, ..Self::small() }
    }

    /// `-s5 -i1.0 -u0.5 -l3 -p3`: for tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self { scale: 5, one_way: 0.5, ..Self::small() }
    }

    fn vertices(&self) -> usize {
        1 << self.scale
    }

    /// Edges within cliques and between them, in random order, between vertices with random names.
    fn edges(&self) -> Vec<Edge> {
        let mut random = Random::new(1);
        let vertices = self.vertices();
        let largest = (f64::from(self.scale) / 3.0).exp2().round() as u64;
        let mut edges = Vec::new();
        let mut first = 0;
        while first < vertices {
            let size = (1 + random.below(largest)) as usize;
            let end = (first + size).min(vertices);
            for one in first..end {
                for other in one + 1..end {
                    let (from, to) = if random.percent(50) { (one, other) } else { (other, one) };
                    self.add(&mut edges, &mut random, from, to);
                    if random.unit() >= self.one_way {
                        self.add(&mut edges, &mut random, to, from);
                    }
                }
                self.leave_clique(&mut edges, &mut random, one, first..end);
            }
            first = end;
        }
        let mut names: Vec<u32> = (0..vertices as u32).collect();
        random.shuffle(&mut names);
        for edge in &mut edges {
            *edge = Edge { from: names[edge.from as usize], to: names[edge.to as usize] };
        }
        random.shuffle(&mut edges);
        edges
    }

    /// Adds edges from a vertex to others out of its clique.
    fn leave_clique(&self, edges: &mut Vec<Edge>, random: &mut Random, from: usize, clique: std::ops::Range<usize>) {
        let (mut distance, mut probability) = (1, self.between);
        while distance < self.vertices() {
            let to = (from + distance) % self.vertices();
            if random.unit() < probability && !clique.contains(&to) {
                self.add(edges, random, from, to);
            }
            distance *= 2;
            probability /= 2.0;
        }
    }

    /// Adds an edge, perhaps several times.
    fn add(&self, edges: &mut Vec<Edge>, random: &mut Random, from: usize, to: usize) {
        for _ in 0..=random.below(self.parallel) {
            edges.push(Edge { from: from as u32, to: to as u32 });
        }
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scale, between, one_way, path_length, parallel } = self;
        write!(f, "-s{} -i{:.1} -u{:.1} -l{} -p{}", scale, between, one_way, path_length, parallel)
    }
}

/// Runs the program.
///
/// # Panics
///
/// When a sequential competitor is given several threads.
#[must_use]
pub fn run(competitor: Competitor, parameters: &Parameters, threads: usize) -> Outcome {
    competitor.run(parameters, threads)
}

#[derive(Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
}

/// What the threads share.
struct Graph<S: System> {
    /// How many edges lead to each vertex, and how many of them are in their places.
    degrees: Vec<S::Var<u64>>,
    placed: Vec<S::Var<u64>>,
    /// Where the edges come from that lead to the first vertex, then those that lead to the second, and so on.
    sources: Vec<S::Var<u64>>,
}

impl<S: System> Graph<S> {
    fn new(vertices: usize, edges: usize) -> Self {
        let zeros = |count: usize| (0..count).map(|_| S::var(0)).collect();
        Self { degrees: zeros(vertices), placed: zeros(vertices), sources: zeros(edges) }
    }

    fn count<'tx>(&'tx self, tx: &S::Tx<'tx>, edge: Edge) -> Result<(), S::Abort> {
        S::modify(tx, &self.degrees[edge.to as usize], |degree| degree + 1)
    }

    fn place<'tx>(&'tx self, tx: &S::Tx<'tx>, edge: Edge, first: usize) -> Result<(), S::Abort> {
        let placed = S::read(tx, &self.placed[edge.to as usize])?;
        S::write(tx, &self.sources[first + placed as usize], u64::from(edge.from))?;
        S::write(tx, &self.placed[edge.to as usize], placed + 1)
    }
}

/// Where each vertex's part of the array begins.
fn beginnings(degrees: &[u64]) -> Vec<usize> {
    let mut sum = 0;
    let behind = |degree: &u64| {
        let first = sum;
        sum += *degree as usize;
        first
    };
    degrees.iter().map(behind).collect()
}

/// Checks the array against one that was made alone.
fn check<S: System>(system: &S, graph: &Graph<S>, edges: &[Edge]) -> Verdict {
    let mut true_degrees = vec![0_u64; graph.degrees.len()];
    for edge in edges {
        true_degrees[edge.to as usize] += 1;
    }
    let (mut degrees, mut sources) = (vec![0; graph.degrees.len()], vec![0; edges.len()]);
    system.copy(&graph.degrees, &mut degrees);
    ensure(degrees == true_degrees, || "the edges were not counted right".to_owned())?;
    system.copy(&graph.sources, &mut sources);
    let firsts = beginnings(&degrees);
    let (mut true_sources, mut next) = (vec![0; edges.len()], firsts.clone());
    for edge in edges {
        let place = &mut next[edge.to as usize];
        true_sources[*place] = u64::from(edge.from);
        *place += 1;
    }
    for (vertex, (&first, &degree)) in firsts.iter().zip(&degrees).enumerate() {
        let part = first..first + degree as usize;
        sources[part.clone()].sort_unstable();
        true_sources[part.clone()].sort_unstable();
        let right = sources[part.clone()] == true_sources[part];
        ensure(right, || format!("the edges to vertex {vertex} are not those that were given"))?;
    }
    Ok(())
}

impl Port for Parameters {
    fn run<S: System>(&self, threads: usize) -> Outcome {
        let edges = self.edges();
        let (system, graph) = (S::new(), S::node(Graph::<S>::new(self.vertices(), edges.len())));
        let firsts = OnceLock::new();
        let measured = crew::run(&system, threads, |worker| {
            let share = &edges[worker.share(edges.len())];
            for &edge in share {
                worker.atomically(&graph, |tx, graph| graph.count(tx, edge));
            }
            worker.meet();
            if worker.number == 0 {
                let mut degrees = vec![0; self.vertices()];
                system.copy(&graph.degrees, &mut degrees);
                firsts.get_or_init(|| beginnings(&degrees));
            }
            worker.meet();
            let firsts = firsts.get_or_init(Vec::new);
            for &edge in share {
                let first = firsts[edge.to as usize];
                worker.atomically(&graph, |tx, graph| graph.place(tx, edge, first));
            }
        });
        measured.outcome(check(&system, &graph, &edges))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn every_edge_is_in_the_graph_once() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
