//! Aligned blocks in gaps of their own size.
//!
//! libtorch asks for the memory of tensors on the CPU by `posix_memalign`, at multiples of 64 bytes. The C library looks for
//! a gap that is large enough for any shift to such a place, cuts the block out of it, and frees the ends one by one. A gap
//! that a block has left is thus too small for the next block of the same size, and a run that makes and drops equal
//! activations at every layer takes new memory beside gaps that nobody can use. Here an ordinary block is tried first, with
//! its size rounded up so that equally aligned blocks follow each other: in a gap that an aligned block has left it lies
//! at the right place. `free` takes both kinds.

use std::ffi::{c_int, c_void};

/// Blocks from a page on: gaps of smaller ones are filled soon, and trying costs time.
const SMALLEST: usize = 4096;
/// The largest alignment for which an ordinary block is tried: with a larger one few would do, and rounding would waste memory.
const COARSEST: usize = 64;
/// The C library puts its own mark, a word, before every block; sizes with it are made multiples of an alignment.
const MARK: usize = size_of::<usize>();

/// What `posix_memalign` does, in the C library's place for the program and all that it links.
///
/// # Safety
/// That of `posix_memalign`: `block` is a place for a pointer.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let found = aligned(alignment, size);
    if found.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller gives a place for it.
    unsafe { *block = found };
    0
}

/// A block at a multiple of `alignment`, a power of two; null where there is no memory.
#[allow(unsafe_code)]
fn aligned(alignment: usize, size: usize) -> *mut c_void {
    if alignment > COARSEST || !(SMALLEST..super::APART as usize).contains(&size) {
        // SAFETY: any size may be asked for.
        return unsafe { libc::memalign(alignment, size) };
    }
    let rounded = (size + MARK).next_multiple_of(alignment) - MARK;
    // SAFETY: any size may be asked for; a block that was just given is freed where it lies elsewhere, and by nobody else.
    unsafe {
        let ordinary = libc::malloc(rounded);
        if ordinary.addr().is_multiple_of(alignment) {
            return ordinary;
        }
        libc::free(ordinary);
        // as large as those that others leave
        libc::memalign(alignment, rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::posix_memalign;
    use std::ffi::c_void;

    #[allow(unsafe_code)]
    fn asked(alignment: usize, size: usize) -> Result<*mut c_void, i32> {
        let mut block = std::ptr::null_mut();
        // SAFETY: there is a place for the pointer.
        match unsafe { posix_memalign(&raw mut block, alignment, size) } {
            0 => Ok(block),
            error => Err(error),
        }
    }

    #[allow(unsafe_code)]
    fn freed(block: *mut c_void) {
        // SAFETY: only blocks of `asked` are freed here, once each.
        unsafe { libc::free(block) };
    }

    #[test]
    fn blocks_are_aligned_apart_and_large_enough() {
        let mut blocks = Vec::new();
        for round in 0..4_usize {
            for alignment in [8, 16, 64, 256, 4096, 1 << 21] {
                for size in [0, 1, 63, 4095, 4096, 4097, 70_000, 5 << 20, 40 << 20] {
                    let block = asked(alignment, size).expect("a block");
                    assert!(block.addr().is_multiple_of(alignment), "{size} bytes at a multiple of {alignment}");
                    // SAFETY: the block has this many bytes, if there are as many as were asked for.
                    #[allow(unsafe_code)]
                    unsafe {
                        block.cast::<u8>().write_bytes(round as u8, size);
                    }
                    blocks.push((block.addr(), size, block));
                }
            }
            // every other one leaves a gap
            let mut kept = Vec::new();
            for (place, block) in blocks.into_iter().enumerate() {
                if place % 2 == 0 { freed(block.2) } else { kept.push(block) }
            }
            blocks = kept;
        }
        blocks.sort_unstable();
        assert!(blocks.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0), "two blocks overlap");
        blocks.into_iter().for_each(|block| freed(block.2));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for alignment in [0, 4, 24] {
            assert_eq!(asked(alignment, 100), Err(libc::EINVAL), "{alignment}");
        }
        assert_eq!(asked(64, usize::MAX), Err(libc::ENOMEM));
        assert_eq!(asked(64, isize::MAX as usize - 100), Err(libc::ENOMEM));
    }

    #[test]
    fn a_block_takes_the_gap_that_one_of_its_size_has_left() {
        // one thread has this heap for itself; whoever goes on in another one leaves it as it is
        let sizes = [525_312, 300_000, 90_000, 525_312];
        let all: Vec<_> = (0..64).map(|place| asked(64, sizes[place % 4]).expect("a block")).collect();
        let gaps: Vec<_> = all.iter().copied().skip(1).step_by(2).collect();
        let before: Vec<_> = gaps.iter().map(|gap| gap.addr()).collect();
        gaps.iter().for_each(|&gap| freed(gap));
        let again: Vec<_> = (0..32).map(|place| asked(64, sizes[1 + 2 * (place % 2)]).expect("a block")).collect();
        let taken = again.iter().filter(|block| before.contains(&block.addr())).count();
        assert!(taken >= 24, "{taken} of 32 gaps are used again");
        all.iter().copied().step_by(2).chain(again).for_each(freed);
    }
}
