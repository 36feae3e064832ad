//! What the laws are about: programs, a place to put them in, and the state they start from.

use proptest::prelude::*;

use crate::model::generate::{Words, looks, start, steps, value, variable};
use crate::model::kinds::Value;
use crate::model::program::{Step, Var};
use crate::model::shrink::{Shrink, smaller_steps};
use crate::model::world::Start;

/// What surrounds a place in a program.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// Steps before and after it.
    Between(Vec<Step>, Vec<Step>),
    Nested,
    /// The first branch, before this second one.
    FirstBefore(Vec<Step>),
    /// The second branch, behind this first one.
    SecondBehind(Vec<Step>),
}

impl Layer {
    fn around(&self, inside: Vec<Step>) -> Vec<Step> {
        match self {
            Self::Between(before, after) => [before.clone(), inside, after.clone()].concat(),
            Self::Nested => vec![Step::Nested(inside)],
            Self::FirstBefore(second) => vec![Step::OrElse(inside, second.clone())],
            Self::SecondBehind(first) => vec![Step::OrElse(first.clone(), inside)],
        }
    }

    fn steps(&self) -> Vec<&Vec<Step>> {
        match self {
            Self::Between(before, after) => vec![before, after],
            Self::Nested => Vec::new(),
            Self::FirstBefore(steps) | Self::SecondBehind(steps) => vec![steps],
        }
    }

    fn steps_mut(&mut self) -> Vec<&mut Vec<Step>> {
        match self {
            Self::Between(before, after) => vec![before, after],
            Self::Nested => Vec::new(),
            Self::FirstBefore(steps) | Self::SecondBehind(steps) => vec![steps],
        }
    }
}

/// Everything a law can speak of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) start: Start,
    /// From the inside out.
    pub(crate) context: Vec<Layer>,
    /// Any programs.
    pub(crate) p: Vec<Step>,
    pub(crate) q: Vec<Step>,
    pub(crate) r: Vec<Step>,
    /// A program that does not cancel.
    pub(crate) certain: Vec<Step>,
    /// Programs that always reach their end, and leave nothing but values and hooks.
    pub(crate) total: Vec<Step>,
    pub(crate) other_total: Vec<Step>,
    /// A program for readers.
    pub(crate) look: Vec<Step>,
    pub(crate) x: Var,
    pub(crate) v: Value,
    pub(crate) w: Value,
}

impl Parts {
    /// A law holds in every place.
    pub(crate) fn in_context(&self, steps: Vec<Step>) -> Vec<Step> {
        self.context.iter().fold(steps, |inside, layer| layer.around(inside))
    }

    fn programs(&mut self) -> [&mut Vec<Step>; 7] {
        let Self { p, q, r, certain, total, other_total, look, .. } = self;
        [p, q, r, certain, total, other_total, look]
    }
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        2 => (steps(Words::PURE, 3), steps(Words::PURE, 3)).prop_map(|(before, after)| Layer::Between(before, after)),
        1 => Just(Layer::Nested),
        1 => steps(Words::PURE, 3).prop_map(Layer::FirstBefore),
        1 => steps(Words::PURE, 3).prop_map(Layer::SecondBehind),
    ]
}

pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let total = Words { hooks: true, ..Words::TOTAL };
    let certain = Words { cancels: false, ..Words::PURE };
    let pure = || steps(Words::PURE, 5);
    let programs = (pure(), pure(), pure(), steps(certain, 5), steps(total, 5), steps(total, 5), looks(Words::PURE, 5));
    let context = prop::collection::vec(layer(), 0..4);
    (start(), context, programs, variable(Words::TOTAL), value(), value()).prop_map(
        |(start, context, (p, q, r, certain, total, other_total, look), x, v, w)| Parts {
            start,
            context,
            p,
            q,
            r,
            certain,
            total,
            other_total,
            look,
            x,
            v,
            w,
        },
    )
}

impl Shrink for Parts {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for index in 0..self.context.len() {
            let mut parts = self.clone();
            parts.context.remove(index);
            all.push(parts);
        }
        for (index, layer) in self.context.iter().enumerate() {
            for (number, block) in layer.steps().into_iter().enumerate() {
                for smaller in smaller_steps(block) {
                    let mut parts = self.clone();
                    *parts.context[index].steps_mut()[number] = smaller;
                    all.push(parts);
                }
            }
        }
        let mut this = self.clone();
        for (number, program) in this.programs().into_iter().enumerate() {
            for smaller in smaller_steps(program) {
                let mut parts = self.clone();
                *parts.programs()[number] = smaller;
                all.push(parts);
            }
        }
        all
    }
}
