//! What somebody meant who typed a name that there is not.

/// How alike two names are at least where one is taken for the other; 1 is the same.
const ALIKE: f64 = 0.8;

/// The known name that is most like one that was typed; nothing where none is.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.into_iter().map(|name| (strsim::jaro_winkler(typed, name), name));
    let best = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(_, name)| name)
}

/// The same inside a sentence, or nothing.
#[must_use]
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    #[test]
    fn a_typing_error_is_taken_for_what_it_is_like_and_another_word_for_nothing() {
        let known = ["method", "objective", "reproducible", "keep"];
        for (typed, meant) in
            [("metod", "method"), ("objektive", "objective"), ("reproduce", "reproducible"), ("kep", "keep")]
        {
            assert_eq!(nearest(typed, known), Some(meant), "{typed}");
        }
        assert_eq!(nearest("colour", known), None);
        assert_eq!(did_you_mean("metod", known), " (did you mean `method`?)");
        assert_eq!(did_you_mean("colour", known), "");
    }
}
