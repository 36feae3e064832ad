//! Smaller programs: what proptest's own shrinking leaves, which can drop a step but not take one out of its block.

use super::program::{Action, Program, Shot, Step};

/// Something that can be made smaller, one thing at a time.
pub(crate) trait Shrink: Sized {
    /// Everything that is a little smaller.
    fn smaller(&self) -> Vec<Self>;
}

impl<T: Shrink + Clone> Shrink for Vec<T> {
    fn smaller(&self) -> Vec<Self> {
        let without = |index| [&self[..index], &self[index + 1..]].concat();
        let with = |index: usize, item: T| [&self[..index], &[item], &self[index + 1..]].concat();
        let mut all: Vec<Self> = (0..self.len()).map(without).collect();
        for (index, item) in self.iter().enumerate() {
            all.extend(item.smaller().into_iter().map(|item| with(index, item)));
        }
        all
    }
}

/// Steps without one of them, with one of them opened, or with one of them smaller.
pub(crate) fn smaller_steps(steps: &[Step]) -> Vec<Vec<Step>> {
    let with = |index: usize, inside: &[Step]| [&steps[..index], inside, &steps[index + 1..]].concat();
    let mut all: Vec<Vec<Step>> = (0..steps.len()).map(|index| with(index, &[])).collect();
    for (index, step) in steps.iter().enumerate() {
        all.extend(step.blocks().into_iter().map(|block| with(index, block)));
        all.extend(smaller_step(step).into_iter().map(|step| with(index, &[step])));
    }
    all
}

fn smaller_step(step: &Step) -> Vec<Step> {
    let mut all = Vec::new();
    for (number, block) in step.blocks().into_iter().enumerate() {
        for smaller in smaller_steps(block) {
            let mut step = step.clone();
            *step.blocks_mut()[number] = smaller;
            all.push(step);
        }
    }
    match *step {
        Step::ReadRef(x) | Step::With(x) | Step::IntoRef(x) => all.push(Step::Read(x)),
        Step::Replace(x, value) | Step::WriteIfChanged(x, value) => all.push(Step::Write(x, value)),
        Step::Modify(x, by) | Step::Update(x, by) | Step::ReadThenWrite(x, by) => all.push(Step::Write(x, by)),
        Step::Add(x, _) => all.push(Step::Write(x, 1)),
        Step::Check(..) | Step::CheckIs(..) | Step::CheckThat(false) | Step::SwallowedRetry => all.push(Step::Retry),
        Step::SwallowedRetryThenCancel(_) => all.push(Step::SwallowedRetry),
        Step::CancelFrom(..) => all.push(Step::Cancel(0)),
        _ => {}
    }
    all
}

/// Something beside it stays as it is.
impl<T: Clone, P: Shrink> Shrink for (T, P) {
    fn smaller(&self) -> Vec<Self> {
        self.1.smaller().into_iter().map(|smaller| (self.0.clone(), smaller)).collect()
    }
}

impl Shrink for Program {
    fn smaller(&self) -> Vec<Self> {
        smaller_steps(&self.0).into_iter().map(Self).collect()
    }
}

impl Shrink for Shot {
    fn smaller(&self) -> Vec<Self> {
        match *self {
            Self::Swap(x, value) | Self::FetchUpdate(x, value) => vec![Self::Store(x, value)],
            Self::Load(_) | Self::Store(..) => Vec::new(),
        }
    }
}

impl Shrink for Action {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Transaction(program) => program.smaller().into_iter().map(Self::Transaction).collect(),
            Self::Snapshot(program) => program.smaller().into_iter().map(Self::Snapshot).collect(),
            Self::Shot(shot) => shot.smaller().into_iter().map(Self::Shot).collect(),
        }
    }
}
