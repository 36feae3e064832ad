//! Which attempt has to come before which, whether that goes in circles, and the shortest circle.

use std::collections::VecDeque;

use super::order::VersionOrder;
use super::record::{Access, History};
use super::violation::{Link, Reason};

/// Which part of the relation to look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Only attempts that took effect.
    pub(super) committed: bool,
    /// Reads and writes, but not when anything happened.
    pub(super) timeless: bool,
}

impl View {
    /// From the least to the most: a circle is named best where there is least to make one.
    pub(super) const ALL: [Self; 4] = [
        Self { committed: true, timeless: true },
        Self { committed: true, timeless: false },
        Self { committed: false, timeless: true },
        Self { committed: false, timeless: false },
    ];

    /// Whether everything is looked at.
    pub(super) const WHOLE: Self = Self::ALL[3];
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    to: usize,
    /// Nothing for the passing of time: from an attempt to the moment of its end, from there to the next such moment, and
    /// from the last one before its start to an attempt. With a node for each moment there are as many edges as attempts
    /// and not as many as pairs.
    reason: Option<Reason>,
}

/// The attempts, and behind them the moments.
#[derive(Debug)]
pub(super) struct Graph<'h> {
    history: &'h History,
    edges: Vec<Vec<Edge>>,
}

impl<'h> Graph<'h> {
    pub(super) fn new(history: &'h History, order: &VersionOrder) -> Self {
        let mut graph = Self { history, edges: vec![Vec::new(); history.attempts.len() * 2] };
        for (index, attempt) in history.attempts.iter().enumerate() {
            for &read in &attempt.reads {
                graph.add_read(index, read, order);
            }
        }
        for variable in 0..history.variables {
            for pair in order.of_variable(variable).windows(2) {
                let (old, new) = (pair[0].value, pair[1].value);
                graph.add(pair[0].writer, pair[1].writer, Reason::Replaced { variable, old, new });
            }
        }
        graph.add_time();
        graph
    }

    fn add(&mut self, from: Option<usize>, to: Option<usize>, reason: Reason) {
        // What the variables begin with comes before everything.
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            self.edges[from].push(Edge { to, reason: Some(reason) });
        }
    }

    fn add_read(&mut self, reader: usize, read: Access, order: &VersionOrder) {
        let (seen, next) = order.around(read);
        self.add(seen.writer, Some(reader), Reason::Read(read));
        if let Some(next) = next {
            let reason = Reason::Missed { variable: read.variable, old: read.value, new: next.value };
            self.add(Some(reader), next.writer, reason);
        }
    }

    fn add_time(&mut self) {
        let attempts = &self.history.attempts;
        let mut by_end: Vec<_> = (0..attempts.len()).collect();
        by_end.sort_by_key(|&index| attempts[index].end);
        let passing = |to| Edge { to, reason: None };
        for (moment, &index) in by_end.iter().enumerate() {
            let node = attempts.len() + moment;
            self.edges[index].push(passing(node));
            if moment + 1 < attempts.len() {
                self.edges[node].push(passing(node + 1));
            }
        }
        for (index, attempt) in attempts.iter().enumerate() {
            let over = by_end.partition_point(|&other| attempts[other].end < attempt.start);
            if over > 0 {
                self.edges[attempts.len() + over - 1].push(passing(index));
            }
        }
    }

    fn is_attempt(&self, node: usize) -> bool {
        node < self.history.attempts.len()
    }

    fn shows(&self, view: View, node: usize) -> bool {
        match self.history.attempts.get(node) {
            Some(attempt) => attempt.committed() || !view.committed,
            None => !view.timeless,
        }
    }

    fn edges(&self, view: View, from: usize) -> impl Iterator<Item = Edge> {
        let visible = self.shows(view, from);
        self.edges[from].iter().copied().filter(move |edge| visible && self.shows(view, edge.to))
    }

    /// Takes away whatever has nothing left in front of it, again and again, and returns what remains: every circle, and
    /// what lies behind one (Kahn, "Topological sorting of large networks", CACM 1962).
    pub(super) fn remainder(&self, view: View) -> Vec<usize> {
        let mut in_front = vec![0_u32; self.edges.len()];
        for from in 0..self.edges.len() {
            self.edges(view, from).for_each(|edge| in_front[edge.to] += 1);
        }
        let mut free: Vec<_> = (0..self.edges.len()).filter(|&node| in_front[node] == 0).collect();
        while let Some(node) = free.pop() {
            for edge in self.edges(view, node) {
                in_front[edge.to] -= 1;
                if in_front[edge.to] == 0 {
                    free.push(edge.to);
                }
            }
        }
        (0..self.edges.len()).filter(|&node| in_front[node] > 0).collect()
    }

    /// Finds a circle of as few attempts as possible, if there is one; of several, the one that was complete first.
    pub(super) fn shortest_circle(&self, view: View) -> Option<Vec<Link>> {
        let remainder = self.remainder(view);
        let mut best: Option<(usize, u64, Vec<Link>)> = None;
        for start in remainder.into_iter().filter(|&node| self.is_attempt(node)) {
            let longest = best.as_ref().map_or(usize::MAX, |(length, ..)| *length);
            let Some(circle) = self.circle_through(view, start, longest) else { continue };
            let end = |link: &Link| self.history.attempts[link.from].end;
            let complete = circle.iter().map(end).max().unwrap_or(0);
            if best.as_ref().is_none_or(|(length, time, _)| (circle.len(), complete) < (*length, *time)) {
                best = Some((circle.len(), complete, circle));
            }
        }
        best.map(|(.., circle)| circle)
    }

    /// A shortest circle through `start`, of no more than `longest` attempts. Time passes for free; leaving an attempt
    /// counts.
    fn circle_through(&self, view: View, start: usize, longest: usize) -> Option<Vec<Link>> {
        let mut came = vec![None::<(usize, Option<Reason>)>; self.edges.len()];
        let mut distance = vec![usize::MAX; self.edges.len()];
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((node, length)) = queue.pop_front() {
            if length > distance[node] {
                continue;
            }
            if node == start && length > 0 {
                return Some(self.trace(&came, start));
            }
            let length = length + usize::from(self.is_attempt(node));
            if length > longest {
                continue;
            }
            for edge in self.edges(view, node) {
                if length >= distance[edge.to] {
                    continue;
                }
                distance[edge.to] = length;
                came[edge.to] = Some((node, edge.reason));
                if self.is_attempt(node) {
                    queue.push_back((edge.to, length))
                } else {
                    queue.push_front((edge.to, length))
                }
            }
        }
        None
    }

    /// Walks back from `start` to `start`, and puts passing time together.
    fn trace(&self, came: &[Option<(usize, Option<Reason>)>], start: usize) -> Vec<Link> {
        let mut links = Vec::new();
        let (mut to, mut node) = (start, start);
        while let Some((from, reason)) = came[node] {
            if self.is_attempt(from) {
                links.push(Link { from, to, reason: reason.unwrap_or(Reason::Time) });
                to = from;
            }
            node = from;
            if node == start {
                break;
            }
        }
        links.reverse();
        links
    }
}
