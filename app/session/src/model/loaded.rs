//! A model that is ready, with its edits and its facts.

use crate::error::Error;
use locus_engine::edit::EditStack;
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use locus_engine::trace;
use locus_plugin::{Delta, ModelInfo};
use locus_protocol::{Fact, FactsMark, ModelMark, TriedOn};
use locus_records::ModelDefaults;
use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

/// A model that is looked at: with all edits in place, or without some of them.
pub struct LookedAt<'a> {
    loaded: &'a Loaded,
    /// The model, where that is not the one that is in place.
    built: Option<Model>,
    /// Numbers of the edits that it has, the oldest first.
    pub with: Vec<u64>,
}

impl LookedAt<'_> {
    pub fn model(&self) -> &Model {
        self.built.as_ref().unwrap_or_else(|| self.loaded.stack.model())
    }
}

/// A model that is ready, and what is known of it.
pub struct Loaded {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// The model with its edits.
    pub stack: EditStack,
    /// Its name and which weights it has.
    pub mark: ModelMark,
    /// What plugins may know of it.
    pub info: ModelInfo,
    /// Settings that suit it.
    pub defaults: ModelDefaults,
    /// Second moments, once they were needed, and of how many tokens of the corpus where that was said.
    moments: RefCell<Option<(Rc<SecondMoments>, Option<usize>)>>,
    /// Tokens of the corpus that the user chose for the edits of this session.
    chosen_tokens: Cell<Option<usize>>,
    /// The facts that belong to it.
    pub facts: Vec<Fact>,
    /// Where they come from.
    pub facts_source: String,
    /// Both, once an edit was recorded.
    facts_mark: OnceCell<FactsMark>,
    /// Subjects whose embeddings measure the noise.
    subjects: Vec<String>,
    /// Their deviation, once it was needed.
    deviation: OnceCell<f64>,
}

impl Loaded {
    /// An unedited model with the facts that belong to it, and where they come from.
    pub fn new(
        folder: PathBuf,
        model: Model,
        mark: ModelMark,
        info: ModelInfo,
        (facts_source, facts): (String, Vec<Fact>),
    ) -> Self {
        let mut subjects: Vec<String> = facts.iter().map(|fact| fact.subject.clone()).collect();
        subjects.sort();
        subjects.dedup();
        Self {
            folder,
            defaults: ModelDefaults::of(
                &model.architecture.family,
                model.architecture.layers,
                model.architecture.hidden,
            ),
            stack: EditStack::new(model),
            mark,
            info,
            moments: RefCell::default(),
            chosen_tokens: Cell::default(),
            facts,
            facts_source,
            facts_mark: OnceCell::new(),
            subjects,
            deviation: OnceCell::new(),
        }
    }

    /// The model that an edit is tried on.
    pub fn model_on(&self, on: TriedOn) -> &Model {
        match on {
            TriedOn::Unedited => self.stack.base(),
            TriedOn::AsItIs => self.stack.model(),
        }
    }

    /// What changes of a plugin make of that model.
    pub fn trial_on(&self, on: TriedOn, plugin: &str, deltas: &[Delta]) -> locus_engine::Result<Model> {
        match on {
            TriedOn::Unedited => self.stack.trial_on_unedited(plugin, deltas),
            TriedOn::AsItIs => self.stack.trial(plugin, deltas),
        }
    }

    /// The model without these edits, which stay in place.
    ///
    /// # Errors
    /// One of them is not in place.
    pub fn without(&self, edits: &[u64]) -> Result<LookedAt<'_>, Error> {
        let mut with = self.edits_on(TriedOn::AsItIs);
        let built = match edits {
            [] => None,
            edits => {
                let missing = || {
                    let missing = edits.iter().find(|edit| !with.contains(edit)).copied().unwrap_or_default();
                    Error::Request(format!("edit {missing} is not in place, so it cannot be left out"))
                };
                Some(self.stack.leaving_out(edits)?.ok_or_else(missing)?)
            }
        };
        with.retain(|edit| !edits.contains(edit));
        Ok(LookedAt { loaded: self, built, with })
    }

    /// Numbers of the edits that that model has, the oldest first.
    pub fn edits_on(&self, on: TriedOn) -> Vec<u64> {
        on.edits(self.stack.applied().iter().map(|edit| edit.number).collect())
    }

    /// Second moments of the unedited model, once they were needed.
    pub fn moments(&self) -> Option<Rc<SecondMoments>> {
        self.moments.borrow().as_ref().map(|(moments, _)| Rc::clone(moments))
    }

    /// Whether those at hand are of so many tokens and hold all the layers.
    pub fn holds_moments(&self, layers: &[usize], tokens: Option<usize>) -> bool {
        self.moments
            .borrow()
            .as_ref()
            .is_some_and(|(moments, of)| *of == tokens && layers.iter().all(|&layer| moments.has(layer)))
    }

    /// Has second moments of so many tokens at hand from now on; without any they are looked for anew.
    pub fn hold_moments(&self, moments: Option<SecondMoments>, tokens: Option<usize>) {
        self.moments.replace(moments.map(|moments| (Rc::new(moments), tokens)));
    }

    /// Tokens of the corpus that the user chose for the edits of this session.
    pub fn chosen_tokens(&self) -> Option<usize> {
        self.chosen_tokens.get()
    }

    /// Has edits use second moments of so many tokens, or of those that a session takes by itself.
    pub fn choose_tokens(&self, tokens: Option<usize>) {
        self.chosen_tokens.set(tokens);
    }

    /// Where its facts come from and what they are.
    ///
    /// # Errors
    /// Those of [`locus_records::operations::facts_mark`].
    pub fn facts_mark(&self) -> Result<FactsMark, Error> {
        if let Some(mark) = self.facts_mark.get() {
            return Ok(mark.clone());
        }
        let mark = locus_records::operations::facts_mark(&self.facts_source, &self.facts)?;
        Ok(self.facts_mark.get_or_init(|| mark).clone())
    }

    /// Standard deviation of the embeddings of all known subjects, or of `subject` where none are known.
    pub fn embedding_deviation(&self, subject: &str) -> Result<f64, Error> {
        if let Some(&deviation) = self.deviation.get() {
            return Ok(deviation);
        }
        if self.subjects.is_empty() {
            return Ok(trace::embedding_deviation(self.stack.base(), &[subject])?);
        }
        let deviation = trace::embedding_deviation(self.stack.base(), &self.subjects)?;
        Ok(*self.deviation.get_or_init(|| deviation))
    }
}
