//! How a transaction is run, where the defaults will not do.

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
#[must_use = "options do nothing until `run` or `try_run` is called"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    pub(crate) name: Option<&'static str>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) promote_after: u32,
    pub(crate) irrevocable: bool,
}

impl Options {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { name: None, max_attempts: None, promote_after: PROMOTE_AFTER, irrevocable: false }
    }

    /// The name of the transaction, to be put into a message behind "transaction".
    pub(crate) fn title(&self) -> String {
        self.name.map(|name| format!(" `{name}`")).unwrap_or_default()
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
        self
    }
}
