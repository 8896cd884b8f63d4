//! What the rows of a sweep depend on besides their own cell.

use locus_protocol::{Fact, ModelMark, PluginMark};
use locus_records::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Model, data and program of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the program.
    pub program: String,
    /// Name and hash of the unedited model.
    pub model: ModelMark,
    /// SHA-256 of its tokenizer's file.
    pub tokenizer: String,
    /// Number format of weights and activations.
    pub number_format: String,
    pub layers: usize,
    /// Whether it is computed in the reproducible mode.
    pub reproducible: bool,
    /// Where the facts come from.
    pub facts_source: String,
    /// SHA-256 of the facts.
    pub facts: String,
    /// The text of the second moments, and how much of it.
    pub corpus: String,
    /// Methods and objectives by their ids.
    pub plugins: BTreeMap<String, PluginMark>,
}

impl Identity {
    /// What differs from another sweep's, as one clause; `None` where both may share a ledger.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<String> {
        let short = |text: &str| text.get(..12).unwrap_or(text).to_owned();
        let named = |mark: &ModelMark| format!("{} ({})", mark.name, short(&mark.fingerprint));
        let pairs = [
            ("the program", self.program.clone(), other.program.clone()),
            ("the model", named(&self.model), named(&other.model)),
            ("the tokenizer", short(&self.tokenizer), short(&other.tokenizer)),
            ("the number format", self.number_format.clone(), other.number_format.clone()),
            ("the reproducible mode", self.reproducible.to_string(), other.reproducible.to_string()),
            ("the facts", short(&self.facts), short(&other.facts)),
            ("the corpus of second moments", self.corpus.clone(), other.corpus.clone()),
        ];
        let differing = pairs.into_iter().find(|(_, mine, theirs)| mine != theirs);
        let clause =
            |(what, mine, theirs): (&str, String, String)| format!("{what} differs: {mine} here, {theirs} there");
        differing.map(clause).or_else(|| self.rebuilt(other))
    }

    /// Which plugin both use in different builds, as one clause. A plugin that only one of them uses makes no
    /// difference: it has made none of the other's rows.
    #[must_use]
    pub fn rebuilt(&self, other: &Self) -> Option<String> {
        let short = |text: &str| text.get(..12).unwrap_or(text).to_owned();
        self.plugins.iter().find_map(|(id, mine)| {
            let theirs = other.plugins.get(id).filter(|theirs| theirs.sha256 != mine.sha256)?;
            let (mine, theirs) = (short(&mine.sha256), short(&theirs.sha256));
            Some(format!("the build of the plugin `{id}` differs: {mine} here, {theirs} there"))
        })
    }

    /// Everything of it that each row depends on, hashed.
    #[must_use]
    pub fn mark(&self) -> String {
        let Self { program, model, tokenizer, number_format, reproducible, corpus, .. } = self;
        hash(&[program, &model.fingerprint, tokenizer, number_format, &reproducible.to_string(), corpus])
    }
}

/// What is said of a record whose [`fact_mark`] an earlier one has.
pub const TWICE: &str = "duplicate of an earlier record";

/// Tells a fact from others by all that its record holds but its number.
#[must_use]
pub fn fact_mark(fact: &Fact) -> String {
    let plain = Fact { case_id: None, ..fact.clone() };
    let text = serde_json::to_string(&plain).unwrap_or_default();
    hash(&["fact", &text])[..16].to_owned()
}

/// SHA-256 of texts, each ended, in hexadecimal digits: the first 32.
pub fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::{Identity, fact_mark, hash};
    use locus_protocol::{Fact, ModelMark, PluginMark};

    #[test]
    fn what_differs_is_named() {
        let model = ModelMark { name: "gpt2".into(), fingerprint: "aaaabbbbccccdddd".into() };
        let one = Identity { program: "1".into(), model, facts: "f".into(), ..Identity::default() };
        assert_eq!(one.differs(&one.clone()), None);
        let mut other = one.clone();
        other.model.fingerprint = "eeee".into();
        let says = one.differs(&other).expect("differs");
        assert_eq!(says, "the model differs: gpt2 (aaaabbbbcccc) here, gpt2 (eeee) there");
        assert_ne!(one.mark(), other.mark());
    }

    #[test]
    fn a_plugin_that_both_use_must_be_the_same_build() {
        let of = |plugins: &[(&str, &str)]| {
            let mark = |&(id, sha256): &(&str, &str)| {
                (id.to_owned(), PluginMark { id: id.into(), sha256: sha256.into(), ..PluginMark::default() })
            };
            Identity { plugins: plugins.iter().map(mark).collect(), ..Identity::default() }
        };
        let one = of(&[("aim", "bb"), ("rome", "aa")]);
        assert_eq!(one.differs(&of(&[("aim", "bb"), ("rome", "aa")])), None);
        assert_eq!(one.differs(&of(&[("aim", "bb"), ("memit", "cc")])), None, "each has edits of its own");
        let says = one.differs(&of(&[("aim", "bb"), ("rome", "dd")])).expect("differs");
        assert_eq!(says, "the build of the plugin `rome` differs: aa here, dd there");
    }

    #[test]
    fn a_fact_is_told_by_what_it_says() {
        let fact = Fact { case_id: Some(3), subject: "France".into(), ..Fact::default() };
        assert_eq!(fact_mark(&fact), fact_mark(&Fact { case_id: None, ..fact.clone() }));
        assert_ne!(fact_mark(&fact), fact_mark(&Fact { subject: "Italy".into(), ..fact }));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
