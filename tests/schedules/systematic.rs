//! All schedules of two threads in which few preemptions happen.

use shuttle::scheduler::{DfsScheduler, Schedule, Scheduler, Task, TaskId};

/// Depth-first search, bounded by preemptions: switches away from a thread that could have gone on. (Musuvathi, Qadeer,
/// "Iterative context bounding for systematic testing of multithreaded programs", PLDI 2007.)
///
/// All schedules of two transactions are too many, and most concurrency bugs need two preemptions at most. Switches
/// that come for free: when a thread ends or blocks, and when it yields, which it does while it waits for somebody;
/// then somebody else has to run, or the search would look at ever longer waits. Nobody wakes up without a reason.
#[derive(Debug)]
pub(crate) struct Systematic {
    search: DfsScheduler,
    bound: usize,
    preemptions: usize,
}

impl Systematic {
    /// Searches schedules with up to `bound` preemptions, `limit` schedules at most.
    pub(crate) fn new(bound: usize, limit: usize) -> Self {
        Self { search: DfsScheduler::new(Some(limit), false), bound, preemptions: 0 }
    }
}

impl Scheduler for Systematic {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.preemptions = 0;
        self.search.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        // Those that are blocked could wake up spuriously.
        let awake = || runnable.iter().copied().filter(|task| !task.blocked());
        let going_on = awake().find(|task| Some(task.id()) == current).map(Task::id);
        let others = awake().any(|task| Some(task.id()) != going_on);
        let candidates: Vec<_> = awake()
            .filter(|task| match going_on {
                Some(id) if is_yielding && others => task.id() != id,
                Some(id) if self.preemptions == self.bound => task.id() == id,
                _ => true,
            })
            .collect();
        let chosen = self.search.next_task(&candidates, current, is_yielding)?;
        if !is_yielding && going_on.is_some_and(|id| id != chosen) {
            self.preemptions += 1;
        }
        Some(chosen)
    }

    fn next_u64(&mut self) -> u64 {
        self.search.next_u64()
    }
}
