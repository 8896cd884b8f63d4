//! Consistency: whether generated texts read like reference texts about the new target (Meng et al. 2022). The
//! vocabulary, its weights and the reference texts are files of the user.

use crate::error::{Error, Result};
use crate::moments::array;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Names of the files as published.
const VOCABULARY: &str = "tfidf_vocab.json";
const WEIGHTS: &str = "idf.npy";
const SNIPPETS: &str = "attribute_snippets.json";

/// What the measure needs, read.
#[derive(Debug)]
pub struct Consistency {
    /// Column of each word.
    vocabulary: HashMap<String, usize>,
    /// Inverse document frequency of each column.
    weights: Vec<f64>,
    /// Reference texts by relation and target.
    references: HashMap<(String, String), Vec<String>>,
}

#[derive(Deserialize)]
struct Snippets {
    relation_id: String,
    target_id: String,
    samples: Vec<Snippet>,
}

#[derive(Deserialize)]
struct Snippet {
    text: String,
}

impl Consistency {
    /// Reads `tfidf_vocab.json`, `idf.npy` and `attribute_snippets.json` in `folder`.
    ///
    /// # Errors
    /// A file is missing or not what it should be: one sentence that names it.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = |name: &str| folder.join(name);
        let vocabulary: HashMap<String, usize> = json(path(VOCABULARY), "a JSON object from word to column")?;
        let file = path(WEIGHTS);
        let wrong = |message: String| Error::Facts { path: file.clone(), message };
        let bytes = locus_files::bytes(&file, LARGEST).map_err(|error| wrong(format!("cannot be read ({error})")))?;
        let weights = array(&bytes[..]).and_then(|array| array.into_vec::<f64>()).map_err(|error| {
            wrong(format!(
                "cannot be read as an array of float64 numbers ({error}); use idf.npy as published with the data of ROME"
            ))
        })?;
        if let Some((word, column)) = vocabulary.iter().find(|(_, column)| **column >= weights.len()) {
            return Err(wrong(format!(
                "contains {} weights, but `{word}` of {VOCABULARY} has column {column}; take both from the same source",
                weights.len()
            )));
        }
        let snippets: Vec<Snippets> =
            json(path(SNIPPETS), "a JSON list of records with relation_id, target_id and samples")?;
        let mut references: HashMap<(String, String), Vec<String>> = HashMap::new();
        for group in snippets {
            let texts = references.entry((group.relation_id, group.target_id)).or_default();
            texts.extend(group.samples.into_iter().map(|sample| sample.text));
        }
        Ok(Self { vocabulary, weights, references })
    }

    /// Whether there are reference texts for a relation and target, by their numbers.
    #[must_use]
    pub fn knows(&self, relation: &str, target: &str) -> bool {
        self.references.contains_key(&(relation.to_owned(), target.to_owned()))
    }

    /// Cosine of the generated texts and the reference texts, each joined by blanks, as TF-IDF vectors; `None` where
    /// there is no reference text.
    #[must_use]
    pub fn similarity(&self, generated: &[String], relation: &str, target: &str) -> Option<f64> {
        let references = self.references.get(&(relation.to_owned(), target.to_owned()))?;
        let (ours, theirs) = (self.vector(&generated.join(" ")), self.vector(&references.join(" ")));
        Some(ours.iter().filter_map(|(column, value)| Some(value * theirs.get(column)?)).sum())
    }

    /// Counts of known words times their weights, scaled to length 1.
    fn vector(&self, text: &str) -> std::collections::BTreeMap<usize, f64> {
        let mut vector = std::collections::BTreeMap::new();
        for word in terms(&text.to_lowercase()) {
            if let Some(&column) = self.vocabulary.get(word) {
                *vector.entry(column).or_insert(0.0) += self.weights[column];
            }
        }
        let length = vector.values().map(|value| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            vector.values_mut().for_each(|value| *value /= length);
        }
        vector
    }
}

/// Runs of at least two letters, digits or underscores.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    words.filter(|word| word.chars().nth(1).is_some())
}

/// Bytes of a file of references at most.
const LARGEST: u64 = 1 << 30;

fn json<T: serde::de::DeserializeOwned>(path: PathBuf, what: &str) -> Result<T> {
    let wrong = |message: String| Error::Facts { path: path.clone(), message };
    let text = locus_files::text(&path, LARGEST).map_err(|error| {
        wrong(format!("cannot be read ({error}); the measure needs {VOCABULARY}, {WEIGHTS} and {SNIPPETS}"))
    })?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("is not {what}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::Consistency;
    use tch::Tensor;

    fn folder() -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("locus-consistency-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("tfidf_vocab.json"), r#"{"paris": 0, "rome": 1, "the": 2, "café": 3}"#)
            .expect("file");
        Tensor::from_slice(&[2.0_f64, 3.0, 1.0, 5.0]).write_npy(folder.join("idf.npy")).expect("file");
        let snippets = r#"[{"relation_id": "P36", "target_id": "Q220", "samples": [
            {"name": "A", "text": "Rome, the ROME"}, {"name": "B", "text": "a the x"}]}]"#;
        std::fs::write(folder.join("attribute_snippets.json"), snippets).expect("file");
        folder
    }

    #[test]
    fn cosines_by_hand() {
        let folder = folder();
        let measure = Consistency::read(&folder).expect("files");
        assert!(measure.knows("P36", "Q220") && !measure.knows("P36", "Q90"));
        // reference: rome 2 x 3, the 2 x 1; generated: rome 3, paris 2
        let ours = measure.similarity(&["In Rome.".to_owned(), "Paris?".to_owned()], "P36", "Q220").expect("texts");
        let expected = 18.0 / ((36.0_f64 + 4.0).sqrt() * (9.0_f64 + 4.0).sqrt());
        assert!((ours - expected).abs() < 1e-12, "{ours} {expected}");
        assert_eq!(measure.similarity(&["nothing known".to_owned()], "P36", "Q220"), Some(0.0));
        assert_eq!(measure.similarity(&["Rome".to_owned()], "P36", "Q90"), None);
        std::fs::write(folder.join("tfidf_vocab.json"), r#"{"paris": 9}"#).expect("file");
        let error = Consistency::read(&folder).expect_err("columns").to_string();
        assert!(error.contains("idf.npy") && error.contains("column 9"), "{error}");
        Tensor::from_slice(&[2_i64, 3]).write_npy(folder.join("idf.npy")).expect("file");
        let error = Consistency::read(&folder).expect_err("whole numbers").to_string();
        assert!(error.contains("idf.npy") && error.contains("float64"), "{error}");
        std::fs::remove_file(folder.join("idf.npy")).expect("file");
        let error = Consistency::read(&folder).expect_err("no file").to_string();
        assert!(error.contains("idf.npy") && error.contains("cannot be read"), "{error}");
        std::fs::remove_dir_all(folder).expect("folder");
    }
}
