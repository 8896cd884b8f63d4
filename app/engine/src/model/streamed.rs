//! Tensors of a checkpoint, read piece by piece into their places.

use super::checkpoint::{BLOCK, Scales, Stored};
use super::places::Place;
use crate::error::{Doing, Error, Result};
use crate::number_formats::number_format;
use crate::room::room;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use tch::Tensor;

/// Bytes that are read at once, between two looks at whether the reading is to go on. They are what loading takes besides
/// the weights.
pub const PIECE: usize = 1 << 20;
/// The numbers of four bits of MXFP4: a sign, an exponent of two bits, and one bit of the fraction.
const FOUR_BITS: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// A part of a file, read in order.
struct Part<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> Part<'a> {
    fn at(path: &'a Path, begin: u64) -> Result<Self> {
        let unreadable = |source| Error::Read { path: path.to_owned(), source };
        let mut file = locus_files::open(path).map_err(unreadable)?;
        file.seek(SeekFrom::Start(begin)).map_err(unreadable)?;
        Ok(Self { file, path })
    }

    /// The next bytes, in place of those in `bytes`.
    fn next(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<()> {
        let unreadable = |source| Error::Read { path: self.path.to_owned(), source };
        bytes.clear();
        let read = self.file.by_ref().take(count as u64).read_to_end(bytes).map_err(unreadable)?;
        if read < count { Err(unreadable(ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }
}

/// Reads one tensor into its place, so that no more than a piece of it is in memory twice; `listen` hears the bytes of each
/// piece. Where it has a name in `checked`, its numbers must be finite.
pub fn streamed(
    stored: &Stored,
    checked: Option<&str>,
    place: Place,
    listen: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Tensor> {
    let reading = || format!("reading {}", stored.file.display());
    let tensor = Tensor::f_empty(&stored.shape, (place.kind, place.device)).doing(reading)?;
    let filled = match &stored.packed {
        None => fill(&tensor, stored, checked, listen),
        Some(scales) => fill_unpacked(&tensor, stored, scales, checked, listen),
    };
    filled.doing(reading)?;
    Ok(tensor)
}

fn fill(
    tensor: &Tensor,
    stored: &Stored,
    checked: Option<&str>,
    listen: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let path = stored.file.as_path();
    let unsupported = || Error::Read { path: path.to_owned(), source: ErrorKind::Unsupported.into() };
    let stored_kind = stored.kind().ok_or_else(unsupported)?;
    let width = stored_kind.elt_size_in_bytes();
    let flat = tensor.f_view([-1])?;
    let length = usize::try_from(stored.length()).unwrap_or(usize::MAX);
    let mut part = Part::at(path, stored.bytes.start)?;
    let mut bytes = room(PIECE.min(length))?;
    let mut done = 0;
    while done < length {
        let piece = PIECE.min(length - done);
        part.next(&mut bytes, piece)?;
        let (begin, count) = ((done / width) as i64, (piece / width) as i64);
        let raw = Tensor::f_from_data_size(&bytes, &[count], stored_kind)?;
        let converted = raw.f_to_kind(tensor.kind())?;
        checked.map_or(Ok(()), |name| finite(name, &converted, &raw, path))?;
        flat.f_narrow(0, begin, count)?.f_copy_(&converted)?;
        done += piece;
        listen(piece as u64)?;
    }
    Ok(())
}

/// Unpacks some outputs of an expert at once: they lie one after the other in the file, and side by side in the tensor.
fn fill_unpacked(
    tensor: &Tensor,
    stored: &Stored,
    scales: &Scales,
    checked: Option<&str>,
    listen: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let (experts, inputs, outputs) = tensor.size3()?;
    let blocks = inputs / (2 * BLOCK);
    // so that they fit into a piece in the widest number format
    let at_once = (PIECE as i64 / 8 / inputs.max(1)).max(1);
    let (mut packed, mut scaling) =
        (Part::at(&stored.file, stored.bytes.start)?, Part::at(&scales.file, scales.bytes.start)?);
    let most = (at_once.min(outputs) * inputs) as usize;
    let (mut bytes, mut powers, mut numbers) = (room(most / 2)?, room(most / 32)?, room(most)?);
    for expert in 0..experts {
        let expert = tensor.f_get(expert)?;
        let mut first = 0;
        while first < outputs {
            let count = at_once.min(outputs - first);
            packed.next(&mut bytes, (count * blocks * BLOCK) as usize)?;
            scaling.next(&mut powers, (count * blocks) as usize)?;
            unpack(&bytes, &powers, count as usize, &mut numbers);
            let raw = Tensor::f_from_slice(&numbers)?.f_reshape([inputs, count])?;
            let converted = raw.f_to_kind(tensor.kind())?;
            checked.map_or(Ok(()), |name| finite(name, &converted, &raw, &stored.file))?;
            expert.f_narrow(1, first, count)?.f_copy_(&converted)?;
            first += count;
            listen((bytes.len() + powers.len()) as u64)?;
        }
    }
    Ok(())
}

/// The numbers of some outputs' blocks of MXFP4, each times the power of two that its scale is, `[inputs, outputs]` in place of
/// those in `numbers`: so they lie in the tensor, into which whole runs are copied much faster than single numbers.
fn unpack(blocks: &[u8], scales: &[u8], outputs: usize, numbers: &mut Vec<f32>) {
    numbers.clear();
    numbers.resize(2 * blocks.len(), 0.0);
    let blocks_of_one = (scales.len() / outputs.max(1)).max(1);
    for (index, (block, &scale)) in blocks.chunks_exact(BLOCK as usize).zip(scales).enumerate() {
        let (output, input) = (index / blocks_of_one, index % blocks_of_one * 2 * BLOCK as usize);
        let power = power(scale);
        let fours = block.iter().flat_map(|pair| [pair & 15, pair >> 4]);
        for (number, four) in numbers[input * outputs + output..].iter_mut().step_by(outputs).zip(fours) {
            *number = FOUR_BITS[four as usize] * power;
        }
    }
}

/// Two to the power of a scale less 127: a number's exponent as float32 has it, but for the lowest. The highest is infinite, as
/// it is in transformers.
fn power(scale: u8) -> f32 {
    f32::from_bits(if scale == 0 { 1 << 22 } else { u32::from(scale) << 23 })
}

/// Whether all numbers are finite, in the file and in the number format of the model.
fn finite(name: &str, converted: &Tensor, raw: &Tensor, file: &Path) -> Result<()> {
    let is = |tensor: &Tensor| -> Result<bool> {
        let (low, high) = tensor.f_aminmax(None::<i64>, false)?;
        Ok(low.f_double_value(&[])?.is_finite() && high.f_double_value(&[])?.is_finite())
    };
    if is(converted)? {
        return Ok(());
    }
    let message = if is(raw)? {
        format!(
            "tensor `{name}` contains numbers that {} cannot represent; choose float32 or bfloat16",
            number_format(converted.kind())
        )
    } else {
        format!("tensor `{name}` contains numbers that are not finite (NaN or infinite); copy the checkpoint again")
    };
    Err(Error::Weights { path: file.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use super::{power, unpack};

    #[test]
    fn scales_are_powers_of_two_and_the_low_half_of_a_byte_comes_first() {
        for scale in 0..255_u8 {
            assert_eq!(f64::from(power(scale)), 2_f64.powi(i32::from(scale) - 127), "{scale}");
        }
        assert!(power(255).is_infinite());
        let mut numbers = vec![7.0];
        let block: Vec<u8> = (0..16).map(|place| place | (15 - place) << 4).collect();
        let two = [block.clone(), block].concat();
        // the two blocks of one output, then those of two
        unpack(&two, &[126, 128], 1, &mut numbers);
        assert_eq!(numbers.len(), 64);
        assert_eq!(numbers[..6], [0.0, -3.0, 0.25, -2.0, 0.5, -1.5]);
        assert_eq!(numbers[32..38], [0.0, -12.0, 1.0, -8.0, 2.0, -6.0]);
        assert!(numbers[16].is_sign_negative() && numbers[16] == 0.0);
        let one = numbers.clone();
        unpack(&two, &[126, 128], 2, &mut numbers);
        let side_by_side: Vec<f32> = (0..32).flat_map(|input| [one[input], one[32 + input]]).collect();
        assert_eq!(numbers, side_by_side);
    }
}
