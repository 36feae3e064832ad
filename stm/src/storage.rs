//! How a value sits in a cell: as bits in one word, or as a pointer to a node of its own.
//!
//! Small plain data goes inline: a read copies the word. Everything else is boxed: a read borrows the node, a write
//! brings a new one, and the old one is retired. The choice is a constant of the type. Only types listed here are inline,
//! because copying bits is sound just for types without padding (an integer made of uninitialised bytes is undefined
//! behaviour), without interior mutability (a copy would split it) and without a destructor; stable Rust can not ask for
//! that, so the list can only be closed.

use std::any::TypeId;
use std::mem::{self, MaybeUninit};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
    NonZeroUsize,
};
use std::ptr;

use crate::reclaim::Destroy;

/// A value as a cell stores it: the value's bytes, or the address of its node.
pub(crate) type Bits = *mut ();

/// What a variable is to the compiler: it owns a `T` and takes any `T` in, so it is invariant.
pub(crate) type Place<T> = (T, fn(T) -> T);

/// A boxed value.
#[repr(C)]
struct Node<T> {
    value: T,
}

macro_rules! is_one_of {
    ($subject:ty: $($candidate:ty),* $(,)?) => {
        $(TypeId::of::<$subject>() == TypeId::of::<$candidate>())||*
    };
}

/// Whether values of `T` are stored as bits.
#[inline(always)]
pub(crate) fn is_inline<T: 'static>() -> bool {
    size_of::<T>() <= size_of::<Bits>()
        && align_of::<T>() <= align_of::<Bits>()
        && !mem::needs_drop::<T>()
        && (is_number::<T>() || is_optional::<T>() || is_group::<T>())
}

#[inline(always)]
fn is_number<T: 'static>() -> bool {
    is_one_of!(T: (), bool, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64)
}

#[inline(always)]
fn is_optional<T: 'static>() -> bool {
    // One value of the type stands for `None`, so every byte of the option is initialised.
    is_one_of!(T: NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize,
        NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize,
        Option<NonZeroU8>, Option<NonZeroU16>, Option<NonZeroU32>, Option<NonZeroU64>, Option<NonZeroUsize>,
        Option<NonZeroI8>, Option<NonZeroI16>, Option<NonZeroI32>, Option<NonZeroI64>, Option<NonZeroIsize>,
        Option<bool>, Option<char>)
}

#[inline(always)]
fn is_group<T: 'static>() -> bool {
    // Elements of one type: no padding between them.
    is_one_of!(T: [u8; 2], [u8; 4], [u8; 8], [u16; 2], [u16; 4], [u32; 2], [i32; 2], [f32; 2],
        (u8, u8), (u16, u16), (u32, u32), (i8, i8), (i16, i16), (i32, i32), (f32, f32), (bool, bool))
}

/// The type of boxed values: which it is, and what frees one.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) destroy: Destroy,
    /// Functions of different types may be merged into one, so `destroy` does not tell types apart.
    id: TypeId,
}

impl Kind {
    const fn of<T: 'static>() -> Self {
        Self::new::<T>(destroy_node::<T>)
    }

    /// The type that `T` stands for; its stored values are given up by `destroy`.
    pub(crate) const fn new<T: 'static>(destroy: Destroy) -> Self {
        Self { destroy, id: TypeId::of::<T>() }
    }

    pub(crate) fn is<T: 'static>(&self) -> bool {
        self.id == TypeId::of::<T>()
    }
}

/// The type of `T`'s values where they are boxed: `None` for inline values.
#[inline(always)]
pub(crate) fn kind<T: 'static>() -> Option<&'static Kind> {
    if is_inline::<T>() { None } else { Some(const { &Kind::of::<T>() }) }
}

/// Whether something that some variable held can be a value of a certain type: for [`fits::<T>`](fits), `T`.
pub(crate) type Fits = fn(Option<&'static Kind>, Bits) -> bool;

/// Whether `bits`, a stored value of the type that `kind` tells, is the stored form of a `T`.
pub(crate) fn fits<T: 'static>(kind: Option<&'static Kind>, bits: Bits) -> bool {
    match kind {
        None => is_inline::<T>() && is_value::<T>(bits),
        Some(kind) => !is_inline::<T>() && kind.is::<T>(),
    }
}

/// Whether the bits of some inline value are those of a `T` too.
fn is_value<T: 'static>(bits: Bits) -> bool {
    let bytes = bits.addr().to_ne_bytes();
    let front = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if is_one_of!(T: bool) {
        bytes[0] < 2
    } else if is_one_of!(T: (bool, bool)) {
        bytes[0] < 2 && bytes[1] < 2
    } else if is_one_of!(T: char) {
        char::from_u32(front).is_some()
    } else if is_one_of!(T: Option<bool>) {
        // How `None` is stored is the compiler's business.
        [None, Some(false), Some(true)].map(store).contains(&bits)
    } else if is_one_of!(T: Option<char>) {
        bits == store(None::<char>) || char::from_u32(front).is_some_and(|c| store(Some(c)) == bits)
    } else if is_one_of!(T: NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize,
        NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize)
    {
        bytes[..size_of::<T>()].iter().any(|byte| *byte != 0)
    } else {
        true
    }
}

/// # Safety
///
/// `bits` came from [`store::<T>`](store), nobody reaches the node any more, and `T` is boxed.
unsafe fn destroy_node<T>(bits: Bits) {
    // SAFETY: `store` made it with `Box::into_raw`, and the caller is the last to have it.
    drop(unsafe { Box::from_raw(bits.cast::<Node<T>>()) });
}

/// Turns a value into its stored form. The caller owns it until it is in a cell; what [`kind`] says frees it.
#[inline(always)]
pub(crate) fn store<T: 'static>(value: T) -> Bits {
    if is_inline::<T>() {
        let mut bits: Bits = ptr::null_mut();
        // SAFETY: an inline `T` fits into the word and needs no more than its alignment. The bytes behind it stay zero,
        // and `T` has no padding, so the word is initialised throughout.
        unsafe { (&raw mut bits).cast::<T>().write(value) };
        bits
    } else {
        boxed(value).0
    }
}

/// Puts a value into a node, also if it could be inline.
pub(crate) fn boxed<T: 'static>(value: T) -> (Bits, Destroy) {
    (Box::into_raw(Box::new(Node { value })).cast(), destroy_node::<T>)
}

/// Borrows the value behind its stored form for changing it.
///
/// # Safety
///
/// As for [`borrow`], and nobody else has the value during `'a`.
#[inline(always)]
pub(crate) unsafe fn borrow_mut<'a, T: 'static>(bits: *mut Bits) -> &'a mut T {
    if is_inline::<T>() {
        // SAFETY: as in `borrow`. What is written leaves the rest of the word as it is.
        unsafe { &mut *bits.cast::<T>() }
    } else {
        // SAFETY: as in `borrow`; passed on to the caller.
        unsafe { &mut (*(*bits).cast::<Node<T>>()).value }
    }
}

/// A node without its value yet.
pub(crate) struct Room<T>(Box<MaybeUninit<Node<T>>>);

impl<T: 'static> Room<T> {
    pub(crate) fn new() -> Self {
        debug_assert!(!is_inline::<T>());
        Self(Box::new_uninit())
    }

    /// What [`store`] does, without allocating.
    pub(crate) fn fill(self, value: T) -> Bits {
        Box::into_raw(Box::write(self.0, Node { value })).cast()
    }
}

/// Borrows the value behind its stored form.
///
/// # Safety
///
/// `*bits` came from [`store::<T>`](store), and for as long as `'a` its node is not freed and `bits` stays in place.
#[inline(always)]
pub(crate) unsafe fn borrow<'a, T: 'static>(bits: *const Bits) -> &'a T {
    // SAFETY: passed on to the caller.
    unsafe { borrow_as(bits, is_inline::<T>()) }
}

/// [`borrow`] for those who have been told whether `T` is inline.
///
/// # Safety
///
/// As for [`borrow`]; `inline` is what [`is_inline::<T>`](is_inline) says.
#[inline(always)]
pub(crate) unsafe fn borrow_as<'a, T>(bits: *const Bits, inline: bool) -> &'a T {
    if inline {
        // SAFETY: `store` wrote a `T` at the front of the word; the caller keeps it in place.
        unsafe { &*bits.cast::<T>() }
    } else {
        // SAFETY: `store` made the node, and the caller keeps it alive. Nobody writes to a node that is in use.
        unsafe { &(*(*bits).cast::<Node<T>>()).value }
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    fn round_trip<T: Copy + PartialEq + std::fmt::Debug + 'static>(value: T) {
        let bits = store(value);
        // SAFETY: `bits` is a local and its node, if any, is freed below.
        assert_eq!(*unsafe { borrow::<T>(&bits) }, value);
        assert!(fits::<T>(kind::<T>(), bits));
        if let Some(kind) = kind::<T>() {
            // SAFETY: nobody else has it.
            unsafe { (kind.destroy)(bits) };
        }
    }

    #[test]
    fn values_survive_the_round_trip() {
        round_trip(0xAB_u8);
        round_trip(-3_i64);
        round_trip(f64::MIN_POSITIVE);
        round_trip(true);
        round_trip('ß');
        round_trip((7_u32, 9_u32));
        round_trip(NonZeroU64::new(5));
        round_trip(None::<NonZeroU64>);
        round_trip(Some(5_u64));
        round_trip([1_u128, 2]);
        round_trip(());
    }

    #[test]
    fn what_another_type_has_stored_fits_only_if_it_is_a_value_of_this_one_too() {
        let word = |n: u64| store(n);
        assert!(fits::<u64>(None, word(7)) && fits::<f64>(None, word(7)) && fits::<()>(None, word(7)));
        assert!(fits::<bool>(None, word(1)) && !fits::<bool>(None, word(2)));
        assert!(fits::<(bool, bool)>(None, word(0x0101)) && !fits::<(bool, bool)>(None, word(0x0201)));
        assert!(!fits::<(bool, bool)>(None, word(0x0102)));
        assert!(fits::<char>(None, word(0x41)) && !fits::<char>(None, word(0xD800)));
        assert!(fits::<Option<char>>(None, store(None::<char>)) && !fits::<Option<char>>(None, word(0xD801)));
        assert!(fits::<Option<bool>>(None, store(None::<bool>)) && !fits::<Option<bool>>(None, word(99)));
        assert!(fits::<NonZeroU32>(None, word(1)) && !fits::<NonZeroU32>(None, word(0)));
        assert!(!fits::<NonZeroU8>(None, word(0xFF00)) && fits::<NonZeroU16>(None, word(0xFF00)));
        // Boxed values fit their own type only, whatever the code that drops them looks like.
        let (text, bytes) = (kind::<String>(), kind::<Vec<u8>>());
        let anything = ptr::null_mut();
        assert!(fits::<String>(text, anything) && !fits::<String>(bytes, anything) && !fits::<Vec<u8>>(text, anything));
        assert!(!fits::<u64>(text, anything) && !fits::<String>(None, anything));
    }

    #[test]
    fn only_plain_words_are_inline() {
        use std::sync::atomic::AtomicU64;
        assert!(is_inline::<u64>() && is_inline::<f32>() && is_inline::<()>() && is_inline::<(i32, i32)>());
        assert!(
            is_inline::<Option<NonZeroU32>>() && is_inline::<Option<bool>>(),
            "a value of theirs stands for `None`"
        );
        assert!(!is_inline::<Option<u32>>(), "its `None` has uninitialised bytes");
        assert!(!is_inline::<(u8, u32)>(), "it has padding");
        assert!(!is_inline::<AtomicU64>(), "a copy would split its state");
        assert!(!is_inline::<Box<u64>>() && !is_inline::<String>(), "they have destructors");
        assert!(!is_inline::<u128>(), "it is wider than a word");
    }

    #[test]
    fn a_boxed_value_is_destroyed_by_its_destructor_and_not_before() {
        let value = std::sync::Arc::new(5_u64);
        let destroy = kind::<std::sync::Arc<u64>>().expect("it is boxed").destroy;
        for bits in [store(value.clone()), boxed(value.clone()).0, Room::new().fill(value.clone())] {
            // SAFETY: nobody else has the node.
            assert_eq!(**unsafe { borrow::<std::sync::Arc<u64>>(&bits) }, 5);
            let shares = std::sync::Arc::strong_count(&value);
            // SAFETY: as above.
            unsafe { destroy(bits) };
            assert_eq!(std::sync::Arc::strong_count(&value), shares - 1);
        }
        assert!(kind::<u64>().is_none(), "a copy of its bits is all there is");
    }
}
