//! The sections of the page.

use std::fmt::Write;

use super::html::{escape, figure, prose, table, who};
use super::judgement::threads_text;
use super::{chart, paint};
use crate::comparison::results::{Application, Failure, Memory, Outcome, Results, Row};
use crate::comparison::summary::{self, Line};
use crate::comparison::terminal::time;
use crate::contest::Family;
use crate::contest::competitor::NOTES;

fn texts<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

pub fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let crates: Vec<String> = machine.crates.iter().map(|[name, version]| format!("{name} {version}")).collect();
    let pinned = if machine.pinned { "pinned: worker i to core i modulo the cores" } else { "not pinned" };
    let rows = [
        ("processor", machine.processor.clone()),
        ("cores", machine.cores.to_string()),
        ("memory", machine.memory.clone()),
        ("system", machine.system.clone()),
        ("compiler", machine.compiler.clone()),
        ("crates", crates.join(", ")),
        ("threads", pinned.to_owned()),
        (
            "load when it began",
            format!(
                "{} (a machine that does something else makes all figures worse, and those of several threads more)",
                machine.load
            ),
        ),
        ("run", format!("{}, {:.0} s", results.length, results.seconds)),
    ];
    let rows: Vec<Vec<String>> = rows.iter().map(|(name, value)| vec![(*name).to_owned(), escape(value)]).collect();
    table(&texts(["machine", ""]), &rows, 2)
}

/// Who could not be measured; nothing if everybody could.
pub fn failures(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let threads = |failure: &Failure| match failure.threads {
        0 => "building it, or checking its result".to_owned(),
        threads => threads_text(threads),
    };
    let cells = |failure: &Failure| {
        [&failure.workload, &failure.competitor, &threads(failure), &failure.end, &failure.said]
            .map(|text| escape(text))
            .to_vec()
    };
    let rows: Vec<Vec<String>> = failures.iter().map(cells).collect();
    let header = texts(["workload", "competitor", "with", "what happened", "what it said"]);
    format!(
        "<h2 id=\"failures\"><span class=\"bad\">Not measured</span></h2>\n<p>These failed, and the rest of their workload was \
         measured without them. Whatever the cause is, it is a bug: in the competitor, or in this program.</p>\n{}",
        table(&header, &rows, 5)
    )
}

/// Where the library stands in each workload: one line a number of threads.
pub fn summary(results: &Results) -> String {
    let lines = summary::lines(results);
    let rows: Vec<Vec<String>> = lines.iter().map(standing_cells).collect();
    let header =
        ["workload", "threads", "ours, ns", "reruns", "fastest other", "its ns", "ours / its", "ours / baseline"];
    let mut html = table(&texts(header), &rows, 1);
    html.push_str(
        "<p class=\"note\">ns: nanoseconds an operation, the elapsed time over the operations of all threads together; which \
         operation it is, each workload says; of applications the whole run. Reruns: runs of bodies beyond one, a transaction. Ratios: below 1 ours is faster.</p>\n",
    );
    if lines.iter().any(Line::is_doubtful) {
        html.push_str(
            "<p class=\"note\"><b class=\"bad\">!</b> other processes took a core in nearly all windows of this figure or of the \
             one it is compared with: it says more of them than of what was measured.</p>\n",
        );
    }
    html
}

fn standing_cells(line: &Line<'_>) -> Vec<String> {
    let dash = || "-".to_owned();
    let ours = line.ours;
    vec![
        format!("<a href=\"#{}\">{}</a>", line.name, escape(line.title)),
        line.threads.to_string(),
        format!("{}{}", if line.is_doubtful() { "<b class=\"bad\">!</b> " } else { "" }, time(ours.nanoseconds)),
        ours.reruns.map_or_else(dash, reruns),
        line.other.map_or_else(dash, |other| who(other.competitor, paint::variable(other.family))),
        line.other.map_or_else(dash, |other| time(other.nanoseconds)),
        line.factor().map_or_else(dash, judged),
        ours.ratio.map_or_else(dash, |ratio| format!("{} <small>{}</small>", factor(ratio), escape(line.baseline))),
    ]
}

/// A ratio of ours over theirs, coloured by who is ahead.
fn judged(factor: f64) -> String {
    let class = match factor {
        factor if factor < 0.91 => "good",
        factor if factor > 1.1 => "bad",
        _ => "even",
    };
    format!("<span class=\"{class}\">{}</span>", self::factor(factor))
}

/// Shows a ratio with about three digits.
fn factor(factor: f64) -> String {
    match factor {
        factor if factor < 0.1 => format!("{factor:.3}"),
        factor if factor < 10.0 => format!("{factor:.2}"),
        factor => time(factor),
    }
}

fn reruns(reruns: f64) -> String {
    match reruns {
        reruns if reruns < 5e-5 => "0".to_owned(),
        reruns if reruns < 0.01 => format!("{reruns:.4}"),
        reruns => format!("{reruns:.2}"),
    }
}

/// Where others are ahead by more than a tenth, and why; and as plainly where they are behind.
pub fn losses(results: &Results) -> String {
    let mut lines = [Vec::new(), Vec::new()];
    for line in summary::lines(results) {
        let Some((factor, other)) = line.factor().zip(line.other) else { continue };
        let name = who(other.competitor, paint::variable(other.family));
        let place = format!("<a href=\"#{}\">{}</a>, {}", line.name, escape(line.title), threads_text(line.threads));
        if factor > 1.1 {
            lines[0].push((factor, vec![place, name, format!("{factor:.1} x"), prose(line.losses)]));
        } else if factor < 0.91 {
            lines[1].push((1.0 / factor, vec![place, name, format!("{:.1} x", 1.0 / factor)]));
        }
    }
    let [losses, wins] = lines.map(|mut lines| {
        lines.sort_by(|a, b| b.0.total_cmp(&a.0));
        lines.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>()
    });
    let mut html = format!(
        "<h2 id=\"losses\">Where this library loses</h2>\n<p>{} of the lines above: the fastest other is ahead by more than a tenth.</p>",
        losses.len()
    );
    html.push_str(&table(&texts(["workload", "to", "by", "because"]), &losses, 4));
    let _ = write!(
        html,
        "<h2 id=\"wins\">Where it wins</h2>\n<p>{} of the lines above: it is ahead of the fastest other by more than a tenth.</p>",
        wins.len()
    );
    html.push_str(&table(&texts(["workload", "before", "by"]), &wins, 3));
    html
}

pub fn contest(contest: &Outcome, cores: usize) -> String {
    let mut html =
        format!("<h3 id=\"{}\">{}</h3>\n<p>{}</p>\n", contest.name, escape(&contest.title), prose(&contest.what));
    let threads = contest.threads();
    let sides = if contest.rows.iter().any(|row| row.beside) { &[false, true][..] } else { &[false] };
    for &beside in sides {
        let who = if beside { "what the threads beside did meanwhile, " } else { "" };
        let operation = match beside {
            true => String::new(),
            false => format!("One operation: {}.", contest.operation),
        };
        let (drawn, caption) = match threads.as_slice() {
            [threads] => (
                chart::times(contest, *threads, beside),
                format!("{}: {who}{}. Less is better. {operation}", contest.title, threads_text(*threads)),
            ),
            _ => (
                chart::scaling(contest, beside),
                format!("{}: {who}throughput over threads. More is better. {operation}", contest.title),
            ),
        };
        html.push_str(&figure(&drawn, &caption));
    }
    html.push_str(&numbers(contest, &threads, cores));
    html.push_str(&tails(contest));
    if !contest.absent.is_empty() {
        let _ = writeln!(html, "<p><b>Not here:</b> {}</p>", prose(&contest.absent));
    }
    html.push_str(&costs(&contest.losses));
    html
}

fn costs(losses: &str) -> String {
    format!("<p><b>What costs us:</b> {}</p>\n", prose(losses))
}

fn numbers(contest: &Outcome, threads: &[usize], cores: usize) -> String {
    let mut header = vec!["competitor".to_owned()];
    header.extend(threads.iter().map(|&threads| threads_text(threads)));
    let mut names: Vec<(&str, Family, bool)> = Vec::new();
    for row in &contest.rows {
        let name = (row.competitor.as_str(), row.family, row.beside);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.sort_by_key(|(_, family, beside)| (*beside, *family));
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|&(name, family, beside)| {
            let side = if beside { ", beside" } else { "" };
            let mut cells = vec![who(&format!("{name}{side}"), paint::variable(family))];
            cells.extend(
                threads
                    .iter()
                    .map(|&threads| contest.row(name, threads, beside).map_or(String::new(), |row| cell(row, cores))),
            );
            cells
        })
        .collect();
    let mut html = table(&header, &rows, 1);
    let _ = writeln!(
        html,
        "<p class=\"note\">ns a {}: median, ± half the width of the middle half; then the ratio to {}, round by round; then reruns, \
         where there are transactions.</p>",
        escape(&contest.operation),
        escape(&contest.baseline)
    );
    html
}

fn cell(row: &Row, cores: usize) -> String {
    let spread = row.nanoseconds;
    let mark = if row.is_doubtful(cores) { "<b class=\"bad\" title=\"disturbed\">!</b> " } else { "" };
    let mut cell = format!("{mark}{} <small>±{:.0} %", time(spread.median), 50.0 * spread.width());
    if let Some(ratio) = row.ratio {
        let _ = write!(cell, " · {}x", factor(ratio.median));
    }
    if let Some(count) = row.reruns {
        let _ = write!(cell, " · r {}", reruns(count));
    }
    cell.push_str("</small>");
    cell
}

fn tails(contest: &Outcome) -> String {
    let rows: Vec<Vec<String>> = contest
        .rows
        .iter()
        .filter_map(|row| {
            let tail = row.tail?;
            let name = who(&row.competitor, paint::variable(row.family));
            let times = [tail.p50, tail.p99, tail.p999, tail.most].map(time);
            Some([name].into_iter().chain(times).chain([format!("{:.1} x", tail.p999 / tail.p50)]).collect())
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&texts(["single operations, ns", "P50", "P99", "P99.9", "slowest", "P99.9 / P50"]), &rows, 1)
}

pub fn application(application: &Application) -> String {
    let mut html = format!(
        "<h3 id=\"{0}\">{0}</h3>\n<p>{1}. <code>{2}</code></p>\n",
        escape(&application.name),
        escape(&application.what),
        escape(&application.parameters)
    );
    let dots: Vec<chart::Dots> = application
        .rows
        .iter()
        .filter_map(|row| {
            let ratio = row.ratio?;
            Some(chart::Dots {
                name: format!("{}, {}", row.competitor, threads_text(row.threads)),
                colour: paint::of(row.family),
                values: vec![(ratio.q1, 3), (ratio.median, 0), (ratio.q3, 3)],
                note: format!("{:.2}x", ratio.median),
            })
        })
        .collect();
    let caption = format!("{}: time over the sequential program's. Less is better.", application.name);
    html.push_str(&figure(
        &chart::dotted(&dots, "time over the sequential program's: median and quartiles (logarithmic)"),
        &caption,
    ));
    let rows: Vec<Vec<String>> = application
        .rows
        .iter()
        .map(|row| {
            vec![
                who(&row.competitor, paint::variable(row.family)),
                row.threads.to_string(),
                format!("{:.2} <small>±{:.0} %</small>", row.milliseconds.median, 50.0 * row.milliseconds.width()),
                row.ratio.map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median)),
                row.reruns.map_or("-".to_owned(), reruns),
            ]
        })
        .collect();
    html.push_str(&table(&texts(["competitor", "threads", "ms", "to sequential", "reruns"]), &rows, 1));
    html.push_str(&costs(&application.losses));
    html
}

pub fn memory(memory: &[Memory]) -> String {
    let mut html = String::from(
        "<h2 id=\"memory\">Memory of a variable</h2>\n<p>The growth of a fresh process that makes a million of them in a vector, \
         over their number; <i>inline</i> is what the vector holds.</p>\n",
    );
    let mut sorted: Vec<&Memory> = memory.iter().collect();
    sorted.sort_by(|a, b| a.resident.total_cmp(&b.resident));
    let dots: Vec<chart::Dots> = sorted
        .iter()
        .map(|kind| chart::Dots {
            name: kind.variable.clone(),
            colour: paint::of(kind.family),
            values: vec![(kind.resident, 0)],
            note: format!("{:.0} bytes, {} inline", kind.resident, kind.inline),
        })
        .collect();
    html.push_str(&figure(
        &chart::dotted(&dots, "resident bytes a variable (logarithmic)"),
        "Memory of a variable. Less is better.",
    ));
    html
}

pub fn method() -> String {
    let mut html = String::from(include_str!("method.html"));
    let rows: Vec<Vec<String>> = NOTES
        .iter()
        .map(|(competitor, note)| vec![who(competitor.name, paint::variable(competitor.family)), prose(note)])
        .collect();
    html.push_str(&table(&texts(["competitor", ""]), &rows, 2));
    html
}

/// What colours mean.
pub fn legend() -> String {
    let names = paint::families().map(|family| who(paint::name(family), paint::variable(family)));
    format!("<p class=\"legend\">{}</p>\n", names.collect::<Vec<_>>().join(" "))
}
