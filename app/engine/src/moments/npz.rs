//! Second moments as the authors of ROME published them: one numpy archive a layer, with the sum and the count,
//! and how a layer's file is called.

use super::archive::{SMALL, entry, shape};
use super::description::{LayerDescription, MomentsDescription, describe};
use super::documents::bad;
use super::files::with_temporary_name;
use super::kept::is_finite;
use super::store::SecondMoments;
use crate::error::{Doing, Error, Result};
use crate::model::Model;
use locus_files::Draft;
use npyz::npz::NpzArchive;
use npyz::{DType, NpyFile, TypeStr, WriteOptions, WriterBuilder};
use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use zip::write::FileOptions;

/// Names of the entries.
const CONSTRUCTOR: &str = "mom2.constructor";
const COUNT: &str = "mom2.count";
const SUM: &str = "mom2.mom2";
const SAMPLE_SIZE: &str = "sample_size";
/// What the published code makes its object by.
const CONSTRUCTOR_VALUE: &str = "util.runningstats.SecondMoment()";

/// The `.npz` archive of one layer.
#[derive(Debug)]
struct Archive {
    mean: Tensor,
    count: u64,
    /// Documents; 0 where the file does not say.
    sample_size: u64,
}

/// Reads second moments for `model` from an archive of one layer, from a folder of such archives, or from a
/// safetensors file with entries `layerN.mom2`. `layer` says which layer a single archive is for; without it the
/// name of the file has to.
///
/// # Errors
/// A file that cannot be read, lacks an entry, holds no square of the model's width, or does not say its layer.
pub fn import(model: &Model, path: &Path, layer: Option<usize>) -> Result<SecondMoments> {
    if path.extension().is_some_and(|end| end == "safetensors") {
        return import_safetensors(model, path, layer);
    }
    let files =
        if path.is_dir() { archives(model, path, layer)? } else { vec![(place(model, path, layer)?, path.to_owned())] };
    let mut means = BTreeMap::new();
    let mut layers = BTreeMap::new();
    for (layer, file) in files {
        let archive = read(&file, model.architecture.inner)?;
        fits(model, &file, layer, &archive.mean)?;
        let source = file_name(&file);
        layers.insert(layer, LayerDescription { tokens: archive.count, documents: archive.sample_size, source });
        let mean = archive.mean.f_to_device(model.device);
        means.insert(layer, mean.doing(|| format!("importing {}", file.display()))?);
    }
    described(model, path, means, layers)
}

fn described(
    model: &Model,
    path: &Path,
    means: BTreeMap<usize, Tensor>,
    layers: BTreeMap<usize, LayerDescription>,
) -> Result<SecondMoments> {
    let tokens = layers.values().map(|layer| layer.tokens).min().unwrap_or(0);
    let double = means.values().all(|mean| mean.f_kind().is_ok_and(|kind| kind == Kind::Double));
    let description = MomentsDescription {
        model: super::fingerprint(model)?,
        corpus: MomentsDescription::IMPORTED.to_owned(),
        corpus_name: format!("imported from {}", file_name(path)),
        precision: if double { "float64" } else { "float32" }.to_owned(),
        layers,
    };
    let moments = SecondMoments::from_means(means, tokens).map_err(|error| match error {
        Error::Request(message) => bad(path, message),
        other => other,
    })?;
    Ok(moments.described(description, BTreeMap::new()))
}

fn import_safetensors(model: &Model, path: &Path, layer: Option<usize>) -> Result<SecondMoments> {
    let about = describe(path)?;
    let read = SecondMoments::read(path, model.device)?;
    let wanted = |found: &usize| layer.is_none_or(|layer| layer == *found);
    let mut means = BTreeMap::new();
    let mut layers = BTreeMap::new();
    for layer in read.layers().filter(wanted) {
        let Some(mean) = read.mean(layer)? else { continue };
        fits(model, path, layer, mean)?;
        let known = about.as_ref().and_then(|about| about.layers.get(&layer)).cloned();
        let known = known.unwrap_or(LayerDescription { tokens: read.tokens, ..LayerDescription::default() });
        layers.insert(layer, LayerDescription { source: file_name(path), ..known });
        means.insert(layer, mean.shallow_clone());
    }
    if means.is_empty() {
        return Err(bad(
            path,
            "it contains no second moment of that layer; leave out --layer to import all it contains",
        ));
    }
    described(model, path, means, layers)
}

fn fits(model: &Model, file: &Path, layer: usize, mean: &Tensor) -> Result<()> {
    let (layers, inner, size) = (model.architecture.layers, model.architecture.inner, mean.size());
    if layer >= layers {
        return Err(bad(
            file,
            format!("there is no layer {layer}; this model has layers 0 to {}", layers.saturating_sub(1)),
        ));
    }
    if let Some(experts) = model.architecture.experts_of(layer) {
        return Err(bad(
            file,
            format!("{}, which share no keys; choose a layer with a single MLP", experts.said(layer)),
        ));
    }
    if size != [inner, inner] {
        return Err(wrong_width(file, &format!("{size:?}"), inner));
    }
    if !is_finite(mean).doing(|| format!("checking {}", file.display()))? {
        return Err(bad(file, "it contains numbers that are not finite; copy it again"));
    }
    Ok(())
}

fn wrong_width(file: &Path, shape: &str, inner: i64) -> Error {
    bad(file, format!("it has shape {shape}, but this model's keys have width {inner}; give the model it belongs to"))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The archives of a folder by layer.
fn archives(model: &Model, folder: &Path, layer: Option<usize>) -> Result<Vec<(usize, PathBuf)>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| bad(folder, format!("cannot be read ({error}); check the path and its permissions")))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "npz"));
    files.sort();
    let mut by_layer: BTreeMap<usize, PathBuf> = BTreeMap::new();
    for file in files {
        let at = place(model, &file, None)?;
        if layer.is_some_and(|layer| layer != at) {
            continue;
        }
        if let Some(other) = by_layer.insert(at, file.clone()) {
            let message =
                format!("and {} are both for layer {at}; import only one of them, by its name", file_name(&file));
            return Err(bad(&other, message));
        }
    }
    if by_layer.is_empty() {
        let which = layer.map_or_else(String::new, |layer| format!(" for layer {layer}"));
        return Err(bad(folder, format!("it contains no .npz file{which}; give a folder like wikipedia_stats")));
    }
    Ok(by_layer.into_iter().collect())
}

/// The layer that a file is for: as given, or by its name, `transformer.h.17.mlp.c_proj_float32_mom2_100000.npz` or
/// `17_float32_mom2_100000.npz`.
fn place(model: &Model, file: &Path, given: Option<usize>) -> Result<usize> {
    if let Some(layer) = given {
        return Ok(layer);
    }
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let blocks = &model.architecture.blocks;
    let named = blocks.iter().position(|block| {
        let rest = block.down().and_then(|down| stem.strip_prefix(down));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    let number = || stem.split('_').next().and_then(|number| number.parse().ok());
    named.or_else(number).ok_or_else(|| {
        let example = blocks.iter().find_map(|block| block.down()).unwrap_or_default();
        bad(
            file,
            format!(
                "its name does not say the layer; give --layer N, or a name like {example}_float32_mom2_100000.npz"
            ),
        )
    })
}

/// Reads one archive of second moments `inner` wide. Nothing is unpacked before its shape is known to be that.
fn read(file: &Path, inner: i64) -> Result<Archive> {
    let damaged = |error: std::io::Error| bad(file, format!("not a complete .npz file ({error}); copy it again"));
    let opened = locus_files::open(file)
        .map_err(|error| bad(file, format!("cannot be read ({error}); check the path and its permissions")))?;
    let mut archive = NpzArchive::new(BufReader::new(opened)).map_err(damaged)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let missing = |entry: &str| {
        let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        bad(
            file,
            format!(
                "there is no entry `{entry}`, only {there}; give a file like those that the authors of ROME published"
            ),
        )
    };
    let count = entry(&mut archive, COUNT, SMALL).map_err(damaged)?.ok_or_else(|| missing(COUNT))?;
    let count = scalar(count).map_err(damaged)?;
    if count.is_nan() || count < 1.0 {
        return Err(bad(file, format!("entry `{COUNT}` is {count}; it must be the number of keys, at least 1")));
    }
    let sample_size = match entry(&mut archive, SAMPLE_SIZE, SMALL).map_err(damaged)? {
        // the published code writes a NaN for none
        Some(entry) => scalar(entry).map_err(damaged)?.max(0.0) as u64,
        None => 0,
    };
    let most = SMALL.saturating_add(8 * inner.unsigned_abs().saturating_pow(2));
    let shape = match shape(&mut archive, SUM).map_err(damaged)? {
        Some(shape) => shape,
        None => return Err(missing(SUM)),
    };
    if shape.len() != 2 || shape[0] != shape[1] {
        return Err(bad(file, format!("entry `{SUM}` has shape {shape:?}; it must be a square")));
    }
    if shape != [inner.unsigned_abs(); 2] {
        return Err(wrong_width(file, &format!("{shape:?}"), inner));
    }
    let sum = entry(&mut archive, SUM, most).map_err(damaged)?.ok_or_else(|| missing(SUM))?;
    let sum = values(sum)
        .map_err(damaged)?
        .ok_or_else(|| bad(file, format!("entry `{SUM}` is neither float32 nor float64; convert it to one of them")))?;
    let mean = sum.tensor().and_then(|sum| sum.f_reshape([inner, inner])?.f_div_scalar(count));
    let mean = mean.doing(|| format!("reading {}", file.display()))?;
    Ok(Archive { mean, count: count as u64, sample_size })
}

fn scalar<R: Read>(file: NpyFile<R>) -> std::io::Result<f64> {
    let none = || std::io::Error::other("an entry that should be a number is not one");
    let file = match file.try_data::<i64>() {
        Ok(mut data) => return data.next().ok_or_else(none)?.map(|value| value as f64),
        Err(file) => file,
    };
    let file = match file.try_data::<i32>() {
        Ok(mut data) => return data.next().ok_or_else(none)?.map(f64::from),
        Err(file) => file,
    };
    file.try_data::<f64>().map_err(|_| none())?.next().ok_or_else(none)?
}

/// What an entry holds.
enum Values {
    Float32(Vec<f32>),
    Float64(Vec<f64>),
}

impl Values {
    /// Those of a tensor `[values]`.
    fn of(tensor: &Tensor) -> Result<Self, tch::TchError> {
        match tensor.f_kind()? {
            Kind::Double => Vec::try_from(tensor).map(Self::Float64),
            _ => Vec::try_from(tensor).map(Self::Float32),
        }
    }

    /// `[values]`.
    fn tensor(&self) -> Result<Tensor, tch::TchError> {
        match self {
            Self::Float32(values) => Tensor::f_from_slice(values),
            Self::Float64(values) => Tensor::f_from_slice(values),
        }
    }
}

/// Float32 or float64 values; `None` for anything else. The order of rows and columns is the same: they are symmetric.
fn values<R: Read>(file: NpyFile<R>) -> std::io::Result<Option<Values>> {
    let file = match file.try_data::<f32>() {
        Ok(data) => return data.collect::<std::io::Result<_>>().map(|values| Some(Values::Float32(values))),
        Err(file) => file,
    };
    match file.try_data::<f64>() {
        Ok(data) => data.collect::<std::io::Result<_>>().map(|values| Some(Values::Float64(values))),
        Err(_) => Ok(None),
    }
}

/// Writes one archive a layer into `folder` under the published names, and says which. `sample_size` is the number of
/// documents that the published code will ask for; without it the number that is known.
///
/// # Errors
/// A file cannot be written; a layer without second moment.
pub fn export(
    moments: &SecondMoments,
    model: &Model,
    layers: &[usize],
    folder: &Path,
    sample_size: Option<u64>,
) -> Result<Vec<PathBuf>> {
    let _guard = tch::no_grad_guard();
    let mut written = Vec::new();
    for &layer in layers {
        let mean = moments
            .mean(layer)?
            .ok_or_else(|| Error::Request(format!("there is no second moment for layer {layer}; collect it")))?;
        let about = moments.description.layers.get(&layer).cloned().unwrap_or_default();
        let tokens = if about.tokens > 0 { about.tokens } else { moments.tokens };
        let documents = sample_size.unwrap_or(about.documents);
        let precision = if mean.f_kind()? == Kind::Double { "float64" } else { "float32" };
        let down = model.architecture.blocks.get(layer).and_then(|block| block.down());
        let module = down.map_or_else(|| layer.to_string(), str::to_owned);
        let size = if documents > 0 { format!("_{documents}") } else { String::new() };
        let file = folder.join(format!("{module}_{precision}_mom2{size}.npz"));
        let sum = || mean.f_mul_scalar(tokens as f64)?.f_to_device(Device::Cpu)?.f_reshape([-1]);
        let sum = sum().and_then(|sum| Values::of(&sum));
        let sum = sum.doing(|| format!("copying the second moment of layer {layer}"))?;
        let sample = (documents > 0).then_some(documents);
        with_temporary_name(&file, |draft| write(draft, sum, mean.size()[0] as u64, tokens, sample))?;
        written.push(file);
    }
    Ok(written)
}

fn write(draft: &mut Draft, sum: Values, inner: u64, count: u64, sample_size: Option<u64>) -> std::io::Result<()> {
    let mut zip = zip::ZipWriter::new(BufWriter::new(draft));
    let options = || FileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
    let start = |zip: &mut zip::ZipWriter<BufWriter<&mut Draft>>, name: &str| -> std::io::Result<()> {
        Ok(zip.start_file(npyz::npz::file_name_from_array_name(name), options())?)
    };
    let text: TypeStr = format!("<U{}", CONSTRUCTOR_VALUE.len()).parse().map_err(std::io::Error::other)?;
    start(&mut zip, CONSTRUCTOR)?;
    let mut entry = WriteOptions::<str>::new().dtype(DType::Plain(text)).shape(&[]).writer(&mut zip).begin_nd()?;
    entry.push(CONSTRUCTOR_VALUE)?;
    entry.finish()?;
    start(&mut zip, COUNT)?;
    number(&mut zip, count as i64)?;
    start(&mut zip, SUM)?;
    let shape = [inner, inner];
    match sum {
        Values::Float64(values) => {
            let mut entry = WriteOptions::new().default_dtype().shape(&shape).writer(&mut zip).begin_nd()?;
            entry.extend(values)?;
            entry.finish()?;
        }
        Values::Float32(values) => {
            let mut entry = WriteOptions::new().default_dtype().shape(&shape).writer(&mut zip).begin_nd()?;
            entry.extend(values)?;
            entry.finish()?;
        }
    }
    start(&mut zip, SAMPLE_SIZE)?;
    match sample_size {
        Some(size) => number(&mut zip, size as i64)?,
        None => {
            let mut entry = WriteOptions::new().default_dtype().shape(&[]).writer(&mut zip).begin_nd()?;
            // the published code's own mark for no number
            entry.push(&f64::from_bits(0xfff8_0000_0000_0002))?;
            entry.finish()?;
        }
    }
    zip.finish()?.flush()
}

fn number(zip: &mut zip::ZipWriter<BufWriter<&mut Draft>>, value: i64) -> std::io::Result<()> {
    let mut entry = WriteOptions::new().default_dtype().shape(&[]).writer(zip).begin_nd()?;
    entry.push(&value)?;
    entry.finish()
}
