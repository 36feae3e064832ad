//! The bank example keeps what it promises: exact balances from any number of threads, errors that
//! say where, and a status that tells when the books do not balance.

#[path = "bank/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::watchdog;
use stm::{atomically, snapshot};
use stm_bank::{
    Bank, Console, LIMIT, Ledger, Outcome, Overdraft, Plan, Progress, Run, Shape, Status, Transfer, generate,
    in_sequence, replay, run,
};

const SHAPE: Shape = Shape { rows: 4000, accounts: 40, seed: 7 };

fn generated(shape: &Shape) -> String {
    let mut bytes = Vec::new();
    generate(shape, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("a ledger is text")
}

#[track_caller]
fn parsed(text: &str) -> Ledger {
    Ledger::parse("ledger.csv", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// The transfers of a ledger by name: who pays whom how much.
fn by_name(ledger: &Ledger) -> Vec<(&str, &str, i64)> {
    let name = |account: usize| ledger.accounts[account].as_str();
    let transfers = ledger.transfers.iter();
    transfers.map(|row| (name(row.payer), name(row.payee), row.amount)).collect()
}

fn opened(ledger: &Ledger, opening: i64, overdraft: Overdraft) -> Bank {
    Bank::open(ledger.accounts.len(), opening, overdraft)
}

fn balances(bank: &Bank) -> Vec<i64> {
    snapshot(|tx| bank.balances(tx))
}

/// Replays `ledger` without looking at the progress.
fn played(bank: &Bank, ledger: &Ledger, workers: usize) -> Run {
    replay(bank, ledger, Plan { workers, auditors: 2 }, &mut |_| ())
}

#[test]
fn header_names_find_the_columns() {
    let expected = [("ann", "bob", 5), ("bob", "ann", 2)];
    let texts = [
        "from,to,amount\nann,bob,5\nann,bob,-2\n",
        "FROM , To,Amount\nann,bob,5\nann,bob,-2\n",
        "Source,Target,Weight,Timestamp\nann,bob,5,1289241911.7\nann,bob,-2,x\n",
        "note,amount,to,from\n,5,bob,ann\n\"a, b\",-2,bob,ann\n",
        "\"from\",\"to\",\"amount\"\n\"ann\",\"bob\",\"5\"\n\"ann\",\"bob\",\"-2\"\n",
        "ann,bob,5\nann,bob,-2\n",
        "ann,bob,5,1289241911.7\nann,bob,-2,1289241912\n",
    ];
    for text in texts {
        assert_eq!(by_name(&parsed(text)), expected, "{text:?}");
    }
}

#[test]
fn line_ends_blank_lines_and_byte_order_mark_are_no_part_of_a_row() {
    let texts = [
        "from,to,amount\r\nann,bob,5\r\nbob,ann,+2\r\n",
        "\u{feff}from,to,amount\nann,bob,5\nbob,ann,2",
        "\u{feff}ann,bob,5\r\n\r\n  \nbob,ann,2\n\n",
        "\n\nfrom,to,amount\n\n ann ,\tbob , 5 \nbob,ann,2\n",
    ];
    for text in texts {
        let expected = [("ann", "bob", 5), ("bob", "ann", 2)];
        assert_eq!(by_name(&parsed(text)), expected, "{text:?}");
    }
}

#[test]
fn a_name_may_be_that_of_a_column() {
    let ledger = parsed("from,to,7\n");
    assert_eq!(by_name(&ledger), [("from", "to", 7)]);
}

/// Malformed ledgers, and what is said of each after `ledger.csv`.
const MALFORMED: [(&str, &str); 22] = [
    ("from,to,amount\n1,22,3\n1,2222,x1\n", ":3:8: amount \"x1\" is not a whole number"),
    ("ann,bob,x1\n", ":1:9: amount \"x1\" is not a whole number"),
    ("a,b,1\na,b,1.5\n", ":2:5: amount \"1.5\" is not a whole number"),
    ("a,b,1\r\na,b,\r\n", ":2:5: amount \"\" is not a whole number"),
    ("a,b,1\n\n\na,b, 1 2\n", ":4:6: amount \"1 2\" is not a whole number"),
    ("żółw,łoś,y\n", ":1:10: amount \"y\" is not a whole number"),
    ("\u{feff}a,b,y\n", ":1:5: amount \"y\" is not a whole number"),
    ("amount,from,to\n1,a,b\n9.,a,b\n", ":3:1: amount \"9.\" is not a whole number"),
    ("a,b,9223372036854775808\n", ":1:5: amount 9223372036854775808 does not fit in 64 bits"),
    ("a,b,-9223372036854775809\n", ":1:5: amount -9223372036854775809 does not fit in 64 bits"),
    ("from,to,amount\na,b\n", ":2:4: expected 3 fields, found 2"),
    ("from,to,amount\na,b,1,\n", ":2:7: expected 3 fields, found 4"),
    ("from,to,amount,note\na,b,1\n", ":2:6: expected 4 fields, found 3"),
    ("a,b,1\na,b,1,4\n", ":2:7: expected 3 fields, found 4"),
    ("a,b,1,4,5\n", ":1:7: expected 3 fields, found 5"),
    ("a,b,1\n,b,1\n", ":2:1: account name is missing"),
    ("a,b,1\na,\"\",1\n", ":2:3: account name is missing"),
    ("from,to\na,b\n", ":1:8: header has no column \"amount\" (or \"weight\")"),
    ("from,source,to,amount\n", ":1:6: header has a second column for \"from\""),
    ("a,b,1\na,\"b,1\n", ":2:3: quote is never closed"),
    ("a,b,1\n\"a\"b,c,1\n", ":2:4: text follows the closing quote"),
    ("a,b,1\na,b;c\n", ":2:6: expected 3 fields, found 2"),
];

#[test]
fn a_malformed_row_is_located() {
    for (text, expected) in MALFORMED {
        let error = Ledger::parse("ledger.csv", text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), format!("ledger.csv{expected}"), "{text:?}");
    }
    let error = Ledger::parse("ledger.csv", b"a,b,1\na,b\xff,1\n").expect_err("not text");
    assert_eq!(error.to_string(), "ledger.csv:2:4: text is not valid UTF-8");
}

#[test]
fn a_ledger_without_transfers_is_refused() {
    for text in ["", "\n\r\n", "\u{feff}", "from,to,amount\n"] {
        let error = Ledger::parse("ledger.csv", text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), "ledger.csv: there are no transfers in it", "{text:?}");
    }
}

#[test]
fn no_accepted_ledger_overflows_a_balance() {
    let over = LIMIT + 1;
    for text in [
        format!("a,b,{over}\n"),
        format!("a,b,-{over}\n"),
        format!("c,a,1\nb,a,{LIMIT}\n"),
        format!("c,b,1\nb,a,-{LIMIT}\n"),
        format!("c,b,1\na,a,{}\n", over / 2),
        format!("a,b,{}\n", i64::MIN),
    ] {
        let error = Ledger::parse("l", text.as_bytes()).expect_err(&text).to_string();
        assert!(error.contains(" takes the turnover of account \""), "{text:?}: {error}");
        assert!(error.ends_with(&format!(" above {LIMIT}")), "{text:?}: {error}");
    }

    let _watchdog = watchdog();
    let ledger = parsed(&format!("a,b,{LIMIT}\n"));
    for opening in [LIMIT, -LIMIT] {
        let bank = opened(&ledger, opening, Overdraft::Allowed);
        let run = played(&bank, &ledger, 2);
        assert!(run.is_sound());
        assert_eq!(balances(&bank), [opening - LIMIT, opening + LIMIT]);
        assert_eq!(run.total_after, 2 * i128::from(opening));
    }
}

#[test]
fn a_shape_names_one_ledger() {
    let text = generated(&SHAPE);
    assert_eq!(text, generated(&SHAPE));
    assert_ne!(text, generated(&Shape { seed: SHAPE.seed + 1, ..SHAPE }));
    assert!(text.starts_with("from,to,amount\n"));
}

#[test]
fn a_generated_ledger_is_read_back_row_by_row() {
    let text = generated(&SHAPE);
    let ledger = parsed(&text);
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        let amount: i64 = fields[2].parse().expect("a whole number");
        if amount < 0 { (fields[1], fields[0], -amount) } else { (fields[0], fields[1], amount) }
    });
    assert_eq!(by_name(&ledger), Vec::from_iter(rows));

    assert_eq!(ledger.transfers.len(), 4000);
    assert!(ledger.accounts.len() <= 40);
    let reversals = text.matches(",-").count();
    assert!((200..800).contains(&reversals), "{reversals} negative amounts");
    assert!(ledger.transfers.iter().any(Transfer::is_to_self));
}

/// The final balances by name, computed from the text itself, without any code of the bank.
fn expected(text: &str, opening: i64) -> BTreeMap<String, i64> {
    let mut balances = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let amount: i64 = fields[2].parse().expect("a whole number");
        *balances.entry(fields[0].to_owned()).or_insert(opening) -= amount;
        *balances.entry(fields[1].to_owned()).or_insert(opening) += amount;
    }
    balances
}

#[test]
fn balances_are_exact_from_any_number_of_threads() {
    let _watchdog = watchdog();
    let text = generated(&SHAPE);
    let ledger = parsed(&text);
    for workers in [1, 2, 8] {
        let bank = opened(&ledger, 1000, Overdraft::Allowed);
        let run = played(&bank, &ledger, workers);

        let found = ledger.accounts.iter().cloned().zip(balances(&bank));
        assert_eq!(BTreeMap::from_iter(found), expected(&text, 1000), "{workers} threads");
        assert!(run.is_sound(), "{run:?}");
        assert_eq!(run.refused, []);
        let total = 1000 * ledger.accounts.len() as i128;
        assert_eq!((run.total_before, run.total_after), (total, total));
    }
}

#[test]
fn every_commit_and_every_attempt_is_counted() {
    let _watchdog = watchdog();
    let ledger = parsed(&generated(&SHAPE));
    let mut seen = Vec::new();
    let bank = opened(&ledger, 1000, Overdraft::Refused);
    let plan = Plan { workers: 4, auditors: 3 };
    let run = replay(&bank, &ledger, plan, &mut |progress| seen.push(progress));

    assert_eq!(run.transfers.commits, 4000);
    assert!(run.transfers.attempts >= run.transfers.commits);
    assert!(run.audits.commits >= 3, "every auditor audits once at least");
    assert!(run.audits.attempts >= run.audits.commits);
    assert_eq!(seen[0], Progress { transfers: 0, audits: 0 });
    assert!(seen.iter().all(|progress| progress.transfers <= 4000));
    assert!(seen.is_sorted_by_key(|progress| progress.transfers));
}

#[test]
fn a_transfer_moves_money_or_changes_nothing() {
    let bank = Bank::open(2, 10, Overdraft::Refused);
    let attempt = |payer, payee, amount| {
        let transfer = Transfer { payer, payee, amount };
        let outcome = atomically(|tx| bank.transfer(tx, &transfer));
        (outcome, [bank.account(0).load(), bank.account(1).load()])
    };
    assert_eq!(attempt(0, 1, 11), (Outcome::Refused, [10, 10]));
    assert_eq!(attempt(0, 1, 10), (Outcome::Applied, [0, 20]));
    assert_eq!(attempt(0, 1, 1), (Outcome::Refused, [0, 20]));
    assert_eq!(attempt(0, 1, 0), (Outcome::Applied, [0, 20]));
    assert_eq!(attempt(0, 0, 99), (Outcome::Applied, [0, 20]), "to oneself");
    assert_eq!(attempt(1, 0, 5), (Outcome::Applied, [5, 15]));
}

#[test]
fn one_thread_refuses_what_the_sequence_refuses() {
    let ledger = parsed("a,b,6\na,b,6\na,a,100\nb,a,16\na,b,-1\nb,c,1\n");
    let books = in_sequence(vec![10; 3], &ledger, Overdraft::Refused);
    assert_eq!((books.balances, books.refused), (vec![20, 0, 10], vec![1, 4, 5]));

    let bank = opened(&ledger, 10, Overdraft::Refused);
    let run = played(&bank, &ledger, 1);
    assert_eq!((balances(&bank), &run.refused), (vec![20, 0, 10], &vec![1, 4, 5]));
    assert!(run.is_sound(), "{run:?}");
}

#[test]
fn threads_never_spend_the_same_money_twice() {
    let _watchdog = watchdog();
    // One account pays a thousand others one unit each, which it has a hundred of.
    let text: String = (0..1000).map(|payee| format!("payer,{payee},1\n")).collect();
    let ledger = parsed(&text);
    for workers in [2, 8] {
        let bank = opened(&ledger, 100, Overdraft::Refused);
        let run = played(&bank, &ledger, workers);
        assert_eq!(run.refused.len(), 900);
        assert!(run.refused.is_sorted());
        assert!(run.is_sound(), "{run:?}");
        let after = balances(&bank);
        assert_eq!(after[0], 0);
        assert_eq!(after[1..].iter().filter(|&&balance| balance == 101).count(), 100);
    }
}

#[test]
fn rows_of_a_pair_are_applied_in_ledger_order() {
    let _watchdog = watchdog();
    // Pairs that share no account: which of their rows are refused depends on their own order only.
    let row = |row: u64| {
        let pair = row * 37 % 50;
        let amount = (row * row) % 23;
        if row.is_multiple_of(3) {
            format!("a{pair},b{pair},{amount}\n")
        } else {
            format!("b{pair},a{pair},{amount}\n")
        }
    };
    let ledger = parsed(&(0..4000).map(row).collect::<String>());
    let opening = vec![30; ledger.accounts.len()];
    let books = in_sequence(opening, &ledger, Overdraft::Refused);
    assert!((500..3500).contains(&books.refused.len()), "{} refused", books.refused.len());
    for workers in [1, 2, 8] {
        let bank = opened(&ledger, 30, Overdraft::Refused);
        let run = played(&bank, &ledger, workers);
        assert_eq!(run.refused, books.refused, "{workers} threads");
        assert_eq!(balances(&bank), books.balances, "{workers} threads");
    }
}

#[test]
fn money_from_nowhere_is_found() {
    let _watchdog = watchdog();
    let ledger = parsed(&generated(&SHAPE));
    for overdraft in [Overdraft::Allowed, Overdraft::Refused] {
        let bank = opened(&ledger, 1_000_000, overdraft);
        let plan = Plan { workers: 2, auditors: 1 };
        let mut forged = false;
        let run = replay(&bank, &ledger, plan, &mut |_| {
            if !forged {
                bank.account(3).fetch_update(|balance| *balance += 1);
                forged = true;
            }
        });
        assert_eq!(run.total_after, run.total_before + 1);
        assert_eq!(run.wrong_total, Some(run.total_after));
        let [difference] = run.differences[..] else { panic!("{:?}", run.differences) };
        assert_eq!((difference.account, difference.found), (3, difference.expected + 1));
        assert!(!run.is_sound());
        assert_eq!(Status::of(&[run]), Status::Failure);
    }
}

#[test]
fn money_in_the_wrong_account_is_found() {
    let _watchdog = watchdog();
    let ledger = parsed(&generated(&SHAPE));
    let bank = opened(&ledger, 1_000_000, Overdraft::Allowed);
    let theft = Transfer { payer: 5, payee: 6, amount: 1 };
    let mut stolen = false;
    let run = replay(&bank, &ledger, Plan { workers: 2, auditors: 1 }, &mut |_| {
        if !stolen {
            atomically(|tx| bank.transfer(tx, &theft));
            stolen = true;
        }
    });
    assert_eq!((run.total_after, run.wrong_total), (run.total_before, None));
    assert_eq!(run.differences.len(), 2);
    assert_eq!(Status::of(&[run]), Status::Failure);
}

#[test]
fn a_balance_below_zero_is_found() {
    let _watchdog = watchdog();
    let ledger = parsed("a,b,1\nb,c,1\n");
    for (overdraft, found) in [(Overdraft::Allowed, None), (Overdraft::Refused, Some(-9))] {
        let bank = opened(&ledger, 10, overdraft);
        let plan = Plan { workers: 1, auditors: 1 };
        let mut forged = false;
        let run = replay(&bank, &ledger, plan, &mut |_| {
            // Once, before the first transfer: `c` then gets one more at most.
            if !forged {
                bank.account(2).store(-10);
                forged = true;
            }
        });
        let lowest = run.overdrawn;
        assert!(lowest == found || (found.is_some() && lowest == Some(-10)), "{lowest:?}");
        assert_eq!(Status::of(&[run]), Status::Failure);
    }
}
