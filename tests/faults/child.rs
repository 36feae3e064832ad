//! A test that runs in a process of its own: this program, started once more for that one test.

use std::env;
use std::process::{Child, Command, Output, Stdio};

const ROLE: &str = "STM_FAULTS_CHILD";

/// Whether this process was started by [`start`].
pub(crate) fn is_child() -> bool {
    env::var_os(ROLE).is_some()
}

/// Starts the test `name`, with its whole path, in a new process.
pub(crate) fn start(name: &str) -> Child {
    Command::new(env::current_exe().expect("the program is still there"))
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process starts")
}

/// What the process wrote, to be shown when it did not end as it was to.
pub(crate) fn told(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}
