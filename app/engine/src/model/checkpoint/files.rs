//! Which files of a folder are the model: those that the index names, or else `model.safetensors`; where there is neither,
//! those of PyTorch, likewise. Nothing else is.

use crate::error::{Error, Result};
use crate::model::load::json;
use locus_protocol::shown::quoted;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLED: &str = "pytorch_model.bin";
const PICKLED_INDEX: &str = "pytorch_model.bin.index.json";
/// Names that a sentence lists.
const LISTED: usize = 5;

/// The files of a model.
#[derive(Debug)]
pub struct Files {
    /// Every file, in order, with the tensors that the index finds in it; `None` where there is no index: all of them.
    pub files: Vec<(PathBuf, Option<BTreeSet<String>>)>,
    /// What is to be told.
    pub notes: Vec<String>,
}

impl Files {
    /// Finds the files of the model in `folder`.
    ///
    /// # Errors
    /// There are none, it is not clear which, or one that the index names is not there.
    pub fn find(folder: &Path) -> Result<Self> {
        let bad = |message: String| Error::Weights { path: folder.to_owned(), message };
        let (mut stray, mut indexed) = (Vec::new(), false);
        let (mut pickled, mut pickled_index) = (false, false);
        for entry in std::fs::read_dir(folder).map_err(|source| Error::Read { path: folder.to_owned(), source })? {
            let entry = entry.map_err(|source| Error::Read { path: folder.to_owned(), source })?;
            let name = entry.file_name().to_string_lossy().into_owned();
            indexed |= name == INDEX;
            pickled |= name == PICKLED;
            pickled_index |= name == PICKLED_INDEX;
            if Path::new(&name).extension().is_some_and(|end| end == "safetensors") {
                stray.push(name);
            }
        }
        stray.sort();
        let whole = stray.iter().any(|name| name == WHOLE);
        let all_of = |index: &str| {
            let named = named(&folder.join(index))?;
            match named.keys().find(|name| !folder.join(name).is_file()) {
                Some(lacking) => Err(bad(format!(
                    "{index} names the file `{}`, which is missing; copy all files of the checkpoint",
                    quoted(lacking)
                ))),
                None => Ok(named),
            }
        };
        let one = |name: &str| (BTreeMap::from([(name.to_owned(), None)]), name.to_owned());
        let (files, model) = if indexed {
            (all_of(INDEX)?, format!("what {INDEX} names"))
        } else if whole {
            one(WHOLE)
        } else if pickled_index {
            (all_of(PICKLED_INDEX)?, format!("what {PICKLED_INDEX} names"))
        } else if pickled {
            one(PICKLED)
        } else if stray.is_empty() {
            return Err(bad(format!(
                "the folder contains no *.safetensors file and no {PICKLED}; copy the weights of the checkpoint into it"
            )));
        } else {
            return Err(bad(format!(
                "the folder contains neither {INDEX} nor {WHOLE}, so it is not clear whether {} {} the model; copy the index \
                 of the checkpoint, or rename the file with the whole model to {WHOLE}",
                list(&stray),
                if stray.len() == 1 { "is" } else { "are" },
            )));
        };
        stray.retain(|name| !files.contains_key(name));
        let mut notes = Vec::new();
        if !stray.is_empty() {
            let (are, they_are) = if stray.len() == 1 { ("is", "it is") } else { ("are", "they are") };
            let other = if indexed && stray.iter().any(|name| name == WHOLE) {
                "; transformers would read model.safetensors instead"
            } else {
                ""
            };
            notes.push(format!(
                "{} {are} not part of the model, which is {model}; {they_are} ignored{other}",
                list(&stray)
            ));
        }
        Ok(Self { files: files.into_iter().map(|(name, tensors)| (folder.join(name), tensors)).collect(), notes })
    }
}

/// The files that an index names, with the tensors that each is to hold.
fn named(index: &Path) -> Result<BTreeMap<String, Option<BTreeSet<String>>>> {
    let bad = |message: &str| Error::Weights { path: index.to_owned(), message: message.to_owned() };
    let value = json(index)?;
    let map = value.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| bad("field `weight_map` is missing or not an object; copy the file again"))?;
    let mut files: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    for (tensor, file) in map {
        let file = file.as_str().filter(|file| is_name(file)).ok_or_else(|| {
            bad(&format!("tensor `{}` has no file name in `weight_map`; copy the file again", quoted(tensor)))
        })?;
        files.entry(file.to_owned()).or_default().get_or_insert_default().insert(tensor.clone());
    }
    if files.is_empty() {
        return Err(bad("field `weight_map` names no tensor; copy the file again"));
    }
    Ok(files)
}

/// Whether a text names a file of the same folder.
fn is_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(_)), None)) && !text.contains('\0')
}

/// Names in a sentence.
pub fn list(names: &[String]) -> String {
    let mut some: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{}`", quoted(name))).collect();
    if names.len() > LISTED {
        some.push(format!("{} more", names.len() - LISTED));
    }
    match some.pop() {
        Some(last) if some.is_empty() => last,
        Some(last) => format!("{} and {last}", some.join(", ")),
        None => String::new(),
    }
}
