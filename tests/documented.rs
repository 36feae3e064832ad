//! Every operation of the structures is documented in full: with an example, which runs, with what it takes, and with what it
//! conflicts with.

use std::fs;

use common::sources::{behind_generics, name, public_function, rust_files, sources, without_tests};

/// A public method, as it stands in a source.
struct Method {
    line: usize,
    name: String,
    docs: Vec<String>,
}

impl Method {
    /// What the documentation lacks.
    fn lacks(&self) -> Vec<&'static str> {
        let (mut in_code, mut has_example, mut prose) = (false, false, String::new());
        for line in &self.docs {
            if line.starts_with("```") {
                in_code = !in_code;
                // Such as say nothing behind that are run.
                has_example |= in_code && line == "```";
            } else if !in_code {
                prose += line;
                prose.push('\n');
            }
        }
        let refers = prose.contains("omplexity and conflicts: as [`");
        let has_complexity = refers || prose.contains("O(");
        let all = [
            (has_example, "an example"),
            (has_complexity, "its complexity"),
            (prose.contains("onflict"), "what it conflicts with"),
        ];
        all.into_iter().filter(|(has, _)| !has).map(|(_, what)| what).collect()
    }
}

/// The public methods in a source.
fn methods(text: &str) -> Vec<Method> {
    let (mut owner, mut docs, mut found) = ("", Vec::new(), Vec::new());
    for (line, number) in without_tests(text).lines().zip(1..) {
        let item = line.trim_start();
        if let Some(header) = line.strip_prefix("impl") {
            owner = name(behind_generics(header));
        }
        if let Some(text) = item.strip_prefix("///") {
            docs.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
        } else if !item.starts_with("#[") {
            let docs = std::mem::take(&mut docs);
            if let Some(function) = public_function(line) {
                found.push(Method { line: number, name: format!("{owner}::{function}"), docs });
            }
        }
    }
    found
}

#[test]
fn what_is_missing_is_found() {
    let source = "\
impl<T: Into<u8>> TThing<T> {
    /// Complete. O(1); conflicts with nothing.
    ///
    /// ```
    /// example
    /// ```
    #[inline]
    pub fn complete(&self) {
    }

    /// Complexity and conflicts: as [`complete`](Self::complete).
    pub const fn refers() {}

    /// ```text
    /// O(1); conflicts with nothing.
    /// ```
    pub async fn only_code(self) {}

    /// Not public.
    pub(super) fn inside() {}
    pub fn nothing() {}
}
mod tests {
    pub fn test() {}
}
";
    let found: Vec<_> =
        methods(source).iter().map(|method| (method.line, method.name.clone(), method.lacks())).collect();
    let all = vec!["an example", "its complexity", "what it conflicts with"];
    let expected = [
        (8, "TThing::complete", vec![]),
        (12, "TThing::refers", vec!["an example"]),
        (17, "TThing::only_code", all.clone()),
        (21, "TThing::nothing", all),
    ];
    assert_eq!(found, expected.map(|(line, name, lacks)| (line, name.to_owned(), lacks)));
}

#[test]
fn every_operation_says_what_it_takes_and_conflicts_with_and_has_an_example() {
    let mut incomplete = Vec::new();
    for folder in ["collections", "channel", "sync"] {
        let mut count = 0;
        for file in rust_files(&sources().join(folder)) {
            let text = fs::read_to_string(&file).expect("it can be read");
            let place = file.strip_prefix(sources()).expect("it was found there").display();
            for method in methods(&text) {
                count += 1;
                let lacks = method.lacks();
                if !lacks.is_empty() {
                    incomplete.push(format!("{place}:{}: `{}` lacks {}", method.line, method.name, lacks.join(", ")));
                }
            }
        }
        assert!(count > 0, "there are methods in `{folder}`");
    }
    assert!(incomplete.is_empty(), "{}", incomplete.join("\n"));
}
