//! `serde` for tables: a table is written as its rows, and read by who has declared it.

use std::fmt;

use serde_core::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use super::{TTable, TTableBuilder};
use crate::atomically;
use crate::context::Suspended;

/// As the sequence of its rows, in order of their primary keys, as they are at one moment.
impl<R, P> Serialize for TTable<R, P>
where
    R: Clone + Serialize + Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.snapshot().values())
    }
}

/// Makes the table of a sequence of rows. Two rows with one key, where there may be one, are an error that names the index.
///
/// # Examples
///
/// ```
/// use serde_core::de::DeserializeSeed;
/// use stm::{atomically, collections::TTable};
///
/// let declare = || {
///     let mut builder = TTable::builder(|row: &(u32, String)| row.0);
///     let by_name = builder.unique("name", |row| row.1.clone());
///     (builder, by_name)
/// };
/// let (builder, by_name) = declare();
/// let mut data = serde_json::Deserializer::from_str(r#"[[1,"one"],[2,"two"]]"#);
/// let table = builder.deserialize(&mut data).unwrap();
/// assert_eq!(atomically(|tx| by_name.primary(tx, "two")), Some(2));
/// assert_eq!(serde_json::to_string(&table).unwrap(), r#"[[1,"one"],[2,"two"]]"#);
///
/// let mut data = serde_json::Deserializer::from_str(r#"[[1,"one"],[2,"one"]]"#);
/// let refused = declare().0.deserialize(&mut data).unwrap_err();
/// assert!(refused.to_string().starts_with("another row has the same key in the index `name`"));
/// ```
impl<'de, R, P> DeserializeSeed<'de> for TTableBuilder<R, P>
where
    R: Clone + Deserialize<'de> + Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    type Value = TTable<R, P>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(Rows(self.build()))
    }
}

/// A table, which gets the rows that are read.
struct Rows<R: 'static, P: 'static>(TTable<R, P>);

impl<'de, R, P> Visitor<'de> for Rows<R, P>
where
    R: Clone + Deserialize<'de> + Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    type Value = TTable<R, P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        while let Some(row) = rows.next_element::<R>()? {
            // Nobody else knows the table yet.
            let _outside = Suspended::new();
            atomically(|tx| self.0.insert(tx, row.clone())).map_err(A::Error::custom)?;
        }
        Ok(self.0)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    fn read(text: &str) -> serde_json::Result<TTable<(u32, String), u32>> {
        let mut builder = TTable::builder(|row: &(u32, String)| row.0);
        builder.unique("name", |row| row.1.clone());
        builder.deserialize(&mut serde_json::Deserializer::from_str(text))
    }

    #[test]
    fn a_table_is_serialised_as_its_rows() {
        let table = read(r#"[[2,"b"],[1,"a"]]"#).unwrap();
        assert_eq!(serde_json::to_string(&table).unwrap(), r#"[[1,"a"],[2,"b"]]"#);
    }

    #[test]
    fn rows_that_contradict_each_other_are_an_error_that_names_the_index() {
        for (text, index) in [(r#"[[1,"a"],[1,"b"]]"#, "`primary`"), (r#"[[1,"a"],[2,"a"]]"#, "`name`")] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(index), "{message}");
        }
        assert!(read(r#"{"1":"a"}"#).is_err());
    }

    /// A table that is made in the middle of a body.
    #[test]
    fn a_table_is_read_inside_of_a_body_too() {
        let table = atomically(|_| Ok(read(r#"[[1,"a"]]"#).unwrap()));
        assert_eq!(table.snapshot().len(), 1);
    }
}
