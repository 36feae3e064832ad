//! Asynchronous transactions: the same transactions in tasks of any executor, whose waiting costs no thread.

#[path = "asynchronous/changes.rs"]
mod changes;
#[path = "asynchronous/crowds.rs"]
mod crowds;
#[path = "asynchronous/limits.rs"]
mod limits;
#[path = "asynchronous/polling.rs"]
mod polling;
#[path = "asynchronous/running.rs"]
mod running;
#[path = "asynchronous/wakers.rs"]
mod wakers;

use std::future::Future;

/// A tokio runtime of two workers.
fn workers() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("it starts")
}

/// A tokio runtime on the calling thread.
fn single() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts")
}

/// Runs what `make` makes on each executor.
fn on_each_executor<F>(make: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    pollster::block_on(make());
    futures::executor::block_on(make());
    futures::executor::LocalPool::new().run_until(make());
    single().block_on(make());
    workers().block_on(async { tokio::spawn(make()).await.expect("the task does not panic") });
}
