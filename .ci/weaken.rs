//! Applies the edits of `weakenings` one at a time to a copy of the workspace, and runs the loom models on each.
//!
//! Every edit must make a model fail, except those that say why they do not; such an edit must make none fail. The table
//! that is printed is the one in docs/memory-model.md.
//!
//! The list is plain text. An edit is:
//!
//! ```text
//! == what is weakened
//! edge E1
//! file stm/src/cell.rs
//! models word_cell commit
//! -the exact text, which occurs once in the file
//! +what takes its place
//! -another text, if more than one place has to change
//! +what takes its place
//! unseen why no model can fail, if so
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

#[derive(Default)]
struct Weakening {
    name: String,
    edge: String,
    file: String,
    /// Words in the names of the models to run.
    models: Vec<String>,
    changes: Vec<Change>,
    /// Why no model fails.
    unseen: Option<String>,
}

/// Lines of a file, and those to put in their place.
#[derive(Default)]
struct Change {
    from: Vec<String>,
    to: Vec<String>,
}

/// What became of a weakened protocol.
enum Verdict {
    /// These models failed.
    Noticed(Vec<String>),
    Survived,
    /// It was not put to the test.
    Void(String),
}

fn parse(list: &str) -> Vec<Weakening> {
    let mut all: Vec<Weakening> = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            all.push(Weakening { name: name.to_owned(), ..Weakening::default() });
            continue;
        }
        let current = all.last_mut().expect("the list begins with a name");
        match line.split_at(1) {
            ("-", text) => {
                if current.changes.last().is_none_or(|change| !change.to.is_empty()) {
                    current.changes.push(Change::default());
                }
                current.changes.last_mut().expect("one was just added").from.push(text.to_owned());
            }
            ("+", text) => current.changes.last_mut().expect("`-` comes first").to.push(text.to_owned()),
            _ => match line.split_once(' ') {
                Some(("edge", edge)) => current.edge = edge.to_owned(),
                Some(("file", file)) => current.file = file.to_owned(),
                Some(("models", models)) => current.models = models.split(' ').map(str::to_owned).collect(),
                Some(("unseen", reason)) => current.unseen = Some(reason.to_owned()),
                _ => panic!("not understood in the list: {line}"),
            },
        }
    }
    all
}

/// Copies what is newer than the copy, so that the next build compiles only what has changed.
fn refresh(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, copy) = (entry.path(), to.join(&name));
        // A link may lead out of the copy of an exported tree.
        if name == "target" || name == ".git" || !source.exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            refresh(&source, &copy)?;
        } else if fs::read(&copy).ok() != Some(fs::read(&source)?) {
            fs::copy(&source, &copy)?;
        }
    }
    Ok(())
}

/// What is to be told of how a model failed: whether all that it noticed is that something is never met any more, which is to notice
/// less than that something is met which must not be.
fn how(said: &str, model: &str) -> &'static str {
    let heading = format!("{model}, ");
    let runs = said.split("\nmodels::").map(|run| format!("models::{}", run.trim_start_matches("models::")));
    let mut panics = runs.filter(|run| run.starts_with(&heading) && run.contains("panicked at")).peekable();
    if panics.peek().is_some() && panics.all(|run| run.contains("never met ")) { " (only by what is never met)" } else { "" }
}

/// Runs the models on the copy. The list of those that failed, or what the compiler said.
fn run(scripts: &Path, work: &Path, models: &[String]) -> Verdict {
    let output = Command::new(scripts.join("loom"))
        .args(models)
        .env("STM_LOOM_ROOT", work.join("copy"))
        .env("CARGO_TARGET_DIR", work.join("build"))
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_INCREMENTAL", "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the script beside this program runs");
    let (stdout, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let failed: Vec<String> = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("FAILED"))
        .filter_map(|line| line.rsplit(' ').next())
        .map(|model| model.trim_start_matches("models::").to_owned() + how(&said, model))
        .collect();
    if env::var_os("WEAKEN_VERBOSE").is_some() {
        said.lines().skip_while(|line| !line.contains("panicked at")).take(4).for_each(|line| eprintln!("    {line}"));
    }
    match output.status.code() {
        Some(0) => Verdict::Survived,
        Some(1) if !failed.is_empty() => Verdict::Noticed(failed),
        _ => Verdict::Void(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Applies one weakening, runs its models, and takes it back.
fn judge(weakening: &Weakening, scripts: &Path, work: &Path) -> io::Result<Verdict> {
    let file = work.join("copy").join(&weakening.file);
    let original = fs::read_to_string(&file)?;
    let mut weakened = original.clone();
    for change in &weakening.changes {
        let from = change.from.join("\n");
        let found = original.matches(&from).count();
        if found != 1 {
            return Ok(Verdict::Void(format!("the text occurs {found} times in {}:\n{from}", weakening.file)));
        }
        weakened = weakened.replacen(&from, &change.to.join("\n"), 1);
    }
    fs::write(&file, weakened)?;
    let verdict = run(scripts, work, &weakening.models);
    fs::write(&file, original)?;
    Ok(verdict)
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let scripts = PathBuf::from(arguments.next().expect("the folder of the scripts"));
    let work = PathBuf::from(arguments.next().expect("a folder to work in"));
    let filters: Vec<String> = arguments.collect();
    let root = scripts.parent().expect("the scripts are in a folder of the workspace");
    let list = fs::read_to_string(scripts.join("weakenings")).expect("the list is beside the scripts");
    // A file that was there once may stand for the module of another that is there now.
    let _ = fs::remove_dir_all(work.join("copy/stm"));
    refresh(root, &work.join("copy")).expect("the workspace can be copied");

    if filters.is_empty() {
        let Verdict::Survived = run(&scripts, &work, &["models::".to_owned()]) else {
            eprintln!("the models fail already without a weakening");
            return ExitCode::FAILURE;
        };
    }
    println!("| edge | weakened | noticed by |\n|---|---|---|");
    let mut failures = 0;
    let weakenings = parse(&list);
    let wanted = |weakening: &Weakening, filter: &String| weakening.name.contains(filter) || weakening.edge == *filter;
    for filter in filters.iter().filter(|filter| !weakenings.iter().any(|weakening| wanted(weakening, filter))) {
        eprintln!("no weakening is called \"{filter}\"");
        failures += 1;
    }
    for weakening in weakenings {
        let Weakening { name, edge, .. } = &weakening;
        if !filters.is_empty() && !filters.iter().any(|filter| wanted(&weakening, filter)) {
            continue;
        }
        let verdict = judge(&weakening, &scripts, &work).expect("the copy can be changed");
        let (expected, result) = match (verdict, &weakening.unseen) {
            (Verdict::Noticed(models), None) => (true, models.join(", ")),
            (Verdict::Survived, Some(reason)) => (true, format!("nothing: {reason}")),
            (Verdict::Survived, None) => (false, "NOTHING".to_owned()),
            (Verdict::Noticed(models), Some(_)) => (false, format!("UNEXPECTEDLY {}", models.join(", "))),
            (Verdict::Void(reason), _) => {
                eprintln!("{name}: {reason}");
                (false, "NOT RUN".to_owned())
            }
        };
        failures += u32::from(!expected);
        println!("| {edge} | {name} | {result} |");
    }
    if failures == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("{failures} weakenings without the expected result, or that are not there");
    ExitCode::FAILURE
}
