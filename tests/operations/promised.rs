//! The operations there are, as the library's sources have them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::sources::{behind_generics, name, public_function};

/// The types whose traits are operations too, and the traits that are none: they say what a type is, not what it does.
const TYPES: [&str; 3] = ["TVar", "TCell", "Ref"];
const NOT_OPERATIONS: [&str; 4] = ["Drop", "Eq", "RefUnwindSafe", "UnwindSafe"];

/// The operations in one source file: functions by name, methods as `Type::method`, operators as `Type: Trait`.
fn in_source(text: &str) -> BTreeSet<String> {
    let mut operations = BTreeSet::new();
    let mut owner = None;
    let mut in_trait = false;
    let mut for_tests = false;
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("impl") {
            let header = behind_generics(header);
            owner = match header.split_once(" for ") {
                None => Some(name(header).to_owned()),
                Some((operator, subject)) => {
                    if TYPES.contains(&name(subject)) && !NOT_OPERATIONS.contains(&name(operator)) {
                        operations.insert(format!("{}: {}", name(subject), name(operator)));
                    }
                    None
                }
            };
        } else if let Some(header) = line.strip_prefix("pub trait ") {
            (owner, in_trait) = (Some(name(header).to_owned()), true);
        } else if line == "}" {
            (owner, in_trait) = (None, false);
        }
        let item = line.trim_start();
        let function = public_function(line).or_else(|| item.strip_prefix("fn ").filter(|_| in_trait).map(name));
        if let Some(function) = function
            && !for_tests
        {
            operations.insert(match &owner {
                Some(owner) => format!("{owner}::{function}"),
                None => function.to_owned(),
            });
        }
        for_tests = item == "#[cfg(stm_probe)]" || (for_tests && item.starts_with("#["));
    }
    operations
}

/// The macros, as they are written where they are used.
fn macros(text: &str) -> BTreeSet<String> {
    let mut kind = "";
    let mut macros = BTreeSet::new();
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("pub fn ") {
            let name = name(function);
            macros.insert(if kind == "#[proc_macro]" { format!("{name}!") } else { format!("#[{name}]") });
        }
        kind = line;
    }
    macros
}

/// Sources whose operations have tests of their own: one is optional, two only show what there is, and the last two are the bricks
/// of structures, which have a machine in `bricks`.
const ELSEWHERE: [&str; 5] = ["serde.rs", "debug.rs", "waited.rs", "shared.rs", "tlink.rs"];

/// Every public operation of the library, without those that only builds for tests have.
pub(crate) fn operations() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &Path| fs::read_to_string(path).expect("it can be read");
    let mut all = macros(&read(&root.join("stm-macros/src/lib.rs")));
    for entry in fs::read_dir(root.join("stm/src")).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && !ELSEWHERE.iter().any(|source| path.ends_with(source))
        {
            all.extend(in_source(&read(&path)));
        }
    }
    all
}

#[test]
fn operations_are_found_in_a_source() {
    let source = "\
impl<'t, T: Send + Into<u8>> TVar<T> {
    pub fn load(&self) -> T
    pub async fn next(&self)
    pub(crate) fn cell(&self)
    fn shared(&self)
}
impl<T: fmt::Debug> fmt::Debug for TVar<T> {
    fn fmt(&self)
}
impl<T> From<T> for TCell<T> {
}
impl<T> Eq for TVar<T> {}
impl fmt::Debug for Abort {
}
impl ReadTransaction<'_, '_> {
    pub const fn retry<T>(&self)
}
pub trait ResultExt<T, E>: sealed::Sealed {
    fn or_cancel(self);
}
pub fn cancel<T, E>(error: E)
#[cfg(stm_probe)]
#[inline]
pub fn step(number: u32)
#[cfg(stm_probe)]
pub mod probe;
pub fn collect()
";
    let found = in_source(source);
    let expected = [
        "TVar::load",
        "TVar::next",
        "TVar: Debug",
        "TCell: From",
        "ReadTransaction::retry",
        "ResultExt::or_cancel",
        "cancel",
        "collect",
    ];
    assert_eq!(found, expected.map(String::from).into());
    let source = "#[proc_macro]\npub fn one(\n#[proc_macro_attribute]\npub fn two(\nfn three(";
    assert_eq!(macros(source), ["one!", "#[two]"].map(String::from).into());
}
