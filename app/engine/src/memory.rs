//! When memory does not suffice: told apart from all other failures of libtorch, with what was asked and what is free.

use locus_files::size;
use procfs::process::{Process, StatM};
use procfs::{Current, Meminfo, page_size};
use rustix::process::{Resource, getrlimit};
use std::io::ErrorKind;
use tch::TchError;

/// What libtorch and the C++ library say where an allocation fails.
const SIGNS: [&str; 8] = [
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "out of memory",
    "bad_alloc",
    "Cannot allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    // more bytes than any machine has
    "Storage size calculation overflowed",
];

/// An allocation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// Bytes that were asked for, where the message says.
    pub asked: Option<u64>,
    /// Bytes that are free, where somebody knows.
    pub free: Option<u64>,
}

/// The shortage that an error of libtorch is; `None` for any other failure.
pub(crate) fn shortage(error: &TchError) -> Option<Shortage> {
    match error {
        TchError::Io(source) if source.kind() == ErrorKind::OutOfMemory => Some(Shortage { asked: None, free: free() }),
        TchError::Torch(text) => shortage_in(text),
        _ => None,
    }
}

/// The shortage that a message tells of; `None` for any other message.
pub(crate) fn shortage_in(text: &str) -> Option<Shortage> {
    if !SIGNS.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let asked = ["tried to allocate ", "Tried to allocate "].iter().find_map(|before| quantity(after(text, before)?));
    // a GPU's message says how much of it is free
    let on_gpu = text.contains("CUDA") || text.contains("CUBLAS") || text.contains("CUDNN");
    let free = if on_gpu { after(text, "of which ").and_then(quantity) } else { free() };
    Some(Shortage { asked, free })
}

fn after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before).map(|(_, rest)| rest)
}

/// `123 bytes`, `20.00 MiB`: in bytes.
fn quantity(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next()?.trim_end_matches(['.', ',', ';', '(']) {
        "bytes" | "byte" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((number * unit) as u64)
}

/// Bytes that this process could still get: what the machine has available, or what the limit on its address space
/// (`ulimit -v`) leaves, whichever is less.
pub(crate) fn free() -> Option<u64> {
    let left = getrlimit(Resource::As).current.and_then(|limit| {
        let used = pages()?.size * page_size();
        Some(limit.saturating_sub(used))
    });
    [available(), left].into_iter().flatten().min()
}

/// Resident memory of this process, in bytes.
#[must_use]
pub fn resident() -> Option<u64> {
    pages().map(|pages| pages.resident * page_size())
}

/// Memory that the system can still give, in bytes.
#[must_use]
pub fn available() -> Option<u64> {
    Meminfo::current().ok()?.mem_available
}

/// What this process uses, in pages: one short line to read, since the workbench asks several times a second.
fn pages() -> Option<StatM> {
    Process::myself().and_then(|process| process.statm()).ok()
}

/// The sentence of an allocation that failed.
pub(crate) fn sentence(doing: &str, asked: Option<u64>, free: Option<u64>) -> String {
    let shortage = shortage_words(doing, asked, free);
    format!("{shortage}; ask for less at once (fewer samples, shorter prompts, a smaller model) or free some memory")
}

/// What there is too little of, without what to do about it.
pub(crate) fn shortage_words(doing: &str, asked: Option<u64>, free: Option<u64>) -> String {
    let doing = if doing.is_empty() { String::new() } else { format!(" while {doing}") };
    let numbers = match (asked, free) {
        (Some(asked), Some(free)) => format!(" ({} asked for, {} free)", size(asked), size(free)),
        (Some(asked), None) => format!(" ({} asked for)", size(asked)),
        (None, Some(free)) => format!(" ({} free)", size(free)),
        (None, None) => String::new(),
    };
    format!("out of memory{doing}{numbers}")
}

#[cfg(test)]
mod tests {
    use super::shortage_in;

    #[test]
    fn the_message_of_a_gpu_gives_both_numbers() {
        let text = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of which \
                    5.50 MiB is free. Process 1 has 79.09 GiB memory in use.";
        let found = shortage_in(text).expect("a shortage");
        assert_eq!((found.asked, found.free), (Some(20 << 20), Some(11 << 19)));
        assert!(shortage_in("std::bad_alloc").expect("a shortage").asked.is_none());
        assert_eq!(shortage_in("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), None);
    }
}
