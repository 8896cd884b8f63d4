//! Tables that grow, read only as far as their `struct_size` says.
//!
//! A table of the other side may be shorter or longer than this side knows it. A reference of this side's size to it
//! would claim memory that may not exist, so no such reference is ever made: a [`View`] copies single fields out, and
//! returns `None` for those beyond the end.
#![allow(unsafe_code)]

use core::fmt;

/// A struct that later minor versions lengthen.
///
/// # Safety
/// It is `repr(C)`, and its first field is `struct_size: usize`.
pub unsafe trait Table {
    /// Smallest `struct_size` of a usable table, in bytes.
    const LEAST_SIZE: usize;
}

/// Why a pointer is not a usable table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The pointer is null.
    Null,
    /// The pointer is misaligned.
    Odd,
    /// Its `struct_size` is too small.
    Small {
        /// Its `struct_size`, in bytes.
        size: usize,
        /// Bytes that it needs at least.
        least: usize,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => to.write_str("is null"),
            Self::Odd => to.write_str("is misaligned"),
            Self::Small { size, least } => write!(to, "has {size} bytes instead of {least}"),
        }
    }
}

/// A table of the other side.
pub struct View<T> {
    table: *const T,
    size: usize,
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<T> {}

impl<T: Table> View<T> {
    /// Looks at a table. Of one that is too small only the size is read.
    ///
    /// # Safety
    /// `table` is null, not aligned, or a table of which as many bytes can be read as its first field says, and nobody
    /// writes to it, for as long as the view is used.
    ///
    /// # Errors
    /// The pointer is not a table, or the table is too small.
    pub unsafe fn of(table: *const T) -> Result<Self, Unusable> {
        if table.is_null() {
            return Err(Unusable::Null);
        }
        if !table.is_aligned() {
            return Err(Unusable::Odd);
        }
        // SAFETY: not null and aligned, so that the caller promises a table, which begins with its size.
        let size = unsafe { table.cast::<usize>().read() };
        if size < T::LEAST_SIZE {
            return Err(Unusable::Small { size, least: T::LEAST_SIZE });
        }
        Ok(Self { table, size })
    }

    /// The pointer to the table, to pass on.
    #[must_use]
    pub fn pointer(self) -> *const T {
        self.table
    }

    /// A copy of the field at `offset`; `None` beyond the end. [`crate::field`] calls it.
    ///
    /// # Safety
    /// `T` has a field of type `F` at `offset`.
    #[must_use]
    pub unsafe fn read<F: Copy>(self, offset: usize, _type: fn(&T) -> &F) -> Option<F> {
        if offset + size_of::<F>() > self.size {
            return None;
        }
        // SAFETY: the table has `size` bytes that can be read (`of`), and the field ends within them. The table is aligned
        // and `repr(C)`, so that its field at `offset` is aligned, too.
        Some(unsafe { self.table.byte_add(offset).cast::<F>().read() })
    }
}

/// A copy of a field of a [`View`], `None` where the table ends before it: `field!(view, LocusHost, call)`.
#[macro_export]
macro_rules! field {
    ($view:expr, $table:ident, $field:ident) => {{
        let (view, offset): ($crate::View<$table>, usize) = ($view, ::core::mem::offset_of!($table, $field));
        let field: fn(&$table) -> &_ = |table| &table.$field;
        // SAFETY: offset and type are those of one and the same field.
        unsafe { view.read(offset, field) }
    }};
}

#[cfg(test)]
mod tests {
    use super::{Table, Unusable, View};

    /// A table as the next minor version may know it: of this version up to `first`.
    #[repr(C)]
    struct Grown {
        struct_size: usize,
        first: Option<extern "C" fn() -> i32>,
        small: u16,
        later: Option<extern "C" fn() -> i32>,
    }

    // SAFETY: `repr(C)`, and begins with its size.
    unsafe impl Table for Grown {
        const LEAST_SIZE: usize = 2 * size_of::<usize>();
    }

    extern "C" fn seven() -> i32 {
        7
    }

    /// A table of some words, which lie in memory of exactly that size.
    fn of(words: &[usize]) -> Result<View<Grown>, Unusable> {
        // SAFETY: no test says more than it has, and the words outlive the view.
        unsafe { View::of(words.as_ptr().cast()) }
    }

    #[test]
    fn a_shorter_table_is_read_to_its_end() {
        let word = size_of::<usize>();
        let table = [2 * word, seven as *const () as usize].to_vec().into_boxed_slice();
        let view = of(&table).expect("of the first version");
        assert_eq!(field!(view, Grown, first).flatten().map(|function| function()), Some(7));
        assert_eq!((field!(view, Grown, small), field!(view, Grown, later).is_none()), (None, true));
        // it ends within a word
        let table = [2 * word + 2, seven as *const () as usize, 9].to_vec().into_boxed_slice();
        let view = of(&table).expect("with a number behind");
        assert_eq!((field!(view, Grown, small), field!(view, Grown, later).is_none()), (Some(9), true));
    }

    #[test]
    fn a_longer_table_is_read_as_far_as_it_is_known() {
        let word = size_of::<usize>();
        let table = [6 * word, 0, 5, seven as *const () as usize, 1, 2].to_vec().into_boxed_slice();
        let view = of(&table).expect("of a later version");
        assert_eq!(field!(view, Grown, first), Some(None), "a function that is null is there, and is none");
        assert_eq!(field!(view, Grown, later).flatten().map(|function| function()), Some(7));
        assert_eq!(field!(view, Grown, struct_size), Some(6 * word));
    }

    #[test]
    fn what_is_no_table_is_not_read() {
        let word = size_of::<usize>();
        let least = Grown::LEAST_SIZE;
        assert_eq!(of(&[word]).err(), Some(Unusable::Small { size: word, least }));
        // SAFETY: neither is read.
        let (null, odd) =
            unsafe { (View::<Grown>::of(core::ptr::null()), View::<Grown>::of(core::ptr::without_provenance(1))) };
        assert_eq!((null.err(), odd.err()), (Some(Unusable::Null), Some(Unusable::Odd)));
    }
}
