//! How much a thread multiplies: what rates are made of.

use std::cell::Cell;

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { operations: 0.0, bytes: 0.0 }) };
}

/// Memory traffic and operations of projections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Number of multiplications and additions.
    pub operations: f64,
    /// Bytes of weights that were read.
    pub bytes: f64,
}

/// What this thread's projections have done so far.
#[must_use]
pub fn so_far() -> Work {
    WORK.get()
}

/// Notes a product of `rows` rows with a weight of so many entries and bytes.
pub(super) fn note(rows: i64, entries: usize, bytes: usize) {
    let Work { operations, bytes: before } = WORK.get();
    WORK.set(Work { operations: operations + 2.0 * rows as f64 * entries as f64, bytes: before + bytes as f64 });
}

impl std::ops::Sub for Work {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { operations: self.operations - before.operations, bytes: self.bytes - before.bytes }
    }
}
