//! Which files of a model Locus reads. The hub's folders hold much else: weights for other libraries, pictures, logs.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

pub const CONFIG: &str = "config.json";
pub const TOKENIZER: &str = "tokenizer.json";
/// What a folder may lack.
const OPTIONAL: [&str; 5] =
    ["generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"];
/// Indices and single files of weights in the order in which Locus looks for them: the file that is an index, then the
/// whole.
const WEIGHTS: [(&str, &str); 2] =
    [("model.safetensors.index.json", "model.safetensors"), ("pytorch_model.bin.index.json", "pytorch_model.bin")];
/// Bytes of an index, at most.
pub const LARGEST_INDEX: u64 = 64 << 20;

/// The weights of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// A file that names the others.
    Index(&'static str),
    /// One file with all weights.
    Whole(&'static str),
}

impl Weights {
    /// Those that a model has by the names of its files.
    pub fn among(has: &dyn Fn(&str) -> bool) -> Option<Self> {
        WEIGHTS.into_iter().find_map(|(index, whole)| match (has(index), has(whole)) {
            (true, _) => Some(Self::Index(index)),
            (false, true) => Some(Self::Whole(whole)),
            (false, false) => None,
        })
    }
}

/// The files besides weights that a model has of those that Locus reads.
pub fn beside_weights(has: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    [CONFIG, TOKENIZER].into_iter().chain(OPTIONAL).filter(|name| has(name)).collect()
}

/// The files that an index names, sorted.
///
/// # Errors
/// Why it is no index.
pub fn shards(text: &str) -> Result<BTreeSet<String>, String> {
    let index: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let map = index["weight_map"].as_object().ok_or("it has no object `weight_map`")?;
    let names = map.values().map(|name| name.as_str().filter(|name| crate::layout::is_plain(name)));
    let names: Option<BTreeSet<String>> = names.map(|name| name.map(str::to_owned)).collect();
    match names {
        Some(names) if !names.is_empty() => Ok(names),
        _ => Err("`weight_map` names no file, or one in another folder".to_owned()),
    }
}

/// What a folder has and lacks of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes of the weights that Locus reads, as far as they are there.
    pub bytes: u64,
    /// Files that it lacks; none where it is whole.
    pub lacks: Vec<String>,
}

/// Looks at the names in a folder, and at the index of its weights.
#[must_use]
pub fn contents(folder: &Path) -> Contents {
    // through links: one that leads nowhere is no file
    let has = |name: &str| folder.join(name).is_file();
    let mut lacks: Vec<String> = [CONFIG, TOKENIZER].into_iter().filter(|name| !has(name)).map(str::to_owned).collect();
    let mut weights = Vec::new();
    match Weights::among(&has) {
        None => lacks.push(WEIGHTS[0].1.to_owned()),
        Some(Weights::Whole(file)) => weights.push(file.to_owned()),
        Some(Weights::Index(index)) => {
            let text = locus_files::text(&folder.join(index), LARGEST_INDEX).map_err(|error| error.to_string());
            match text.and_then(|text| shards(&text)) {
                Ok(shards) => {
                    let (there, missing): (Vec<_>, Vec<_>) = shards.into_iter().partition(|name| has(name));
                    weights.extend(there);
                    lacks.extend(missing);
                }
                Err(_) => lacks.push(index.to_owned()),
            }
        }
    }
    let sizes = weights.iter().filter_map(|name| folder.join(name).metadata().ok()).map(|about| about.len());
    Contents { bytes: sizes.sum(), lacks }
}

#[cfg(test)]
mod tests {
    use super::{Contents, Weights, contents, shards};
    use std::fs::write;

    #[test]
    fn weights_are_looked_for_as_the_engine_does() {
        let among = |names: &[&str]| Weights::among(&|name: &str| names.contains(&name));
        assert_eq!(among(&["pytorch_model.bin", "model.safetensors"]), Some(Weights::Whole("model.safetensors")));
        let both = ["model.safetensors", "model.safetensors.index.json"];
        assert_eq!(among(&both), Some(Weights::Index("model.safetensors.index.json")));
        assert_eq!(among(&["pytorch_model.bin"]), Some(Weights::Whole("pytorch_model.bin")));
        let adapter = ["adapter_model.safetensors", "pytorch_model.bin"];
        assert_eq!(among(&adapter), Some(Weights::Whole("pytorch_model.bin")));
        assert_eq!(among(&["flax_model.msgpack"]), None);
    }

    #[test]
    fn an_index_names_files_of_its_own_folder() {
        let named = shards(r#"{"weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "1.safetensors"}}"#);
        assert_eq!(named.expect("two").into_iter().collect::<Vec<_>>(), ["1.safetensors", "2.safetensors"]);
        for odd in
            ["", "[]", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": "../x"}}"#, r#"{"weight_map": {"a": 1}}"#]
        {
            assert!(shards(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_folder_lacks_the_shards_of_its_index_that_are_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(contents(folder.path()).lacks, ["config.json", "tokenizer.json", "model.safetensors"]);
        write(at("config.json"), "{}").expect("written");
        std::os::unix::fs::symlink("nowhere", at("tokenizer.json")).expect("a link");
        let index = r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#;
        write(at("model.safetensors.index.json"), index).expect("written");
        write(at("2.safetensors"), "12").expect("written");
        assert_eq!(contents(folder.path()).lacks, ["tokenizer.json", "1.safetensors"]);
        write(at("nowhere"), "{}").expect("written");
        write(at("1.safetensors"), "345").expect("written");
        assert_eq!(contents(folder.path()), Contents { bytes: 5, lacks: Vec::new() });
    }
}
