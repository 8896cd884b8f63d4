//! Weights as PyTorch saves them (`pytorch_model.bin`): a zip archive whose members are storages, and a pickled dictionary
//! of the tensors in them. The tensors are read from where they lie, like those of safetensors, and nothing is run.

use super::header::{Stored, Stores};
use super::pickle::{View, tensors};
use crate::error::{Error, Result};
use crate::number_formats::kind_of;
use locus_protocol::shown::quoted;
use safetensors::Dtype;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Bytes of the pickled dictionary, at most.
const LARGEST: u64 = 256 << 20;
/// Classes of storages, and what their numbers are.
const CLASSES: [(&str, Dtype); 9] = [
    ("DoubleStorage", Dtype::F64),
    ("FloatStorage", Dtype::F32),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
];

/// Whether a file is one of PyTorch's.
pub fn is_pickled(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "bin")
}

/// The tensors of a file by name.
///
/// # Errors
/// It is none of PyTorch's files, or of a version before 1.6, which wrote no archives; a tensor that lies in it otherwise than
/// row by row.
pub fn held(file: &Path) -> Result<Stores> {
    let opened = locus_files::open(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
    let resave = "load it in Python with transformers and write it with save_pretrained";
    let bad = |why: String| Error::Weights { path: file.to_owned(), message: format!("{why}; {resave}") };
    let not_one =
        |why: String| bad(format!("not a file of weights that PyTorch 1.6 or newer wrote ({})", quoted(&why)));
    let mut archive = ZipArchive::new(opened).map_err(|error| not_one(error.to_string()))?;
    let index = archive.file_names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
    let index = index.ok_or_else(|| not_one("it has no data.pkl".to_owned()))?;
    let folder = index.trim_end_matches("data.pkl").to_owned();
    let order = text(&mut archive, &format!("{folder}byteorder")).unwrap_or_default();
    if !matches!(order.as_slice(), b"" | b"little") {
        return Err(bad("its byte order differs from this machine's".to_owned()));
    }
    let pickled = text(&mut archive, &index).map_err(not_one)?;
    let mut stores = Stores::new();
    for (name, view) in tensors(&pickled).map_err(not_one)? {
        let named = |why: &str| bad(format!("tensor `{}` {why}", quoted(&name)));
        let stored = stored(file, &mut archive, &folder, &view).map_err(named)?;
        stores.insert(name, stored);
    }
    if stores.is_empty() {
        return Err(not_one("it contains no dictionary of tensors".to_owned()));
    }
    Ok(stores)
}

/// A small member of the archive.
fn text(archive: &mut ZipArchive<File>, name: &str) -> std::result::Result<Vec<u8>, String> {
    let member = archive.by_name(name).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    member.take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Where a tensor lies in the file.
fn stored(
    file: &Path,
    archive: &mut ZipArchive<File>,
    folder: &str,
    view: &View,
) -> std::result::Result<Stored, &'static str> {
    let class = CLASSES.iter().find(|(class, _)| *class == view.class);
    let (_, dtype) = *class.ok_or("has a dtype that cannot be read")?;
    let width = kind_of(dtype).ok_or("has a dtype that cannot be read")?.elt_size_in_bytes() as u64;
    if !lies_row_by_row(view) {
        return Err("is not stored row by row in the file");
    }
    let member =
        archive.by_name(&format!("{folder}data/{}", view.key)).map_err(|_| "is in a storage that is missing")?;
    if member.compression() != CompressionMethod::Stored {
        return Err("is in a storage that is compressed");
    }
    let count = view.shape.iter().try_fold(1_u64, |all, side| all.checked_mul(side.unsigned_abs()));
    let first = view.first.unsigned_abs().checked_mul(width);
    let end =
        first.zip(count.and_then(|count| count.checked_mul(width))).and_then(|(first, all)| first.checked_add(all));
    let (first, end) = first.zip(end).filter(|(_, end)| *end <= member.size()).ok_or("reaches beyond its storage")?;
    let begin = member.data_start();
    Ok(Stored {
        file: file.to_owned(),
        dtype,
        shape: view.shape.clone(),
        bytes: begin + first..begin + end,
        packed: None,
    })
}

fn lies_row_by_row(view: &View) -> bool {
    let mut wanted = 1_i64;
    view.shape.iter().zip(&view.strides).rev().all(|(&side, &stride)| {
        let fits = side == 1 || stride == wanted;
        wanted = wanted.saturating_mul(side);
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::{held, tensors, text};
    use safetensors::Dtype;
    use std::path::Path;
    use tch::{Device, Kind, Tensor};
    use zip::ZipArchive;

    #[test]
    fn tensors_are_views_of_what_lies_in_the_file() {
        for name in ["ordered.bin", "plain.bin"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/pickled").join(name);
            let (stores, bytes) = (held(&file).expect(name), std::fs::read(&file).expect("the file"));
            assert_eq!(stores.len(), 7, "{name}: {stores:?}");
            let read = |name: &str| {
                let stored = &stores[name];
                let range = stored.bytes.start as usize..stored.bytes.end as usize;
                Tensor::from_data_size(&bytes[range], &stored.shape, stored.kind().expect("a kind"))
            };
            let counted = Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3]);
            assert_eq!(read("whole"), counted);
            assert_eq!(stores["again"].bytes, stores["whole"].bytes, "they share their storage");
            assert_eq!(read("row"), counted.get(1));
            assert_eq!(read("part"), Tensor::arange_start(3, 7, (Kind::Half, Device::Cpu)));
            assert_eq!((read("one").kind(), read("one").double_value(&[])), (Kind::BFloat16, 2.5));
            assert_eq!(stores["counts"].dtype, Dtype::I64);
            assert_eq!(read("parameter"), Tensor::full([1, 2], 7.0, (Kind::Double, Device::Cpu)));
        }
    }

    /// The archive has a checksum of them, so that they are damaged here after it was compared.
    #[test]
    fn damaged_instructions_are_refused_or_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/pickled/mistral.bin");
        let mut archive = ZipArchive::new(std::fs::File::open(file).expect("the file")).expect("an archive");
        let whole = text(&mut archive, "mistral/data.pkl").expect("the instructions");
        let wanted = tensors(&whole).expect("tensors");
        let (mut refused, mut others) = (0, 0);
        for place in 0..whole.len() {
            assert!(tensors(&whole[..place]).is_err(), "cut at {place}");
            for turn in [0xff, 0x01, 0x80] {
                let mut turned = whole.clone();
                turned[place] ^= turn;
                match tensors(&turned) {
                    Ok(found) => {
                        assert!(found.len() <= wanted.len(), "byte {place}");
                        others += usize::from(found != wanted);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 500 && others > 500, "refused {refused}, others {others}");
    }
}
