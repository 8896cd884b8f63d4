//! Arguments and answers of services: JSON and tensors, as they cross the boundary.

use crate::error::{Error, Result};
use crate::host::{ModelInfo, PromptTokens, SuffixOutput};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;

/// JSON and tensors that a service or function is called with.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    json: &'a str,
    /// In the order that docs/plugins.md gives for the service or function.
    pub tensors: &'a [Tensor],
}

impl<'a> Arguments<'a> {
    /// Arguments from JSON, empty for `{}`, and tensors.
    #[must_use]
    pub fn new(json: &'a str, tensors: &'a [Tensor]) -> Self {
        Self { json, tensors }
    }

    /// The JSON as text; never empty.
    #[must_use]
    pub fn json(&self) -> &'a str {
        if self.json.is_empty() { "{}" } else { self.json }
    }

    /// Deserializes the JSON into a type of the contract.
    ///
    /// # Errors
    /// [`Error::Request`] if it does not have the shape that the contract requires.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.json()).map_err(|error| Error::Request(format!("unreadable arguments: {error}")))
    }

    /// All tensors, of which there must be exactly `N`.
    ///
    /// # Errors
    /// [`Error::Request`] if there are more or fewer.
    pub fn exactly<const N: usize>(&self) -> Result<&'a [Tensor; N]> {
        let count = self.tensors.len();
        self.tensors.try_into().map_err(|_| Error::Request(format!("{count} tensors instead of {N}")))
    }
}

/// JSON and tensors that a service or function returns.
#[derive(Debug, Default)]
pub struct Answer {
    /// The JSON; empty for `{}`.
    pub json: String,
    /// The tensors that the JSON names by index.
    pub tensors: Vec<Tensor>,
}

impl Answer {
    /// An answer without tensors.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be serialized.
    pub fn of<T: Serialize>(json: &T) -> Result<Self> {
        Ok(Self { json: written(json)?, tensors: Vec::new() })
    }

    /// Deserializes the JSON; empty JSON is `{}`.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not have the shape that the contract requires.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let text = if self.json.is_empty() { "{}" } else { &self.json };
        serde_json::from_str(text).map_err(|error| Error::Failed(format!("unreadable answer: {error}")))
    }

    /// All tensors, of which there must be exactly `N`.
    ///
    /// # Errors
    /// [`Error::Failed`] if there are more or fewer.
    pub fn exactly<const N: usize>(self) -> Result<[Tensor; N]> {
        let count = self.tensors.len();
        let wrong = |_| Error::Failed(format!("unusable answer: {count} tensors instead of {N}"));
        self.tensors.try_into().map_err(wrong)
    }
}

/// Serializes a value as JSON.
///
/// # Errors
/// [`Error::Failed`] if it cannot be serialized.
pub fn written<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))
}

/// A type that a service can return.
pub trait Answered: Sized {
    /// Converts the value to what crosses the boundary.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be serialized.
    fn answer(self) -> Result<Answer>;

    /// Converts it back from what crossed.
    ///
    /// # Errors
    /// [`Error::Failed`] if that has another shape.
    fn of(answer: Answer) -> Result<Self>;
}

impl Answered for () {
    fn answer(self) -> Result<Answer> {
        Ok(Answer { json: "{}".to_owned(), ..Answer::default() })
    }

    fn of(_answer: Answer) -> Result<Self> {
        Ok(())
    }
}

impl Answered for Tensor {
    fn answer(self) -> Result<Answer> {
        vec![self].answer()
    }

    fn of(answer: Answer) -> Result<Self> {
        let [tensor] = answer.exactly()?;
        Ok(tensor)
    }
}

impl Answered for Vec<Tensor> {
    fn answer(self) -> Result<Answer> {
        Ok(Answer { json: "{}".to_owned(), tensors: self })
    }

    fn of(answer: Answer) -> Result<Self> {
        Ok(answer.tensors)
    }
}

impl Answered for SuffixOutput {
    fn answer(self) -> Result<Answer> {
        let read = [self.log_probabilities, self.distributions];
        read.into_iter().chain(self.captured).collect::<Vec<Tensor>>().answer()
    }

    fn of(answer: Answer) -> Result<Self> {
        let mut tensors = answer.tensors.into_iter();
        match (tensors.next(), tensors.next()) {
            (Some(log_probabilities), Some(distributions)) => {
                Ok(Self { log_probabilities, distributions, captured: tensors.collect() })
            }
            _ => Err(Error::Failed("unusable answer: a run gives two tensors at least".to_owned())),
        }
    }
}

macro_rules! of_json {
    ($($answer:ty),*) => {$(
        impl Answered for $answer {
            fn answer(self) -> Result<Answer> {
                Answer::of(&self)
            }

            fn of(answer: Answer) -> Result<Self> {
                answer.read()
            }
        }
    )*};
}
of_json!(ModelInfo, PromptTokens);
