//! Noise on the embeddings of subjects.

use crate::random::Random;
use crate::tokenizer::{holding, text};
use locus_plugin::tch::Tensor;
use locus_plugin::{Cell, Cells, Error, Result, Site, SubjectNoise};
use std::cell::RefCell;

/// The noise of an objective, or of one call of a service.
pub(crate) struct Noises {
    noise: SubjectNoise,
    /// What a level of 0 stands for.
    level: f64,
    /// By fact: its subject.
    subjects: Vec<String>,
    running: RefCell<Random>,
}

impl Noises {
    pub(crate) fn new(noise: SubjectNoise, deviation: f64, subjects: Vec<String>) -> Self {
        let level = if noise.level == 0.0 { 3.0 * deviation } else { noise.level };
        let running = RefCell::new(Random::new(u64::from(noise.seed)));
        Self { noise, level, subjects, running }
    }

    /// What is added to the embeddings of rows: to the tokens of the last mention of each row's subject.
    pub(crate) fn draw(&self, rows: &[Vec<i64>], facts: &[usize], hidden: i64) -> Result<(Cells, Tensor)> {
        if !self.noise.redraws {
            *self.running.borrow_mut() = Random::new(u64::from(self.noise.seed));
        }
        let mut cells = Vec::new();
        for (row, ids) in rows.iter().enumerate() {
            let fact = facts.get(row).copied().unwrap_or(0);
            let missing = || Error::Request(format!("row {row} names fact {fact}; there are {}", self.subjects.len()));
            let subject = self.subjects.get(fact).ok_or_else(missing)?.trim();
            let start = text(ids)?.rfind(subject);
            let held = start.map(|start| holding(ids, &(start..start + subject.len()))).transpose()?.unwrap_or(0..0);
            cells.extend(held.map(|position| Cell { row, position }));
        }
        let noise = self.running.borrow_mut().normal(&[cells.len() as i64, hidden], self.level)?;
        Ok((Cells { site: Site::Embedding, cells }, noise))
    }
}
