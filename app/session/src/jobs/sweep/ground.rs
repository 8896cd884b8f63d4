//! What all cells of a sweep stand on: the identity of model and plugins, second moments, and what is measured of each
//! fact before an edit, once for all layers.

use super::{Bench, screening};
use crate::error::Error;
use crate::measures::measuring::{Case, Measured, goal, measure, relations};
use crate::moments;
use crate::plugins::preparing::{PreparedEdit, prepare_on};
use crate::record::recording::plugin_mark;
use locus_engine::evaluate::{ScoringGoal, essence_texts, fact_seed, without_doubtful_neighbors};
use locus_engine::localize::localizer;
use locus_protocol::{EditOrder, Fact, Measures, PluginKind, TriedOn};
use locus_sweep::{Grid, Identity};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Bytes of a tokenizer's file at most.
const LARGEST: u64 = 1 << 30;
/// Facts whose numbers before an edit are kept.
const KEPT: usize = 4096;

/// What all cells stand on.
pub struct Ground {
    identity: Identity,
    before: BTreeMap<String, Rc<Before>>,
}

/// What is measured of a fact for an objective, and its numbers before any edit.
pub struct Before {
    /// The fact as it is measured.
    pub fact: Fact,
    /// Other facts about its subject.
    pub relations: Vec<Fact>,
    /// Texts about it, where essence is measured.
    pub essence: Vec<String>,
    pub measured: Measured,
}

impl Before {
    /// What is measured of the fact after an edit.
    pub fn case(&self, goal: ScoringGoal, lowers: bool) -> Case<'_> {
        let (relations, essence) = (self.relations.clone(), self.essence.clone());
        Case { fact: &self.fact, goal, lowers, relations, spoken: Vec::new(), essence }
    }
}

impl Ground {
    /// Checks the grid on the model: plugins, settings, layers, localizers; sees to the second moments that it needs.
    ///
    /// # Errors
    /// The grid cannot be swept on this model.
    pub fn new(bench: Bench<'_>, grid: &Grid) -> Result<Self, Error> {
        let Bench { job, registry, options } = bench;
        let loaded = job.loaded;
        // a fact that is not swept must not keep the others from it
        let first = screening::named(&loaded.facts, &grid.facts)?.first().map(|&place| loaded.facts[place].clone());
        let first =
            first.ok_or_else(|| Error::Request("there is no fact to sweep; give a file with --facts".to_owned()))?;
        let layers = loaded.info.layers;
        for axis in &grid.localizers {
            let found = localizer(&axis.kind, &axis.settings);
            found.map_err(|error| Error::Request(format!("the localizer `{}`: {error}", axis.label())))?;
        }
        let mut plugins = BTreeMap::new();
        let mut needed = BTreeSet::new();
        for axis in &grid.edits {
            let named = |error: Error| Error::Request(format!("the edit `{}`: {error}", axis.label()));
            let centers = axis.centers(layers).map_err(|error| named(Error::Request(error)))?;
            plugins.insert(axis.method.clone(), plugin_mark(registry, PluginKind::Method, &axis.method));
            for objective in &axis.objectives {
                plugins.insert(objective.clone(), plugin_mark(registry, PluginKind::Objective, objective));
                for &center in &centers {
                    let mut order = EditOrder {
                        fact: first.clone(),
                        method: axis.method.clone(),
                        objective: objective.clone(),
                        layers: locus_sweep::window_of(center, axis.window, layers),
                        method_settings: axis.settings_for(objective),
                        objective_settings: axis.settings_of(objective),
                        ..EditOrder::default()
                    };
                    let prepared = prepare_on(job, registry, &mut order, TriedOn::Unedited).map_err(named)?;
                    needed.extend(prepared.plan.second_moments);
                    // the other layers differ in nothing but their number
                    if needed.is_empty() {
                        break;
                    }
                }
            }
        }
        if !needed.is_empty() {
            let _ = moments::ensure(job, options, &needed.into_iter().collect::<Vec<_>>(), None)?;
        }
        let facts = loaded.facts_mark()?;
        let tokenizer = locus_files::bytes(&loaded.folder.join("tokenizer.json"), LARGEST).unwrap_or_default();
        let corpus = loaded
            .moments()
            .map(|moments| format!("{} ({})", moments.description.corpus_name, moments.description.corpus));
        let identity = Identity {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            model: loaded.mark.clone(),
            tokenizer: locus_records::hex(&Sha256::digest(tokenizer)[..16]),
            number_format: format!("{:?}", loaded.stack.base().kind),
            layers,
            reproducible: options.start.reproducible,
            facts_source: facts.source,
            facts: facts.sha256,
            corpus: corpus.unwrap_or_default(),
            plugins,
        };
        Ok(Self { identity, before: BTreeMap::new() })
    }

    /// Model, data and program.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What a fact's numbers are before an edit of this order; measured once for all layers, methods and seeds.
    ///
    /// # Errors
    /// Those of the measures.
    pub fn before(
        &mut self,
        bench: Bench<'_>,
        order: &EditOrder,
        prepared: &PreparedEdit,
        measures: &Measures,
        skip_marked: bool,
    ) -> Result<Rc<Before>, Error> {
        let job = bench.job;
        let loaded = job.loaded;
        let model = loaded.stack.base();
        let aim = prepared.aims.first().cloned().unwrap_or_default();
        let goal = goal(model, prepared.noise.as_ref(), &aim, &order.fact);
        let name = format!("{} {goal:?} {}", locus_sweep::fact_mark(&order.fact), aim.lowers);
        if let Some(before) = self.before.get(&name) {
            return Ok(before.clone());
        }
        let fact = if skip_marked { without_doubtful_neighbors(&order.fact) } else { order.fact.clone() };
        let relations = relations(&loaded.facts, &fact, &[&order.fact]);
        let essence = if measures.essence {
            let seed = fact_seed(&fact, "essence", measures.seed);
            essence_texts(model, &fact.subject, seed, &mut || job.check_cancel())?
        } else {
            Vec::new()
        };
        let case = Case { fact: &fact, goal, lowers: aim.lowers, relations, spoken: Vec::new(), essence };
        let measured = measure(model, &case, measures, None, None, &mut || job.check_cancel())?;
        let Case { relations, essence, .. } = case;
        if self.before.len() >= KEPT {
            self.before.clear();
        }
        let before = Rc::new(Before { fact, relations, essence, measured });
        self.before.insert(name, before.clone());
        Ok(before)
    }
}
