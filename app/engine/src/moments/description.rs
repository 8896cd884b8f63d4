//! What a file of second moments says of itself.

use super::documents::bad;
use crate::error::Result;
use crate::sealed::UNSEALED;
use safetensors::tensor::Metadata;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The entry of the file's metadata.
pub(super) const ENTRY: &str = "second-moments";

/// Bytes of a header at most, as the format has it.
const LARGEST_HEADER: u64 = 100 << 20;

/// Name of the file's checksum among what it says.
const CHECKSUM: &str = "checksum";

/// Which second moments these are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// a flipped bit in the name of the checksum does not make a file without one
#[serde(deny_unknown_fields)]
pub struct MomentsDescription {
    /// Fingerprint of the unedited model.
    pub model: String,
    /// Fingerprint of the corpus with the part of it that was taken, or `imported`.
    pub corpus: String,
    /// What the corpus is called.
    pub corpus_name: String,
    /// In which format they were summed up.
    pub precision: String,
    /// By layer.
    pub layers: BTreeMap<usize, LayerDescription>,
}

/// Where the second moment of one layer comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDescription {
    /// Keys it is the mean over.
    pub tokens: u64,
    /// Documents that had them; 0 where nobody knows.
    #[serde(default)]
    pub documents: u64,
    /// The file it was imported from; empty where it was collected here.
    #[serde(default)]
    pub source: String,
}

impl MomentsDescription {
    /// What marks imported moments instead of a corpus.
    pub const IMPORTED: &'static str = "imported";

    /// The name under which they are kept.
    #[must_use]
    pub fn file_name(&self) -> String {
        let short = |hash: &str| hash.chars().take(16).collect::<String>();
        format!("{}-{}.safetensors", short(&self.model), short(&self.corpus))
    }
}

/// What a file says of itself, without its tensors; `None` where it holds no second moments of ours.
///
/// # Errors
/// The file cannot be read or is cut short.
pub fn describe(file: &Path) -> Result<Option<MomentsDescription>> {
    Ok(describe_as(file)?.map(|said| said.about))
}

/// What a file says of itself.
pub(super) struct Says<T> {
    /// In what it was asked for.
    pub about: T,
    /// Whether it carries a checksum of its contents.
    pub is_sealed: bool,
}

/// What a file is to say of itself, with a place for its checksum.
pub(super) fn to_say<T: Serialize>(about: &T) -> serde_json::Result<String> {
    let text = serde_json::to_string(about)?;
    let rest = text.strip_prefix('{').unwrap_or(&text);
    Ok(format!("{{\"{CHECKSUM}\":\"{UNSEALED}\",{rest}"))
}

/// What a file says of itself, as whatever it says it in.
pub(super) fn describe_as<T: DeserializeOwned>(file: &Path) -> Result<Option<Says<T>>> {
    let cut = || bad(file, "not a whole file of second moments; delete it to collect them anew");
    let mut input = locus_files::open(file).map_err(|error| bad(file, format!("cannot be read ({error})")))?;
    let length = input.metadata().map_or(0, |metadata| metadata.len());
    let mut size = [0; 8];
    input.read_exact(&mut size).map_err(|_| cut())?;
    let header = u64::from_le_bytes(size);
    if header > length.saturating_sub(8).min(LARGEST_HEADER) {
        return Err(cut());
    }
    let mut bytes = vec![0; header as usize];
    input.read_exact(&mut bytes).map_err(|_| cut())?;
    let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|_| cut())?;
    if (8 + header).checked_add(metadata.data_len() as u64) != Some(length) {
        return Err(cut());
    }
    let Some(text) = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY)) else { return Ok(None) };
    let mut says: Map<String, Value> = serde_json::from_str(text).map_err(|_| cut())?;
    let is_sealed = says.remove(CHECKSUM).is_some();
    let about = serde_json::from_value(Value::Object(says)).map_err(|_| cut())?;
    Ok(Some(Says { about, is_sealed }))
}
