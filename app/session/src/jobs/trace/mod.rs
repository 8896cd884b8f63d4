//! The job that computes a causal trace.

mod donors;
mod noising;

use crate::error::{Error, Stopped};
use crate::measures::remarks::tell_remarks;
use crate::model::loaded::{Loaded, LookedAt};
use crate::model::rows::token_texts;
use crate::pace::RunningJob;
use locus_engine::model::Model;
use locus_engine::trace::{
    CleanRun, HeatMap, Kind, Replacement, Report, Request, Runs, Severed, TracedAnswer, TracedQuestion, ablation_map,
    ablation_preview, heat_map, preview, rows_at_once, severed_heat_map,
};
use locus_protocol::{Event, Intervention, LogLevel, Phase, TraceAnswer, TraceKind, TraceOrder, TraceStarted};
use noising::Noising;

/// Runs before the cells: the clean one, what the cells stand on, the estimate of the map.
const RUNS: u64 = 3;
/// Noised copies of a prompt at most: published traces take ten.
const MOST_SAMPLES: usize = 1000;
/// Noise at most: embeddings are about a tenth.
const LOUDEST: f64 = 1e6;
/// Layers of a window at most.
const MOST_LAYERS: usize = 10_000;

/// Traces one fact: tells an estimate of the whole map, then exact rows as they finish.
pub fn run(job: RunningJob<'_>, order: TraceOrder) -> Result<(), Stopped> {
    check(&order)?;
    let loaded = job.loaded;
    let looked = loaded.without(&order.without)?;
    let model = looked.model();
    let (question, noising) = prepare(loaded, model, &order)?;
    let ran = |runs| {
        job.progress(Phase::Runs, runs, RUNS);
        job.check_cancel()
    };
    ran(0)?;
    let clean = CleanRun::new(model, &question)?;
    ran(1)?;
    tell_remarks(&job.pace.emitter, model, &order.fact)?;
    let correct = says_target_next(model, &clean, &order)?;
    let changed_answer = changed_answer(loaded, &looked, &clean)?;
    let (ground, donors) = Ground::new(job, model, clean, &noising, &order)?;
    let started = started(job, &looked, &order, &ground, &noising, correct, donors)?;
    job.tell(Event::Trace(TraceStarted { changed_answer, ..started }));
    ran(2)?;
    match ground.preview(model, &order) {
        Ok(scores) => scores.into_iter().for_each(|scores| job.tell(Event::TracePreview { job: job.number, scores })),
        // the map itself takes less: it keeps nothing for gradients
        Err(Error::Engine(error)) if error.is_out_of_memory() && !order.preview_only => {
            job.log("engine", LogLevel::Warning, format!("the estimate of the map is skipped: {error}"));
        }
        Err(error) => return Err(error.into()),
    }
    ran(RUNS)?;
    if order.preview_only {
        return Ok(());
    }
    let (mut rows, all) = (0, question.prompt.len());
    let cells = (all * model.architecture.layers) as u64;
    job.progress(Phase::Cells, 0, cells);
    let mapped = ground.map(model, &order, &mut |report| {
        match report {
            Report::Row { token, scores } => {
                rows += 1;
                job.tell(Event::TraceRow { job: job.number, token, scores: scores.to_vec() });
            }
            // by what they take: those of early layers and tokens take longest, those before the subject nothing
            Report::Block { done, total } => job.progress(Phase::Cells, cells * done / total.max(1), cells),
        }
        job.check_cancel()
    });
    mapped.map(|_| ()).map_err(|error| Stopped {
        error: error.into(),
        kept: format!("{rows} of {all} rows of the heat map are kept"),
    })
}

/// Refuses an order that makes no sense.
pub fn check(order: &TraceOrder) -> Result<(), Error> {
    let bad = |message: &str| Err(Error::Request(message.to_owned()));
    if order.answer != TraceAnswer::Model && order.answer.text(&order.fact).is_none() {
        return bad(match order.answer {
            TraceAnswer::New => "the fact has no new target to trace; give one as target_new (--new)",
            TraceAnswer::Text(_) => "the answer to trace is empty; give a text (--answer)",
            _ => "a trace follows the true target's probability; give one as target_true (--true)",
        });
    }
    if order.samples == 0 || order.window == 0 {
        return bad("samples and window must be at least 1; see --samples and --window");
    }
    if order.samples > MOST_SAMPLES || order.window > MOST_LAYERS {
        return bad("samples must be at most 1000 and the window at most 10000 layers; see --samples and --window");
    }
    if order.intervention.is_severed() && order.kind != TraceKind::Hidden {
        return bad("with a module severed only hidden states are restored; use kind hidden, or sever nothing");
    }
    if order.intervention.is_severed() && order.preview_only {
        return bad("there is no first-order estimate of a severed trace; leave out --preview or --sever");
    }
    if order.intervention.is_severed() && order.noise_file.is_some() && !order.same_noise {
        return bad("a severed trace draws twice and a noise file holds one draw; add --same-noise");
    }
    if order.intervention.is_ablation() && order.replace {
        return bad("an ablation has no noise that could replace the embedding; leave out --replace");
    }
    Ok(())
}

/// The answer that an order follows.
pub fn traced_answer(order: &TraceOrder) -> TracedAnswer {
    let text = order.answer.text(&order.fact);
    text.map_or(TracedAnswer::MostProbable, |text| TracedAnswer::Target(text.to_owned()))
}

/// What the model is asked, and the noise on it.
pub fn prepare(loaded: &Loaded, model: &Model, order: &TraceOrder) -> Result<(TracedQuestion, Noising), Error> {
    let fact = &order.fact;
    // an ablation has no noise, and needs no level
    let level = match order.noise_level {
        Some(level) => level,
        None if order.intervention.is_ablation() => 0.0,
        None => order.noise_deviations * loaded.embedding_deviation(&fact.subject)?,
    };
    // what is more than that overflows in float32 on its way through the layers
    if !(0.0..=LOUDEST).contains(&level) {
        return Err(Error::Request(format!("the noise must be from 0 to {LOUDEST}; see --noise")));
    }
    let question = TracedQuestion::new(model, &fact.template, &fact.subject, &traced_answer(order))?;
    Ok((question, Noising::new(order, level)?))
}

/// What a trace starts from, as a record.
pub fn started(
    job: RunningJob<'_>,
    looked: &LookedAt<'_>,
    order: &TraceOrder,
    ground: &Ground,
    noising: &Noising,
    correct: bool,
    donors: Vec<String>,
) -> Result<TraceStarted, Error> {
    let model = looked.model();
    let clean = ground.clean();
    Ok(TraceStarted {
        job: job.number,
        tokens: token_texts(model, &clean.question.prompt, &clean.question.subject),
        layers: model.architecture.layers,
        answer: model.tokenizer.decode(&clean.answer)?,
        answer_tokens: clean.answer.iter().map(|&id| model.tokenizer.piece(id)).collect(),
        clean: clean.score,
        corrupted: ground.corrupted_score(),
        noise_level: noising.level,
        edits: looked.with.len(),
        in_place: looked.with.clone(),
        changed_answer: None,
        order: order.clone(),
        correct,
        donors,
    })
}

/// What the model says next, where the unedited one says the answer's first token and the edits in place have changed it.
pub fn changed_answer(loaded: &Loaded, looked: &LookedAt<'_>, clean: &CleanRun) -> Result<Option<String>, Error> {
    let model = looked.model();
    let wanted = clean.answer.first().copied();
    if looked.with.is_empty() || wanted == Some(clean.most_probable) {
        return Ok(None);
    }
    let unedited = CleanRun::new(loaded.stack.base(), &clean.question)?;
    let changed = wanted == Some(unedited.most_probable);
    Ok(changed.then(|| model.tokenizer.decode(&[clean.most_probable])).transpose()?)
}

/// Whether the most probable next token, without blanks, is the whole true target.
pub fn says_target_next(model: &Model, clean: &CleanRun, order: &TraceOrder) -> Result<bool, Error> {
    Ok(model.tokenizer.decode(&[clean.most_probable])?.trim() == order.fact.target_true.trim())
}

/// The runs that the cells of one order stand on.
pub enum Ground {
    /// The noised run, the clean states restored; its corrupted probability.
    Restored(Runs, f64),
    /// The same with a module held.
    Severed(Runs, Severed),
    /// The clean run.
    Ablated(CleanRun, Replacement),
}

impl Ground {
    /// Makes the runs; the subjects of the other facts that were used come with them.
    pub fn new(
        job: RunningJob<'_>,
        model: &Model,
        clean: CleanRun,
        noising: &Noising,
        order: &TraceOrder,
    ) -> Result<(Self, Vec<String>), Error> {
        let question = clean.question.clone();
        let severed = match order.intervention {
            Intervention::Restore => None,
            Intervention::SeverMlp => Some(Kind::Mlp),
            Intervention::SeverAttention => Some(Kind::Attention),
            Intervention::AblateZero | Intervention::AblateMean | Intervention::AblateResample => {
                let (replacement, donors) = donors::replacement(job, model, order, &question)?;
                return Ok((Self::Ablated(clean, replacement), donors));
            }
        };
        let (first, second) = noising.noise(&question, model)?;
        let mut request = Request::with_noise(model, question, first)?;
        let ground = match severed {
            Some(kind) => {
                let held = Severed::new(model, &clean, &request, kind)?;
                request.noise = second;
                request.replace = order.replace;
                Self::Severed(Runs::on(model, clean, &request)?, held)
            }
            None => {
                let runs = Runs::on(model, clean, &request)?;
                let corrupted = runs.corrupted_score;
                // as published, the corrupted probability is that of added noise whatever the cells stand on
                request.replace = order.replace;
                Self::Restored(if order.replace { runs.renoised(model, &request)? } else { runs }, corrupted)
            }
        };
        Ok((ground, Vec::new()))
    }

    /// The clean run.
    pub fn clean(&self) -> &CleanRun {
        match self {
            Self::Restored(runs, _) | Self::Severed(runs, _) => &runs.clean,
            Self::Ablated(clean, _) => clean,
        }
    }

    /// What effects are measured from.
    pub fn corrupted_score(&self) -> f64 {
        match self {
            Self::Restored(_, corrupted) => *corrupted,
            Self::Severed(_, held) => held.corrupted_score,
            Self::Ablated(clean, _) => clean.score,
        }
    }

    /// The first-order estimate of the map; `None` where there is no such.
    pub fn preview(&self, model: &Model, order: &TraceOrder) -> Result<Option<Vec<Vec<f64>>>, Error> {
        let kind = kind(order.kind);
        Ok(match self {
            Self::Restored(runs, _) => Some(preview(model, runs, kind, order.window)?),
            Self::Severed(..) => None,
            Self::Ablated(clean, with) => Some(ablation_preview(model, clean, with, kind, order.window)?),
        })
    }

    /// Computes the exact map, row by row.
    pub fn map(
        &self,
        model: &Model,
        order: &TraceOrder,
        listen: &mut dyn FnMut(Report<'_>) -> locus_engine::Result<()>,
    ) -> locus_engine::Result<HeatMap> {
        let at_once = rows_at_once(model);
        let kind = kind(order.kind);
        match self {
            Self::Restored(runs, _) => heat_map(model, runs, kind, order.window, at_once, listen),
            Self::Severed(runs, held) => severed_heat_map(model, runs, held, at_once, listen),
            Self::Ablated(clean, with) => ablation_map(model, clean, with, kind, order.window, at_once, listen),
        }
    }
}

fn kind(kind: TraceKind) -> Kind {
    match kind {
        TraceKind::Hidden => Kind::Hidden,
        TraceKind::Mlp => Kind::Mlp,
        TraceKind::Attention => Kind::Attention,
    }
}
