//! Where the logits come from: the token embedding, or an unembedding of its own. What is stored decides, as it does in
//! transformers; `tie_word_embeddings` says only what stands in for what is not stored.

use super::header::Stores;
use crate::model::architecture::Architecture;

/// What is known of the head from the names that are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// An unembedding that is stored beside a token embedding it is said to be tied to: it serves if it differs.
    pub compare: Option<String>,
    /// What is to be told.
    pub notes: Vec<String>,
}

/// Fills in the head of `architecture`. Where [`Resolved::compare`] names a tensor, it is the head until it is compared.
///
/// # Errors
/// Two unembeddings are stored.
pub fn resolve(architecture: &mut Architecture, stores: &Stores) -> Result<Resolved, String> {
    let weight = |name: &str| stores.contains_key(&format!("{name}.weight"));
    let found: Vec<&str> = architecture.head.names.iter().copied().filter(|name| weight(name)).collect();
    let mut resolved = Resolved::default();
    let embedding = architecture.token_embedding.clone();
    let short = embedding.strip_prefix(architecture.prefix()).unwrap_or(&embedding);
    let embedded = weight(&embedding) || weight(short);
    match (found.as_slice(), architecture.head.tied) {
        ([name], false) => architecture.head.stored = Some((*name).to_owned()),
        ([name], true) if embedded => {
            architecture.head.stored = Some((*name).to_owned());
            resolved.compare = Some((*name).to_owned());
        }
        ([name], true) => {
            resolved.notes.push(format!(
                "the checkpoint stores no `{embedding}.weight`: `{name}.weight`, which is tied to it, serves as both"
            ));
            architecture.token_embedding = (*name).to_owned();
        }
        ([], true) => {}
        ([], false) => resolved.notes.push(format!(
            "config.json says that the unembedding is not tied, and no `{}.weight` is stored: the token embedding serves",
            architecture.head.names[0]
        )),
        ([first, second, ..], _) => {
            return Err(format!(
                "both `{first}.weight` and `{second}.weight` are stored, and only one can be the unembedding; take one out"
            ));
        }
    }
    Ok(resolved)
}
