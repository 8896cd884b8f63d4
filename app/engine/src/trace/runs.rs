//! The clean and the corrupted run of one fact.

use super::pass::Pass;
use super::request::{Request, TracedQuestion};
use crate::error::Result;
use crate::model::{Action, Batch, Model, Site, Tap};
use tch::Tensor;

/// The clean run of one fact.
#[derive(Debug)]
pub struct CleanRun {
    pub question: TracedQuestion,
    /// Answer token ids, at least one.
    pub answer: Vec<i64>,
    /// The most probable next token of the prompt.
    pub most_probable: i64,
    /// Probability of the answer.
    pub score: f64,
    pub(super) pass: Pass,
    ids: Tensor,
}

impl CleanRun {
    /// Runs the model once.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(model: &Model, question: &TracedQuestion) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let mut ids = question.prompt.clone();
        ids.extend(question.answer.split_last().map_or(&[][..], |(_, early)| early));
        let ids = Tensor::f_from_slice(&ids)?.f_to_device(model.device)?;
        let pass = Pass::clean(model, &ids)?;
        let layers = model.architecture.layers;
        let last = pass.streams[layers].f_select(1, question.prompt.len() as i64 - 1)?;
        let most_probable = model.logits(&last)?.f_argmax(None, false)?.f_int64_value(&[])?;
        let answer = if question.answer.is_empty() { vec![most_probable] } else { question.answer.clone() };
        let score = pass.score(model, &answer)?;
        Ok(Self { question: question.clone(), answer, most_probable, score, pass, ids })
    }
}

/// Both runs of one fact. Positions before the subject are the same in both and computed once.
#[derive(Debug)]
pub struct Runs {
    pub clean: CleanRun,
    /// Mean probability of the answer over the noise samples, nothing restored.
    pub corrupted_score: f64,
    pub(super) corrupted: Pass,
}

impl Runs {
    /// Runs the model cleanly once and with noise on the subject.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(model: &Model, request: &Request) -> Result<Self> {
        let clean = CleanRun::new(model, &request.question)?;
        Self::on(model, clean, request)
    }

    /// Runs the model with noise on the subject, on top of a clean run of the same question.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn on(model: &Model, clean: CleanRun, request: &Request) -> Result<Self> {
        let corrupted = corrupted(model, &clean, request)?;
        Ok(Self { corrupted_score: corrupted.score(model, &clean.answer)?, corrupted, clean })
    }

    /// The same clean run with other noise.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn renoised(self, model: &Model, request: &Request) -> Result<Self> {
        Self::on(model, self.clean, request)
    }
}

/// Runs the prompt with noise on its subject.
pub(super) fn corrupted(model: &Model, clean: &CleanRun, request: &Request) -> Result<Pass> {
    let _guard = tch::no_grad_guard();
    let samples = request.noise.size()[0];
    let first = request.question.subject.start;
    Pass::corrupted(model, &clean.ids, &clean.pass, first, samples, &|batch| noise_tap(model, request, batch))
}

/// Noise on the subject's token embeddings of every row.
fn noise_tap(model: &Model, request: &Request, batch: &Batch) -> Result<Tap> {
    let device = model.device;
    let size = request.noise.size();
    let subject = &request.question.subject;
    let cells: Vec<i64> = (0..size[0])
        .flat_map(|row| subject.clone().map(move |position| (row, position as i64)))
        .map(|(row, position)| batch.flat(0, row, position))
        .collect();
    let noised = if request.replace {
        request.noise.f_to_device(device)?.f_to_kind(model.kind)?
    } else {
        let subject = Tensor::f_from_slice(&request.question.prompt[subject.clone()])?.f_to_device(device)?;
        model.noised_embeddings(&subject, &request.noise)?
    };
    Ok(Tap {
        site: Site::Embedding,
        cells: Some(Tensor::f_from_slice(&cells)?.f_to_device(device)?),
        action: Action::Replace(noised.f_reshape([size[0] * size[1], size[2]])?),
    })
}
