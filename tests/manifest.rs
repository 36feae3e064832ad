//! Targets are listed by hand, so a file that nobody listed would silently never run: every
//! `*.rs` beside the manifests of `tests`, `benches` and `examples` has to be a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The paths of all targets in a manifest.
fn listed(manifest: &str) -> BTreeSet<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "path").then(|| value.trim().trim_matches('"').to_owned())
    };
    let mut in_target = false;
    let mut paths = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_target = ["[lib]", "[[test]]", "[[bench]]", "[[example]]", "[[bin]]"].contains(&line);
        } else if in_target && let Some(path) = value(line) {
            paths.insert(path);
        }
    }
    paths
}

#[test]
fn targets_are_found_in_a_manifest() {
    let manifest = "[package]\nname = \"x\"\n[[test]]\nname = \"a\"\npath = \"a.rs\"\n\
                    [dependencies]\nd = { path = \"d.rs\" }\npath = \"e.rs\"\n[[bench]]\npath=\"f.rs\"\n";
    assert_eq!(listed(manifest), ["a.rs", "f.rs"].map(String::from).into());
}

#[test]
fn every_file_beside_a_manifest_is_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["tests", "benches", "examples"] {
        let folder = root.join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("each has a manifest");
        let targets = listed(&manifest);
        let names = fs::read_dir(&folder).expect("it can be listed").map(|entry| {
            let name = entry.expect("it can be listed").file_name();
            name.into_string().expect("a plain name")
        });
        let files: BTreeSet<_> = names.filter(|name| name.ends_with(".rs")).collect();
        let missing: Vec<_> = files.difference(&targets).collect();
        assert!(missing.is_empty(), "{}: not listed in its manifest: {missing:?}", folder.display());
        for target in &targets {
            assert!(folder.join(target).exists(), "{}: no such file: {target}", folder.display());
        }
    }
}
