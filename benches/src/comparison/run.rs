//! Running what is asked for, one workload after the other.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Request;
use super::isolated;
use super::machine::Machine;
use super::memory;
use super::part::{self, Part};
use super::results::{FORMAT, Results};

/// Runs what is asked for. Who fails is left out, and named in the results.
///
/// # Errors
///
/// When nothing has such a name, and when no process can be started.
pub fn run(request: &Request) -> Result<Results, String> {
    let names = part::names(request);
    if names.is_empty() {
        return Err("no workload has such a name; `list` shows them all".to_owned());
    }
    let machine = Machine::here();
    let start = Instant::now();
    let bar = progress_bar(request.length.budget());
    let (mut contests, mut applications, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for (done, name) in names.iter().enumerate() {
        // What one workload does not use, the others may.
        let left = names.len() - done;
        let share = request.length.budget().saturating_sub(start.elapsed()) / left as u32;
        bar.set_message(part::title(name));
        bar.set_position(start.elapsed().as_millis() as u64);
        match isolated::measure(name, request, share, &mut failures)? {
            Part::Contest(outcome) => contests.push(outcome),
            Part::Application(application) => applications.push(application),
            Part::Nothing => (),
        }
    }
    bar.set_message("memory");
    let memory = memory::measure();
    bar.finish_and_clear();
    if contests.is_empty() && applications.is_empty() && failures.is_empty() {
        return Err("no competitor has such a name; `list` shows them all".to_owned());
    }
    let (seconds, length) = (start.elapsed().as_secs_f64(), request.length.name().to_owned());
    Ok(Results { format: FORMAT, machine, length, seconds, contests, applications, memory, failures })
}

/// As long as the budget: what is left of it is the time left.
fn progress_bar(budget: Duration) -> ProgressBar {
    let bar = ProgressBar::new(budget.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed} gone, {eta} left  {msg}");
    bar.set_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
