//! Counts, and which model numbers are of, in words.

/// A count with its noun: `1 edit`, `2 edits`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The model with these edits in place, by their numbers: `the unedited model`, `the model with edits 1, 3 in place`.
#[must_use]
pub fn model_with(in_place: &[u64]) -> String {
    if in_place.is_empty() {
        "the unedited model".to_owned()
    } else {
        format!("the model with {}", with_edits(in_place))
    }
}

/// The same in fewer words, where it is clear that a model is spoken of: `unedited`, `edits 1, 3 in place`.
#[must_use]
pub fn with_edits(in_place: &[u64]) -> String {
    match in_place {
        [] => "unedited".to_owned(),
        [number] => format!("edit {number} in place"),
        numbers => {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            format!("edits {} in place", numbers.join(", "))
        }
    }
}
