//! Asynchronous transactions.
