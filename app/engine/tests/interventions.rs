//! What must hold whatever the model: restoring, severing and ablating where nothing can change, and previews.

mod support;

use locus_engine::model::Model;
use locus_engine::run::seeded_noise;
use locus_engine::trace::{
    CleanRun, Donor, Kind, Means, Replacement, Request, Runs, Severed, TracedAnswer, TracedQuestion, ablation_map,
    ablation_preview, heat_map, preview, severed_heat_map,
};
use std::path::Path;
use support::{cases, golden, json, name};
use tch::Device;

const KINDS: [Kind; 3] = [Kind::Hidden, Kind::Mlp, Kind::Attention];

/// In float64, so that what is equal is so to the last few digits.
fn load(folder: &Path) -> Model {
    tch::set_num_threads(1);
    Model::load(&folder.join("model"), Device::Cpu, tch::Kind::Double).expect("model")
}

/// The prompts of the set's own traces, with subject and target.
fn prompts(folder: &Path) -> Vec<(String, String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder.join("trace"))
        .expect("trace folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| name(path).ends_with(".json") && name(path).starts_with("bl_") && !name(path).contains(".f64."))
        .collect();
    files.sort();
    let text = |case: &serde_json::Value, field: &str| case[field].as_str().expect("text").to_owned();
    let read = |file: &std::path::PathBuf| {
        let case = json(file);
        (text(&case, "prompt"), text(&case, "subject"), text(&case, "target"))
    };
    files.iter().map(read).collect()
}

fn request(model: &Model, (prompt, subject, target): &(String, String, String), level: f64) -> Request {
    let noise = |tokens| seeded_noise(1, level, 4, tokens, model.architecture.embedded());
    Request::new(model, prompt, subject, &TracedAnswer::Target(target.clone()), noise).expect("request")
}

#[test]
fn restoring_the_last_block_at_the_last_token_gives_the_clean_probability() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let last = model.architecture.layers - 1;
        for asked in prompts(&folder) {
            let request = request(&model, &asked, 0.5);
            if request.question.answer.len() > 1 {
                continue;
            }
            let runs = Runs::new(&model, &request).expect("runs");
            let map = heat_map(&model, &runs, Kind::Hidden, 1, 2, &mut |_| Ok(())).expect("map");
            let restored = map.scores.last().expect("row")[last];
            assert!((restored - runs.clean.score).abs() < 1e-9, "{restored} and {}", runs.clean.score);
            // what a state of the last layer holds elsewhere cannot be read any more
            for row in &map.scores[..map.scores.len() - 1] {
                assert!((row[last] - runs.corrupted_score).abs() < 1e-9);
            }
        }
    }
}

/// Without noise nothing is corrupted, so neither restoring nor holding changes anything.
#[test]
fn without_noise_every_map_is_flat() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let runs = Runs::new(&model, &request(&model, &prompts(&folder)[0], 0.0)).expect("runs");
        let flat = |scores: Vec<Vec<f64>>| scores.iter().flatten().all(|score| (score - runs.clean.score).abs() < 1e-9);
        for kind in KINDS {
            assert!(flat(heat_map(&model, &runs, kind, 3, 2, &mut |_| Ok(())).expect("map").scores));
            assert!(flat(preview(&model, &runs, kind, 3).expect("preview")));
        }
    }
}

/// With the noise of the held run itself, a held module only matters above the restored layer: at the last layer
/// the map is the ordinary one, elsewhere it is another.
#[test]
fn severing_with_the_same_noise_equals_the_ordinary_trace_where_nothing_is_left_to_sever() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let last = model.architecture.layers - 1;
        let request = request(&model, &prompts(&folder)[0], 0.5);
        let runs = Runs::new(&model, &request).expect("runs");
        let ordinary = heat_map(&model, &runs, Kind::Hidden, 1, 2, &mut |_| Ok(())).expect("map");
        for kind in [Kind::Mlp, Kind::Attention] {
            let severed = Severed::new(&model, &runs.clean, &request, kind).expect("severed");
            let map = severed_heat_map(&model, &runs, &severed, 2, &mut |_| Ok(())).expect("map");
            let differences: Vec<f64> = (0..=last)
                .map(|layer| {
                    let pairs = map.scores.iter().zip(&ordinary.scores);
                    pairs.map(|(one, other)| (one[layer] - other[layer]).abs()).fold(0.0, f64::max)
                })
                .collect();
            assert!(differences[last] < 1e-9, "{differences:?}");
            assert!(differences[..last].iter().any(|difference| *difference > 1e-4), "{differences:?}");
        }
        let error = Severed::new(&model, &runs.clean, &request, Kind::Hidden).expect_err("hidden").to_string();
        assert!(error.contains("only MLP or attention"), "{error}");
    }
}

/// A state replaced by itself is no ablation; a donor of the same prompt is such a replacement.
#[test]
fn ablating_with_the_own_activation_changes_nothing() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let (prompt, subject, target) = &prompts(&folder)[0];
        let question =
            TracedQuestion::new(&model, prompt, subject, &TracedAnswer::Target(target.clone())).expect("question");
        let clean = CleanRun::new(&model, &question).expect("clean run");
        let own = Replacement::Resample(vec![
            Donor::new(&model, &question, &question).expect("libtorch"),
            Donor::new(&model, &question, &question).expect("libtorch"),
        ]);
        for kind in KINDS {
            let map = ablation_map(&model, &clean, &own, kind, 3, 2, &mut |_| Ok(())).expect("map");
            assert_eq!((map.scores.len(), map.scores[0].len()), (question.prompt.len(), model.architecture.layers));
            assert!(map.scores.iter().flatten().all(|score| (score - clean.score).abs() < 1e-9));
            let zero = ablation_map(&model, &clean, &Replacement::Zero, kind, 3, 2, &mut |_| Ok(())).expect("map");
            assert!(zero.scores.iter().flatten().any(|score| (score - clean.score).abs() > 1e-3), "zero changes it");
        }
    }
}

/// A sweep against one full run per cell, for zero, mean and resample ablation.
#[test]
fn ablations_equal_full_runs() {
    use locus_engine::model::{Action, Batch, Site, Tap, Taps};
    use locus_engine::trace::window_layers;
    use tch::Tensor;
    let _guard = tch::no_grad_guard();
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let all = prompts(&folder);
        let (prompt, subject, target) = &all[0];
        let question =
            TracedQuestion::new(&model, prompt, subject, &TracedAnswer::Target(target.clone())).expect("question");
        if question.answer.len() > 1 {
            continue;
        }
        let clean = CleanRun::new(&model, &question).expect("clean run");
        let (layers, tokens) = (model.architecture.layers, question.prompt.len());
        let batch = Batch::whole(1, tokens as i64);
        let ids = Tensor::from_slice(&question.prompt);
        let sites = |kind: Kind, layer: usize| match kind {
            Kind::Hidden => Site::Residual(layer),
            Kind::Mlp => Site::MlpOut(layer),
            Kind::Attention => Site::AttentionOut(layer),
        };
        // a prompt of the same tokens but the first, so that positions match one to one
        let mut other = question.clone();
        other.prompt[question.subject.start] += 1;
        let replacements = [
            ("zero", Replacement::Zero),
            ("mean", Replacement::Mean(Means::over(&model, &[other.prompt.clone()], &mut || Ok(())).expect("means"))),
            ("resample", Replacement::Resample(vec![Donor::new(&model, &question, &other).expect("libtorch")])),
        ];
        for kind in KINDS {
            let captures = (0..layers).map(|layer| Tap::capture(sites(kind, layer))).collect();
            let mut captured = Taps::new(captures);
            let _ = model.forward(&Tensor::from_slice(&other.prompt), &batch, &mut captured).expect("libtorch");
            for (what, replacement) in &replacements {
                let map = ablation_map(&model, &clean, replacement, kind, 2, 2, &mut |_| Ok(())).expect("map");
                for (token, row) in map.scores.iter().enumerate() {
                    for (layer, ours) in row.iter().enumerate() {
                        let changed =
                            if kind == Kind::Hidden { layer..layer + 1 } else { window_layers(layer, 2, layers) };
                        let taps = changed.map(|layer| {
                            let source = captured.captured(layer).expect("captured");
                            let value = match *what {
                                "zero" => source.narrow(0, 0, 1).zeros_like(),
                                "mean" if token > 0 => {
                                    source.narrow(0, 1, tokens as i64 - 1).mean_dim([0].as_slice(), true, None)
                                }
                                _ => source.narrow(0, token as i64, 1),
                            };
                            let cells = Some(Tensor::from_slice(&[token as i64]));
                            Tap { site: sites(kind, layer), cells, action: Action::Replace(value) }
                        });
                        let stream = model.forward(&ids, &batch, &mut Taps::new(taps.collect())).expect("libtorch");
                        let plain = model
                            .logits(&stream)
                            .expect("libtorch")
                            .get(-1)
                            .softmax(-1, None)
                            .double_value(&[clean.answer[0]]);
                        assert!((ours - plain).abs() < 1e-9, "{what} {kind:?} {token} {layer}: {ours}, {plain}");
                    }
                }
            }
        }
    }
}

/// The estimate has the map's first derivative: halving small noise divides its error by four.
#[test]
fn the_preview_is_exact_to_first_order() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let asked = &prompts(&folder)[1];
        for kind in KINDS {
            let error = |level: f64| {
                let runs = Runs::new(&model, &request(&model, asked, level)).expect("runs");
                let exact = heat_map(&model, &runs, kind, 1, 4, &mut |_| Ok(())).expect("map").scores;
                let estimated = preview(&model, &runs, kind, 1).expect("preview");
                let change = exact.iter().flatten().map(|score| (score - runs.corrupted_score).abs());
                let off =
                    exact.iter().flatten().zip(estimated.iter().flatten()).map(|(one, other)| (one - other).abs());
                (off.fold(0.0, f64::max), change.fold(0.0, f64::max))
            };
            let ((large, _), (small, change)) = (error(2e-3), error(1e-3));
            println!("{} {kind:?}: error {large:.2e} at twice the noise of {small:.2e}", name(&folder));
            assert!(small < 0.1 * change, "{kind:?}: off by {small:e} of effects up to {change:e}");
            assert!(large > 3.5 * small && large < 4.5 * small, "{kind:?}: {large:e} and {small:e}");
        }
    }
}

/// A state replaced by itself is previewed as no change, and every estimate is a probability.
#[test]
fn an_ablation_by_itself_is_previewed_as_nothing() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let (prompt, subject, target) = &prompts(&folder)[0];
        let question =
            TracedQuestion::new(&model, prompt, subject, &TracedAnswer::Target(target.clone())).expect("question");
        let clean = CleanRun::new(&model, &question).expect("clean run");
        let own = Replacement::Resample(vec![Donor::new(&model, &question, &question).expect("libtorch")]);
        for kind in KINDS {
            let flat = ablation_preview(&model, &clean, &own, kind, 3).expect("preview");
            assert!(flat.iter().flatten().all(|score| (score - clean.score).abs() < 1e-9));
            let zero = ablation_preview(&model, &clean, &Replacement::Zero, kind, 3).expect("preview");
            assert!(zero.iter().flatten().all(|score| (0.0..=1.0).contains(score)));
            assert_eq!(zero.len(), question.prompt.len());
        }
    }
}
