//! How many cores the process may use.

use std::sync::OnceLock;

/// How many threads of the process can run at once, as far as the system says. Looked up once.
///
/// The standard library says how many cores the calling *thread* may use, which is one where a program has pinned it. The
/// main thread is more likely to have been left alone, so it is asked as well.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| {
        let mine = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        mine.max(of_the_main_thread().unwrap_or(1))
    })
}

#[cfg(all(target_os = "linux", not(miri)))]
fn of_the_main_thread() -> Option<usize> {
    // SAFETY: a set of cores is an array of integers, of which zeros are a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: takes no memory of ours. The identifier of a process is that of its main thread.
    let main = unsafe { libc::getpid() };
    // SAFETY: the set is ours and as long as is said.
    let found = unsafe { libc::sched_getaffinity(main, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if found != 0 {
        // A machine of more cores than fit into the set.
        return None;
    }
    // SAFETY: only reads the set.
    usize::try_from(unsafe { libc::CPU_COUNT(&set) }).ok()
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn of_the_main_thread() -> Option<usize> {
    None
}
