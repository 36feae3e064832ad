//! An asymmetric fence: cheap on the side that runs in every transaction, expensive on the side that runs rarely.
//!
//! [`light`] and [`heavy`] together behave like two `fence(SeqCst)`: of two threads that each store, fence and load the
//! other's location, at least one sees the other's store, if one of them uses `heavy`. Two `light` fences order nothing
//! between each other. (P1202R5, "Asymmetric fences".)
//!
//! `light` takes what [`is_asymmetric`] denies: whether it has to be a real fence. On Linux `heavy` is membarrier(2), which makes
//! every running thread of the process execute a full barrier, and `light` only stops the compiler. Elsewhere, and where the system
//! call is refused, both are `fence(SeqCst)`.

#[cfg(all(target_os = "linux", not(any(stm_loom, stm_shuttle))))]
mod platform {
    use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

    /// Set once, before the first thread can pin (see [`prepare`]); afterwards only read.
    static EXPEDITED: AtomicBool = AtomicBool::new(false);

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: membarrier(2) takes three integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub(crate) fn prepare() {
        if membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            // Relaxed: the caller holds the registry's mutex, and every thread takes it once before its first fence.
            EXPEDITED.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_asymmetric() -> bool {
        // Relaxed: see `prepare`.
        EXPEDITED.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn light(fenced: bool) {
        if fenced {
            fence(Ordering::SeqCst);
        } else {
            compiler_fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        // Relaxed: see `prepare`.
        if EXPEDITED.load(Ordering::Relaxed) {
            let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
                // A forked child has to register for itself.
                || (membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                    && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED));
            if !done {
                // The caller holds the registry, and nobody could ever free anything again.
                eprintln!("stm: membarrier(2) was granted at start-up and is now refused; memory can not be reclaimed");
                std::process::abort();
            }
        }
    }
}

#[cfg(not(all(target_os = "linux", not(any(stm_loom, stm_shuttle)))))]
mod platform {
    use super::super::{Ordering, fence};

    pub(crate) fn prepare() {}

    pub(crate) fn is_asymmetric() -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn light(_fenced: bool) {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }
}

pub(crate) use platform::{heavy, is_asymmetric, light, prepare};
