//! Second moments that stay in their file: a layer is read when it is asked for, and compared with its checksum as it is.

use super::description::{DAMAGED, MomentsDescription, Says, said_in};
use super::documents::bad;
use crate::error::{Doing, Result};
use crate::hex;
use crate::number_formats::kind_of;
use crate::room::room;
use safetensors::tensor::TensorInfo;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// The second moment of a layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// `E[k kᵀ]`, `[inner, inner]` in float32 or float64.
    pub mean: Tensor,
    /// The mean in float64 for some keys, where it was taken.
    pub check: Option<Tensor>,
}

/// An open file. It is read as it was when it was opened, whatever takes its name later.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: RefCell<File>,
    device: Device,
    layers: BTreeMap<usize, Places>,
    /// What it says of itself.
    pub about: MomentsDescription,
    /// Whether it carries a checksum.
    pub is_sealed: bool,
    /// Whether every layer has a checksum of its own.
    pub has_parts: bool,
    /// Tokens that the means were taken over.
    pub tokens: u64,
}

/// Where the numbers of a layer are.
#[derive(Debug, Default)]
struct Places {
    mean: Option<Place>,
    check: Option<Place>,
    sha256: Option<String>,
}

/// Where a tensor is in a file.
#[derive(Debug)]
pub(super) struct Place {
    kind: Kind,
    shape: Vec<i64>,
    begin: u64,
    bytes: usize,
}

impl Place {
    /// That of a tensor of a file whose tensors begin at `begin`.
    pub fn of(info: &TensorInfo, begin: u64) -> Option<Self> {
        Some(Self {
            kind: kind_of(info.dtype)?,
            shape: info.shape.iter().map(|&size| size as i64).collect(),
            begin: begin + info.data_offsets.0 as u64,
            bytes: info.data_offsets.1 - info.data_offsets.0,
        })
    }
}

impl Layer {
    /// The same, sharing its numbers.
    pub fn shared(&self) -> Self {
        Self { mean: self.mean.shallow_clone(), check: self.check.as_ref().map(Tensor::shallow_clone) }
    }
}

impl Kept {
    /// Opens a file of second moments; layers are read when they are needed.
    pub fn open(path: &Path, device: Device) -> Result<Self> {
        let mut file = locus_files::open(path)
            .map_err(|error| bad(path, format!("cannot be read ({error}); check the path and its permissions")))?;
        let Says { about, is_sealed, tensors, begin, parts } = said_in::<MomentsDescription>(&mut file, path)?;
        let unknown = |name: &str| bad(path, format!("unknown entry `{name}`"));
        let mut layers: BTreeMap<usize, Places> = BTreeMap::new();
        let mut tokens = 0;
        for (name, info) in tensors.tensors() {
            let place = Place::of(info, begin).ok_or_else(|| unknown(&name))?;
            if name == "tokens" {
                let read = read_at(&mut file, path, &place, &mut |_| {})?;
                tokens = read.f_reshape([-1])?.f_int64_value(&[0])?.unsigned_abs();
            } else if let Some((layer, kind)) = name.strip_prefix("layer").and_then(|rest| rest.split_once('.')) {
                let places = layers.entry(layer.parse().map_err(|_| unknown(&name))?).or_default();
                match kind {
                    "mom2" => places.mean = Some(place),
                    "check" => places.check = Some(place),
                    _ => {}
                }
            }
        }
        layers.retain(|_, places| places.mean.is_some());
        if layers.is_empty() {
            return Err(bad(path, "it contains no second moment; delete it to collect them again"));
        }
        let parts = parts.unwrap_or_default();
        for (layer, places) in &mut layers {
            places.sha256 = parts.get(&layer.to_string()).cloned();
            let shape = places.mean.as_ref().map_or(&[][..], |place| &place.shape);
            if shape.len() != 2 || shape[0] != shape[1] {
                let message =
                    format!("the second moment of layer {layer} is not a finite square matrix; collect it again");
                return Err(bad(path, message));
            }
        }
        let has_parts = layers.values().all(|places| places.sha256.is_some());
        let (file, about) = (RefCell::new(file), about.unwrap_or_default());
        Ok(Self { path: path.to_owned(), file, device, layers, about, is_sealed, has_parts, tokens })
    }

    /// Its layers, in ascending order.
    pub fn layers(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers.keys().copied()
    }

    /// Where layers are put.
    pub fn device(&self) -> Device {
        self.device
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Width of the keys of a layer.
    pub fn width(&self, layer: usize) -> Option<i64> {
        self.layers.get(&layer)?.mean.as_ref()?.shape.first().copied()
    }

    /// SHA-256 of the numbers of a layer, where it carries it.
    pub fn sha256(&self, layer: usize) -> Option<&str> {
        self.layers.get(&layer)?.sha256.as_deref()
    }

    /// Compares a layer with its checksum, without keeping it.
    pub fn compare(&self, layer: usize) -> Result<()> {
        let Some(places) = self.layers.get(&layer).filter(|places| places.sha256.is_some()) else { return Ok(()) };
        let mut hash = Sha256::new();
        for place in places.mean.iter().chain(&places.check) {
            pieces(&mut self.file.borrow_mut(), &self.path, place, PIECE, &mut |bytes, _| {
                hash.update(bytes);
                Ok(())
            })?;
        }
        self.matches(places, hash)
    }

    /// Reads a layer; `None` if the file does not contain it.
    pub fn read(&self, layer: usize) -> Result<Option<Layer>> {
        let Some(places) = self.layers.get(&layer) else { return Ok(None) };
        let Some(mean) = &places.mean else { return Ok(None) };
        let mut hash = Sha256::new();
        let mut read = |place: &Place| -> Result<Tensor> {
            let read = read_at(&mut self.file.borrow_mut(), &self.path, place, &mut |bytes| hash.update(bytes));
            Ok(read.doing(|| self.reading(layer))?.f_to_device(self.device)?)
        };
        let mean = read(mean)?;
        let check = places.check.as_ref().map(read).transpose()?;
        self.matches(places, hash)?;
        self.demand_finite(layer, is_finite(&mean).doing(|| self.reading(layer))?)?;
        Ok(Some(Layer { mean, check }))
    }

    /// Passes through the mean of a layer a few rows at a time, each time with the place of the first: it is never in memory
    /// as a whole.
    pub fn rows(&self, layer: usize, take: &mut dyn FnMut(i64, &Tensor) -> Result<()>) -> Result<()> {
        let unknown = || bad(&self.path, format!("it contains no second moment of layer {layer}; collect it"));
        let places = self.layers.get(&layer).ok_or_else(unknown)?;
        let mean = places.mean.as_ref().ok_or_else(unknown)?;
        let file = &mut *self.file.borrow_mut();
        let columns = mean.shape.last().copied().unwrap_or(0);
        let row = (columns.unsigned_abs() as usize * mean.kind.elt_size_in_bytes()).max(1);
        let (mut hash, mut all_finite) = (Sha256::new(), true);
        let mut take_piece = |bytes: &[u8], done: usize| -> Result<()> {
            hash.update(bytes);
            let rows = (bytes.len() / row) as i64;
            let piece = Tensor::f_from_data_size(bytes, &[rows, columns], mean.kind)?;
            all_finite &= is_finite(&piece)?;
            take((done / row) as i64, &piece)
        };
        pieces(file, &self.path, mean, (PIECE / row).max(1) * row, &mut take_piece).doing(|| self.reading(layer))?;
        if let Some(check) = &places.check {
            pieces(file, &self.path, check, PIECE, &mut |bytes, _| {
                hash.update(bytes);
                Ok(())
            })?;
        }
        self.matches(places, hash)?;
        self.demand_finite(layer, all_finite)
    }

    fn reading(&self, layer: usize) -> String {
        format!("reading the second moment of layer {layer} in {}", self.path.display())
    }

    /// Refuses a second moment with numbers that are not finite.
    fn demand_finite(&self, layer: usize, is_finite: bool) -> Result<()> {
        if is_finite {
            return Ok(());
        }
        let message = format!("the second moment of layer {layer} is not a finite square matrix; collect it again");
        Err(bad(&self.path, message))
    }

    fn matches(&self, places: &Places, mut hash: Sha256) -> Result<()> {
        let Some(wanted) = &places.sha256 else { return Ok(()) };
        hash.update(self.tokens.to_le_bytes());
        if hex(&hash.finalize()) == *wanted { Ok(()) } else { Err(bad(&self.path, DAMAGED)) }
    }
}

/// Whether all numbers are finite. `isfinite` would take more memory than the numbers themselves; a NaN is greatest and least.
pub(super) fn is_finite(numbers: &Tensor) -> Result<bool> {
    if numbers.numel() == 0 {
        return Ok(true);
    }
    let (least, greatest) = (numbers.f_min()?.f_double_value(&[])?, numbers.f_max()?.f_double_value(&[])?);
    Ok(least.is_finite() && greatest.is_finite())
}

/// SHA-256 of the numbers of a layer, as a file carries it.
pub(super) fn digest(layer: &Layer, tokens: u64) -> Result<String> {
    let mut hash = Sha256::new();
    std::iter::once(&layer.mean).chain(&layer.check).try_for_each(|tensor| hash_numbers(tensor, &mut hash))?;
    hash.update(tokens.to_le_bytes());
    Ok(hex(&hash.finalize()))
}

/// Hashes the numbers of a tensor as they lie in a file.
pub(super) fn hash_numbers(tensor: &Tensor, hash: &mut Sha256) -> Result<()> {
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_reshape([-1])?;
    let width = flat.f_kind()?.elt_size_in_bytes();
    let (all, step) = (flat.numel() as i64, (PIECE / width) as i64);
    let mut bytes = room(PIECE)?;
    for first in (0..all).step_by(step as usize) {
        let count = step.min(all - first);
        bytes.resize(count as usize * width, 0);
        flat.f_narrow(0, first, count)?.f_copy_data_u8(&mut bytes, count as usize)?;
        hash.update(&bytes);
    }
    Ok(())
}

/// Reads a tensor piece by piece, and shows each.
pub(super) fn read_at(file: &mut File, path: &Path, place: &Place, seen: &mut dyn FnMut(&[u8])) -> Result<Tensor> {
    let width = place.kind.elt_size_in_bytes();
    let whole = Tensor::f_empty(&place.shape, (place.kind, Device::Cpu))?;
    let flat = whole.f_view([-1])?;
    pieces(file, path, place, PIECE, &mut |bytes, done| {
        seen(bytes);
        let piece = Tensor::f_from_data_size(bytes, &[(bytes.len() / width) as i64], place.kind)?;
        flat.f_narrow(0, (done / width) as i64, (bytes.len() / width) as i64)?.f_copy_(&piece)?;
        Ok(())
    })?;
    Ok(whole)
}

/// Passes through the bytes at a place, so many at once, with how many came before each piece.
fn pieces(
    file: &mut File,
    path: &Path,
    place: &Place,
    at_once: usize,
    take: &mut dyn FnMut(&[u8], usize) -> Result<()>,
) -> Result<()> {
    let cut = |_| bad(path, "not a complete file of second moments; delete it to collect them again");
    file.seek(SeekFrom::Start(place.begin)).map_err(cut)?;
    let mut bytes = room(at_once.min(place.bytes))?;
    let mut done = 0;
    while done < place.bytes {
        bytes.resize(at_once.min(place.bytes - done), 0);
        file.read_exact(&mut bytes).map_err(cut)?;
        take(&bytes, done)?;
        done += bytes.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_finite;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn one_number_that_is_not_finite_is_found_wherever_it_is() {
        for kind in [Kind::Float, Kind::Double] {
            let numbers = Tensor::arange(12, (kind, Device::Cpu)).reshape([3, 4]) - 5.0;
            assert!(is_finite(&numbers).expect("numbers"));
            for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for place in 0..12 {
                    let some = numbers.copy();
                    let _ = some.view([-1]).narrow(0, place, 1).fill_(odd);
                    assert!(!is_finite(&some).expect("numbers"), "{odd} at {place}");
                }
            }
        }
        assert!(is_finite(&Tensor::zeros([0, 0], (Kind::Float, Device::Cpu))).expect("nothing"));
    }
}
