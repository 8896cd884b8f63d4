//! A model whose layers lie over two devices gives what it gives on one. Both are the CPU here, so that the numbers are the
//! same bits; and a border that is forgotten shows where the upper layers are in float64 and home is in float32, since
//! libtorch refuses a product of the two.

mod support;

use locus_engine::edit::low_rank_changes;
use locus_engine::evaluate::{Asked, Company, Question, ScoringNoise, SubjectPlace, answer, answer_each};
use locus_engine::model::{Batch, Checkpoint, Model, Place, Places, Taps};
use locus_engine::moments::{Corpus, CorpusSettings, collect, fingerprint};
use locus_engine::noise::LegacyRandom;
use locus_engine::run::{
    Choice, Length, Prepared, capture, generate, lens_rows, next_token_log_probabilities, seeded_noise,
};
use locus_engine::trace::{
    Donor, Kind, Means, Replacement, Request, Runs, Severed, TracedAnswer, TracedQuestion, ablation_map,
    ablation_preview, heat_map, preview, severed_heat_map,
};
use locus_plugin::{Cell, Cells, Delta, Form, Read, Site, SuffixRequest};
use std::path::Path;
use support::numbers::Numbers;
use support::{cases, deviation, golden, json, name};
use tch::{Device, Tensor};

const HOME: Place = Place { device: Device::Cpu, kind: tch::Kind::Float };
const ELSEWHERE: Place = Place { device: Device::Cpu, kind: tch::Kind::Double };

const PROMPT: &str = "Bram Bexley lives in the city of";
const SUBJECT: &str = "Bram Bexley";

fn on_one(folder: &Path) -> Model {
    tch::set_num_threads(1);
    Model::load(&folder.join("model"), Device::Cpu, tch::Kind::Float).expect("model")
}

/// The same over the CPU, twice.
fn over_two(folder: &Path) -> Model {
    let checkpoint = Checkpoint::look(&folder.join("model")).expect("a checkpoint");
    let places = checkpoint.lay(&[(Device::Cpu, None), (Device::Cpu, None)], tch::Kind::Float);
    assert!(places.are_several());
    checkpoint.load_at(places, &mut |_| Ok(())).expect("model")
}

/// The same with the upper half of the layers in float64.
fn with_a_border(folder: &Path) -> Model {
    let layers = on_one(folder).architecture.layers;
    let checkpoint = Checkpoint::look(&folder.join("model")).expect("a checkpoint");
    let model = checkpoint.load_at(Places::at(HOME, vec![(ELSEWHERE, layers / 2..layers)]), &mut |_| Ok(()));
    let model = model.expect("model");
    let kind = |layer: usize| {
        let name = format!("{}.weight", model.architecture.blocks[layer].attention_output);
        model.parameter(&name).expect("a projection").kind()
    };
    assert_eq!((kind(0), kind(layers - 1)), (HOME.kind, ELSEWHERE.kind), "{}", name(folder));
    let embedding = format!("{}.weight", model.architecture.token_embedding);
    assert_eq!(model.parameter(&embedding).expect("embeddings").kind(), HOME.kind);
    model
}

#[test]
fn logits_of_every_architecture_are_the_same() {
    let _guard = tch::no_grad_guard();
    let mut compared = 0;
    for folder in cases(&golden().join("arch")) {
        let prompts = json(&folder.join("golden.json"));
        let prompts = prompts["prompts"].as_array().expect("prompts").iter();
        let rows: Vec<Vec<i64>> =
            prompts.map(|prompt| serde_json::from_value(prompt["input_ids"].clone()).expect("ids")).collect();
        let logits = |model: &Model| {
            let last = |(row, ids): (usize, &Vec<i64>)| Cell { row, position: ids.len() - 1 };
            let cells: Vec<Cell> = rows.iter().enumerate().map(last).collect();
            let short = Batch::whole(1, rows[0].len() as i64);
            let one = model.forward(&Tensor::from_slice(&rows[0]), &short, &mut Taps::default()).expect("libtorch");
            assert_eq!(one.kind(), HOME.kind);
            [model.logits(&one).expect("logits"), next_token_log_probabilities(model, &rows, &cells).expect("logits")]
        };
        let [one, two, border] = [on_one, over_two, with_a_border].map(|load| logits(&load(&folder)));
        for ((one, two), border) in one.iter().zip(&two).zip(&border) {
            assert_eq!(one, two, "{}", name(&folder));
            assert!(deviation(one, border) < 2e-4, "{}: {}", name(&folder), deviation(one, border));
        }
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

/// Numbers of everything that runs a model.
fn numbers(model: &Model) -> Vec<(&'static str, Vec<f64>)> {
    let flat = |maps: Vec<Vec<f64>>| maps.into_iter().flatten().collect::<Vec<f64>>();
    let tensor = |tensor: &Tensor| {
        assert_eq!(tensor.kind(), HOME.kind, "what is read is at home");
        Vec::<f64>::try_from(tensor.detach().to_kind(tch::Kind::Double).reshape([-1])).expect("numbers")
    };
    let listen = &mut || Ok(());
    let mut all = Vec::new();
    let noise = |tokens| seeded_noise(1, 0.4, 3, tokens, model.architecture.embedded());
    let answer_of = TracedAnswer::Target("the north".to_owned());
    let request = Request::new(model, PROMPT, SUBJECT, &answer_of, noise).expect("request");
    let runs = Runs::new(model, &request).expect("runs");
    let severed = Severed::new(model, &runs.clean, &request, Kind::Mlp).expect("severed");
    let other = TracedQuestion::new(model, "{} lives in the city of", "Anna", &answer_of).expect("a question");
    let replacements = [
        Replacement::Zero,
        Replacement::Mean(Means::over(model, std::slice::from_ref(&other.prompt), listen).expect("means")),
        Replacement::Resample(vec![Donor::new(model, &runs.clean.question, &other).expect("a donor")]),
    ];
    for kind in [Kind::Hidden, Kind::Mlp, Kind::Attention] {
        let map = heat_map(model, &runs, kind, 2, 3, &mut |_| Ok(())).expect("map");
        all.push(("a heat map", flat(map.scores)));
        all.push(("its estimate", flat(preview(model, &runs, kind, 2).expect("estimate"))));
        for replacement in &replacements {
            let map = ablation_map(model, &runs.clean, replacement, kind, 2, 3, &mut |_| Ok(())).expect("map");
            all.push(("a map of ablations", flat(map.scores)));
            let estimate = ablation_preview(model, &runs.clean, replacement, kind, 2).expect("estimate");
            all.push(("its estimate", flat(estimate)));
        }
    }
    let map = severed_heat_map(model, &runs, &severed, 3, &mut |_| Ok(())).expect("map");
    all.push(("a severed heat map", flat(map.scores)));
    let ask = |prompt: &&str| {
        let place = if prompt.contains(SUBJECT) { SubjectPlace::Mentioned } else { SubjectPlace::Elsewhere };
        Question::new(*prompt, &["the north", "a house by the sea"]).with_subject(place)
    };
    let questions: Vec<Question> = [PROMPT, "The old road runs along", "Anna lives in"].iter().map(ask).collect();
    let noise = ScoringNoise { subject: SUBJECT.to_owned(), level: 0.3, seed: 5, misaligned: false };
    for noise in [None, Some(&noise)] {
        let found = answer(model, &questions, noise).expect("scores");
        all.push(("scores", found.iter().flatten().map(|one| one.log_probability).collect()));
    }
    let layers = model.architecture.layers;
    // experts have no key in common
    let single = model.architecture.single_mlps();
    let changed = |layer: usize| {
        let down = model.architecture.blocks[layer].down().expect("a single MLP");
        let parameter = format!("{down}.weight");
        let size = model.parameter(&parameter).expect("a down-projection").size();
        let mut random = Numbers::new(layer as u32);
        let mut random = |size: &[i64]| random.normal(size) * 0.2;
        let form = Form::LowRank { left: random(&[size[0], 1]), right: random(&[1, size[1]]) };
        let changes = low_rank_changes(model, &[Delta { parameter, form }]).expect("known").expect("of low rank");
        Asked { changes, questions: questions.clone() }
    };
    let asked: Vec<Asked> = single.iter().copied().map(changed).collect();
    let found = answer_each(model, &asked, Company::OfAll).expect("scores");
    all.push(("scores of changes", found.iter().flatten().flatten().map(|one| one.log_probability).collect()));
    if !single.is_empty() {
        let corpus = Corpus::from_text("texts", "the city of the north\nThe old road runs", &CorpusSettings::default());
        let moments = collect(model, &corpus.expect("corpus"), &mut |_, _| Ok(())).expect("moments");
        all.extend(
            single.iter().map(|&layer| ("second moments", tensor(moments.mean(layer).expect("read").expect("a mean")))),
        );
    }
    let prompts = [PROMPT, "The old road", "Anna"].map(str::to_owned);
    let mut random = LegacyRandom::new(3);
    for choice in [Choice::Greedy, Choice::Sampled(&mut random)] {
        let texts = generate(model, &prompts, Length::Whole(10), choice, listen).expect("texts");
        all.push(("texts", texts.iter().flat_map(|text| &text.tokens).map(|token| *token as f64).collect()));
    }
    let rows: Vec<Vec<i64>> = prompts.iter().map(|prompt| model.tokenizer.encode(prompt).expect("tokens")).collect();
    for row in lens_rows(model, &rows[0], 5, 7).expect("rows") {
        all.push(("the lens", vec![row.probability_new, row.probability_true]));
    }
    let keys = single.iter().map(|&layer| Site::MlpKey(layer));
    let sites = keys.chain((0..layers).flat_map(|layer| [Site::AttentionOut(layer), Site::Residual(layer)]));
    let cells = |row: usize| Cell { row, position: rows[row].len() - 1 };
    let sites: Vec<Cells> = sites.map(|site| Cells { site, cells: vec![cells(2), cells(0)] }).collect();
    all.extend(capture(model, &rows, &sites).expect("activations").iter().map(|found| ("activations", tensor(found))));
    all.extend(gradients(model, &rows).into_iter().map(|found| ("gradients of a repeated run", tensor(&found))));
    all
}

/// What a repeated run reads, and the gradients of its loss by what is added at each layer and by each down-projection.
fn gradients(model: &Model, rows: &[Vec<i64>]) -> Vec<Tensor> {
    let mut found = Vec::new();
    let last = |row: usize| Cell { row, position: rows[row].len() - 1 };
    for layer in model.architecture.single_mlps() {
        let down = format!("{}.weight", model.architecture.blocks[layer].down().expect("a single MLP"));
        for parameters in [Vec::new(), vec![down.clone()]] {
            let added = Cells { site: Site::MlpOut(layer), cells: vec![Cell { row: 0, position: 1 }] };
            let request = SuffixRequest {
                rows: rows.to_vec(),
                add: vec![added],
                read: (0..rows.len()).map(|row| Read { cell: last(row), token: 7 }).collect(),
                distributions: vec![last(0)],
                capture: vec![Cells { site: Site::MlpKey(layer), cells: vec![last(1)] }],
                parameters: parameters.clone(),
                ..SuffixRequest::default()
            };
            let prepared = Prepared::new(model, request).expect("prepared");
            let value = Tensor::full([1, model.architecture.hidden], 0.02, (HOME.kind, HOME.device));
            let value = value.set_requires_grad(true);
            let home = |name: &String| {
                let whole = model.at_home(&model.parameter(name).expect("a parameter")).expect("libtorch");
                whole.detach().copy().set_requires_grad(true)
            };
            let values: Vec<Tensor> = parameters.iter().map(home).collect();
            let run = prepared.repeat(model, &[value.shallow_clone()], &values).expect("a run");
            let output = run.output;
            let loss = output.log_probabilities.sum(HOME.kind) + output.distributions.get(0).get(3);
            loss.backward();
            found.extend([output.log_probabilities, output.captured[0].shallow_clone(), run.watched]);
            found.push(value.grad());
            found.extend(values.iter().map(Tensor::grad));
        }
    }
    found
}

#[test]
fn everything_that_runs_a_model_gives_the_same() {
    for folder in cases(&golden().join("methods")) {
        let one = numbers(&on_one(&folder));
        let two = numbers(&over_two(&folder));
        assert!(one == two, "{}", name(&folder));
        let border = numbers(&with_a_border(&folder));
        assert_eq!(one.len(), border.len());
        for ((what, one), (_, border)) in one.iter().zip(&border) {
            assert_eq!(one.len(), border.len(), "{what}");
            let scale = one.iter().fold(1.0_f64, |largest, number| largest.max(number.abs()));
            for (one, border) in one.iter().zip(border) {
                assert!((one - border).abs() < 2e-4 * scale, "{}, {what}: {one} and {border}", name(&folder));
            }
        }
    }
}

#[test]
fn a_model_is_the_same_one_wherever_its_layers_lie() {
    let folder = cases(&golden().join("methods")).remove(0);
    let (one, two) = (on_one(&folder), over_two(&folder));
    assert_eq!(fingerprint(&one).expect("libtorch"), fingerprint(&two).expect("libtorch"));
    let layers = one.architecture.layers;
    let halves = [(Device::Cpu, &(0..layers / 2)), (Device::Cpu, &(layers / 2..layers))];
    assert!(two.places.stretches().eq(halves), "{:?}", two.places);
}
