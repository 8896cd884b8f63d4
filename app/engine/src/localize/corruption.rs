//! What stands in the subject's place in the corrupted run: noise (Meng et al. 2022), or another subject's tokens
//! (Zhang and Nanda 2024, arXiv 2309.16042).

use super::Asked;
use crate::error::{Error, Result};
use crate::noise::LegacyRandom;
use crate::run::{Draws, drawn_noise};
use crate::trace::{Request, Runs, TracedAnswer, TracedQuestion};
use locus_protocol::Fact;
use std::ops::Range;
use std::rc::Rc;
use tch::{Kind, Tensor};

/// Noised copies at most.
const MOST_SAMPLES: usize = 1000;

/// Names and words of the settings of a corruption.
pub const SETTINGS: [(&str, &str); 4] = [
    ("corruption", "noise, or replacement by other subjects of the relation with as many tokens"),
    ("samples", "draws of noise, or other subjects; 10"),
    ("noise", "noise level, in standard deviations of the subjects' embeddings; 3"),
    ("seed", "seed of the draws; 1"),
];

/// How the subject is corrupted.
#[derive(Clone, Copy, Debug)]
pub struct Corruption {
    replaces: bool,
    samples: usize,
    deviations: f64,
    seed: u32,
}

impl Corruption {
    /// As the settings say.
    pub fn of(asked: &Asked<'_>) -> Result<Self> {
        let settings = asked.settings;
        Ok(Self {
            replaces: settings.choice("corruption", &["noise", "replacement"])? == "replacement",
            samples: settings.count("samples", 10, 1..=MOST_SAMPLES)?,
            deviations: settings.number("noise", 3.0, 0.0..=1e6)?,
            seed: settings.count("seed", 1, 0..=u32::MAX as usize)? as u32,
        })
    }

    /// What the subject's embeddings get, `[samples, subject tokens, embedded]` in float64.
    pub fn draws(&self, asked: &Asked<'_>, question: &TracedQuestion) -> Result<Tensor> {
        let (tokens, hidden) = (question.subject.len() as i64, asked.model.architecture.embedded());
        if !self.replaces {
            let mut random = LegacyRandom::new(self.seed);
            let drawn = drawn_noise(&mut random, Draws::Normal, self.samples as i64, tokens, hidden)?;
            return Ok(drawn.f_mul_scalar(self.deviations * asked.deviation)?);
        }
        let mut random = LegacyRandom::new(self.seed);
        let mut others = counterparts(asked, question)?;
        let mut rows = Vec::new();
        while !others.is_empty() && rows.len() < self.samples {
            let place = ((random.uniform() * others.len() as f64) as usize).min(others.len() - 1);
            let ids = Tensor::f_from_slice(&others.swap_remove(place))?.f_to_device(asked.model.device)?;
            rows.push(asked.model.token_embeddings(&ids)?.f_to_kind(Kind::Double)?);
        }
        if rows.is_empty() {
            let subject = &asked.fact.subject;
            let message = format!("no other subject has as many tokens as `{subject}` and another answer; use noise");
            return Err(Error::Request(message));
        }
        Ok(Tensor::f_stack(&rows, 0)?)
    }

    /// The runs of some of the draws, which localizers of one fact share.
    pub fn runs(&self, asked: &Asked<'_>, answer: &str, draws: Range<i64>) -> Result<Rc<Runs>> {
        let name = format!("{self:?} {draws:?} {answer}");
        asked.shared.runs(&name, || {
            let fact = asked.fact;
            let wanted = TracedAnswer::Target(answer.to_owned());
            let question = TracedQuestion::new(asked.model, &fact.template, &fact.subject, &wanted)?;
            let noise = self.draws(asked, &question)?;
            let count = noise.size()[0];
            let (first, last) = (draws.start.min(count), draws.end.min(count));
            let mut request = Request::with_noise(asked.model, question, noise.f_narrow(0, first, last - first)?)?;
            request.replace = self.replaces;
            Runs::new(asked.model, &request)
        })
    }

    /// How many draws there are for a fact.
    pub fn count(&self, asked: &Asked<'_>) -> Result<i64> {
        if !self.replaces {
            return Ok(self.samples as i64);
        }
        let answer = TracedAnswer::Target(asked.fact.target_true.clone());
        let question = TracedQuestion::new(asked.model, &asked.fact.template, &asked.fact.subject, &answer)?;
        Ok((counterparts(asked, &question)?.len().min(self.samples)) as i64)
    }
}

/// Tokens of other subjects of the relation that have as many as the subject, and another answer.
fn counterparts(asked: &Asked<'_>, question: &TracedQuestion) -> Result<Vec<Vec<i64>>> {
    let fact = asked.fact;
    let other = |other: &&Fact| other.subject != fact.subject && other.target_true != fact.target_true;
    let same = |other: &&Fact| !fact.relation.is_empty() && other.relation == fact.relation;
    let mut subjects: Vec<&str> = asked.facts.iter().filter(other).filter(same).map(|it| it.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut found = Vec::new();
    for subject in subjects {
        // one whose tokens hide it in the template is no counterpart
        let Ok(tokens) = asked.model.tokenizer.prompt(&fact.template, subject, None) else { continue };
        if tokens.subject.len() == question.subject.len() {
            found.push(tokens.ids[tokens.subject].to_vec());
        }
    }
    Ok(found)
}
