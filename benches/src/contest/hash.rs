//! A hash table in the variables of any system: what a user writes without a library of collections.

use std::sync::Arc;

use crate::systems::Stm;

/// The entries of a bucket, replaced as a whole. A clone is a count.
type Bucket = Arc<[(u64, u64)]>;

/// A hash table of a fixed number of buckets, each a variable.
pub struct HashTable<S: Stm>(Vec<S::Var<Bucket>>);

impl<S: Stm> HashTable<S> {
    pub fn with_buckets(buckets: usize) -> Self {
        Self((0..buckets).map(|_| S::var(Bucket::from([]))).collect())
    }

    /// Keys are scattered by a multiplication, as in every table here.
    fn bucket(&self, key: u64) -> &S::Var<Bucket> {
        let scattered = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.0[scattered as usize % self.0.len()]
    }

    #[inline]
    pub fn get(&self, tx: &S::Tx<'_>, key: u64) -> Result<Option<u64>, S::Abort> {
        S::with(tx, self.bucket(key), |bucket| find(bucket, key))
    }

    /// Returns true if the key is new.
    pub fn insert(&self, tx: &S::Tx<'_>, key: u64, value: u64) -> Result<bool, S::Abort> {
        let bucket = self.bucket(key);
        let (is_new, changed) = S::with(tx, bucket, |entries| {
            let others = entries.iter().filter(|entry| entry.0 != key);
            (find(entries, key).is_none(), others.copied().chain([(key, value)]).collect())
        })?;
        S::write(tx, bucket, changed)?;
        Ok(is_new)
    }

    /// Returns what the key had.
    pub fn remove(&self, tx: &S::Tx<'_>, key: u64) -> Result<Option<u64>, S::Abort> {
        let bucket = self.bucket(key);
        let removed = S::with(tx, bucket, |entries| {
            let value = find(entries, key)?;
            let others = entries.iter().filter(|entry| entry.0 != key);
            Some((value, others.copied().collect()))
        })?;
        let Some((value, changed)) = removed else { return Ok(None) };
        S::write(tx, bucket, changed)?;
        Ok(Some(value))
    }
}

fn find(bucket: &[(u64, u64)], key: u64) -> Option<u64> {
    bucket.iter().find(|entry| entry.0 == key).map(|entry| entry.1)
}
