//! A lock beside a model of its rules: several owners, all modes, from transactions.

use common::watchdog;
use proptest::prelude::*;
use stm::sync::{Mode, Owner, TRwLock};
use stm::{StmResult, Transaction};

use super::programs::{Subject, follows_its_model};

const MODES: [Mode; 3] = [Mode::Read, Mode::Upgradable, Mode::Write];

pub(crate) struct Locked {
    lock: TRwLock<u32>,
    owners: [Owner; 3],
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Lock(usize, usize),
    TryLock(usize, usize),
    Unlock(usize, usize),
    Get,
    GetAs(usize),
    Set(u32),
    SetAs(usize, u32),
}

/// How often each owner holds it in each mode, and the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    counts: [[u32; 3]; 3],
    value: u32,
}

impl Model {
    fn others(&self, owner: usize) -> impl Iterator<Item = [u32; 3]> + '_ {
        (0..3).filter(move |other| *other != owner).map(|other| self.counts[other])
    }

    fn admits(&self, owner: usize, mode: usize) -> bool {
        self.others(owner).all(|other| match MODES[mode] {
            Mode::Read => other[2] == 0,
            Mode::Upgradable => other[1] + other[2] == 0,
            Mode::Write => other == [0; 3],
        })
    }
}

impl Subject for Locked {
    type Op = Op;
    type Model = Model;

    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<Model> {
        let mut counts = [[0; 3]; 3];
        for (owner, counts) in self.owners.into_iter().zip(&mut counts) {
            for (mode, count) in MODES.into_iter().zip(counts) {
                *count = self.lock.held(tx, owner, mode)?;
            }
        }
        let writer = (0..3).find(|owner| counts[*owner][2] > 0).unwrap_or(0);
        Ok(Model { counts, value: *self.lock.get_as(tx, self.owners[writer])? })
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<String> {
        let lock = &self.lock;
        match *op {
            Op::Lock(owner, mode) => Ok(format!("{:?}", lock.lock(tx, self.owners[owner], MODES[mode])?)),
            Op::TryLock(owner, mode) => Ok(lock.try_lock(tx, self.owners[owner], MODES[mode])?.to_string()),
            Op::Unlock(owner, mode) => {
                if lock.held(tx, self.owners[owner], MODES[mode])? == 0 {
                    return Ok(String::from("not held"));
                }
                Ok(format!("{:?}", lock.unlock(tx, self.owners[owner], MODES[mode])?))
            }
            Op::Get => Ok(lock.get(tx)?.to_string()),
            Op::GetAs(owner) => Ok(lock.get_as(tx, self.owners[owner])?.to_string()),
            Op::Set(value) => Ok(format!("{:?}", lock.set(tx, value)?)),
            Op::SetAs(owner, value) => Ok(format!("{:?}", lock.set_as(tx, self.owners[owner], value)?)),
        }
    }

    fn predict(model: &mut Model, op: &Op) -> Option<String> {
        let done = String::from("()");
        match *op {
            Op::Lock(owner, mode) if model.admits(owner, mode) => model.counts[owner][mode] += 1,
            Op::Lock(..) => return None,
            Op::TryLock(owner, mode) => {
                let fits = model.admits(owner, mode);
                model.counts[owner][mode] += u32::from(fits);
                return Some(fits.to_string());
            }
            Op::Unlock(owner, mode) if model.counts[owner][mode] == 0 => return Some(String::from("not held")),
            Op::Unlock(owner, mode) => model.counts[owner][mode] -= 1,
            Op::Get => return model.counts.iter().all(|counts| counts[2] == 0).then(|| model.value.to_string()),
            Op::GetAs(owner) => {
                return model.others(owner).all(|counts| counts[2] == 0).then(|| model.value.to_string());
            }
            Op::Set(value) if model.counts == [[0; 3]; 3] => model.value = value,
            Op::SetAs(owner, value) if model.others(owner).all(|counts| counts == [0; 3]) => model.value = value,
            Op::Set(_) | Op::SetAs(..) => return None,
        }
        Some(done)
    }
}

#[test]
fn a_lock_follows_its_rules() {
    let _watchdog = watchdog();
    let (owner, mode) = (0..3_usize, 0..3_usize);
    let op = prop_oneof![
        (owner.clone(), mode.clone()).prop_map(|(owner, mode)| Op::Lock(owner, mode)),
        (owner.clone(), mode.clone()).prop_map(|(owner, mode)| Op::TryLock(owner, mode)),
        (owner.clone(), mode).prop_map(|(owner, mode)| Op::Unlock(owner, mode)),
        Just(Op::Get),
        owner.clone().prop_map(Op::GetAs),
        (0..9_u32).prop_map(Op::Set),
        (owner, 0..9_u32).prop_map(|(owner, value)| Op::SetAs(owner, value)),
    ];
    follows_its_model(op, || {
        let owners = [Owner::new(), Owner::thread(), Owner::new()];
        (Locked { lock: TRwLock::new(5), owners }, Model { counts: [[0; 3]; 3], value: 5 })
    });
}
