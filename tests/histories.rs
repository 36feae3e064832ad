//! Histories of many transactions, and a checker that says whether some order of them explains everything that anybody
//! has seen: strict serialisability of what commits, and opacity of the rest.
//!
//! The checker is tested first, with histories made by hand: each known anomaly has to be rejected by its name, and what
//! merely looks strange has to pass. Then come random programs on real threads.

#[path = "histories/anomalies.rs"]
mod anomalies;
#[path = "histories/by_hand.rs"]
mod by_hand;
#[path = "histories/explicable.rs"]
mod explicable;
#[path = "histories/recording.rs"]
mod recording;
#[path = "histories/serial.rs"]
mod serial;
#[path = "histories/workload.rs"]
mod workload;
