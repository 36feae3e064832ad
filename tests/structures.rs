//! What every structure implements, as the table in `docs/design.md` says.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::iter;
use std::marker::PhantomData;
use std::path::Path;
use std::thread::Thread;

use common::sources::sources;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use stm::channel::{TBQueue, TBroadcast, TPriorityQueue, TQueue, TSubscriber};
use stm::collections::{TArray, TCounter, TDeque, TMap, TMapView, TOrdMap, TSet, TSetView, TTable};
use stm::sync::{TBarrier, TFuture, TLatch, TMVar, TPromise, TRwLock, TSemaphore};

/// Whether a type has all of these traits, as a value.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        // The inherent constant is found first, where the bound holds; otherwise the trait's.
        #[allow(dead_code, reason = "used only for types that lack the trait")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "used only for types that have the trait")]
        impl<T: $($bound)+> Probe<T> {
            const HAS: bool = true;
        }
        // Reads the field, which is there to mention the type only.
        let probe: Probe<$type> = Probe(PhantomData);
        let Probe(PhantomData) = probe;
        <Probe<$type>>::HAS
    }};
}

/// The columns of the table behind the name.
const COLUMNS: [&str; 8] =
    ["`Debug`", "`Clone`", "`==`", "`Default`", "`FromIterator`", "`Extend`", "`IntoIterator`", "`serde`"];

/// What a structure with items of this type implements, by columns.
macro_rules! row {
    ($type:ty, $item:ty) => {{
        // Of a handle, or of a reference to one, as they share what is extended or gone through.
        let extends = has!($type: Extend<$item>);
        assert_eq!(extends, has!(&'static $type: Extend<$item>), "{}", stringify!($type));
        [
            has!($type: Debug),
            has!($type: Clone),
            has!($type: Eq),
            has!($type: Default),
            has!($type: iter::FromIterator<$item>),
            extends,
            has!(&'static $type: IntoIterator<Item = $item>),
            has!($type: Serialize) && (has!($type: DeserializeOwned) || stringify!($type).starts_with("TTable")),
        ]
    }};
}

/// What the compiler says.
fn implemented() -> BTreeMap<&'static str, [bool; 8]> {
    BTreeMap::from([
        ("TArray", row!(TArray<String>, String)),
        ("TCounter", row!(TCounter, u64)),
        ("TDeque", row!(TDeque<String>, String)),
        ("TMap", row!(TMap<String, u64>, (String, u64))),
        ("TSet", row!(TSet<String>, String)),
        ("TOrdMap", row!(TOrdMap<String, u64>, (String, u64))),
        ("TTable", row!(TTable<String, u64>, (u64, String))),
        ("TQueue", row!(TQueue<String>, String)),
        ("TBQueue", row!(TBQueue<String>, String)),
        ("TPriorityQueue", row!(TPriorityQueue<String>, String)),
        ("TBroadcast", row!(TBroadcast<String>, String)),
        ("TSubscriber", row!(TSubscriber<String>, String)),
        ("TMVar", row!(TMVar<String>, String)),
        ("TSemaphore", row!(TSemaphore, u64)),
        ("TRwLock", row!(TRwLock<String>, String)),
        ("TBarrier", row!(TBarrier, u64)),
        ("TPromise", row!(TPromise<String>, String)),
        ("TFuture", row!(TFuture<String>, String)),
        ("TLatch", row!(TLatch, u64)),
    ])
}

/// What the table says: a name, and a cell for each column, of which one that says no may say more.
fn documented(text: &str) -> BTreeMap<String, Vec<bool>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches(['|', ' ']).split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| structure | `Debug` |"));
    let header = cells(lines.next().expect("the table is in the document"));
    assert_eq!(header[1..], COLUMNS);
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|row| {
        assert_eq!(row.len(), header.len(), "{row:?}");
        let says = row[1..].iter().map(|cell| match cell.split(' ').next() {
            Some("yes") => true,
            Some("no") => false,
            _ => panic!("neither yes nor no: {row:?}"),
        });
        (row[0].trim_matches('`').to_owned(), says.collect())
    })
    .collect()
}

#[test]
fn the_probe_tells_types_apart() {
    assert!(has!(Vec<u64>: Extend<u64>) && !has!(Vec<u64>: Extend<String>));
    assert!(has!(String: Serialize + DeserializeOwned) && !has!(Thread: Serialize));
}

#[test]
fn the_table_says_what_is_implemented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/design.md");
    let documented = documented(&fs::read_to_string(path).expect("it can be read"));
    let implemented = implemented().into_iter().map(|(name, row)| (name.to_owned(), row.to_vec()));
    let implemented: BTreeMap<_, _> = implemented.collect();
    assert_eq!(documented.keys().collect::<Vec<_>>(), implemented.keys().collect::<Vec<_>>());
    for (name, row) in &implemented {
        let says = |row: &[bool]| COLUMNS.into_iter().zip(row.to_vec()).collect::<Vec<_>>();
        assert_eq!(says(&documented[name]), says(row), "`{name}`: the table on the left, the library on the right");
    }
}

/// Each structure is in the table: what the modules export, but for what comes with a structure.
#[test]
fn every_structure_is_in_the_table() {
    let sources = sources();
    let companions = ["TMapView", "TMapIter", "TSetView", "TTableBuilder"];
    let implemented = implemented();
    for module in ["collections", "channel", "sync"] {
        let text = fs::read_to_string(sources.join(module).join("mod.rs")).expect("it can be read");
        let exports = text.lines().filter_map(|line| line.strip_prefix("pub use "));
        let names = exports.flat_map(|path| path.split([':', '{', '}', ',', ';', ' ']));
        // Structures have a `T` before their name.
        let is_structure = |name: &&str| name.starts_with('T') && name.chars().nth(1).is_some_and(char::is_uppercase);
        for name in names.filter(is_structure).filter(|name| !companions.contains(name)) {
            assert!(implemented.contains_key(name), "`{name}` is not in the table");
        }
    }
}

/// What is as it was: no structures, but what is handed out of one.
#[test]
fn views_are_values() {
    assert!(has!(TMapView<String, u64>: Clone + Debug + Eq + Serialize + Send + Sync));
    assert!(has!(TSetView<String>: Clone + Debug + Eq + Serialize + Send + Sync));
    assert!(has!(&'static TMapView<String, u64>: IntoIterator<Item = (&'static String, &'static u64)>));
    assert!(has!(&'static TSetView<String>: IntoIterator<Item = &'static String>));
}
