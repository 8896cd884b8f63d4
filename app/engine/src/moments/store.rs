//! Second moments at hand: on disk until they are asked for, and factored for solves.

use super::description::{DAMAGED, MomentsDescription, to_say};
use super::documents::bad;
use super::factor::{self, Beside, Factor};
use super::files;
use super::kept::{Kept, Layer, digest, is_finite};
use super::sums::checked_keys;
use crate::error::{Doing, Error, Result};
use crate::sealed::is_file_whole;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Second moments by layer.
#[derive(Debug)]
pub struct SecondMoments {
    /// What is in memory of each layer.
    layers: BTreeMap<usize, OnceCell<Layer>>,
    /// The file that holds all of them, where there is one.
    kept: Option<Kept>,
    /// Tokens they were collected over.
    pub tokens: u64,
    /// Which second moments they are; empty where nobody said.
    pub description: MomentsDescription,
    /// Whether they carry a checksum; files of older programs have none.
    pub is_sealed: bool,
    factors: RefCell<HashMap<usize, Factor>>,
    /// Ridges of the factors so far.
    ridges: RefCell<HashMap<usize, f64>>,
}

impl SecondMoments {
    /// Means by layer, over `tokens` tokens.
    ///
    /// # Errors
    /// A mean that is not a finite square.
    pub fn from_means(means: BTreeMap<usize, Tensor>, tokens: u64) -> Result<Self> {
        for (layer, mean) in &means {
            let size = mean.size();
            let finite = is_finite(mean).doing(|| format!("checking the second moment of layer {layer}"))?;
            if size.len() != 2 || size[0] != size[1] || !finite {
                let message =
                    format!("the second moment of layer {layer} is not a finite square matrix; collect it again");
                return Err(Error::Request(message));
            }
        }
        let layers = means.into_iter().map(|(layer, mean)| (layer, Layer { mean, check: None }));
        Ok(Self::of_layers(layers, tokens, MomentsDescription::default()))
    }

    fn of_layers(
        layers: impl IntoIterator<Item = (usize, Layer)>,
        tokens: u64,
        description: MomentsDescription,
    ) -> Self {
        let layers = layers.into_iter().map(|(layer, known)| (layer, OnceCell::from(known))).collect();
        let (factors, ridges) = (RefCell::default(), RefCell::default());
        Self { layers, kept: None, tokens, description, is_sealed: true, factors, ridges }
    }

    /// The same, with what they are and means in float64 for the keys of [`checked_keys`].
    pub(super) fn described(self, description: MomentsDescription, mut checks: BTreeMap<usize, Tensor>) -> Self {
        let known = |(layer, cell): (usize, OnceCell<Layer>)| {
            Some((layer, Layer { check: checks.remove(&layer), ..cell.into_inner()? }))
        };
        let layers: Vec<_> = self.layers.into_iter().filter_map(known).collect();
        Self::of_layers(layers, self.tokens, description)
    }

    /// Their layers, in ascending order.
    pub fn layers(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers.keys().copied()
    }

    /// Whether there is one of a layer.
    #[must_use]
    pub fn has(&self, layer: usize) -> bool {
        self.layers.contains_key(&layer)
    }

    /// Those of some layers.
    ///
    /// # Errors
    /// There is none for one of them.
    pub fn only(&self, layers: &[usize]) -> Result<Self> {
        let mut taken = BTreeMap::new();
        for &layer in layers {
            taken.insert(layer, self.known(layer)?.ok_or_else(|| missing(layer))?.shared());
        }
        let mut description = self.description.clone();
        description.layers.retain(|layer, _| taken.contains_key(layer));
        Ok(Self::of_layers(taken, self.tokens, description))
    }

    /// These, and those of `other` in the layers that it has.
    ///
    /// # Errors
    /// What is on disk cannot be read.
    pub fn overlaid_by(&self, other: &Self) -> Result<Self> {
        let mut layers = BTreeMap::new();
        for (moments, layer) in
            self.layers().map(|layer| (self, layer)).chain(other.layers().map(|layer| (other, layer)))
        {
            layers.insert(layer, moments.known(layer)?.ok_or_else(|| missing(layer))?.shared());
        }
        let mut about = self.description.layers.clone();
        about.extend(other.description.layers.clone());
        let description = MomentsDescription { layers: about, ..other.description.clone() };
        Ok(Self::of_layers(layers, self.tokens.min(other.tokens), description))
    }

    /// By how much the sum of a layer deviates from products that were summed up in float64: the relative norm of the
    /// difference over the keys for which they were. `None` where none were.
    ///
    /// # Errors
    /// Those of libtorch; what is on disk cannot be read.
    pub fn deviation(&self, layer: usize) -> Result<Option<f64>> {
        let _guard = tch::no_grad_guard();
        let Some(Layer { mean, check: Some(check) }) = self.known(layer)? else { return Ok(None) };
        let keys = checked_keys(mean.size()[0])?.f_to_device(mean.device())?;
        if check.size() != [keys.size()[0], keys.size()[0]] {
            return Ok(Some(f64::NAN));
        }
        let ours = mean.f_index_select(0, &keys)?.f_index_select(1, &keys)?.f_to_kind(Kind::Double)?;
        let norm = check.f_norm()?.f_double_value(&[])?;
        let off = ours.f_sub(check)?.f_norm()?.f_double_value(&[])?;
        Ok(Some(if off == 0.0 { 0.0 } else { off / norm }))
    }

    /// The mean of one layer, read where it is still on disk.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn mean(&self, layer: usize) -> Result<Option<&Tensor>> {
        Ok(self.known(layer)?.map(|known| &known.mean))
    }

    fn known(&self, layer: usize) -> Result<Option<&Layer>> {
        let Some(cell) = self.layers.get(&layer) else { return Ok(None) };
        if let Some(known) = cell.get() {
            return Ok(Some(known));
        }
        let read = self.kept.as_ref().map(|kept| kept.read(layer)).transpose()?.flatten();
        Ok(read.map(|read| cell.get_or_init(|| read)))
    }

    /// Keys that never fire in the corpus: rows of zeros.
    ///
    /// # Errors
    /// Those of libtorch; what is on disk cannot be read.
    pub fn dead_keys(&self, layer: usize) -> Result<i64> {
        let Some(mean) = self.mean(layer)? else { return Ok(0) };
        Ok(mean.f_diag(0)?.f_eq(0.0)?.f_sum(Kind::Int64)?.f_int64_value(&[])?)
    }

    /// `C⁻¹ k` for each row of `keys` `[n, inner]`, solved in float64 by a Cholesky factor that is kept, beside the file
    /// where that is worth it. Where the corpus left `C` singular (keys that never fire), the smallest ridge that helps is
    /// put on its diagonal.
    ///
    /// # Errors
    /// No second moment for the layer; keys of another width; a matrix that no ridge helps.
    pub fn solve(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let width = self.width(layer).ok_or_else(|| missing(layer))?;
        let size = keys.size();
        if size.len() != 2 || size[1] != width {
            let message = format!("keys of shape {size:?} do not fit a second moment of width {width}");
            return Err(Error::Request(message));
        }
        let known = self.factors.borrow().get(&layer).cloned();
        let factor = match known {
            Some(known) => known,
            None => self.factored(layer)?,
        };
        let solved = || -> Result<Tensor> {
            let solved = factor.lower.solve(&keys.f_to_kind(Kind::Double)?.f_tr()?)?;
            Ok(solved.f_tr()?.f_to_kind(keys.f_kind()?)?)
        };
        solved().doing(|| format!("solving with the second moment of layer {layer}"))
    }

    /// The factor of a layer, from beside the file or computed. One that is there stays in memory from its second use on
    /// only: a single edit has one.
    fn factored(&self, layer: usize) -> Result<Factor> {
        let beside = self.kept.as_ref().and_then(|kept| {
            let place = Beside::new(kept.path(), layer, kept.sha256(layer)?);
            Some((place, kept.device()))
        });
        let there = beside.as_ref().and_then(|(place, device)| place.read(*device));
        let (found, is_beside) = match there {
            Some(there) => (there, true),
            None => {
                let computed =
                    self.computed(layer).doing(|| format!("factoring the second moment of layer {layer}"))?;
                // where it cannot be kept the next edit takes longer
                let is_kept = beside.is_some_and(|(place, _)| place.write(&computed).unwrap_or(false));
                (computed, is_kept)
            }
        };
        let used = self.ridges.borrow_mut().insert(layer, found.ridge).is_some();
        if used || !is_beside {
            self.factors.borrow_mut().insert(layer, found.clone());
        }
        Ok(found)
    }

    /// The factor of a layer, whose mean does not stay in memory for it.
    fn computed(&self, layer: usize) -> Result<Factor> {
        let known = self.layers.get(&layer).and_then(OnceCell::get);
        let width = self.width(layer).ok_or_else(|| missing(layer))?;
        match (known, &self.kept) {
            (Some(Layer { mean, .. }), _) => {
                factor::of(layer, (width, mean.device()), |panels| panels.write_rows(0, mean))
            }
            (None, Some(kept)) => factor::of(layer, (width, kept.device()), |panels| {
                kept.rows(layer, &mut |first, rows| panels.write_rows(first, rows))
            }),
            (None, None) => Err(missing(layer)),
        }
    }

    fn width(&self, layer: usize) -> Option<i64> {
        match self.layers.get(&layer)?.get() {
            Some(known) => known.mean.size().first().copied(),
            None => self.kept.as_ref()?.width(layer),
        }
    }

    /// The ridge that the layer's solves needed; 0 where none was, or nothing was solved yet.
    #[must_use]
    pub fn ridge(&self, layer: usize) -> f64 {
        self.ridges.borrow().get(&layer).copied().unwrap_or(0.0)
    }

    /// Writes them to `file`, under a temporary name first.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut tensors = vec![("tokens".to_owned(), Tensor::f_from_slice(&[self.tokens as i64])?)];
        let mut parts = BTreeMap::new();
        for layer in self.layers() {
            let known = self.known(layer)?.ok_or_else(|| missing(layer))?;
            parts.insert(layer.to_string(), digest(known, self.tokens)?);
            let Layer { mean, check } = known.shared();
            tensors.push((format!("layer{layer}.mom2"), mean));
            tensors.extend(check.map(|check| (format!("layer{layer}.check"), check)));
        }
        let says = to_say(&self.description, &parts).map_err(|error| Error::Request(error.to_string()))?;
        files::write(file, tensors, &says)
    }

    /// Opens what [`Self::write`] wrote: layers are read and compared with their checksums when they are asked for. A file
    /// without checksums of its layers is compared as a whole now.
    ///
    /// # Errors
    /// The file is missing, damaged, or holds something else.
    pub fn open(file: &Path, device: Device) -> Result<Self> {
        let opened = Self::of_kept(Kept::open(file, device)?);
        if opened.kept.as_ref().is_some_and(|kept| !kept.has_parts) {
            opened.compare_whole()?;
        }
        Ok(opened)
    }

    fn of_kept(kept: Kept) -> Self {
        let layers = kept.layers().map(|layer| (layer, OnceCell::new())).collect();
        let (tokens, description, is_sealed) = (kept.tokens, kept.about.clone(), kept.is_sealed);
        let (factors, ridges) = (RefCell::default(), RefCell::default());
        Self { layers, kept: Some(kept), tokens, description, is_sealed, factors, ridges }
    }

    /// Compares the whole file with its checksum, where they are on disk and it carries one.
    ///
    /// # Errors
    /// It is damaged.
    pub fn compare_whole(&self) -> Result<()> {
        self.kept.as_ref().filter(|kept| kept.is_sealed).map_or(Ok(()), |kept| whole(kept.path()))
    }

    /// Compares some layers with their checksums, where they are on disk; they are not kept in memory.
    ///
    /// # Errors
    /// One of them is damaged.
    pub fn compare(&self, layers: &[usize]) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let unread = |layer: &&usize| self.layers.get(*layer).is_some_and(|cell| cell.get().is_none());
        layers.iter().filter(unread).try_for_each(|&layer| kept.compare(layer))
    }

    /// Like [`Self::open`], with the whole file compared with its checksum.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn read(file: &Path, device: Device) -> Result<Self> {
        let opened = Self::of_kept(Kept::open(file, device)?);
        opened.compare_whole()?;
        Ok(opened)
    }
}

/// Refuses a file whose contents do not have the checksum that it carries.
fn whole(file: &Path) -> Result<()> {
    let whole = is_file_whole(file)
        .map_err(|error| bad(file, format!("cannot be read ({error}); check the path and its permissions")))?;
    if whole == Some(true) { Ok(()) } else { Err(bad(file, DAMAGED)) }
}

fn missing(layer: usize) -> Error {
    Error::Request(format!("there is no second moment for layer {layer}; collect it before the edit"))
}

#[cfg(test)]
mod tests {
    use super::SecondMoments;
    use crate::test_numbers::Numbers;
    use std::collections::BTreeMap;
    use tch::Device;

    #[test]
    fn a_layer_is_read_by_itself_and_every_flipped_bit_of_it_or_of_the_header_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kept.safetensors");
        let mean = |layer: usize| (layer, Numbers::new(1).normal(&[2, 2]) + layer as f64);
        let whole = SecondMoments::from_means((0..3).map(mean).collect(), 7).expect("moments");
        whole.write(&file).expect("written");
        let opened = SecondMoments::open(&file, Device::Cpu).expect("whole");
        assert_eq!(opened.layers().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(opened.mean(1).expect("read"), whole.mean(1).expect("there"));
        assert!(opened.layers[&0].get().is_none(), "no other layer is read");
        let mut bytes = std::fs::read(&file).expect("the file");
        let found = |bytes: &[u8], layers: &[usize]| {
            std::fs::write(&file, bytes).expect("written");
            SecondMoments::open(&file, Device::Cpu).and_then(|opened| opened.compare(layers)).is_err()
        };
        let digits = {
            let mark = br#"\"checksum\":\""#;
            let at = bytes.windows(mark.len()).position(|window| window == mark).expect("a checksum") + mark.len();
            at..at + 64
        };
        let mut missed = 0;
        for place in 0..bytes.len() {
            bytes[place] ^= 4;
            assert!(digits.contains(&place) || found(&bytes, &[0, 1, 2]), "byte {place}");
            missed += usize::from(!found(&bytes, &[1]));
            bytes[place] ^= 4;
        }
        // the digits of the whole, and the numbers of two other layers
        assert_eq!(missed, 64 + 2 * 16);
    }

    #[test]
    fn every_flipped_bit_of_a_kept_file_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kept.safetensors");
        let means = BTreeMap::from([(0, Numbers::new(2).normal(&[2, 2]))]);
        SecondMoments::from_means(means, 7).expect("moments").write(&file).expect("written");
        let mut whole = std::fs::read(&file).expect("the file");
        let read = SecondMoments::read(&file, Device::Cpu).expect("whole");
        assert!(read.is_sealed && read.tokens == 7);
        for place in 0..whole.len() {
            for bit in 0..8 {
                whole[place] ^= 1 << bit;
                std::fs::write(&file, &whole).expect("written");
                let error = SecondMoments::read(&file, Device::Cpu).map(|_| ()).expect_err("refused").to_string();
                assert!(error.contains("kept.safetensors"), "byte {place}, bit {bit}: {error}");
                whole[place] ^= 1 << bit;
            }
        }
    }
}
