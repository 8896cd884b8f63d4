//! What the files of a checkpoint say that they hold, before any of it is read.

use super::files::{Files, list};
use super::pickled::{self, is_pickled};
use crate::error::{Error, Result};
use crate::number_formats::kind_of;
use locus_protocol::shown::quoted;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tch::Kind;

/// Bytes of a header, at most; the length comes from the file.
const LONGEST_HEADER: u64 = 100 << 20;

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub file: PathBuf,
    /// Dtype in which it is stored.
    pub dtype: Dtype,
    pub shape: Vec<i64>,
    /// Its bytes in the file; as many as number format and shape want.
    pub bytes: Range<u64>,
    /// Where it is packed: what unpacks it. Its shape is the one that it has unpacked.
    pub packed: Option<Scales>,
}

/// The scales of a tensor in MXFP4, a byte for each of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales {
    /// File that contains its bytes.
    pub file: PathBuf,
    /// Their bytes in the file.
    pub bytes: Range<u64>,
}

/// All tensors of a checkpoint by name.
pub type Stores = BTreeMap<String, Stored>;

impl Stored {
    /// libtorch's name of the number format; `None` for one that it cannot convert from. For packed numbers it is one that
    /// holds all of them.
    pub fn kind(&self) -> Option<Kind> {
        if self.packed.is_some() { Some(Kind::BFloat16) } else { kind_of(self.dtype) }
    }

    /// Bytes that are read of it.
    pub fn length(&self) -> u64 {
        let scales = self.packed.as_ref().map_or(0, |scales| scales.bytes.end - scales.bytes.start);
        self.bytes.end - self.bytes.start + scales
    }

    /// Bytes that it takes in a number format.
    pub fn bytes_in(&self, kind: Kind) -> u64 {
        let numbers = self.shape.iter().fold(1_u64, |all, &side| all.saturating_mul(side.unsigned_abs()));
        numbers.saturating_mul(kind.elt_size_in_bytes() as u64)
    }
}

impl Files {
    /// The tensors that the files hold, and what is to be told of them.
    ///
    /// # Errors
    /// A file that is not whole, a tensor that the index names and that is not in its file.
    pub fn stores(&self) -> Result<(Stores, Vec<String>)> {
        let (mut stores, mut notes) = (Stores::new(), Vec::new());
        for (file, wanted) in &self.files {
            let held = if is_pickled(file) { pickled::held(file)? } else { held(file)? };
            if let Some(lacking) = wanted.iter().flatten().find(|name| !held.contains_key(*name)) {
                let name = quoted(lacking);
                let message =
                    format!("the index says that it contains the tensor `{name}`, which is missing; copy it again");
                return Err(Error::Weights { path: file.clone(), message });
            }
            let mut unnamed = Vec::new();
            for (name, stored) in held {
                if wanted.as_ref().is_none_or(|wanted| wanted.contains(&name)) {
                    stores.insert(name, stored);
                } else {
                    unnamed.push(name);
                }
            }
            if !unnamed.is_empty() {
                let name = file.file_name().map(|name| quoted(&name.to_string_lossy())).unwrap_or_default();
                notes.push(format!(
                    "the index does not list {} in {name}; what it does not list is ignored",
                    list(&unnamed)
                ));
            }
        }
        Ok((stores, notes))
    }
}

/// The tensors of one file by name.
fn held(file: &Path) -> Result<Stores> {
    let damaged = |why: &str| Error::Weights {
        path: file.to_owned(),
        message: format!("not a complete safetensors file ({why}); copy it again"),
    };
    let unreadable = |source| Error::Read { path: file.to_owned(), source };
    let mut opened = locus_files::open(file).map_err(unreadable)?;
    let size = opened.metadata().map_err(unreadable)?.len();
    let mut length = [0; 8];
    opened.read_exact(&mut length).map_err(|_| damaged("it ends within its header"))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > size.saturating_sub(8) {
        return Err(damaged("its header is longer than the file"));
    }
    let mut header = Vec::new();
    opened.take(length).read_to_end(&mut header).map_err(unreadable)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(&quoted(&error.to_string())))?;
    let begin = 8 + length;
    if metadata.data_len() as u64 != size - begin {
        return Err(damaged("its length does not match its header"));
    }
    let stored = |info: &safetensors::tensor::TensorInfo| Stored {
        file: file.to_owned(),
        dtype: info.dtype,
        shape: info.shape.iter().map(|&side| side as i64).collect(),
        bytes: begin + info.data_offsets.0 as u64..begin + info.data_offsets.1 as u64,
        packed: None,
    };
    Ok(metadata.tensors().into_iter().map(|(name, info)| (name, stored(info))).collect())
}
