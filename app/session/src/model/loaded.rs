//! A model that is ready, with its edits and its facts.

use crate::error::Error;
use locus_engine::edit::EditStack;
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use locus_engine::trace;
use locus_plugin::{Delta, ModelInfo};
use locus_protocol::{Fact, FactsMark, ModelMark, TriedOn};
use locus_records::ModelDefaults;
use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

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
    /// Second moments, once they were needed.
    moments: RefCell<Option<Rc<SecondMoments>>>,
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

    /// Numbers of the edits that that model has, the oldest first.
    pub fn edits_on(&self, on: TriedOn) -> Vec<u64> {
        on.edits(self.stack.applied().iter().map(|edit| edit.number).collect())
    }

    /// Second moments of the unedited model, once they were needed.
    pub fn moments(&self) -> Option<Rc<SecondMoments>> {
        self.moments.borrow().clone()
    }

    /// Has these second moments at hand from now on; without any they are looked for anew.
    pub fn hold_moments(&self, moments: Option<SecondMoments>) {
        self.moments.replace(moments.map(Rc::new));
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
