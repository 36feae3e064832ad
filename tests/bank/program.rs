//! The program, from its arguments to its status.

use super::*;

/// Runs the program; returns its status and what it wrote to standard output and standard error.
fn program(args: &[&str]) -> (Status, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, rewrite: false };
    let status = run(args.iter().map(Into::into), &mut console);
    let text = |bytes| String::from_utf8(bytes).expect("the program writes text");
    (status, text(out), text(err))
}

/// A file of its own for each test.
fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    path.to_str().expect("a path that is text").to_owned()
}

#[test]
fn the_embedded_workload_ends_with_a_report() {
    let _watchdog = watchdog();
    let (status, out, err) = program(&["--rows", "3000", "--accounts=50", "--threads", "1,4"]);
    assert_eq!(status, Status::Success, "{out}{err}");
    for line in [
        "embedded workload: 3,000 transfers between ",
        "opening balance 1,000, overdrafts refused, 2 auditors\n",
        "        1 thread       4 threads\n",
        "\ntransfers/s ",
        "\n  attempts per commit ",
        "\naudits/s ",
        "\nThe books balance: ",
    ] {
        assert!(out.contains(line), "{line:?} is not in\n{out}");
    }
    let totals: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("total ")).collect();
    let [before, after] = totals[..] else { panic!("{out}") };
    let figures = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect();
    let (before, after): (Vec<_>, Vec<_>) = (figures(before), figures(after));
    assert_eq!(before, after);
    assert_eq!(before.len(), 2);
    assert!(err.contains(" 4 threads   done in "), "{err}");
}

#[test]
fn a_generated_file_can_be_replayed() {
    let _watchdog = watchdog();
    let path = file("generated.csv");
    let shape = ["--rows", "2000", "--accounts", "30", "--seed", "9"];
    let (status, out, err) = program(&[&["--generate", &path], &shape[..]].concat());
    assert_eq!((status, err.as_str()), (Status::Success, ""));
    assert_eq!(out, format!("{path}: 2,000 transfers written\n"));
    let text = fs::read_to_string(&path).expect("the file was written");
    assert_eq!(text, generated(&Shape { rows: 2000, accounts: 30, seed: 9 }));

    let (status, out, err) = program(&["--ledger", &path, "--overdraft", "--opening", "-5"]);
    assert_eq!(status, Status::Success, "{out}{err}");
    assert!(out.starts_with(&format!("{path}: 2,000 transfers between ")), "{out}");
    assert!(out.contains("opening balance -5, overdrafts allowed, 2 auditors\n"), "{out}");
    assert!(out.contains(" 1 thread       2 threads       8 threads\n"), "{out}");
}

#[test]
fn a_bad_file_ends_the_program_before_anything_moves() {
    let path = file("malformed.csv");
    fs::write(&path, "from,to,amount\na,b,1\nb,a,x1\n").expect("a writable directory");
    let (status, out, err) = program(&["--ledger", &path]);
    let expected = format!("{path}:3:5: amount \"x1\" is not a whole number\n");
    assert_eq!((status, out.as_str(), err), (Status::Failure, "", expected));

    let path = file("no such directory/ledger.csv");
    for option in ["--ledger", "--generate"] {
        let (status, out, err) = program(&[option, &path]);
        assert_eq!((status, out.as_str()), (Status::Failure, ""));
        assert!(err.starts_with(&format!("{path}: ")), "{err}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (args, expected) in [
        (&["--frobnicate"][..], "invalid option '--frobnicate'"),
        (&["ledger.csv"], "unexpected argument \"ledger.csv\""),
        (&["--ledger"], "missing argument for option '--ledger'"),
        (&["--overdraft=yes"], "unexpected argument for option '--overdraft': \"yes\""),
        (&["--rows", "x"], "--rows: \"x\" is not a whole number from 1 to 4294967295"),
        (&["--rows=0"], "--rows: \"0\" is not a whole number from 1 to 4294967295"),
        (&["--threads", "1,,2"], "--threads: \"\" is not a whole number from 1 to 1024"),
        (&["--threads", "0"], "--threads: \"0\" is not a whole number from 1 to 1024"),
        (&["--auditors", "-1"], "--auditors: \"-1\" is not a whole number from 0 to 1024"),
        (&["--seed", "1", "--seed", "2"], "--seed is given twice"),
        (&["--opening", "-1"], "--opening below zero needs --overdraft"),
        (&["--ledger", "l", "--rows", "1"], "--rows cannot be used with --ledger"),
        (&["--threads", "1", "--generate", "l"], "--threads cannot be used with --generate"),
    ] {
        let (status, out, err) = program(args);
        assert_eq!((status, out.as_str()), (Status::Usage, ""), "{args:?}");
        assert_eq!(err, format!("{expected}\ntry --help\n"), "{args:?}");
    }
}

#[test]
fn help_is_no_failure() {
    for args in [&["--help"][..], &["-h"], &["--rows", "1", "--help"]] {
        let (status, out, err) = program(args);
        assert_eq!((status, err.as_str()), (Status::Success, ""), "{args:?}");
        assert!(out.contains("Usage: bank [OPTIONS]"), "{out}");
    }
}
