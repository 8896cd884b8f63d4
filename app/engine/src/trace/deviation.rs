//! How strong the noise on a subject is (Meng et al. 2022, section 2).

use crate::error::{Error, Result};
use crate::model::Model;
use tch::Tensor;

/// Unbiased standard deviation over all entries of the token embeddings of `subjects` (the `sK` rule).
///
/// # Errors
/// No subject, or one that the tokenizer refuses.
pub fn embedding_deviation<S: AsRef<str>>(model: &Model, subjects: &[S]) -> Result<f64> {
    let mut ids = Vec::new();
    for subject in subjects {
        ids.extend(model.tokenizer.encode(subject.as_ref())?);
    }
    if ids.is_empty() {
        return Err(Error::Request("no subject to measure the embeddings of; give at least one fact".to_owned()));
    }
    let ids = Tensor::f_from_slice(&ids)?.f_to_device(model.device)?;
    Ok(model.token_embeddings(&ids)?.f_to_kind(tch::Kind::Float)?.f_std(true)?.f_double_value(&[])?)
}
