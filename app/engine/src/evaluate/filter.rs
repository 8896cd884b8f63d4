//! Which records are edited at all (Hase et al. 2023). Both are asked of the unedited model.

/// The true answer must be more probable than this.
pub const LEAST_PROBABILITY: f64 = 0.02;
/// Tokens in which a correct answer must occur.
pub const ANSWER_TOKENS: usize = 36;

/// Whether the model says the answer: it occurs, in whatever case, in the most probable continuation of
/// [`ANSWER_TOKENS`] tokens. “Paris” occurs in “Parisian”, as in the published code.
#[must_use]
pub fn is_correct(continuation: &str, answer: &str) -> bool {
    continuation.to_lowercase().contains(&answer.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::is_correct;

    #[test]
    fn case_and_the_rest_of_the_word_do_not_count() {
        assert!(is_correct(" a parisian", " Paris "));
        assert!(!is_correct(" a roman", "Paris"));
    }
}
