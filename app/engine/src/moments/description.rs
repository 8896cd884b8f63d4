//! What a file of second moments says of itself.

use super::documents::bad;
use crate::error::Result;
use crate::sealed::{UNSEALED, has_place, is_header_whole};
use safetensors::tensor::Metadata;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What is said of a file whose contents are not what they were.
pub(super) const DAMAGED: &str =
    "it is damaged: its contents do not match its checksum; delete it to collect them again";

/// The entry of the file's metadata.
pub(super) const ENTRY: &str = "second-moments";

/// Bytes of a header at most, as the format has it.
const LARGEST_HEADER: u64 = 100 << 20;

/// Name of the file's checksum among what it says.
const CHECKSUM: &str = "checksum";
/// Name of its header's own.
const HEADER: &str = "header";
/// Name of the checksums of its parts.
const PARTS: &str = "parts";

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
    /// Description of each layer, by its index from 0.
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
    Ok(describe_as(file)?.about)
}

/// What a file says of itself.
pub(super) struct Says<T> {
    /// In what it was asked for; nothing where it says nothing, as files of other programs.
    pub about: Option<T>,
    /// Whether it carries a checksum of its contents.
    pub is_sealed: bool,
    /// Where its tensors are, from the end of the header.
    pub tensors: Metadata,
    /// Offset of the tensors in the file, in bytes.
    pub begin: u64,
    /// SHA-256 of its parts by their names, where the header carries a checksum of its own, which it has.
    pub parts: Option<BTreeMap<String, String>>,
}

/// What a file is to say of itself, with places for its checksum and that of its header, and the checksums of its parts.
pub(super) fn to_say<T: Serialize>(about: &T, parts: &BTreeMap<String, String>) -> serde_json::Result<String> {
    let text = serde_json::to_string(about)?;
    let rest = text.strip_prefix('{').unwrap_or(&text);
    let parts = serde_json::to_string(parts)?;
    let seals = format!("\"{CHECKSUM}\":\"{UNSEALED}\",\"{HEADER}\":\"{UNSEALED}\"");
    Ok(format!("{{{seals},\"{PARTS}\":{parts},{rest}"))
}

/// What a file says of itself, as whatever it says it in.
pub(super) fn describe_as<T: DeserializeOwned>(file: &Path) -> Result<Says<T>> {
    let mut input = locus_files::open(file)
        .map_err(|error| bad(file, format!("cannot be read ({error}); check the path and its permissions")))?;
    said_in(&mut input, file)
}

/// The same of an open file, which is read from its beginning.
pub(super) fn said_in<T: DeserializeOwned>(input: &mut File, file: &Path) -> Result<Says<T>> {
    let cut = || bad(file, "not a complete file of second moments; delete it to collect them again");
    let length = input.metadata().map_or(0, |metadata| metadata.len());
    let mut size = [0; 8];
    input.read_exact(&mut size).map_err(|_| cut())?;
    let header = u64::from_le_bytes(size);
    if header > length.saturating_sub(8).min(LARGEST_HEADER) {
        return Err(cut());
    }
    let mut bytes = size.to_vec();
    bytes.resize(8 + header as usize, 0);
    input.read_exact(&mut bytes[8..]).map_err(|_| cut())?;
    let tensors: Metadata = serde_json::from_slice(&bytes[8..]).map_err(|_| cut())?;
    if (8 + header).checked_add(tensors.data_len() as u64) != Some(length) {
        return Err(cut());
    }
    let begin = 8 + header;
    let Some(text) = tensors.metadata().as_ref().and_then(|entries| entries.get(ENTRY)) else {
        // an entry that carries a checksum under another name is a damaged one
        return if has_place(&bytes) {
            Err(bad(file, DAMAGED))
        } else {
            Ok(Says { about: None, is_sealed: false, tensors, begin, parts: None })
        };
    };
    let mut says: Map<String, Value> = serde_json::from_str(text).map_err(|_| cut())?;
    let is_sealed = says.remove(CHECKSUM).is_some();
    let (of_header, parts) = (says.remove(HEADER), says.remove(PARTS));
    let parts = match (of_header, is_header_whole(&bytes)) {
        (None, None) => None,
        (Some(_), Some(true)) => Some(serde_json::from_value(parts.unwrap_or_default()).map_err(|_| cut())?),
        _ => return Err(bad(file, DAMAGED)),
    };
    let about = Some(serde_json::from_value(Value::Object(says)).map_err(|_| cut())?);
    Ok(Says { about, is_sealed, tensors, begin, parts })
}
