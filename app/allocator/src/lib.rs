//! The allocator of `locus` and `locus-engine`. Where there is no memory for what has to have some, the program says so in a sentence and
//! ends with the exit code of a device that does not do, where Rust's own would end it by a signal.

#[cfg(target_env = "gnu")]
mod aligned;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a device that does not do.
const DEVICE: i32 = 4;

/// What is done before the process ends for want of memory.
static BEFORE: OnceLock<fn()> = OnceLock::new();

/// Has something done before the process ends for want of memory: giving the terminal back. It must wait for nothing; where
/// it asks for memory in vain, the process ends there. The first one that is given counts.
pub fn before_the_end(last: fn()) {
    let _ = BEFORE.set(last);
}

/// The system's allocator, with last words.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: every call goes on to the system's allocator as it came. What that gives is passed on, and null only where the
// caller asked for a block that may be refused; otherwise the process ends there.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract, which is the system's.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract, which is the system's.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps to the contract, which is the system's; `block` came from it.
        given(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract, which is the system's; `block` came from it.
        unsafe { System.dealloc(block, layout) }
    }
}

thread_local! {
    /// Whether what this thread asks for may be refused.
    static REFUSABLE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the running thread can do without the memory that it asks for right now: the allocator may refuse it then.
#[must_use]
pub fn may_be_refused() -> bool {
    REFUSABLE.get()
}

/// What `ask` gives, which can do without the memory that it asks for (`try_reserve`).
pub fn refusable<T>(ask: impl FnOnce() -> T) -> T {
    let before = REFUSABLE.replace(true);
    let given = ask();
    REFUSABLE.set(before);
    given
}

/// The largest size from which on the C library lets blocks stand apart, of itself after a while.
const APART: i32 = 32 << 20;

/// What `work` gives, during which blocks of so many bytes and more stand apart from all others: none of them fills a gap
/// that a shorter-lived block has left, so that the gaps can be used again.
pub fn large_blocks_apart<T>(bytes: i32, work: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            apart_from(APART);
        }
    }
    apart_from(bytes);
    let _back = Back;
    work()
}

/// Has blocks of so many bytes stand apart. What is free beside the others is kept up to twice that, as the C library does
/// where nobody sets either: otherwise every large activation would be given back, and its pages asked for anew.
fn apart_from(bytes: i32) {
    // SAFETY: numbers are set that the C library reads when memory is asked for or given back; any are allowed.
    #[allow(unsafe_code)]
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * bytes);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = bytes;
}

/// Gives the system back all memory that is free, where the C library can: what is about to be asked for then does not stand
/// beside it.
pub fn trim() {
    // SAFETY: only memory that nobody has is given back; the library may be asked to at any time.
    #[allow(unsafe_code)]
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

fn given(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() && !may_be_refused() {
        end(bytes);
    }
    block
}

/// Says what was asked for, and ends the process. Nothing here asks for memory, but perhaps what is done before, once.
fn end(bytes: usize) -> ! {
    static ENDS: AtomicBool = AtomicBool::new(false);
    if !ENDS.swap(true, Ordering::SeqCst)
        && let Some(last) = BEFORE.get()
    {
        last();
    }
    let mut words = Words { text: [0; 256], length: 0 };
    let remedy = "ask for less at once (fewer samples, shorter prompts, a smaller model) or free some memory";
    let _ = match left() {
        Some(left) => writeln!(words, "locus: out of memory ({bytes} bytes asked for, {left} bytes free); {remedy}"),
        None => writeln!(words, "locus: out of memory ({bytes} bytes asked for); {remedy}"),
    };
    let _ = rustix::io::write(rustix::stdio::stderr(), &words.text[..words.length]);
    signal_hook::low_level::exit(DEVICE)
}

/// Bytes that a limit on the address space (`ulimit -v`) leaves; `None` without one.
fn left() -> Option<u64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    let mut text = [0; 32];
    let file = rustix::fs::open(c"/proc/self/statm", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).ok()?;
    let read = rustix::io::read(file, &mut text).ok()?;
    let pages = text[..read].iter().take_while(|byte| byte.is_ascii_digit());
    let pages = pages.fold(0_u64, |pages, digit| pages.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    Some(limit.saturating_sub(pages.wrapping_mul(rustix::param::page_size() as u64)))
}

/// Text in a place of its own; what does not fit is left out.
struct Words {
    text: [u8; 256],
    length: usize,
}

impl Write for Words {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let room = &mut self.text[self.length..];
        let length = more.len().min(room.len());
        room[..length].copy_from_slice(&more.as_bytes()[..length]);
        self.length += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, left};
    use std::fmt::Write;

    #[test]
    fn words_are_cut_where_their_place_ends() {
        let mut words = Words { text: [0; 256], length: 0 };
        for _ in 0..40 {
            write!(words, "{} bytes", 12).expect("written");
        }
        assert_eq!(words.length, 256);
        assert!(words.text.starts_with(b"12 bytes12 bytes"));
        // without a limit nobody knows
        assert!(left().is_none_or(|left| left > 0));
    }

    #[test]
    fn what_may_be_refused_is() {
        let mut list: Vec<u8> = Vec::new();
        assert!(super::refusable(|| list.try_reserve_exact(1 << 60)).is_err());
    }
}
