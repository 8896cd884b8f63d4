//! Edits as a file: a safetensors file with the changes, and in its metadata what was ordered, of which model and what
//! made it.
//!
//! Edit `n` of the file, counted from 0, has the tensors `n.PARAMETER.left` and `n.PARAMETER.right` (factors whose
//! product is the change) or `n.PARAMETER.dense`, in the number format and orientation in which the method gave them. Where
//! an edit changes a parameter more than once, the further changes are `n.PARAMETER.1`, `n.PARAMETER.2` and so on.
//!
//! A file carries the SHA-256 of all its bytes. One that an older program wrote has none: it is believed where its
//! changes come out with the hashes that it records.

use super::deltas::{check, difference_hash};
use super::stack::WeightEdit;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::number_formats::{is_floating, kind_of};
use crate::sealed::{UNSEALED, is_whole, seal};
use crate::tensor_files;
use locus_plugin::{Delta, Form};
use locus_protocol::{ChangeHeader, DeltaHeader, EditHeader, ModelMark};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use sha2::{Digest, Sha256};
use std::path::Path;
use tch::Tensor;

/// Name of the one entry of the file's metadata; more entries would be written in a random order.
const ENTRY: &str = "locus";
/// What such a file says that it is.
const FORMAT: &str = "locus-edits";
/// The version that is written, and the highest that is read.
const VERSION: u32 = 1;
/// Bytes of a file at most.
const LARGEST: u64 = 64 << 30;

/// A file of edits that was read.
#[derive(Debug)]
pub struct DeltaFile {
    /// What it says of itself.
    pub header: DeltaHeader,
    /// The edits with their changes, in the header's order.
    pub edits: Vec<WeightEdit>,
    /// Whether its bytes were compared with a hash, its own or one that was kept elsewhere.
    pub verified: bool,
}

impl DeltaFile {
    /// The bytes of a file with `edits` of `model`, whose unedited weights are `mark`. The same edits make the same
    /// bytes.
    ///
    /// # Errors
    /// The tensors cannot be put into a file.
    pub fn bytes(model: &Model, mark: &ModelMark, edits: &[&WeightEdit]) -> Result<Vec<u8>> {
        let header = DeltaHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
            checksum: UNSEALED.to_owned(),
            model: mark.clone(),
            edits: (0..).zip(edits).map(|(index, edit)| header_of(model, index, edit)).collect::<Result<_>>()?,
        };
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for (said, edit) in header.edits.iter().zip(edits) {
            for (change, delta) in said.changes.iter().zip(&edit.deltas) {
                let mut put = |part: &str, tensor: &Tensor| {
                    tensors.push((format!("{}.{part}", change.tensors), tensor.shallow_clone()));
                };
                match &delta.form {
                    Form::LowRank { left, right } => {
                        put("left", left);
                        put("right", right);
                    }
                    Form::Dense(whole) => put("dense", whole),
                }
            }
        }
        let says = serde_json::to_string(&header).map_err(|error| Error::Request(error.to_string()))?;
        let mut bytes = tensor_files::bytes(&tensors, &[(ENTRY, &says)])?;
        seal(&mut bytes).map_err(|error| Error::Request(format!("the edits cannot be written to a file: {error}")))?;
        Ok(bytes)
    }

    /// Reads a file. Whether it belongs to a model is for [`Self::fits`].
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is no file of edits.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = locus_files::bytes(file, LARGEST)
            .map_err(|error| bad(file, &format!("cannot be read ({error}); check the path and its permissions")))?;
        Self::parse(file, &bytes)
    }

    /// The same for a file whose contents have to have a hash.
    ///
    /// # Errors
    /// Those of [`Self::read`]; the contents are others.
    pub fn read_exactly(file: &Path, sha256: &str) -> Result<Self> {
        let bytes = locus_files::bytes(file, LARGEST)
            .map_err(|error| bad(file, &format!("cannot be read ({error}); check the path and its permissions")))?;
        if crate::hex(&Sha256::digest(&bytes)) != sha256 {
            return Err(bad(
                file,
                "it is damaged: its contents differ from those that were recorded; copy it back, or make the edit again",
            ));
        }
        Ok(Self { verified: true, ..Self::parse(file, &bytes)? })
    }

    fn parse(file: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged = |error: safetensors::SafeTensorError| {
            bad(file, &format!("not a complete safetensors file ({error}); copy it again"))
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let says = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY)).ok_or_else(|| {
            bad(file, &format!("its metadata has no entry `{ENTRY}`, so `locus edit --save FILE` did not write it"))
        })?;
        let read: serde_json::Value = serde_json::from_str(says)
            .map_err(|error| bad(file, &format!("the entry `{ENTRY}` of its metadata is not JSON ({error})")))?;
        if read["format"] != FORMAT {
            return Err(bad(file, &format!("it contains {}, not edits", read["format"])));
        }
        let version = read["version"].as_u64().unwrap_or(0);
        if version > u64::from(VERSION) {
            let message = format!("its version is {version}, but this program reads {VERSION}; use a newer Locus");
            return Err(bad(file, &message));
        }
        if version == 0 {
            return Err(bad(file, "its version is missing; copy it again"));
        }
        let is_sealed = read.get("checksum").is_some();
        if is_sealed && is_whole(bytes) != Some(true) {
            let message = "it is damaged: its contents do not match its checksum; copy it again, or make the \
                           edit again";
            return Err(bad(file, message));
        }
        let header: DeltaHeader = serde_json::from_value(read).map_err(|error| {
            bad(file, &format!("the entry `{ENTRY}` of its metadata is damaged ({error}); copy it again"))
        })?;
        let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let edits = header.edits.iter().map(|edit| read_edit(edit, file, &tensors));
        let edits = edits.collect::<Result<Vec<WeightEdit>>>()?;
        Ok(Self { header, edits, verified: is_sealed })
    }

    /// Whether its edits belong to a model. Bytes that no hash vouches for have to give the changes that the file
    /// records.
    ///
    /// # Errors
    /// It was made on another model; a change does not fit, or is another one.
    pub fn fits(&self, file: &Path, model: &Model, mark: &ModelMark) -> Result<()> {
        let of = &self.header.model;
        if of.fingerprint != mark.fingerprint {
            let short = |fingerprint: &str| fingerprint.chars().take(12).collect::<String>();
            return Err(bad(
                file,
                &format!(
                    "its edits belong to the model `{}` ({}), not to `{}` ({}); name that model with --model, in the same \
                     --dtype",
                    of.name,
                    short(&of.fingerprint),
                    mark.name,
                    short(&mark.fingerprint)
                ),
            ));
        }
        for edit in &self.edits {
            check(model, &edit.method.id, &edit.deltas).map_err(|error| match error {
                Error::Plugin { message, .. } => {
                    let what = message.split(';').next().unwrap_or_default();
                    bad(file, &format!("“{}” cannot be applied: {what}; make the edit again", edit.title))
                }
                other => other,
            })?;
        }
        if self.verified {
            return Ok(());
        }
        match &self.differing(model)?[..] {
            [] => Ok(()),
            differing => Err(bad(
                file,
                &format!(
                    "the change of {} is not the one that it records, and it has no checksum, so it is damaged or was made on another device; make the edit again, or save it again where it was made",
                    differing.join(", ")
                ),
            )),
        }
    }

    /// Parameters whose change comes out with other bits here than where the file was written.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn differing(&self, model: &Model) -> Result<Vec<String>> {
        let pairs = self.header.edits.iter().zip(&self.edits);
        let mut differing = Vec::new();
        for (said, delta) in pairs.flat_map(|(said, edit)| said.changes.iter().zip(&edit.deltas)) {
            if said.difference != difference_hash(model, delta)? {
                differing.push(said.parameter.clone());
            }
        }
        Ok(differing)
    }
}

/// What is said of `edit` as number `index` of a file.
fn header_of(model: &Model, index: usize, edit: &WeightEdit) -> Result<EditHeader> {
    let change = |(place, delta): (usize, &Delta)| -> Result<ChangeHeader> {
        let parameter = &delta.parameter;
        let earlier = edit.deltas[..place].iter().filter(|earlier| earlier.parameter == *parameter).count();
        Ok(ChangeHeader {
            parameter: parameter.clone(),
            tensors: match earlier {
                0 => format!("{index}.{parameter}"),
                earlier => format!("{index}.{parameter}.{earlier}"),
            },
            difference: difference_hash(model, delta)?,
        })
    };
    Ok(EditHeader {
        title: edit.title.clone(),
        method: edit.method.clone(),
        objective: edit.objective.clone(),
        order: edit.order.clone(),
        changes: edit.deltas.iter().enumerate().map(change).collect::<Result<_>>()?,
    })
}

/// The edit that a header tells of, with its tensors.
fn read_edit(said: &EditHeader, file: &Path, tensors: &SafeTensors<'_>) -> Result<WeightEdit> {
    let mut deltas = Vec::new();
    for ChangeHeader { parameter, tensors: name, .. } in &said.changes {
        let part = |part: &str| {
            let view = tensors.tensor(&format!("{name}.{part}")).ok();
            view.map(|view| tensor_of(&view)).transpose()
        };
        let form = match (part("left")?, part("right")?, part("dense")?) {
            (Some(left), Some(right), None) => Form::LowRank { left, right },
            (None, None, Some(dense)) => Form::Dense(dense),
            _ => {
                let message = format!("the change of `{parameter}` by “{}” is missing; copy it again", said.title);
                return Err(bad(file, &message));
            }
        };
        deltas.push(Delta { parameter: parameter.clone(), form });
    }
    Ok(WeightEdit {
        title: said.title.clone(),
        order: said.order.clone(),
        method: said.method.clone(),
        objective: said.objective.clone(),
        deltas,
        verdict: None,
    })
}

fn tensor_of(view: &TensorView<'_>) -> Result<Tensor> {
    let kind = kind_of(view.dtype())
        .filter(|kind| is_floating(*kind))
        .ok_or_else(|| Error::Request(format!("a change contains {:?}, not floating-point numbers", view.dtype())))?;
    let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
    Ok(Tensor::f_from_data_size(view.data(), &shape, kind)?)
}

fn bad(file: &Path, message: &str) -> Error {
    Error::Edits { path: file.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{DeltaFile, ENTRY};
    use crate::sealed::{UNSEALED, seal};
    use crate::tensor_files;
    use crate::test_numbers::Numbers;
    use std::path::Path;
    use tch::{Kind, Tensor};

    fn refused(bytes: &[u8]) -> String {
        DeltaFile::parse(Path::new("x.safetensors"), bytes).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_no_file_of_edits_is_refused_in_a_sentence() {
        let tensors = [("a".to_owned(), Tensor::zeros([2], (Kind::Float, tch::Device::Cpu)))];
        let with = |says: &str| tensor_files::bytes(&tensors, &[(ENTRY, says)]).expect("bytes");
        assert!(refused(b"{}").contains("not a complete safetensors file"));
        assert!(refused(&tensor_files::bytes(&tensors, &[]).expect("bytes")).contains("no entry `locus`"));
        assert!(refused(&with("{")).contains("is not JSON"));
        assert!(refused(&with(r#"{"format":"moments"}"#)).contains("it contains \"moments\", not edits"));
        let newer = with(r#"{"format":"locus-edits","version":2}"#);
        assert!(refused(&newer).contains("its version is 2, but this program reads 1"));
        assert!(refused(&with(r#"{"format":"locus-edits","version":1,"checksum":""}"#)).contains("checksum"));
        assert!(refused(&with(r#"{"format":"locus-edits"}"#)).contains("version is missing"));
        assert!(refused(&with(r#"{"format":"locus-edits","version":1}"#)).contains("is damaged"));
        let whole = with(r#"{"format":"locus-edits","version":1,"model":{"name":"m","fingerprint":"f"},"edits":[]}"#);
        assert_eq!(DeltaFile::parse(Path::new("x"), &whole).expect("a file").header.model.name, "m");
        for length in 0..whole.len() {
            assert!(refused(&whole[..length]).contains("copy it again"), "{length}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_whole_file_is_refused() {
        let says =
            r#"{"format":"locus-edits","version":1,"checksum":"C","model":{"name":"m","fingerprint":"f"},"edits":[]}"#;
        let tensors = [("0.w.dense".to_owned(), Numbers::new(1).normal(&[2, 3]))];
        let mut whole = tensor_files::bytes(&tensors, &[(ENTRY, &says.replace('C', UNSEALED))]).expect("bytes");
        assert!(refused(&whole).contains("checksum"), "it is not sealed yet");
        seal(&mut whole).expect("sealed");
        assert!(DeltaFile::parse(Path::new("x"), &whole).expect("a file").verified);
        for place in 0..whole.len() {
            for bit in 0..8 {
                whole[place] ^= 1 << bit;
                assert!(refused(&whole).starts_with("x.safetensors: "), "byte {place}, bit {bit}");
                whole[place] ^= 1 << bit;
            }
        }
    }
}
