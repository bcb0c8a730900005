//! Reading a table that may be older or newer than this side.

use std::fmt;
use std::mem::{MaybeUninit, align_of, size_of};

/// A table that says its own size and only grows at its end.
///
/// # Safety
///
/// It is `repr(C)` and `Copy`, has a `usize` with its size at [`SIZE_AT`](Self::SIZE_AT), and is valid where all of its
/// bytes are zero: what is absent reads as null.
pub unsafe trait Table: Copy {
    /// Where the size stands.
    const SIZE_AT: usize = 0;
}

/// Why a table cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFault {
    /// There is none.
    Null,
    /// It lies where no table can lie.
    Misaligned,
    /// Its size cuts a slot in two, or is none that a table has.
    Size(usize),
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("it is missing"),
            Self::Misaligned => f.write_str("its address is not aligned"),
            Self::Size(size) => write!(f, "it says that it is {size} bytes long"),
        }
    }
}

impl std::error::Error for TableFault {}

/// No table grows beyond this.
const LARGEST: usize = 1 << 16;

/// What this side knows of a table; slots that it lacks read as null.
///
/// # Safety
///
/// `table` is null, or as many bytes as the table says can be read there.
pub unsafe fn read_table<T: Table>(table: *const T) -> Result<T, TableFault> {
    if table.is_null() {
        return Err(TableFault::Null);
    }
    if !table.addr().is_multiple_of(align_of::<T>()) {
        return Err(TableFault::Misaligned);
    }
    let size = unsafe { table.cast::<u8>().add(T::SIZE_AT).cast::<usize>().read() };
    let least = T::SIZE_AT + size_of::<usize>();
    if size < least || size > LARGEST || !size.is_multiple_of(align_of::<T>()) {
        return Err(TableFault::Size(size));
    }
    let mut known = MaybeUninit::<T>::zeroed();
    unsafe {
        let bytes = size.min(size_of::<T>());
        std::ptr::copy_nonoverlapping(table.cast::<u8>(), known.as_mut_ptr().cast::<u8>(), bytes);
        Ok(known.assume_init())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{LifeTable, WakerTable};

    unsafe extern "C" fn nothing(_: *mut std::ffi::c_void) {}

    fn life(size: usize) -> LifeTable {
        LifeTable { size, start: None, health: None, stop: None, destroy: Some(nothing) }
    }

    #[test]
    fn slots_behind_a_tables_size_are_absent() {
        let whole = unsafe { read_table(&life(size_of::<LifeTable>())) }.unwrap();
        assert!(whole.destroy.is_some());
        let older = unsafe { read_table(&life(size_of::<LifeTable>() - size_of::<usize>())) }.unwrap();
        assert!(older.destroy.is_none());
    }

    #[test]
    fn slots_that_nobody_here_knows_are_passed_over() {
        #[repr(C)]
        struct Newer {
            known: LifeTable,
            more: [usize; 20],
        }
        let newer = Newer { known: life(size_of::<Newer>()), more: [usize::MAX; 20] };
        let read = unsafe { read_table(&newer.known) }.unwrap();
        assert!(read.destroy.is_some());
    }

    #[test]
    fn a_size_that_no_table_has_is_refused() {
        for size in [0, 1, 7, 9, 12, LARGEST + 8, usize::MAX] {
            let refused = unsafe { read_table(&life(size)) }.unwrap_err();
            assert_eq!(refused, TableFault::Size(size));
        }
        assert_eq!(unsafe { read_table::<WakerTable>(std::ptr::null()) }.unwrap_err(), TableFault::Null);
        let askew = std::ptr::without_provenance::<WakerTable>(13);
        assert_eq!(unsafe { read_table(askew) }.unwrap_err(), TableFault::Misaligned);
    }
}
