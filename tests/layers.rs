//! The library's modules form layers: each imports only from rows below its own. There is then
//! no cycle, and every module can be read knowing only what is under it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::sources::{rust_files, sources, without_tests};

/// Lowest first.
const LAYERS: &[&[&str]] = &[
    &["shim", "config", "unwind", "waited"],
    &["report", "alarm", "names"],
    &["error", "clock", "reclaim", "hooks", "count"],
    &["word", "contention", "storage"],
    &["cell", "reference"],
    &["wait", "log", "archive"],
    &["commit", "debug"],
    &["attempt", "direct"],
    &["context", "var", "tcell"],
    &["tx", "timer"],
    &["step"],
    &["run", "task"],
    &["ops", "changes", "serde", "shared", "shared_slice"],
    &["tlink", "handed", "height"],
    &["lib"],
    &["collections", "channel", "sync"],
    &["private", "models"],
];

/// Those that structures are in.
const STRUCTURES: &[&str] = &["collections", "channel", "sync"];

/// Those that users of the crate have as well, or the part of them that structures use.
const OFFERED: &[&str] =
    &["config", "error", "reference", "run", "shared", "task", "tcell", "timer", "tlink", "tx", "var"];

/// Returns the row of a module; names that are no module are items of the crate's root.
fn row(module: &str) -> usize {
    let find = |name: &str| LAYERS.iter().position(|row| row.contains(&name));
    find(module).or_else(|| find("lib")).expect("the root is in the table")
}

/// All files by their paths in the sources, without their comments and their unit tests, which may look at anything.
fn files() -> BTreeMap<PathBuf, String> {
    let root = sources();
    let code = |file: PathBuf| {
        let inside = file.strip_prefix(&root).expect("it was found there").to_owned();
        let text = fs::read_to_string(&file).expect("it can be read");
        let is_test = inside.with_extension("").iter().any(|part| part == "tests");
        let text = if is_test { "" } else { without_tests(&text) };
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
        (inside, code)
    };
    rust_files(&root).into_iter().map(code).collect()
}

/// The module of the root that a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.with_extension("");
    inside.iter().next().expect("a name").to_str().expect("a plain name").to_owned()
}

/// The code of each module.
fn modules() -> BTreeMap<String, String> {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    files().into_iter().for_each(|(file, code)| *modules.entry(module_of(&file)).or_default() += &code);
    modules
}

/// The first names of all paths that start at `crate::`, also of those in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let name =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut found = BTreeSet::new();
    for (start, path) in code.match_indices("crate::") {
        let rest = &code[start + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut expects_name) = (0, true);
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expects_name = true,
                _ if expects_name && !c.is_whitespace() => {
                    found.insert(name(&group[place..]));
                    expects_name = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::word::{Limit, Word};\nuse crate::{\n    a::{b, c},\n    d,\n};\nlet x = crate::e::f();";
    let found: Vec<_> = imports(code).into_iter().collect();
    assert_eq!(found, ["a", "d", "e", "word"]);
}

#[test]
fn unit_tests_are_left_out_and_nothing_else() {
    let text = "use crate::a;\n\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n";
    assert_eq!(imports(without_tests(text)), BTreeSet::from(["a".to_owned()]));
    assert_eq!(without_tests("mod tests;\nuse crate::b;"), "mod tests;\nuse crate::b;");
}

#[test]
fn every_module_has_its_layer() {
    let found: BTreeSet<_> = modules().into_keys().collect();
    let listed: BTreeSet<_> = LAYERS.iter().flat_map(|row| row.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(found, listed, "files of stm/src on the left, the table of this test on the right");
    assert_eq!(listed.len(), LAYERS.iter().map(|row| row.len()).sum::<usize>(), "a module is listed twice");
}

#[test]
fn no_module_imports_from_its_own_row_or_above() {
    let mut upward = Vec::new();
    for (module, code) in modules() {
        // The root names everything, to re-export it.
        if module == "lib" {
            continue;
        }
        for import in imports(&code) {
            if import != module && row(&import) >= row(&module) {
                upward.push(format!("{module} imports crate::{import}"));
            }
        }
        // At the top level of a file beside the root, `super` is the root by another name.
        let is_folder = sources().join(&module).join("mod.rs").is_file();
        let around = code.lines().filter(|line| !is_folder && line.starts_with("use super::"));
        upward.extend(around.map(|line| format!("{module} has `{line}`")));
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// What reaches below the public API is in few places, and `docs/design.md` says why each has to.
#[test]
fn every_structure_that_reaches_below_the_public_api_is_listed() {
    let design = fs::read_to_string(sources().join("../../docs/design.md")).expect("it can be read");
    let (_, list) = design.split_once("*What reaches below the public API.*").expect("the list is in the document");
    let (list, _) = list.split_once("*What each implements.*").expect("it has an end");
    let modules: BTreeSet<_> = LAYERS.iter().flat_map(|row| row.iter().copied()).collect();
    let is_below = |name: &String| {
        modules.contains(&**name) && ![&["lib"], STRUCTURES, OFFERED].iter().any(|above| above.contains(&&**name))
    };
    let mut missing = Vec::new();
    for (file, code) in files() {
        let below: Vec<_> = imports(&code).into_iter().filter(is_below).collect();
        let path = file.to_str().expect("a plain name");
        if STRUCTURES.contains(&&*module_of(&file)) && !below.is_empty() && !list.contains(&format!("`{path}`")) {
            missing.push(format!("{path}, for {below:?}"));
        }
    }
    assert!(missing.is_empty(), "not in the list: {}", missing.join("; "));
    let named =
        list.split('`').filter(|name| name.ends_with(".rs") && !name.starts_with("tests/") && name.contains('/'));
    assert_eq!(named.filter(|name| !sources().join(name).is_file()).collect::<Vec<_>>(), Vec::<&str>::new());
}
