//! The library's sources, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the library's sources.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../stm/src")
}

/// All source files in a folder and below it, in order.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the library's sources are beside the tests") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file up to its unit tests, which stand at its end.
pub fn without_tests(text: &str) -> &str {
    let starts = ["\nmod tests {", "\npub(crate) mod tests {"];
    let end = starts.iter().filter_map(|start| text.find(start)).min();
    end.map_or(text, |end| {
        assert!(text[end + 1..].lines().skip(1).all(|line| line.is_empty() || line.starts_with(' ') || line == "}"));
        &text[..end]
    })
}

/// The name at the end of a path, without what it is applied to.
pub fn name(path: &str) -> &str {
    let path = path.trim_start();
    let bare = &path[..path.find(['<', '{', ' ', '(']).unwrap_or(path.len())];
    let bare = bare.strip_suffix(':').unwrap_or(bare);
    bare.rsplit("::").next().unwrap_or(bare)
}

/// What follows the generic parameters at the beginning of `text`, if there are any.
pub fn behind_generics(text: &str) -> &str {
    let mut depth = 0;
    for (position, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if character == '>' { &text[position + 1..] } else { text };
        }
    }
    text
}

/// The name of the public function that a line begins, if it does.
pub fn public_function(line: &str) -> Option<&str> {
    let item = line.trim_start();
    ["pub fn ", "pub const fn ", "pub async fn "].iter().find_map(|start| item.strip_prefix(start)).map(name)
}
