//! Queues: `TQueue`, `TBQueue`, `TBroadcast` and `TPriorityQueue`, alone and together.

#[path = "queues/apart.rs"]
mod apart;
#[path = "queues/broadcast.rs"]
mod broadcast;
#[path = "queues/conflicts.rs"]
mod conflicts;
#[path = "queues/memory.rs"]
mod memory;
#[path = "queues/model.rs"]
mod model;
#[path = "queues/paced.rs"]
mod paced;
#[path = "queues/paced_crowds.rs"]
mod paced_crowds;
#[path = "queues/priority.rs"]
mod priority;
#[path = "queues/subject.rs"]
mod subject;
#[path = "queues/tasks.rs"]
mod tasks;
#[path = "queues/traffic.rs"]
mod traffic;
#[path = "queues/waiting.rs"]
mod waiting;
