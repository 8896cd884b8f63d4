//! What `cargo xtask bench-python` gives to TransformerLens and nnsight: a folder, a prompt with its noise, and the heat map
//! that they must make of them, with the time that it took here.

use crate::{shape, timed};
use anyhow::Result;
use locus_engine::model::Model;
use locus_engine::run::seeded_noise;
use locus_engine::trace::{Kind, Request, Runs, TracedAnswer, heat_map, rows_at_once};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const PROMPT: &str = "The Golden Gate Bridge is in";
const SUBJECT: &str = "Golden Gate Bridge";
const SAMPLES: i64 = 10;

/// Writes two folders into `folder`: a random model of GPT-2's shape and the built-in one, each with its `case.json`. The
/// fastest of `repeats` maps counts; each begins with the runs that its cells stand on.
pub fn hand_over(folder: &Path, shape: [i64; 3], repeats: usize) -> Result<()> {
    let [random, built_in] = shape::both(folder, shape)?;
    case(&random, repeats)?;
    case(&built_in, 10 * repeats)
}

fn case(folder: &Path, repeats: usize) -> Result<()> {
    let model = Model::load(folder, tch::Device::Cpu, tch::Kind::Float)?;
    let noise = |tokens| seeded_noise(1, 0.1, SAMPLES, tokens, model.architecture.hidden);
    let request = Request::new(&model, PROMPT, SUBJECT, &TracedAnswer::MostProbable, noise)?;
    let mut best = Duration::MAX;
    let mut map = None;
    for _ in 0..repeats.max(1) {
        let (made, time) = timed(|| {
            let runs = Runs::new(&model, &request)?;
            let scores = heat_map(&model, &runs, Kind::Hidden, 1, rows_at_once(&model), &mut |_| Ok(()))?.scores;
            Ok((runs.clean.answer[0], scores))
        })?;
        (best, map) = (best.min(time), Some(made));
    }
    let (answer, scores) = map.unzip();
    let samples: Vec<Vec<Vec<f64>>> =
        (0..SAMPLES).map(|sample| Ok(Vec::<Vec<f64>>::try_from(request.noise.get(sample))?)).collect::<Result<_>>()?;
    let subject = &request.question.subject;
    let case = json!({
        "prompt": request.question.prompt, "subject": [subject.start, subject.end], "answer": answer, "noise": samples,
        "layers": model.architecture.layers, "scores": scores, "seconds": best.as_secs_f64(),
    });
    std::fs::write(folder.join("case.json"), case.to_string())?;
    Ok(())
}
