//! The report at the end: what was done, how fast, and whether the books balance.

use std::fmt::Write;

use crate::accounts::Overdraft;
use crate::ledger::Ledger;
use crate::replay::Run;
use crate::tally::Work;

/// Accounts with a wrong balance that are listed; the others are counted.
const LISTED: usize = 5;

/// What stands above the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading<'a> {
    /// Where the ledger is from.
    pub(crate) source: &'a str,
    pub(crate) opening: i64,
    pub(crate) overdraft: Overdraft,
    pub(crate) auditors: usize,
}

/// Describes `runs`, one column each.
pub(crate) fn report(heading: &Heading<'_>, ledger: &Ledger, runs: &[Run]) -> String {
    let mut text = head(heading, ledger);
    let columns: Vec<_> = runs.iter().map(column).collect();
    for (row, label) in LABELS.iter().enumerate() {
        let mut line = format!("{label:<21}");
        for column in &columns {
            let width = column.iter().map(String::len).max().unwrap_or(0).max(14);
            let _ = write!(line, "  {:>width$}", column[row]);
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    let faults: Vec<_> = runs.iter().flat_map(|run| faults(run, ledger)).collect();
    if faults.is_empty() {
        text.push_str(conclusion(runs));
    }
    for fault in faults {
        let _ = writeln!(text, "WRONG: {fault}");
    }
    text
}

fn head(heading: &Heading<'_>, ledger: &Ledger) -> String {
    let overdraft = match heading.overdraft {
        Overdraft::Allowed => "overdrafts allowed",
        Overdraft::Refused => "overdrafts refused",
    };
    format!(
        "{}: {} between {}\nopening balance {}, {overdraft}, {}\n\n",
        heading.source,
        count(ledger.transfers.len(), "transfer"),
        count(ledger.accounts.len(), "account"),
        grouped(heading.opening),
        count(heading.auditors, "auditor"),
    )
}

const LABELS: [&str; 10] = [
    "",
    "transfers/s",
    "  attempts per commit",
    "  refused",
    "audits/s",
    "  attempts per commit",
    "total before",
    "total after",
    "  in every audit",
    "balances",
];

/// The cells of one run, under the labels above.
fn column(run: &Run) -> [String; LABELS.len()] {
    let audited = match (run.audits.commits, run.wrong_total) {
        (0, _) => "-".to_owned(),
        (_, None) => "the same".to_owned(),
        (_, Some(total)) => grouped(total),
    };
    let balances = match run.differences.len() {
        0 => "exact".to_owned(),
        wrong => format!("{} wrong", grouped(wrong as u64)),
    };
    [
        count(run.plan.workers, "thread"),
        rate(&run.transfers),
        attempts(&run.transfers),
        grouped(run.refused.len() as u64),
        rate(&run.audits),
        attempts(&run.audits),
        grouped(run.total_before),
        grouped(run.total_after),
        audited,
        balances,
    ]
}

/// What is wrong with a run, a line each.
fn faults(run: &Run, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    let who = count(run.plan.workers, "thread");
    if run.total_after != run.total_before {
        let (before, after) = (grouped(run.total_before), grouped(run.total_after));
        faults.push(format!("{who}: the total was {before} before and is {after} after"));
    }
    if let Some(total) = run.wrong_total {
        let before = grouped(run.total_before);
        faults.push(format!("{who}: an audit found {} instead of {before}", grouped(total)));
    }
    if let Some(balance) = run.overdrawn {
        faults.push(format!("{who}: an audit found a balance of {}", grouped(balance)));
    }
    for difference in run.differences.iter().take(LISTED) {
        faults.push(format!(
            "{who}: account {:?} holds {} instead of {}",
            ledger.accounts[difference.account],
            grouped(difference.found),
            grouped(difference.expected),
        ));
    }
    if run.differences.len() > LISTED {
        let others = count(run.differences.len() - LISTED, "other account");
        faults.push(format!("{who}: and {others}"));
    }
    faults
}

fn conclusion(runs: &[Run]) -> &'static str {
    if runs.iter().any(|run| !run.refused.is_empty()) {
        "The books balance: no money was lost or made, and every balance is that of a\n\
         sequential replay of the transfers that were not refused.\n"
    } else {
        "The books balance: no money was lost or made, and every balance is that of a\n\
         sequential replay.\n"
    }
}

fn rate(work: &Work) -> String {
    let seconds = work.elapsed.as_secs_f64();
    if work.commits == 0 || seconds == 0.0 {
        return "-".to_owned();
    }
    grouped((work.commits as f64 / seconds).round() as u64)
}

fn attempts(work: &Work) -> String {
    if work.commits == 0 {
        return "-".to_owned();
    }
    format!("{:.3}", work.attempts as f64 / work.commits as f64)
}

/// Writes a number and what it counts.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number as u64))
}

/// Writes a number with its digits in groups of three.
pub(crate) fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::replay::{Difference, Plan};

    /// A run of which nothing adds up.
    fn unsound() -> (Ledger, Run) {
        let differences = (0..7).map(|account| Difference { account, expected: 1000, found: -1 });
        let run = Run {
            plan: Plan { workers: 8, auditors: 1 },
            transfers: Work { commits: 3000, attempts: 4500, elapsed: Duration::from_secs(2) },
            audits: Work::default(),
            refused: vec![4],
            total_before: 7000,
            total_after: 6999,
            wrong_total: Some(7001),
            overdrawn: Some(-3),
            differences: differences.collect(),
        };
        let accounts = (0..7).map(|account| format!("a{account}")).collect();
        let transfers = Vec::new();
        (Ledger { accounts, transfers }, run)
    }

    #[test]
    fn every_fault_is_named() {
        let (ledger, run) = unsound();
        let expected = [
            "8 threads: the total was 7,000 before and is 6,999 after",
            "8 threads: an audit found 7,001 instead of 7,000",
            "8 threads: an audit found a balance of -3",
            "8 threads: account \"a0\" holds -1 instead of 1,000",
            "8 threads: account \"a1\" holds -1 instead of 1,000",
            "8 threads: account \"a2\" holds -1 instead of 1,000",
            "8 threads: account \"a3\" holds -1 instead of 1,000",
            "8 threads: account \"a4\" holds -1 instead of 1,000",
            "8 threads: and 2 other accounts",
        ];
        assert_eq!(faults(&run, &ledger), expected);
    }

    #[test]
    fn rates_are_a_second_and_attempts_a_commit() {
        let (_, run) = unsound();
        let [who, transfers, attempts, refused, audits, no_attempts, ..] = column(&run);
        assert_eq!(who, "8 threads");
        assert_eq!([transfers, attempts, refused], ["1,500", "1.500", "1"]);
        assert_eq!([audits, no_attempts], ["-", "-"]);
    }

    #[test]
    fn digits_are_grouped() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1000, "-1,000"),
            (-999, "-999"),
            (1_234_567, "1,234,567"),
            (i128::MIN, "-170,141,183,460,469,231,731,687,303,715,884,105,728"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(count(1, "thread"), "1 thread");
        assert_eq!(count(2000, "thread"), "2,000 threads");
    }
}
