//! Tensors in MXFP4, as the published files of gpt-oss hold experts: instead of `NAME` two tensors of bytes, `NAME_blocks`
//! with two numbers of four bits in each, and `NAME_scales` with a power of two for each block of 32 numbers.

use super::header::{Scales, Stored, Stores};
use locus_protocol::shown::quoted;
use safetensors::Dtype;
use std::collections::BTreeSet;

const BLOCKS: &str = "_blocks";
const SCALES: &str = "_scales";
/// Bytes of a block.
pub const BLOCK: i64 = 16;

/// Puts one tensor, in the shape that it has unpacked, in the place of blocks and their scales. Gives how many there are.
///
/// # Errors
/// Blocks without scales or scales without blocks, or of shapes that do not fit each other.
pub fn unpacked(stores: &mut Stores) -> Result<usize, String> {
    let ending = |end: &str| stores.keys().filter_map(|name| name.strip_suffix(end)).map(str::to_owned).collect();
    let (packed, scaled): (BTreeSet<String>, BTreeSet<String>) = (ending(BLOCKS), ending(SCALES));
    if let Some(name) = scaled.difference(&packed).next() {
        let name = quoted(name);
        return Err(format!(
            "tensor `{name}{SCALES}` is stored without `{name}{BLOCKS}`, which it scales; copy all files"
        ));
    }
    for name in &packed {
        let about = quoted(name);
        let (blocks, scales) = (stores.remove(&format!("{name}{BLOCKS}")), stores.remove(&format!("{name}{SCALES}")));
        let (Some(blocks), Some(scales)) = (blocks, scales) else {
            return Err(format!("tensor `{about}{BLOCKS}` is stored without `{about}{SCALES}`; copy all files"));
        };
        let tensor = tensor(&blocks, &scales).map_err(|(end, why)| format!("tensor `{about}{end}` {why}"))?;
        if stores.insert(name.clone(), tensor).is_some() {
            return Err(format!("both `{about}` and `{about}{BLOCKS}` are stored; take one of them out"));
        }
    }
    Ok(packed.len())
}

/// The tensor that blocks `[experts, outputs, groups, 16]` and their scales `[experts, outputs, groups]` are: `[experts, 32
/// groups, outputs]`.
fn tensor(blocks: &Stored, scales: &Stored) -> Result<Stored, (&'static str, String)> {
    let shown = |shape: &[i64]| shape.iter().copied().take(8).collect::<Vec<_>>();
    for (end, stored) in [(BLOCKS, blocks), (SCALES, scales)] {
        if stored.dtype != Dtype::U8 {
            let why = format!("is stored as {:?}, but MXFP4 is stored as U8; copy the file again", stored.dtype);
            return Err((end, why));
        }
    }
    let [experts, outputs, groups, BLOCK] = blocks.shape[..] else {
        let why = "but MXFP4 requires [experts, outputs, blocks, 16]; copy the file again";
        return Err((BLOCKS, format!("has shape {:?} {why}", shown(&blocks.shape))));
    };
    if scales.shape != [experts, outputs, groups] {
        let wanted = [experts, outputs, groups];
        let why =
            format!("has shape {:?} but its blocks require {wanted:?}; copy the file again", shown(&scales.shape));
        return Err((SCALES, why));
    }
    Ok(Stored {
        shape: vec![experts, groups.saturating_mul(2 * BLOCK), outputs],
        packed: Some(Scales { file: scales.file.clone(), bytes: scales.bytes.clone() }),
        ..blocks.clone()
    })
}
