//! How a transaction is run, where the defaults will not do.

use std::panic::Location;
use std::time::{Duration, Instant};

/// The number of runs after which a transaction that keeps being aborted has committed, by default: see
/// [`Options::promote_after`].
pub const PROMOTE_AFTER: u32 = 8;

/// How to run one transaction. Made by [`options`](crate::options).
///
/// # Examples
///
/// ```
/// use stm::{RunError, TVar, options};
///
/// let queue = TVar::new(Vec::<u32>::new());
/// let first = options().name("poll").max_attempts(1).run(|tx| {
///     let mut items = queue.read(tx)?;
///     match items.pop() {
///         Some(item) => {
///             queue.write(tx, items)?;
///             Ok(item)
///         }
///         None => tx.retry(),
///     }
/// });
/// assert_eq!(first, Err(RunError::TooManyAttempts));
/// ```
#[must_use = "options do nothing until `run` or one of its kin is called"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    pub(crate) name: Option<&'static str>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) promote_after: u32,
    pub(crate) irrevocable: bool,
    /// Nothing has to be done before the first run: it is an ordinary one, and has no deadline.
    pub(crate) at_once: bool,
    /// Counted from when the transaction starts: see [`Options::starting`].
    timeout: Option<Duration>,
    pub(crate) deadline: Option<Instant>,
    /// Where the transaction was started, if that is not where it is run.
    pub(crate) site: Option<&'static Location<'static>>,
}

impl Options {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            name: None,
            max_attempts: None,
            promote_after: PROMOTE_AFTER,
            irrevocable: false,
            at_once: true,
            timeout: None,
            deadline: None,
            site: None,
        }
    }

    /// The name of the transaction, to be put into a message behind "transaction".
    pub(crate) fn title(&self) -> String {
        let name = self.name.map(|name| format!(" `{name}`")).unwrap_or_default();
        let site = self.site.map(|site| format!(" started at {site}")).unwrap_or_default();
        name + &site
    }

    /// The transaction starts now.
    #[inline]
    pub(crate) fn starting(mut self) -> Self {
        if let Some(timeout) = self.timeout {
            // A time that the clock can not express never comes.
            self.deadline = earlier(self.deadline, Instant::now().checked_add(timeout));
        }
        self
    }

    /// Whether the transaction may give up, and has to be able to say what it waited for.
    pub(crate) fn is_bounded(&self) -> bool {
        self.max_attempts.is_some() || self.deadline.is_some()
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Names the transaction in messages.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Bounds how often the body runs, whatever ended the runs before: conflicts or waits.
    ///
    /// # Panics
    ///
    /// Panics if `attempts` is 0.
    #[track_caller]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        assert!(attempts > 0, "a transaction has to run at least once: `max_attempts` must not be 0");
        self.max_attempts = Some(attempts);
        self
    }

    /// Ends the transaction with [`RunError::TimedOut`](crate::RunError::TimedOut) when it has not committed after this
    /// time, counted from the call of [`run`](Options::run) or its kin. It sees every wait and every conflict; with a
    /// [`deadline`](Self::deadline) as well, the earlier counts.
    ///
    /// It ends waiting: for a change, for the transaction's turn, for a promoted transaction to let its commit pass. And it
    /// keeps the body from running again. It does not interrupt a run: the first always takes place, also with a timeout of
    /// zero, and a run that ends late still commits if nobody is in its way. Only an [`irrevocable`](Self::irrevocable)
    /// transaction that does not get its turn in time does not run at all. Nor does it cut short the moments in which the
    /// transaction waits for another's commit to let go of a variable: that has only to store what it has written.
    ///
    /// The error says what the transaction waited for, and where those variables were made: of [named](crate::TVar::named) ones
    /// where they were named, of the others only if [`debug::record`](crate::debug::record) was on at that time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::{RunError, TVar, options};
    ///
    /// let ready = TVar::new(false).named("ready");
    /// let outcome = options().timeout(Duration::from_millis(10)).run(|tx| tx.check(ready.read(tx)?));
    /// assert_eq!(outcome, Err(RunError::TimedOut));
    /// assert!(outcome.unwrap_err().to_string().contains("waited for a change of `ready`"));
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(self.timeout.map_or(timeout, |other| other.min(timeout)));
        self.at_once = false;
        self
    }

    /// Ends the transaction with [`RunError::TimedOut`](crate::RunError::TimedOut) when it has not committed at this time;
    /// otherwise as [`timeout`](Self::timeout).
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = earlier(self.deadline, Some(deadline));
        self.at_once = false;
        self
    }

    /// Bounds how often the transaction can be aborted by others: run number `attempts`, counted from the start or from
    /// the last wait, is *promoted*. Nobody else commits until it ends, so it commits whatever the others do.
    ///
    /// # Panics
    ///
    /// Panics if `attempts` is less than 2.
    #[track_caller]
    pub fn promote_after(mut self, attempts: u32) -> Self {
        assert!(attempts >= 2, "`promote_after` must be at least 2: the first run is always an ordinary one");
        self.promote_after = attempts;
        self
    }

    /// Lets the body run exactly once, so that it may do what can not be undone: print, send, write to a file.
    ///
    /// The transaction waits for its turn, first come, first served, and then nobody else commits until it ends: it is
    /// promoted from the start. So it commits whatever the others do, unless the body cancels or panics. Everybody else waits
    /// meanwhile, so keep it short, and never wait in it for another thread's transaction: that is a deadlock.
    ///
    /// # Errors
    ///
    /// A body that calls [`retry`](crate::ReadTransaction::retry), [`restart`](crate::ReadTransaction::restart) or a failing
    /// [`check`](crate::ReadTransaction::check), and does not catch it by `or_else`, ends with
    /// [`RunError::RetryInIrrevocable`](crate::RunError::RetryInIrrevocable): what it wrote is undone, and it does not run again.
    ///
    /// # Panics
    ///
    /// The runner panics if the body has changed a variable that it had read by a one-shot operation such as
    /// [`store`](crate::TVar::store): that acts outside of the transaction, which could not commit.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, options};
    ///
    /// let (printed, queue) = (TVar::new(0_u32), TVar::new(vec!["first", "second"]));
    /// let outcome = options().irrevocable().run(|tx| {
    ///     for line in queue.replace(tx, Vec::new())? {
    ///         println!("{line}");
    ///         printed.modify(tx, |n| n + 1)?;
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!((outcome, printed.load()), (Ok(()), 2));
    /// ```
    pub fn irrevocable(mut self) -> Self {
        self.irrevocable = true;
        self.at_once = false;
        self
    }
}

/// The earlier of two times, of which any may never come.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
