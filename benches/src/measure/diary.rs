//! Where a process writes down what it is at, so that another can tell who was running when it ended, and whether it gets on.
//! Nothing, unless it was [opened](open).

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

static DIARY: OnceLock<Mutex<Diary>> = OnceLock::new();

struct Diary {
    file: File,
    entries: u64,
}

/// What a process was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts up.
    pub number: u64,
    /// None while it built or checked something.
    pub threads: usize,
    pub name: String,
}

/// From now on this process writes there.
///
/// # Errors
///
/// When the file can not be made.
pub fn open(path: &Path) -> io::Result<()> {
    let file = File::create(path)?;
    // The first one opened stays: there is one process and one diary.
    let _ = DIARY.set(Mutex::new(Diary { file, entries: 0 }));
    Ok(())
}

/// Writes down who runs from now on, by how many threads. Between windows, as it costs a system call; whoever reads it is not
/// woken by it.
pub fn note(name: &str, threads: usize) {
    let Some(diary) = DIARY.get() else { return };
    let mut diary = diary.lock().unwrap_or_else(PoisonError::into_inner);
    diary.entries += 1;
    // Of one length, so that nothing is left of the entry before.
    let line = format!("{:>12} {threads:>6} {name:<60}\n", diary.entries);
    // Without a diary the run is worth as much.
    let _ = diary.file.seek(SeekFrom::Start(0)).and_then(|_| diary.file.write_all(line.as_bytes()));
}

/// What was written there last.
pub fn read(path: &Path) -> Option<Entry> {
    parse(&std::fs::read_to_string(path).ok()?)
}

fn parse(line: &str) -> Option<Entry> {
    let (number, rest) = line.trim().split_once(' ')?;
    let (threads, name) = rest.trim_start().split_once(' ')?;
    Some(Entry { number: number.parse().ok()?, threads: threads.parse().ok()?, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_is_read() {
        let path = std::env::temp_dir().join(format!("stm-benches-diary-{}", std::process::id()));
        open(&path).expect("there is a place for temporary files");
        note("a longer name than the next", 32);
        note("ours (TVar)", 2);
        let entry = read(&path);
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(entry, Some(Entry { number: 2, threads: 2, name: "ours (TVar)".to_owned() }));
        assert_eq!(parse(""), None);
        assert_eq!(read(&path), None);
    }
}
