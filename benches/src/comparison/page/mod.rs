//! The page: self-contained, light or dark as the reader's system is.

pub mod chart;
pub mod html;
pub mod judgement;
pub mod paint;
pub mod sections;
pub mod simulated;

use super::results::{Application, Results};

/// Returns the page of a run.
pub fn page(results: &Results) -> String {
    let mut body = String::from("<h1>Mutex, read-write lock, atomic, channel, transaction: the same work</h1>\n");
    body.push_str(&sections::machine(results));
    body.push_str(
        "<p>Each workload is done by everybody who can do it. <i>Ours</i> is this library. Smaller times are better; a ratio below \
         1 means that ours is faster. <a href=\"#losses\">Where it loses</a> · <a href=\"#wins\">where it wins</a> · \
         <a href=\"#judgement\">strengths and weaknesses</a> · <a href=\"#workloads\">workloads</a> · \
         <a href=\"#applications\">applications</a> · <a href=\"#memory\">memory</a> · <a href=\"#simulated\">more cores, simulated</a> · \
          <a href=\"#method\">method</a></p>\n",
    );
    body.push_str(&sections::failures(&results.failures));
    body.push_str(&sections::legend());
    body.push_str("<h2 id=\"summary\">Where it stands</h2>\n");
    body.push_str(&sections::summary(results));
    body.push_str(&sections::losses(results));
    body.push_str(&judgement::section(results));
    body.push_str("<h2 id=\"workloads\">Workloads</h2>\n");
    body.extend(results.contests.iter().map(|contest| sections::contest(contest, results.machine.cores)));
    if !results.applications.is_empty() {
        body.push_str(
            "<h2 id=\"applications\">Applications</h2>\n<p>Ports of published programs. The sequential program is the same without \
             anything that keeps threads apart. No more threads than eight, or than cores: they compute, and hardly ever wait, \
             so more would only share the cores out in smaller pieces.</p>\n<p><b>Not here:</b> read-write locks, as a \
             program does not say before which of its transactions will write; a lock per object, as a transaction finds out \
             on its way which objects it needs, and so keeps no order; atomics, arc-swap and channels, as what changes \
             together is spread over many objects.</p>\n",
        );
        if results.applications.iter().any(Application::is_tiny) {
            body.push_str(
                "<p><b class=\"bad\">Tiny inputs:</b> a quick run shows that they work. They take less than their threads take to \
                 start, and are left out of the tables above.</p>\n",
            );
        }
        body.extend(results.applications.iter().map(sections::application));
    }
    body.push_str(&sections::memory(&results.memory));
    body.push_str(&simulated::section(results));
    body.push_str(&sections::method());
    let style = include_str!("style.css");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><title>The comparison</title>\n<style>\n{style}</style></head><body>\n{body}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::results::Failure;
    use super::super::results::tests::{results, row};
    use super::*;
    use crate::contest::Family;

    #[test]
    fn the_page_needs_nothing_but_itself() {
        let results = results(vec![
            row("ours", Family::Ours, 2, 20.0, 0.5),
            row("a mutex", Family::Mutex, 2, 10.0, 1.0),
            row("a mutex", Family::Mutex, 1, 10.0, 1.0),
        ]);
        let page = page(&results);
        assert!(page.contains("Transfers &amp; &lt;more&gt;") && !page.contains("<more>"));
        for outside in ["http-equiv", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let machine = page.find(&results.machine.processor).expect("the machine is described");
        assert!(machine < page.find("Where it stands").expect("there is a summary"));
    }

    #[test]
    fn who_failed_is_named() {
        let mut results = results(vec![row("ours", Family::Ours, 2, 20.0, 0.5)]);
        assert!(!page(&results).contains("Not measured"));
        results.failures.push(Failure {
            workload: "transfer".to_owned(),
            competitor: "a <mutex>".to_owned(),
            threads: 8,
            end: "signal: 6".to_owned(),
            said: "an overflow".to_owned(),
        });
        let page = page(&results);
        for part in ["Not measured", "a &lt;mutex&gt;", "8 threads", "signal: 6", "an overflow"] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn a_loss_is_shown_with_its_cause() {
        let results =
            results(vec![row("ours", Family::Ours, 2, 20.0, 0.5), row("a mutex", Family::Mutex, 2, 10.0, 1.0)]);
        let losses = sections::losses(&results);
        assert!(losses.contains("it travels far") && losses.contains("vacation"), "{losses}");
        let (losses, wins) = losses.split_once("id=\"wins\"").expect("both are shown");
        assert!(losses.contains("a mutex") && losses.contains("2.0 x") && losses.contains("because"), "{losses}");
        assert!(!wins.contains("a mutex"), "{wins}");
    }
}
