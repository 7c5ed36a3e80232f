//! Atomic words as the hot code knows them, which loom watches while an execution runs. They have core's
//! size and may be made in statics and by zeroes.
//!
//! loom takes `SeqCst` of a load or a store for `Acquire` and `Release`. A fence makes it what it is: after
//! stores, as x86-64 has it, or before every operation, as other processors do. Either is a little more than
//! the language promises; what must hold has to hold with both.

pub(crate) use core::sync::atomic::Ordering;
use std::cell::Cell;
use std::rc::Rc;

use super::words;

/// Where the fence of a `SeqCst` operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fences {
    AfterStores,
    BeforeAll,
}

std::thread_local! {
    static FENCES: Cell<Fences> = const { Cell::new(Fences::AfterStores) };
    static ARE_USED: Cell<bool> = const { Cell::new(false) };
}

/// Chooses where fences stand from now on.
pub(crate) fn set_fences(fences: Fences) {
    FENCES.set(fences);
}

/// Whether an operation was `SeqCst` since this was asked last.
pub(crate) fn used_fences() -> bool {
    ARE_USED.replace(false)
}

fn fence(order: Ordering, place: Fences) {
    if order == Ordering::SeqCst {
        ARE_USED.set(true);
        if FENCES.get() == place {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }
}

/// Does what changes a word.
fn change<R>(order: Ordering, act: impl FnOnce() -> R) -> R {
    fence(order, Fences::BeforeAll);
    let done = act();
    fence(order, Fences::AfterStores);
    done
}

/// What all kinds have.
macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(Default)]
        #[repr(transparent)]
        pub(crate) struct $name(core::sync::atomic::$name);

        impl $name {
            pub(crate) const fn new(value: $value) -> Self {
                Self(core::sync::atomic::$name::new(value))
            }

            fn written(&self) -> Rc<loom::sync::atomic::$name> {
                words::written(address_of(self), |address| {
                    let value = at::<Self>(address).0.load(Ordering::Relaxed);
                    Rc::new(loom::sync::atomic::$name::new(value))
                })
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                if !words::is_running() {
                    return self.0.load(order);
                }
                fence(order, Fences::BeforeAll);
                match words::watched::<loom::sync::atomic::$name>(address_of(self)) {
                    Some(word) => word.load(order),
                    None => self.0.load(order),
                }
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                if !words::is_running() {
                    return self.0.store(value, order);
                }
                change(order, || self.written().store(value, order))
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                if !words::is_running() {
                    return self.0.swap(value, order);
                }
                change(order, || self.written().swap(value, order))
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                if !words::is_running() {
                    return self.0.compare_exchange(current, new, success, failure);
                }
                change(success, || self.written().compare_exchange(current, new, success, failure))
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut found = self.load(failure);
                while let Some(next) = update(found) {
                    match self.compare_exchange_weak(found, next, success, failure) {
                        Ok(before) => return Ok(before),
                        Err(now) => found = now,
                    }
                }
                Err(found)
            }
        }
    };
}

/// What numbers have besides.
macro_rules! atomic_number {
    ($name:ident, $value:ty) => {
        atomic!($name, $value);

        impl $name {
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                if !words::is_running() {
                    return self.0.fetch_add(value, order);
                }
                change(order, || self.written().fetch_add(value, order))
            }

            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                if !words::is_running() {
                    return self.0.fetch_sub(value, order);
                }
                change(order, || self.written().fetch_sub(value, order))
            }

            pub(crate) fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                if !words::is_running() {
                    return self.0.fetch_max(value, order);
                }
                change(order, || self.written().fetch_max(value, order))
            }
        }
    };
}

fn address_of<Word>(word: &Word) -> usize {
    core::ptr::from_ref(word).expose_provenance()
}

/// The word at an address that [`address_of`] gave.
fn at<Word>(address: usize) -> &'static Word {
    // SAFETY: words live in statics, in the model's pages, or in memory that a scenario leaks; and the address
    // is one of a word of this type.
    unsafe { &*core::ptr::with_exposed_provenance::<Word>(address) }
}

/// Where something stands; loom need not know of what type.
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(core::sync::atomic::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(core::sync::atomic::AtomicPtr::new(value))
    }

    fn written(&self) -> Rc<loom::sync::atomic::AtomicPtr<()>> {
        words::written(address_of(self), |address| {
            let value = at::<AtomicPtr<()>>(address).0.load(Ordering::Relaxed);
            Rc::new(loom::sync::atomic::AtomicPtr::new(value))
        })
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        if !words::is_running() {
            return self.0.load(order);
        }
        match words::watched::<loom::sync::atomic::AtomicPtr<()>>(address_of(self)) {
            Some(word) => word.load(order).cast(),
            None => self.0.load(order),
        }
    }

    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        if !words::is_running() {
            return self.0.store(value, order);
        }
        self.written().store(value.cast(), order);
    }

    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        if !words::is_running() {
            return self.0.compare_exchange(current, new, success, failure);
        }
        let found = self.written().compare_exchange(current.cast(), new.cast(), success, failure);
        found.map(<*mut ()>::cast).map_err(<*mut ()>::cast)
    }
}

atomic!(AtomicBool, bool);
atomic_number!(AtomicU8, u8);
atomic_number!(AtomicU32, u32);
atomic_number!(AtomicU64, u64);
atomic_number!(AtomicI64, i64);
atomic_number!(AtomicUsize, usize);
