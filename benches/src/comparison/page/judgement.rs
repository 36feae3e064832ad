//! Strengths, weaknesses and ideal uses, each beside the measured rows that it rests on.

use super::html::{escape, table};
use crate::comparison::results::{Outcome, Results};
use crate::comparison::summary::all_cores;
use crate::comparison::terminal::time;
use crate::contest::Competitor;
use crate::contest::competitor::{
    ACTOR, ARC_SWAP, CROSSBEAM_CHANNEL, DASHMAP, FAST_STM, FETCH_ADD, MICHAEL_SCOTT, OURS, PL_MUTEX, PL_MUTEX_EACH,
    PL_RWLOCK, SEG_QUEUE, STD_MUTEX,
};

/// With how many threads a row was measured.
#[derive(Clone, Copy, Debug)]
enum With {
    OneThread,
    /// As many as there are cores, as far as that was measured.
    AllCores,
}

/// What a claim rests on.
#[derive(Clone, Copy, Debug)]
enum Evidence {
    /// In this contest the first competitor is to be faster than the second.
    Faster(&'static str, With, Competitor, Competitor),
    /// In this contest the competitor has no row: it can not do the work. What it takes the others, who can, is shown.
    Unable(&'static str, Competitor, &'static [Competitor]),
}

use Evidence::{Faster, Unable};
use With::{AllCores, OneThread};

struct Claim {
    text: &'static str,
    evidence: &'static [Evidence],
}

struct Judgement {
    tool: &'static str,
    strengths: &'static [Claim],
    weaknesses: &'static [Claim],
    ideal: Claim,
}

const fn claim(text: &'static str, evidence: &'static [Evidence]) -> Claim {
    Claim { text, evidence }
}

const JUDGEMENTS: &[Judgement] = &[
    Judgement {
        tool: "Mutex",
        strengths: &[
            claim(
                "Several things change at once for one lock and one unlock, and each further thing is plain memory.",
                &[
                    Faster("transfer-1024", OneThread, PL_MUTEX, OURS),
                    Faster("read-1000", OneThread, PL_MUTEX, OURS),
                    Faster("write-1000", OneThread, PL_MUTEX, OURS),
                ],
            ),
            claim(
                "Takes turns where turns must be taken, and wastes no work.",
                &[Faster("transfer-4", AllCores, PL_MUTEX, OURS)],
            ),
        ],
        weaknesses: &[
            claim(
                "Readers take turns too.",
                &[
                    Faster("read-1", AllCores, OURS, PL_MUTEX),
                    Faster("read-100", AllCores, ARC_SWAP, PL_MUTEX),
                    Faster("sorted-list-0", AllCores, PL_RWLOCK, PL_MUTEX),
                ],
            ),
            claim(
                "One lock per object makes room, but costs an operation each, and an order that everybody keeps.",
                &[Faster("transfer-1024", OneThread, PL_MUTEX, PL_MUTEX_EACH)],
            ),
            claim(
                "Waiting needs a condition variable, and someone to remember to notify it.",
                &[Faster("ping-pong", AllCores, OURS, STD_MUTEX)],
            ),
        ],
        ideal: claim(
            "One structure, held for a moment, on which nobody has to wait.",
            &[Faster("string-swap", AllCores, PL_MUTEX, OURS)],
        ),
    },
    Judgement {
        tool: "Read-write lock",
        strengths: &[claim(
            "Long readings run at the same time.",
            &[Faster("sorted-list-0", AllCores, PL_RWLOCK, PL_MUTEX)],
        )],
        weaknesses: &[claim(
            "Readers write the lock's counter, so short readings do not run at the same time after all.",
            &[Faster("read-1", AllCores, OURS, PL_RWLOCK), Faster("read-10", AllCores, OURS, PL_RWLOCK)],
        )],
        ideal: claim(
            "One big structure that is read for long and seldom changed.",
            &[Faster("sorted-list-0", AllCores, PL_RWLOCK, OURS)],
        ),
    },
    Judgement {
        tool: "Atomic",
        strengths: &[claim(
            "Nothing is cheaper for one number.",
            &[
                Faster("counter-shared", AllCores, FETCH_ADD, OURS),
                Faster("counter-shared", AllCores, FETCH_ADD, PL_MUTEX),
            ],
        )],
        weaknesses: &[claim(
            "Nothing composes: two atomics have no common moment.",
            &[
                Unable("transfer-1024", FETCH_ADD, &[OURS, PL_MUTEX_EACH, PL_MUTEX]),
                Unable("composed-move", FETCH_ADD, &[OURS, PL_MUTEX_EACH, PL_MUTEX]),
            ],
        )],
        ideal: claim("A count, a flag, a sequence number.", &[Faster("counter-own", AllCores, FETCH_ADD, OURS)]),
    },
    Judgement {
        tool: "Lock-free or sharded structure",
        strengths: &[claim(
            "Single operations on one map or queue, by many threads.",
            &[
                Faster("hash-map-20", AllCores, DASHMAP, PL_MUTEX),
                Faster("queue-pairs", AllCores, SEG_QUEUE, MICHAEL_SCOTT),
                Faster("queue-pairs", AllCores, SEG_QUEUE, OURS),
            ],
        )],
        weaknesses: &[claim(
            "Two operations are two moments, and there is nothing to wait by.",
            &[
                Unable("composed-move", DASHMAP, &[OURS, PL_MUTEX_EACH, PL_MUTEX]),
                Unable("ping-pong", DASHMAP, &[OURS, STD_MUTEX]),
            ],
        )],
        ideal: claim("A cache or an index that stands alone.", &[Faster("hash-map-100", AllCores, DASHMAP, OURS)]),
    },
    Judgement {
        tool: "Copy and swap (arc-swap)",
        strengths: &[claim(
            "Readers pay next to nothing, however much they read.",
            &[Faster("read-100", AllCores, ARC_SWAP, PL_RWLOCK), Faster("read-1000", AllCores, ARC_SWAP, OURS)],
        )],
        weaknesses: &[claim("Each change copies everything.", &[Faster("transfer-1024", AllCores, OURS, ARC_SWAP)])],
        ideal: claim(
            "A configuration: read all the time, replaced now and then.",
            &[Faster("read-10", AllCores, ARC_SWAP, PL_MUTEX)],
        ),
    },
    Judgement {
        tool: "Channel, actor",
        strengths: &[claim(
            "Hands work over with one exchange an item, and makes both ends wait.",
            &[
                Faster("bounded-queue", AllCores, CROSSBEAM_CHANNEL, OURS),
                Faster("bounded-queue", AllCores, CROSSBEAM_CHANNEL, STD_MUTEX),
            ],
        )],
        weaknesses: &[claim(
            "State has one owner: each question is a message there and one back.",
            &[Faster("counter-shared", OneThread, OURS, ACTOR), Faster("transfer-1024", AllCores, OURS, ACTOR)],
        )],
        ideal: claim(
            "Pipelines: what is passed on is no longer shared.",
            &[Faster("select", AllCores, CROSSBEAM_CHANNEL, OURS)],
        ),
    },
    Judgement {
        tool: "Transactions (this library)",
        strengths: &[
            claim(
                "Readers write nothing that others read, so they run at the same time, next to writers of other variables.",
                &[
                    Faster("read-10", AllCores, OURS, PL_RWLOCK),
                    Faster("read-mostly", AllCores, OURS, PL_RWLOCK),
                    Faster("hash-map-0", AllCores, OURS, DASHMAP),
                ],
            ),
            claim(
                "Operations compose without an order of locks, and threads wait for any condition, without being told.",
                &[Faster("ping-pong", AllCores, OURS, STD_MUTEX)],
            ),
            claim(
                "The fastest of its kind.",
                &[
                    Faster("transfer-1024", AllCores, OURS, FAST_STM),
                    Faster("read-100", OneThread, OURS, FAST_STM),
                    Faster("bounded-queue", AllCores, OURS, FAST_STM),
                ],
            ),
        ],
        weaknesses: &[
            claim(
                "Bookkeeping for every variable that is touched.",
                &[Faster("write-1000", OneThread, PL_MUTEX, OURS), Faster("read-1000", OneThread, PL_MUTEX, OURS)],
            ),
            claim(
                "Values that do not fit a word are replaced as a whole: allocated, and freed when nobody can see them.",
                &[Faster("string-swap", AllCores, PL_MUTEX, OURS)],
            ),
            claim(
                "A variable that every transaction writes makes them take turns, and run again.",
                &[Faster("counter-shared", AllCores, FETCH_ADD, OURS)],
            ),
        ],
        ideal: claim(
            "State in many variables, changed together from several places, mostly read, or waited for.",
            &[Faster("read-mostly", AllCores, OURS, PL_RWLOCK)],
        ),
    },
];

/// Returns the table.
pub fn section(results: &Results) -> String {
    let cell = |claims: &[Claim]| claims.iter().map(|claim| shown(claim, results)).collect::<String>();
    let rows: Vec<Vec<String>> = JUDGEMENTS
        .iter()
        .map(|judgement| {
            vec![
                format!("<b>{}</b>", escape(judgement.tool)),
                cell(judgement.strengths),
                cell(judgement.weaknesses),
                cell(std::slice::from_ref(&judgement.ideal)),
            ]
        })
        .collect();
    let header = ["", "strengths", "weaknesses", "ideal use"].map(str::to_owned);
    let mut html = String::from(
        "<h2 id=\"judgement\">Strengths, weaknesses, ideal use</h2>\n<p>Under each statement are the rows it rests on: the first \
         one's time over the second's, and a mark where this run says otherwise.</p>\n",
    );
    html.push_str(&table(&header, &rows, 4).replacen("class=\"wide\"", "class=\"wide judgement\"", 1));
    html
}

fn shown(claim: &Claim, results: &Results) -> String {
    let evidence: Vec<String> = claim.evidence.iter().map(|evidence| measured(*evidence, results)).collect();
    format!("<p>{}<br><small>{}</small></p>", escape(claim.text), evidence.join("<br>"))
}

fn measured(evidence: Evidence, results: &Results) -> String {
    match evidence {
        Faster(name, with, first, second) => {
            let Some((threads, times)) = times(results, name, with, &[first, second]) else { return unmeasured(name) };
            let [ours, theirs] = times[..] else { return unmeasured(name) };
            let mark = if ours < theirs { "" } else { " <b class=\"bad\">not here</b>" };
            format!(
                "<a href=\"#{name}\">{name}</a>, {}: {} / {} = {:.2}{mark}",
                threads_text(threads),
                escape(first.name),
                escape(second.name),
                ours / theirs
            )
        }
        Unable(name, competitor, able) => {
            let Some((threads, times)) = times(results, name, AllCores, able) else { return unmeasured(name) };
            let shown = able.iter().zip(times).map(|(who, ns)| format!("{} {} ns", escape(who.name), time(ns)));
            format!(
                "<a href=\"#{name}\">{name}</a>, {}: no row for {}; {}",
                threads_text(threads),
                escape(competitor.name),
                shown.collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn unmeasured(name: &str) -> String {
    format!("{name}: not measured in this run")
}

/// A number of threads that all of these were measured with, and the time of each.
fn times(results: &Results, name: &str, with: With, who: &[Competitor]) -> Option<(usize, Vec<f64>)> {
    let contest: &Outcome = results.contest(name)?;
    let at = |threads| -> Option<Vec<f64>> {
        who.iter().map(|who| Some(contest.row(who.name, threads, false)?.nanoseconds.median)).collect()
    };
    let mut measured = contest.threads();
    measured.retain(|&threads| at(threads).is_some());
    let threads = match with {
        OneThread => 1,
        AllCores => all_cores(&measured, results.machine.cores)?,
    };
    Some((threads, at(threads)?))
}

pub fn threads_text(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::results::tests::{results, row};
    use crate::contest::{self, Family, Field, Plan};

    /// Every statement rests on rows that a full run has, or on one that it has not.
    #[test]
    fn evidence_can_be_measured() {
        let plan = Plan { with: vec!["nobody is called this".to_owned()], failed: Vec::new(), threads: vec![1, 2] };
        let claims = JUDGEMENTS.iter().flat_map(|judgement| {
            judgement.strengths.iter().chain(judgement.weaknesses).chain(std::slice::from_ref(&judgement.ideal))
        });
        for evidence in claims.flat_map(|claim| claim.evidence) {
            let (name, wanted, unwanted) = match *evidence {
                Faster(name, _, first, second) => (name, vec![first, second], vec![]),
                Unable(name, competitor, able) => (name, able.to_vec(), vec![competitor]),
            };
            let contest = contest::all().into_iter().find(|contest| contest.name == name);
            let contest = contest.unwrap_or_else(|| panic!("no contest {name}"));
            let takes_part = |competitor: &Competitor| {
                // Only whoever is asked for is built, so this is cheap.
                let plan = Plan { with: vec![competitor.name.to_owned()], ..plan.clone() };
                let mut field = Field::new(&plan, contest.baseline);
                (contest.enter)(&mut field);
                field.competitors.contains(competitor)
            };
            assert!(wanted.iter().all(takes_part), "{evidence:?}");
            assert!(!unwanted.iter().any(takes_part), "{evidence:?}");
        }
    }

    #[test]
    fn what_the_run_contradicts_is_marked() {
        let mut results = results(vec![
            row(FETCH_ADD.name, Family::Atomic, 2, 40.0, 1.0),
            row(OURS.name, Family::Ours, 2, 20.0, 1.0),
        ]);
        results.contests[0].name = "counter-shared".to_owned();
        results.machine.cores = 2;
        let shown = measured(Faster("counter-shared", AllCores, FETCH_ADD, OURS), &results);
        assert!(shown.contains("= 2.00") && shown.contains("not here"), "{shown}");
        let shown = measured(Faster("counter-shared", AllCores, OURS, FETCH_ADD), &results);
        assert!(shown.contains("= 0.50") && !shown.contains("not here"), "{shown}");
        assert!(measured(Faster("read-1", OneThread, OURS, FETCH_ADD), &results).contains("not measured"));
    }

    #[test]
    fn as_many_threads_as_cores_are_as_many_as_were_measured() {
        let both = |threads, ours| {
            [row(OURS.name, Family::Ours, threads, ours, 1.0), row(PL_RWLOCK.name, Family::RwLock, threads, 10.0, 1.0)]
        };
        let mut results = results([both(1, 10.0), both(4, 20.0), both(8, 30.0)].concat());
        results.contests[0].name = "read-1".to_owned();
        let mut shown = |cores| {
            results.machine.cores = cores;
            measured(Faster("read-1", AllCores, OURS, PL_RWLOCK), &results)
        };
        assert!(shown(6).contains("4 threads: ") && shown(6).contains("= 2.00"), "{}", shown(6));
        assert!(shown(64).contains("8 threads: ") && shown(2).contains("1 thread: "));
        // Only one number of threads there is.
        results.contests[0].rows.retain(|row| row.threads == 8);
        assert!(measured(Faster("read-1", AllCores, OURS, PL_RWLOCK), &results).contains("8 threads: "));
        assert!(measured(Faster("read-1", OneThread, OURS, PL_RWLOCK), &results).contains("not measured"));
    }

    #[test]
    fn who_can_is_shown_beside_who_can_not() {
        let mut results = results(vec![
            row(OURS.name, Family::Ours, 2, 120.0, 1.0),
            row(PL_MUTEX_EACH.name, Family::Mutex, 2, 90.0, 1.0),
        ]);
        results.contests[0].name = "composed-move".to_owned();
        let shown = measured(Unable("composed-move", FETCH_ADD, &[OURS, PL_MUTEX_EACH]), &results);
        for part in ["2 threads: no row for atomic fetch_add", "ours (TVar) 120 ns", "parking_lot Mutex each 90.0 ns"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(measured(Unable("ping-pong", DASHMAP, &[OURS]), &results).contains("not measured"));
    }
}
