//! Counts and ids as words.

/// "1 fact", "2 facts".
pub fn many(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

/// An id as words: "error-injection" is "error injection".
pub fn spoken(id: &str) -> String {
    id.replace(['-', '_'], " ")
}
