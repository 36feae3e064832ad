//! A trie made of entries that are all there already.

use crate::shared::Shared;

use super::LONGEST;
use super::Trie;
use super::branch::Branch;
use super::counts::Counts;
use super::entry::Entry;
use super::link::Node;
use super::path::{DEEPEST, Path};
use super::root::Root;

/// What is to become an entry.
pub(crate) struct Seed<K, V> {
    pub(crate) path: Path,
    pub(crate) key: K,
    pub(crate) value: V,
}

impl<K: Eq + Send + Sync + 'static, V: Send + Sync + 'static> Trie<K, V> {
    /// Of several values of one key the last counts. No transaction is needed, for nobody else knows the trie yet.
    pub(crate) fn build(seeds: impl Iterator<Item = Seed<K, V>>) -> Self {
        let mut sorted: Vec<Seed<K, V>> = seeds.collect();
        sorted.sort_by_key(|seed| seed.path);
        let mut seeds: Vec<Seed<K, V>> = Vec::with_capacity(sorted.len());
        for seed in sorted {
            let same = seeds.iter_mut().rev().take_while(|other| other.path == seed.path);
            match { same }.find(|other| other.key == seed.key) {
                Some(other) => other.value = seed.value,
                None => seeds.push(seed),
            }
        }
        let counts = Counts::new(i64::try_from(seeds.len()).expect("a vector is shorter"));
        let branch = Shared::new(branch(&mut seeds, 0));
        Self::new(Shared::new(Root { generation: 0, branch, counts }))
    }
}

/// Takes the seeds, which are sorted, from the end.
fn branch<K: Send + Sync + 'static, V: Send + Sync + 'static>(seeds: &mut Vec<Seed<K, V>>, depth: u32) -> Branch<K, V> {
    let turn = |seed: &Seed<K, V>| seed.path.below(depth).turn();
    let mut nodes: Vec<(usize, Node<K, V>)> = Vec::new();
    while let Some(last) = seeds.last() {
        let here = turn(last);
        let first = seeds.partition_point(|seed| turn(seed) < here);
        let mut group = seeds.split_off(first);
        let node = if group.len() > LONGEST as usize && depth < DEEPEST {
            Node::Branch(Shared::new(branch(&mut group, depth + 1)))
        } else {
            let chain = |next, seed: Seed<K, V>| Node::Entry(Shared::new(Entry::new(0, seed.key, seed.value, next)));
            group.into_iter().rev().fold(Node::Nothing, chain)
        };
        nodes.push((here, node));
    }
    Branch::new(0, |place| nodes.pop_if(|(here, _)| *here == place).map_or(Node::Nothing, |(_, node)| node))
}
