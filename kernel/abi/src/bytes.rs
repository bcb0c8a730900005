//! Texts that are borrowed, buffers that are owned.

use std::ffi::c_void;
use std::ptr;

/// A borrowed UTF-8 text. It is good for the call that it is an argument of, unless another time is said.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// Null where there is no text at all, which is something else than an empty one.
    pub ptr: *const u8,
    pub len: usize,
}

// A text that is not changed while it is borrowed.
unsafe impl Send for Str {}
unsafe impl Sync for Str {}

impl Str {
    /// No text.
    pub const NONE: Self = Self { ptr: ptr::null(), len: 0 };

    /// Borrows a text.
    pub const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }

    /// The bytes, or none where there is no text.
    ///
    /// # Safety
    ///
    /// `ptr` is null, or `len` bytes can be read there for as long as the caller says.
    pub unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        (!self.ptr.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }

    /// The text, where there is one and it is UTF-8.
    ///
    /// # Safety
    ///
    /// As for [`bytes`](Self::bytes).
    pub unsafe fn text<'a>(self) -> Option<&'a str> {
        unsafe { self.bytes() }.and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// Owned bytes. Whoever has them calls `release` with `owner` exactly once, from any thread.
///
/// Who is lent a buffer and wants to keep it moves it out and sets `release` to null in its place; what is left there
/// is released by who lent it. A buffer without `release` lives for ever.
#[repr(C)]
#[derive(Debug)]
pub struct Buf {
    pub ptr: *const u8,
    pub len: usize,
    pub owner: *mut c_void,
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

// The bytes do not change, and `release` may be called from any thread.
unsafe impl Send for Buf {}
unsafe impl Sync for Buf {}

impl Buf {
    /// No bytes.
    pub const EMPTY: Self = Self { ptr: ptr::null(), len: 0, owner: ptr::null_mut(), release: None };

    /// Lends out the bytes of something that is dropped when they are released.
    pub fn owning<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        unsafe extern "C" fn release<T>(owner: *mut c_void) {
            // A panic must not leave the call, and bytes whose owner panics in its drop have nobody to tell.
            let dropped = || drop(unsafe { Box::from_raw(owner.cast::<T>()) });
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(dropped));
        }
        let owner = Box::new(owner);
        let bytes = (*owner).as_ref();
        let (ptr, len) = (bytes.as_ptr(), bytes.len());
        Self { ptr, len, owner: Box::into_raw(owner).cast(), release: Some(release::<T>) }
    }

    /// Takes the bytes and leaves none.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::EMPTY)
    }

    /// Whether there are no bytes, and nothing to release.
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.release.is_none()
    }
}

impl AsRef<[u8]> for Buf {
    fn as_ref(&self) -> &[u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            unsafe { release(self.owner) };
        }
    }
}
