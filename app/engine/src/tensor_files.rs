//! Writes files of tensors. What has its final name is whole.

use crate::error::{Doing, Error, Result};
use crate::number_formats::dtype_of;
use crate::room::room;
use locus_files::{Draft, FolderDraft, NotWritten};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// The bytes of a safetensors file with tensors by name and entries of its metadata. More than one entry is written in
/// a random order.
///
/// # Errors
/// The tensors cannot be put into a file.
pub fn bytes(tensors: &[(String, Tensor)], entries: &[(&str, &str)]) -> Result<Vec<u8>> {
    let metadata: HashMap<String, String> =
        entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let metadata = (!metadata.is_empty()).then_some(metadata);
    with_views(tensors, |views| serialize(views, metadata))?
        .map_err(|error| Error::Request(format!("the tensors cannot be written to a file: {error}")))
}

/// Writes a file, whole or not at all, and has the system keep it.
///
/// # Errors
/// The file cannot be written.
pub fn keep(bytes: &[u8], file: &Path) -> Result<()> {
    Ok(locus_files::write(file, bytes).map_err(NotWritten::at(file))?)
}

/// The same for a file that one program writes at a time.
///
/// # Errors
/// The file cannot be written; another program writes it.
pub fn keep_alone(bytes: &[u8], file: &Path) -> Result<()> {
    let write = || {
        let mut draft = Draft::exclusive(file)?;
        draft.write_all(bytes)?;
        draft.commit()
    };
    Ok(write().map_err(NotWritten::at(file))?)
}

/// Bytes that are written between two looks at whether the writing is to go on.
const PIECE: usize = 16 << 20;

/// Writes a file of a folder that other programs read, one tensor in memory at a time; `listen` hears how many bytes are
/// written of how many, and can stop it by an error.
///
/// # Errors
/// It cannot be written; what `listen` returns.
pub(crate) fn write(
    tensors: &[(String, Tensor)],
    folder: &FolderDraft,
    name: &str,
    listen: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let mut tensors: Vec<&(String, Tensor)> = tensors.iter().collect();
    let width = |tensor: &Tensor| written_as(tensor).1.elt_size_in_bytes();
    // the widest first, so that every tensor begins where its numbers may
    tensors.sort_by(|one, other| width(&other.1).cmp(&width(&one.1)).then_with(|| one.0.cmp(&other.0)));
    let mut all = 0;
    let mut header = Map::new();
    // transformers reads a file only when it says which framework wrote it
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    for (name, tensor) in tensors.iter().copied() {
        let (dtype, begins) = (written_as(tensor).0, all);
        all += (tensor.numel() * width(tensor)) as u64;
        let about = json!({"dtype": dtype, "shape": tensor.size(), "data_offsets": [begins, all]});
        header.insert(name.clone(), about);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let path = folder.path().join(name);
    let not_written = |error: std::io::Error| Error::from(NotWritten::at(&path)(error));
    let mut file = folder.create(name).map_err(not_written)?;
    file.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| file.write_all(&header)).map_err(not_written)?;
    let mut done = 0;
    listen(done, all)?;
    for (name, tensor) in tensors.iter().copied() {
        let (_, _, bytes) = bytes_of(tensor).doing(|| format!("copying `{name}`"))?;
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece).map_err(not_written)?;
            done += piece.len() as u64;
            listen(done, all)?;
        }
    }
    Ok(())
}

/// The number format in which a tensor is written: its own, or float32 where files have none like it.
fn written_as(tensor: &Tensor) -> (Dtype, Kind) {
    dtype_of(tensor.kind()).map_or((Dtype::F32, Kind::Float), |dtype| (dtype, tensor.kind()))
}

fn with_views<T>(
    tensors: &[(String, Tensor)],
    take: impl FnOnce(Vec<(&str, TensorView<'_>)>) -> Result<T, SafeTensorError>,
) -> Result<Result<T, SafeTensorError>> {
    let part = |(name, tensor): &(String, Tensor)| bytes_of(tensor).doing(|| format!("copying `{name}`"));
    let parts = tensors.iter().map(part).collect::<Result<Vec<_>>>()?;
    let mut views = Vec::new();
    for ((name, _), (kind, shape, bytes)) in tensors.iter().zip(&parts) {
        match TensorView::new(*kind, shape.clone(), bytes) {
            Ok(view) => views.push((name.as_str(), view)),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(take(views))
}

/// Number format, shape and the numbers in row-major order.
fn bytes_of(tensor: &Tensor) -> Result<(Dtype, Vec<usize>, Vec<u8>)> {
    let _guard = tch::no_grad_guard();
    let Some(dtype) = dtype_of(tensor.kind()) else { return bytes_of(&tensor.f_to_kind(Kind::Float)?) };
    let width = tensor.kind().elt_size_in_bytes();
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = room(flat.numel() * width)?;
    bytes.resize(flat.numel() * width, 0);
    flat.f_copy_data_u8(&mut bytes, flat.numel())?;
    Ok((dtype, tensor.size().iter().map(|&size| size as usize).collect(), bytes))
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::error::Error;
    use locus_files::FolderDraft;
    use safetensors::SafeTensors;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_file_is_written_in_pieces_as_others_read_it_and_not_at_all_where_it_was_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("model");
        let draft = FolderDraft::new(&place).expect("a draft");
        let tensors = vec![
            ("b".to_owned(), Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3])),
            ("a".to_owned(), Tensor::arange(5, (Kind::Half, Device::Cpu))),
            // a part of another one
            ("c".to_owned(), Tensor::arange(8, (Kind::Float, Device::Cpu)).reshape([4, 2]).tr()),
        ];
        let mut told = Vec::new();
        let stopped = write(&tensors, &draft, "model.safetensors", &mut |done, all| {
            told.push((done, all));
            if done > 0 { Err(Error::Cancelled) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(Error::Cancelled)));
        assert_eq!(told, [(0, 66), (24, 66)]);
        drop(draft);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left of it");
        let draft = FolderDraft::new(&place).expect("a draft");
        write(&tensors, &draft, "model.safetensors", &mut |_, _| Ok(())).expect("written");
        draft.commit().expect("a folder");
        let bytes = std::fs::read(place.join("model.safetensors")).expect("read");
        let read = SafeTensors::deserialize(&bytes).expect("a whole file");
        assert_eq!(read.names().len(), 3);
        let of = |name: &str| read.tensor(name).expect(name);
        assert_eq!((of("a").shape(), of("c").shape()), (&[5][..], &[2, 4][..]));
        let numbers: Vec<f32> = of("c")
            .data()
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        assert_eq!(numbers, [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a header");
        assert_eq!(metadata.metadata().as_ref().and_then(|said| said.get("format")).map(String::as_str), Some("pt"));
    }
}
