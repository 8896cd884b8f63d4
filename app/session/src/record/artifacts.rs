//! Tensors that a method wants kept with its edit: a file by the hash of its contents beside the change, which the
//! journal names.

use super::recording::Recorder;
use crate::emitter::Emitter;
use crate::error::Error;
use locus_engine::tensor_files;
use locus_protocol::{LogLevel, Role};
use std::collections::HashMap;
use tch::Tensor;

/// Most bytes that are kept with one edit.
const MOST: usize = 64 << 20;

/// The bytes of the file; none where there is nothing to keep, or no journal to keep it beside. More than is kept is said
/// and left out.
pub fn bytes(
    recorder: Option<&Recorder>,
    emitter: &Emitter,
    method: &str,
    artifacts: Vec<(String, Tensor)>,
) -> Result<Vec<u8>, Error> {
    let keeps = recorder.is_some_and(|recorder| recorder.role != Role::Reader);
    if !keeps || artifacts.is_empty() {
        return Ok(Vec::new());
    }
    let size = artifacts.iter().map(|(_, tensor)| tensor.numel() * tensor.kind().elt_size_in_bytes()).sum::<usize>();
    if size > MOST {
        let (size, most) = (locus_files::size(size as u64), locus_files::size(MOST as u64));
        let text =
            format!("its artifacts take {size}, more than the {most} that are kept with an edit, so they are dropped");
        emitter.log(method, LogLevel::Info, text);
        return Ok(Vec::new());
    }
    Ok(tensor_files::bytes(&numbered(artifacts), &[])?)
}

/// Names that are given twice get a number: `key`, `key.1`, `key.2`.
fn numbered(artifacts: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let mut given: HashMap<String, usize> = HashMap::new();
    let number = |(name, tensor): (String, Tensor)| {
        let count = given.entry(name.clone()).or_default();
        *count += 1;
        (if *count == 1 { name } else { format!("{name}.{}", *count - 1) }, tensor)
    };
    artifacts.into_iter().map(number).collect()
}
