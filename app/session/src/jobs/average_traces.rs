//! Traces of many facts, put together by token role.

use super::trace::{self, Ground};
use crate::error::{Error, Stopped};
use crate::pace::RunningJob;
use locus_engine::evaluate::{ANSWER_TOKENS, is_correct};
use locus_engine::run::{Choice, Length, generate};
use locus_engine::trace::{Averages, CleanRun};
use locus_protocol::{
    AverageEffects, AverageOrder, Correctness, Event, Fact, JobId, LogLevel, Phase, RoleEffects, TraceKind, TraceOrder,
    TraceStarted,
};

/// Traces one fact after the other and tells each heat map as a single trace does, and the averages at the end.
pub fn run(job: RunningJob<'_>, order: &AverageOrder) -> Result<(), Stopped> {
    if order.facts.is_empty() || order.kinds.is_empty() {
        let message = "there is nothing to average; give facts and at least one kind";
        return Err(Error::Request(message.to_owned()).into());
    }
    if order.settings.intervention.is_ablation() || order.settings.preview_only {
        let message = "averages need exact traces of noised runs; leave out --ablate and --preview";
        return Err(Error::Request(message.to_owned()).into());
    }
    let mut collected: Vec<Averages> = order.kinds.iter().map(|_| Averages::new(order.exclusive)).collect();
    let (mut unknown, mut improbable, mut not_lowered) = (0, 0, 0);
    for (index, fact) in order.facts.iter().enumerate() {
        job.progress(Phase::Cells, index as u64, order.facts.len() as u64);
        let settings = TraceOrder { fact: fact.clone(), ..order.settings.clone() };
        match one(job, order, &settings, &mut collected) {
            Ok(Seen::Traced { is_lowered }) => not_lowered += usize::from(!is_lowered),
            Ok(Seen::Unknown) => {
                unknown += 1;
                skipped(job, fact, "the model does not know it");
            }
            Ok(Seen::Improbable(probability)) => {
                improbable += 1;
                let least = order.least_probability;
                skipped(job, fact, &format!("its probability {probability:.4} is below {least}"));
            }
            Err(error) => {
                let kept = format!("the heat maps of {} facts are kept", index - unknown - improbable);
                return Err(Stopped { error: error.of_fact(index), kept });
            }
        }
    }
    job.progress(Phase::Cells, order.facts.len() as u64, order.facts.len() as u64);
    if collected.iter().all(|averages| averages.facts() == 0) {
        return Err(Error::Request(none(unknown, improbable, order.least_probability)).into());
    }
    let left_out = unknown + improbable;
    for (&kind, averages) in order.kinds.iter().zip(&collected) {
        if let Some(effects) = effects(job.number, kind, order.settings.window, [left_out, not_lowered], averages) {
            job.tell(Event::AverageEffects(effects));
        }
    }
    Ok(())
}

/// What came of one fact.
enum Seen {
    /// It counts; whether there was an answer that the noise lowered.
    Traced { is_lowered: bool },
    /// The model does not know it.
    Unknown,
    /// Its answer has only this probability.
    Improbable(f64),
}

fn skipped(job: RunningJob<'_>, fact: &Fact, why: &str) {
    job.log("engine", LogLevel::Info, format!("skipped “{}”: {why}", fact.prompt()));
}

/// Why no fact was traced: so many are unknown to the model, so many less probable than asked.
fn none(unknown: usize, improbable: usize, least: f64) -> String {
    let all = unknown + improbable;
    match (unknown, improbable) {
        (_, 0) => format!("none of the {all} facts is known to the model; --unknown-too traces them anyway"),
        (0, _) => format!("none of the {all} facts has an answer of probability {least}; lower --least-probability"),
        _ => format!(
            "none of the {all} facts is traced: {unknown} are unknown to the model, which --unknown-too traces anyway, \
             and {improbable} are less probable than {least}, for which lower --least-probability"
        ),
    }
}

/// Traces one fact in every kind.
fn one(
    job: RunningJob<'_>,
    order: &AverageOrder,
    settings: &TraceOrder,
    collected: &mut [Averages],
) -> Result<Seen, Error> {
    job.check_cancel()?;
    for &kind in &order.kinds {
        trace::check(&TraceOrder { kind, ..settings.clone() })?;
    }
    let loaded = job.loaded;
    let looked = loaded.without(&settings.without)?;
    let model = looked.model();
    let (question, noising) = trace::prepare(loaded, model, settings)?;
    let clean = CleanRun::new(model, &question)?;
    let correct = match order.correctness {
        Correctness::NextToken => trace::says_target_next(model, &clean, settings)?,
        Correctness::Continuation => {
            let (prompts, length) = ([settings.fact.prompt()], Length::After(ANSWER_TOKENS));
            let said = generate(model, &prompts, length, Choice::Greedy, &mut || job.check_cancel())?;
            let said = said.iter().map(|text| text.continuation(model)).collect::<Result<String, _>>()?;
            is_correct(&said, &settings.fact.target_true)
        }
    };
    if !correct && !order.unknown_too {
        return Ok(Seen::Unknown);
    }
    if clean.score < order.least_probability {
        return Ok(Seen::Improbable(clean.score));
    }
    let changed_answer = trace::changed_answer(loaded, &looked, &clean)?;
    let (ground, _) = Ground::new(job, model, clean, &noising, settings)?;
    let mut is_lowered = true;
    for (&kind, averages) in order.kinds.iter().zip(collected) {
        let settings = TraceOrder { kind, ..settings.clone() };
        let started = trace::started(job, &looked, &settings, &ground, &noising, correct, Vec::new())?;
        let started = TraceStarted { changed_answer: changed_answer.clone(), ..started };
        is_lowered &= started.undefined().is_none();
        job.tell(Event::Trace(started));
        let map = ground.map(model, &settings, &mut |_| job.check_cancel())?;
        for (token, scores) in map.scores.iter().enumerate() {
            job.tell(Event::TraceRow { job: job.number, token, scores: scores.clone() });
        }
        averages.add(&map.scores, &question.subject, ground.clean().score, ground.corrupted_score());
    }
    Ok(Seen::Traced { is_lowered })
}

/// The record of one kind; `None` without facts.
fn effects(
    job: JobId,
    kind: TraceKind,
    window: usize,
    [left_out, not_lowered]: [usize; 2],
    averages: &Averages,
) -> Option<AverageEffects> {
    let total = averages.total()?;
    let roles = averages.curves().into_iter().map(|curve| RoleEffects {
        role: curve.role,
        count: curve.count,
        effects: curve.effect,
        intervals: curve.interval,
        probability_intervals: curve.probability_interval,
    });
    Some(AverageEffects {
        job,
        kind,
        window: if kind == TraceKind::Hidden { 1 } else { window },
        facts: total.facts,
        left_out,
        not_lowered,
        clean: total.clean,
        corrupted: total.corrupted,
        interval: total.interval,
        roles: roles.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::none;

    #[test]
    fn the_remedy_is_that_of_what_kept_the_facts_out() {
        assert_eq!(none(3, 0, 0.5), "none of the 3 facts is known to the model; --unknown-too traces them anyway");
        assert_eq!(
            none(0, 2, 0.99),
            "none of the 2 facts has an answer of probability 0.99; lower --least-probability"
        );
        let both = none(3, 2, 0.99);
        assert!(both.starts_with("none of the 5 facts is traced: 3 are unknown"), "{both}");
        assert!(both.contains("--unknown-too") && both.contains("2 are less probable than 0.99"), "{both}");
    }
}
