//! Layers as they are typed: `5`, `3-6` or `3,5-7`.

use std::ops::RangeInclusive;
use thiserror::Error;

/// Most layers that can be named.
const MOST_LAYERS: usize = 10_000;

/// Why a text cannot be read as layers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayersError {
    /// Something other than numbers and ranges separated by commas.
    #[error("layers must look like 5, 3-6 or 3,5, not `{0}`")]
    Form(String),
    /// More layers than any model has.
    #[error("layers: `{0}` names more than {MOST_LAYERS} layers; name fewer")]
    TooMany(String),
}

/// Reads layers as they are typed: `5`, `3-6` or `3,5-7`. The result is sorted, without duplicates.
///
/// # Errors
/// The text is something else, or names more layers than any model has.
pub fn read_layers(text: &str) -> Result<Vec<usize>, LayersError> {
    let form = || LayersError::Form(text.trim().to_owned());
    let mut layers = Vec::new();
    for range in read_ranges(text).ok_or_else(form)? {
        // counted before they are listed
        if range.end() - range.start() >= MOST_LAYERS as u64 || layers.len() > MOST_LAYERS {
            return Err(LayersError::TooMany(text.trim().to_owned()));
        }
        for layer in range {
            layers.push(usize::try_from(layer).map_err(|_| form())?);
        }
    }
    layers.sort_unstable();
    layers.dedup();
    Ok(layers)
}

/// Reads numbers and ranges of numbers, separated by commas: `5`, `3-6`, `3,5-7`; `None` for anything else.
#[must_use]
pub fn read_ranges(text: &str) -> Option<Vec<RangeInclusive<u64>>> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(first..=last)
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::{LayersError, read_layers};

    #[test]
    fn layers_are_read_as_typed() {
        for (text, layers) in [
            ("5", &[5][..]),
            (" 3-6 ", &[3, 4, 5, 6]),
            ("3-5, 8", &[3, 4, 5, 8]),
            ("7, 3-4,3", &[3, 4, 7]),
            ("0 - 1", &[0, 1]),
        ] {
            assert_eq!(read_layers(text).as_deref(), Ok(layers), "{text}");
        }
        for wrong in ["", "x", "5-3", "1-", "-1", "3,", "1-2-3", "99999999999999999999"] {
            assert_eq!(read_layers(wrong), Err(LayersError::Form(wrong.to_owned())));
        }
    }

    #[test]
    fn more_layers_than_any_model_has_are_not_listed() {
        for many in ["0-99999999999".to_owned(), "0-18446744073709551615".to_owned(), "0-9999,".repeat(1000) + "1"] {
            let error = read_layers(&many).expect_err("too many");
            assert_eq!(error, LayersError::TooMany(many));
            assert!(error.to_string().contains("more than 10000 layers"), "{error}");
        }
    }
}
