//! Shows how far a replay has come: one line rewritten on a terminal, an occasional line elsewhere.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::replay::Progress;
use crate::report::{count, grouped};

/// How long a log stays silent.
const SILENCE: Duration = Duration::from_secs(2);

/// Cells of the bar.
const BAR: u64 = 24;

/// The display of one replay. What cannot be displayed is let go: no replay fails for want of a screen.
pub(crate) struct Display<'a> {
    err: &'a mut dyn Write,
    /// Whether the line can be rewritten.
    rewrite: bool,
    workers: usize,
    transfers: u64,
    began: Instant,
    shown: Option<Instant>,
}

impl<'a> Display<'a> {
    pub(crate) fn new(err: &'a mut dyn Write, rewrite: bool, workers: usize, transfers: usize) -> Self {
        Self { err, rewrite, workers, transfers: transfers as u64, began: Instant::now(), shown: None }
    }

    /// Shows `progress`, unless it is too early for another line.
    pub(crate) fn show(&mut self, progress: Progress) {
        let early = self.shown.is_some_and(|shown| shown.elapsed() < SILENCE);
        if early && !self.rewrite {
            return;
        }
        self.shown = Some(Instant::now());
        let line = self.line(progress);
        let _ = if self.rewrite { write!(self.err, "\r{line}\x1b[K") } else { writeln!(self.err, "{line}") };
        let _ = self.err.flush();
    }

    /// Leaves the screen as it was before, or says how long the replay took.
    pub(crate) fn finish(self) {
        let _ = if self.rewrite {
            write!(self.err, "\r\x1b[K")
        } else {
            let seconds = self.began.elapsed().as_secs_f64();
            writeln!(self.err, "{}   done in {seconds:.1} s", self.workers())
        };
        let _ = self.err.flush();
    }

    fn workers(&self) -> String {
        format!("{:>10}", count(self.workers, "thread"))
    }

    fn line(&self, progress: Progress) -> String {
        let Progress { transfers, audits } = progress;
        let done = |parts: u64| transfers.saturating_mul(parts) / self.transfers.max(1);
        let filled = done(BAR).min(BAR) as usize;
        let bar = "#".repeat(filled) + &"-".repeat(BAR as usize - filled);
        format!(
            "{}   [{bar}] {:>3} %   {} transfers, {} audits",
            self.workers(),
            done(100),
            grouped(transfers),
            grouped(audits),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rewrite: bool) -> String {
        let mut err = Vec::new();
        let mut display = Display::new(&mut err, rewrite, 8, 4000);
        for transfers in [0, 1000, 4000] {
            let audits = transfers / 100;
            display.show(Progress { transfers, audits });
        }
        display.finish();
        String::from_utf8(err).expect("text")
    }

    #[test]
    fn a_terminal_line_is_rewritten_and_cleared() {
        let lines = shown(true);
        assert!(!lines.contains('\n'));
        assert!(lines.contains("\r 8 threads   [######------------------]  25 %   1,000 transfers, 10 audits\x1b[K"));
        assert!(lines.ends_with("\r\x1b[K"));
    }

    #[test]
    fn a_log_gets_whole_lines() {
        let lines = shown(false);
        assert!(!lines.contains(['\r', '\x1b']));
        let lines: Vec<_> = lines.lines().collect();
        assert!(lines[0].contains("  0 %   0 transfers"), "{lines:?}");
        assert!(lines.last().is_some_and(|last| last.contains("done in")));
    }
}
