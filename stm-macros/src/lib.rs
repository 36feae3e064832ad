//! The macros of the `stm` crate, which re-exports them: use them from there.
//!
//! They share one rule: *in the body, every call that has the transaction as its receiver or as a direct argument is
//! followed by `?` unless it already is.* The value of the body, and that of every `return` in it, is put into
//! `Ok(..)`.

mod arguments;
mod check;
mod effect;
mod expand;
mod function;
mod parse;
mod rule;

use proc_macro::TokenStream;

/// Runs a transaction: the body takes effect once, as if nothing else happened meanwhile.
///
/// The rule: *in the body, every call that has the transaction as its receiver or as a direct argument is followed by
/// `?` unless it already is.* The value of the body, and that of every `return` in it, is put into `Ok(..)`.
///
/// ```
/// use stm::{TVar, atomically};
///
/// let (from, to) = (TVar::new(100), TVar::new(0));
/// let moved = atomically!(|tx| {
///     let available = from.read(tx);
///     let moved = available.min(30);
///     from.write(tx, available - moved);
///     to.modify(tx, |balance| balance + moved);
///     moved
/// });
/// assert_eq!((moved, from.load(), to.load()), (30, 70, 30));
/// ```
///
/// This is the same as
///
/// ```
/// # use stm::TVar;
/// # let (from, to) = (TVar::new(100), TVar::new(0));
/// let moved = stm::atomically(|tx| {
///     let available = from.read(tx)?;
///     let moved = available.min(30);
///     from.write(tx, available - moved)?;
///     to.modify(tx, |balance| balance + moved)?;
///     Ok(moved)
/// });
/// # assert_eq!((moved, from.load(), to.load()), (30, 70, 30));
/// ```
///
/// # Forms
///
/// | written | gives |
/// |---|---|
/// | `atomically!(\|tx\| body)` | the value of the body |
/// | `atomically!(\|tx\| { .. } or { .. } or { .. })` | the value of the first block that does not `retry` |
/// | `atomically!(try \|tx\| body)` | a `Result`: the value, or the error that the body was cancelled with |
/// | `atomically!(async \|tx\| body)` | a future of the same: waiting costs no thread |
///
/// `move |tx|` captures by value, as in any closure. The forms combine: `async try move |tx| { .. } or { .. }`.
///
/// ## Alternatives
///
/// The blocks of an `or` chain are the branches of `tx.or_else(..)`. If one retries, everything it did is undone and
/// the next one runs; if the last one retries, the transaction waits for a change of anything that any of them has
/// read.
///
/// ```
/// use stm::{TVar, Transaction, atomically, transactional};
///
/// #[transactional]
/// fn pop(tx: &Transaction, queue: &TVar<Vec<u32>>) -> u32 {
///     match queue.update(tx, Vec::pop) {
///         Some(job) => job,
///         None => tx.retry(),
///     }
/// }
///
/// let (urgent, normal) = (TVar::new(vec![]), TVar::new(vec![7]));
/// let next = || atomically!(|tx| { pop(tx, &urgent) } or { pop(tx, &normal) } or { 0 });
/// assert_eq!((next(), next()), (7, 0));
/// ```
///
/// ## Cancelling
///
/// A body of the `try` form gives up with `cancel(error)?`, or with `or_cancel()?` after an operation that failed.
/// Everything it did is undone. These calls do not mention the transaction, so their `?` is yours to write.
///
/// ```
/// use stm::{ResultExt, TVar, atomically, cancel};
///
/// let (balance, log) = (TVar::new(10_u32), TVar::new(Vec::new()));
/// let spend = |amount: u32| {
///     atomically!(try |tx| {
///         log.update(tx, |log| log.push(amount));
///         if amount == 0 {
///             cancel("nothing to spend")?;
///         }
///         let rest = balance.read(tx).checked_sub(amount).ok_or("too little").or_cancel()?;
///         balance.write(tx, rest);
///         rest
///     })
/// };
/// assert_eq!(spend(4), Ok(6));
/// assert_eq!(spend(7), Err("too little"));
/// assert_eq!(spend(0), Err("nothing to spend"));
/// assert_eq!(log.load(), [4]);
/// ```
///
/// ## In a task
///
/// The `async` form gives the future that `atomically_async` returns, or `try_atomically_async`. It is the waiting that is
/// asynchronous; the body runs from start to end like any other, and can not `.await`.
///
/// ```
/// use stm::{TVar, atomically, cancel};
///
/// # fn main() { pollster::block_on(async {
/// let (queue, closed) = (TVar::new(vec![1]), TVar::new(false));
/// let next = || {
///     atomically!(async try |tx| {
///         match queue.update(tx, Vec::pop) {
///             Some(job) => job,
///             None => tx.retry(),
///         }
///     } or {
///         tx.check(closed.read(tx));
///         cancel("closed")?
///     })
/// };
/// assert_eq!(next().await, Ok(1));
/// closed.store(true);
/// assert_eq!(next().await, Err("closed"));
/// # }) }
/// ```
///
/// # Where the rule applies
///
/// - `tx`, `&tx` and `&*tx` are the transaction; a value that contains it is not. Nor is another thing of the same
///   name: after `let (tx, rx) = channel();` the rule rests until the end of the block.
/// - It reaches everything that runs as part of the body, including the arguments of the well-known macros of the
///   standard library (`assert!`, `assert_eq!`, `format!`, `matches!`, `panic!`, `vec!`, `write!` and their kin).
/// - It does not reach into nested closures, functions and async blocks, nor into the arguments of other macros. Write
///   `?` there yourself.
/// - `tx.attempt_number()`, `tx.on_commit(..)` and `tx.on_rollback(..)` cannot fail and are left alone.
/// - An explicit `?` is always right too. Where a call gives a `Result` of its own inside, a second `?` is for that
///   one.
/// - `tx.retry()`, `tx.retry_in_line()` and `tx.restart()` are expressions without a value, like `return`: `let Some(x) =
///   y else { tx.retry() };`.
///
/// # What cannot be undone
///
/// A body may run several times, so what it does to the outside world is caught while compiling. `.await`, a `break`
/// or `continue` out of the body, and another `atomically!` in it are errors. `print!` and its kin, `thread::sleep`,
/// `thread::spawn` and what opens files or connections give a warning; do these in `tx.on_commit(..)`.
/// `#[allow(deprecated)]` on the statement or function around the macro silences the warning.
///
/// ```compile_fail
/// #![deny(deprecated)]
/// # use stm::{TVar, atomically};
/// # fn main() {
/// # let visits = TVar::new(0);
/// atomically!(|tx| println!("{} visits", visits.read(tx)));
/// # }
/// ```
///
/// ```
/// #![deny(deprecated)]
/// # use stm::{TVar, atomically};
/// # fn main() {
/// # let visits = TVar::new(0);
/// atomically!(|tx| {
///     let count = visits.read(tx);
///     tx.on_commit(move || println!("{count} visits"));
/// });
/// # }
/// ```
#[proc_macro]
pub fn atomically(input: TokenStream) -> TokenStream {
    expand::atomically(input.into()).into()
}

/// Reads any number of variables as they are at one moment. The body cannot write.
///
/// The rule: *in the body, every call that has the transaction as its receiver or as a direct argument is followed by
/// `?` unless it already is.* The value of the body, and that of every `return` in it, is put into `Ok(..)`. For the
/// details of the rule see [`atomically!`](macro@atomically), whose `or` blocks work here too.
///
/// ```
/// use stm::{TVar, snapshot};
///
/// let accounts = [TVar::new(10), TVar::new(20)];
/// let total = snapshot!(|tx| {
///     let mut total = 0;
///     for account in &accounts {
///         total += account.read(tx);
///     }
///     total
/// });
/// assert_eq!(total, 30);
/// ```
#[proc_macro]
pub fn snapshot(input: TokenStream) -> TokenStream {
    expand::snapshot(input.into()).into()
}

/// Makes a function that takes part in its caller's transaction: it returns `StmResult<T>` where `T` is declared.
///
/// The rule: *in the body, every call that has the transaction as its receiver or as a direct argument is followed by
/// `?` unless it already is.* The value of the body, and that of every `return` in it, is put into `Ok(..)`. For the
/// details of the rule see [`atomically!`](macro@atomically).
///
/// ```
/// use stm::{ReadTransaction, TVar, Transaction, atomically, snapshot, transactional};
///
/// struct Account {
///     balance: TVar<u64>,
/// }
///
/// impl Account {
///     #[transactional]
///     fn can_pay(&self, tx: &ReadTransaction, amount: u64) -> bool {
///         self.balance.read(tx) >= amount
///     }
/// }
///
/// #[transactional]
/// fn transfer(tx: &Transaction, from: &Account, to: &Account, amount: u64) {
///     tx.check(from.can_pay(tx, amount));
///     from.balance.modify(tx, |balance| balance - amount);
///     to.balance.modify(tx, |balance| balance + amount);
/// }
///
/// let (a, b) = (Account { balance: TVar::new(5) }, Account { balance: TVar::new(0) });
/// atomically!(|tx| transfer(tx, &a, &b, 4));
/// assert!(!snapshot!(|tx| a.can_pay(tx, 4)));
///
/// // To the outside it is an ordinary function.
/// stm::atomically(|tx| transfer(tx, &b, &a, 4));
/// ```
///
/// The transaction is the parameter whose type ends in `Transaction` or `ReadTransaction`, behind `&`. Functions,
/// methods, and declarations in traits can be transactional; `async` functions cannot.
///
/// A return type that already says `StmResult<T>` or `TxResult<T, E>` is kept. The value of the body is a plain `T`
/// then too. With `TxResult` a function can cancel, exactly as a body of `atomically!(try |tx| ..)` does:
///
/// ```
/// use stm::{TVar, Transaction, TxResult, atomically, cancel, transactional};
///
/// #[transactional]
/// fn withdraw(tx: &Transaction, balance: &TVar<u32>, amount: u32) -> TxResult<u32, String> {
///     let available = balance.read(tx);
///     if available < amount {
///         cancel(format!("only {available} left"))?;
///     }
///     balance.write(tx, available - amount);
///     available - amount
/// }
///
/// let balance = TVar::new(10);
/// assert_eq!(atomically!(try |tx| withdraw(tx, &balance, 4)), Ok(6));
/// assert_eq!(atomically!(try |tx| withdraw(tx, &balance, 7)), Err("only 6 left".to_owned()));
/// ```
#[proc_macro_attribute]
pub fn transactional(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::transactional(arguments.into(), item.into()).into()
}
