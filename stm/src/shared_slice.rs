//! `SharedSlice`: a counted reference to a slice, in one allocation with its count and length.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;

use crate::count::Count;
use crate::reclaim;
use crate::tx::ReadTransaction;

/// What a [`Shared`](crate::Shared) is to a value, this is to a slice of so many values: a run can borrow it, and it is dropped
/// once the last reference is gone and no transaction that could still see it runs.
pub(crate) struct SharedSlice<T: 'static> {
    header: NonNull<Header>,
    marker: PhantomData<T>,
}

/// The elements follow.
struct Header {
    count: Count,
    length: usize,
}

// SAFETY: as for `Shared`: threads share the elements by reference (Sync), and they are dropped on whichever thread collects
// them (Send).
unsafe impl<T: Send + Sync> Send for SharedSlice<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for SharedSlice<T> {}

/// Memory for a header and so many elements, of which the first few are there. A panic while it is filled, or emptied, frees it.
struct Block<T> {
    memory: NonNull<u8>,
    capacity: usize,
    filled: usize,
    marker: PhantomData<T>,
}

impl<T> Block<T> {
    /// Where the elements begin.
    const OFFSET: usize = size_of::<Header>().next_multiple_of(align_of::<T>());

    fn layout(capacity: usize) -> Layout {
        let elements = Layout::array::<T>(capacity).ok();
        let whole = elements.and_then(|elements| Layout::new::<Header>().extend(elements).ok());
        whole.expect("capacity overflow").0.pad_to_align()
    }

    fn new(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the header has a size.
        let memory = unsafe { alloc(layout) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout));
        Self { memory, capacity, filled: 0, marker: PhantomData }
    }

    /// # Safety
    ///
    /// The memory is that of a block with so many elements.
    unsafe fn elements(memory: NonNull<u8>) -> *mut T {
        // SAFETY: the elements begin there.
        unsafe { memory.as_ptr().add(Self::OFFSET).cast() }
    }
}

impl<T> Drop for Block<T> {
    fn drop(&mut self) {
        /// Frees the memory, also if an element's destructor panics.
        struct Memory(NonNull<u8>, Layout);
        impl Drop for Memory {
            fn drop(&mut self) {
                // SAFETY: `Block::new` allocated it with this layout, and nobody has it any more.
                unsafe { dealloc(self.0.as_ptr(), self.1) };
            }
        }
        let _memory = Memory(self.memory, Self::layout(self.capacity));
        // SAFETY: so many elements are there, and nobody has them any more.
        unsafe { ptr::slice_from_raw_parts_mut(Self::elements(self.memory), self.filled).drop_in_place() };
    }
}

impl<T: Send + Sync + 'static> SharedSlice<T> {
    /// Makes a slice of so many elements.
    pub(crate) fn from_fn(length: usize, mut element: impl FnMut(usize) -> T) -> Self {
        let mut block = Block::<T>::new(length);
        while block.filled < length {
            let value = element(block.filled);
            // SAFETY: there is room for so many.
            unsafe { Block::<T>::elements(block.memory).add(block.filled).write(value) };
            block.filled += 1;
        }
        let header = mem::ManuallyDrop::new(block).memory.cast::<Header>();
        // SAFETY: there is room for it in front, and nobody else has it.
        unsafe { header.write(Header { count: Count::one(), length }) };
        Self { header, marker: PhantomData }
    }
}

impl<T: 'static> SharedSlice<T> {
    /// Borrows the slice for the whole run.
    #[inline(always)]
    pub(crate) fn get<'tx>(this: &Self, _tx: &ReadTransaction<'tx, '_>) -> &'tx [T] {
        // SAFETY: `this` is a reference to it, so it has not been retired yet; and the run is pinned, so what is retired from
        // now on is freed when the run, and with it `'tx`, is over.
        unsafe { &*ptr::from_ref(&**this) }
    }

    fn header(&self) -> &Header {
        // SAFETY: the allocation lives as long as there are references, and a while longer.
        unsafe { self.header.as_ref() }
    }

    /// The last reference is gone; a transaction may still use the elements.
    #[cold]
    #[inline(never)]
    fn retire(&mut self) {
        // SAFETY: no reference is left to reach it by, this is the only call, and the bounds of `from_fn` let any thread drop the
        // elements.
        unsafe { reclaim::retire_dropped(self.header.as_ptr().cast(), destroy::<T>, mem::needs_drop::<T>()) };
    }
}

/// # Safety
///
/// `header` is that of a `SharedSlice<T>`, no reference is left, and no pinned thread can reach it.
unsafe fn destroy<T>(header: *mut ()) {
    // SAFETY: it is not null, and by the contract nobody else has it.
    let (memory, length) = unsafe { (NonNull::new_unchecked(header.cast()), (*header.cast::<Header>()).length) };
    drop(Block::<T> { memory, capacity: length, filled: length, marker: PhantomData });
}

impl<T: 'static> Deref for SharedSlice<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many elements are there, for as long as there are references.
        unsafe { slice::from_raw_parts(Block::elements(self.header.cast()), self.header().length) }
    }
}

impl<T: 'static> Clone for SharedSlice<T> {
    #[inline]
    fn clone(&self) -> Self {
        self.header().count.increase();
        Self { header: self.header, marker: PhantomData }
    }
}

impl<T: 'static> Drop for SharedSlice<T> {
    #[inline]
    fn drop(&mut self) {
        if self.header().count.decrease() {
            self.retire();
        }
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use super::*;

    #[repr(align(64))]
    struct Aligned(#[allow(dead_code, reason = "takes place")] u8);

    fn check<T: Send + Sync + 'static>(element: impl Fn(usize) -> T, is: impl Fn(&T, usize) -> bool) {
        for length in [0, 1, 2, 3, 17] {
            let slice = SharedSlice::from_fn(length, &element);
            let other = slice.clone();
            drop(slice);
            assert_eq!(other.len(), length);
            assert_eq!(other.as_ptr().addr() % align_of::<T>(), 0);
            assert!((0..).zip(&*other).all(|(index, value)| is(value, index)));
        }
    }

    #[test]
    fn elements_of_any_size_and_alignment_are_where_they_belong() {
        check(|index| index as u8, |value, index| usize::from(*value) == index);
        check(|index| index as u128, |value, index| *value == index as u128);
        check(|_| (), |_, _| true);
        check(|index| Aligned(index as u8), |value, index| usize::from(value.0) == index);
        check(|_| [Aligned(0); 0], |value, _| value.is_empty());
        check(|index| index.to_string(), |value, index| *value == index.to_string());
    }

    #[test]
    fn elements_are_dropped_once_also_if_one_can_not_be_made() {
        let shares = Arc::new(());
        let whole = SharedSlice::from_fn(5, |_| Arc::clone(&shares));
        assert_eq!(Arc::strong_count(&shares), 6);
        drop(whole);
        while Arc::strong_count(&shares) > 1 {
            crate::collect();
        }
        let made = catch_unwind(AssertUnwindSafe(|| {
            SharedSlice::from_fn(5, |index| if index < 3 { Arc::clone(&shares) } else { panic!("no fourth") })
        }));
        assert!(made.is_err());
        assert_eq!(Arc::strong_count(&shares), 1);
    }

    #[test]
    fn a_run_may_read_on_without_a_reference() {
        let shares = Arc::new(7);
        let mut last = Some(SharedSlice::from_fn(3, |_| Arc::clone(&shares)));
        crate::atomically(|tx| {
            let slice = SharedSlice::get(last.as_ref().expect("it runs once"), tx);
            drop(last.take());
            crate::collect();
            assert_eq!((Arc::strong_count(&shares), slice.iter().map(|share| **share).sum::<i32>()), (4, 21));
            tx.check(true)
        });
    }
}
