//! Guesses what was meant by an unknown name.

/// Least similarity at which one name is taken for another; 1 for equal names.
const ALIKE: f64 = 0.8;

/// The known name that is most like the typed one; `None` if none is similar.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.into_iter().map(|name| (strsim::jaro_winkler(typed, name), name));
    let best = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(_, name)| name)
}

/// The same as part of a sentence; empty if there is none.
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
        assert_eq!(nearest("color", known), None);
        assert_eq!(did_you_mean("metod", known), " (did you mean `method`?)");
        assert_eq!(did_you_mean("color", known), "");
    }
}
