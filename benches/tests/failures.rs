//! Competitors that panic, overflow their stacks, are wrong or never come back do not take the report down.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn report(out: &Path) -> Value {
    let text = std::fs::read_to_string(out.join("report.json")).expect("there is a report");
    serde_json::from_str(&text).expect("the report is one")
}

#[test]
fn who_fails_is_left_out_and_named() {
    let out = std::env::temp_dir().join(format!("stm-benches-failures-{}", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_stm-benches"));
    program.args(["--quick", "--only", "broken", "--patience", "5", "--out"]).arg(&out);
    let ended = program.output().expect("the program runs");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success(), "{told}");

    let results = report(&out);
    let page = std::fs::read_to_string(out.join("report.html")).expect("there is a page");
    std::fs::remove_dir_all(&out).expect("it is there");
    let failures = results["failures"].as_array().expect("there are failures");
    for (who, end) in [
        ("std Mutex", "a competitor panics"),
        ("std RwLock", "a competitor is wrong"),
        ("parking_lot Mutex", "overflow"),
        ("actor", "did not come back"),
    ] {
        let of_whom = |failure: &&Value| failure["competitor"] == who;
        let failure = failures.iter().find(of_whom).unwrap_or_else(|| panic!("{who} has not failed: {told}"));
        assert!(failure.to_string().contains(end), "{failure}");
        assert!(told.contains(end) && page.contains(end), "{who}");
    }
    assert_eq!(failures.len(), 4);
    let rows = results["contests"][0]["rows"].as_array().expect("there are rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["competitor"].as_str()).collect();
    assert_eq!(names, ["ours (TVar)"]);
}
