//! Rows run as a forest and in one rectangle, and texts generated in one batch, against every row by itself, on every architecture.

mod support;

use locus_engine::Error;
use locus_engine::edit::{EditStack, low_rank_changes};
use locus_engine::evaluate::{
    Below, Company, Group, Likelihood, Question, Record, ScoringGoal, VariantOfRecord, answer, answer_above,
};
use locus_engine::model::{Action, Batch, Forest, Model, Site, Tap, Taps};
use locus_engine::noise::LegacyRandom;
use locus_engine::run::{Choice, Layout, Length, Pair, generate, generate_both, sample};
use locus_plugin::{Delta, Form};
use locus_protocol::Fact;
use support::numbers::Numbers;
use support::{architectures, deviation, down, golden};
use tch::{Device, Kind, Tensor};
use unicode_normalization::UnicodeNormalization;

/// Sliding windows, grouped heads, rotary positions and learned ones: what a row gives does not depend on its company.
#[test]
fn a_row_in_a_forest_gives_what_it_gives_alone() {
    let _guard = tch::no_grad_guard();
    let mut compared = 0;
    for (name, model, mut rows) in architectures() {
        // rows that leave the others at every depth
        let longest = rows.iter().max_by_key(|row| row.len()).expect("rows").clone();
        for cut in (1..longest.len()).step_by(3) {
            let mut row = longest[..cut].to_vec();
            row.extend(rows[0].iter().rev());
            rows.push(row);
        }
        rows.retain(|row| row.len() as i64 <= model.architecture.context);
        let mut forest = Forest::of(&model);
        let paths: Vec<Vec<usize>> = rows.iter().map(|row| forest.plant(row, |_| false)).collect();
        assert!(forest.len() < rows.iter().map(Vec::len).sum());
        let together = model
            .forward(
                &forest.ids(Device::Cpu).expect("libtorch"),
                &forest.batch(Device::Cpu).expect("libtorch"),
                &mut Taps::default(),
            )
            .expect("libtorch");
        let mut worst: f64 = 0.0;
        for (row, path) in rows.iter().zip(paths) {
            let batch = Batch::whole(1, row.len() as i64);
            let alone = model.forward(&Tensor::from_slice(row), &batch, &mut Taps::default()).expect("libtorch");
            let path: Vec<i64> = path.into_iter().map(|index| index as i64).collect();
            let ours = together.index_select(0, &Tensor::from_slice(&path));
            worst = worst.max(deviation(&ours, &alone) / alone.abs().max().double_value(&[]));
            compared += 1;
        }
        assert!(worst < 2e-5, "{name}: {worst:e}");
        println!("{name}: {} rows, largest relative deviation {worst:.1e}", rows.len());
    }
    assert!(compared > 0);
}

/// Each row of a rectangle gives what it gives alone, and one that holds what is no number spoils no other.
#[test]
fn a_row_in_a_rectangle_gives_what_it_gives_alone() {
    let _guard = tch::no_grad_guard();
    for (name, model, mut rows) in architectures() {
        let longest = rows.iter().max_by_key(|row| row.len()).expect("rows").clone();
        rows.extend((1..longest.len()).step_by(2).map(|cut| longest[cut..].to_vec()));
        rows.retain(|row| row.len() as i64 <= model.architecture.context);
        let layout = Layout::whole(&rows).in_one(Device::Cpu).expect("libtorch");
        let ids = layout.ids(&rows, Device::Cpu).expect("libtorch");
        let cells = |row: usize| {
            let cells: Vec<locus_plugin::Cell> =
                (0..rows[row].len()).map(|position| locus_plugin::Cell { row, position }).collect();
            layout.flat_all(&cells, Device::Cpu).expect("cells")
        };
        let run = |taps: Vec<Tap>| model.forward(&ids, &layout.batch, &mut Taps::new(taps)).expect("libtorch");
        let together = run(Vec::new());
        for (row, tokens) in rows.iter().enumerate() {
            let batch = Batch::whole(1, tokens.len() as i64);
            let alone = model.forward(&Tensor::from_slice(tokens), &batch, &mut Taps::default()).expect("libtorch");
            let off = deviation(&together.index_select(0, &cells(row)), &alone) / alone.abs().max().double_value(&[]);
            assert!(off < 2e-5, "{name} row {row}: {off:e}");
        }
        let nothing = Tensor::full([1, model.architecture.embedded()], f64::NAN, (Kind::Float, Device::Cpu));
        let spoilt = Tap { site: Site::Embedding, cells: Some(cells(0).narrow(0, 0, 1)), action: Action::Add(nothing) };
        let spoilt = run(vec![spoilt]);
        assert!(spoilt.index_select(0, &cells(0)).isnan().any().int64_value(&[]) == 1, "{name}");
        // an expert multiplies other rows together when one of them goes elsewhere, which rounds otherwise
        let rounding = if model.architecture.special.experts.is_some() { 2e-5 } else { 0.0 };
        for row in 1..rows.len() {
            let (ours, clean) = (spoilt.index_select(0, &cells(row)), together.index_select(0, &cells(row)));
            let allowed = rounding * clean.abs().max().double_value(&[]);
            assert!(deviation(&ours, &clean) <= allowed, "{name}: row {row} is spoilt by another");
        }
    }
}

#[test]
fn texts_of_a_batch_go_on_as_they_do_alone() {
    for (name, model, _) in architectures() {
        let prompts = ["The", "The old road runs along", "Anna", "What the map shows is not clear"];
        let prompts: Vec<String> = prompts.iter().map(|&prompt| prompt.to_owned()).collect();
        let listen = &mut || Ok(());
        let together = generate(&model, &prompts, Length::After(8), Choice::Greedy, listen).expect("texts");
        for (prompt, ours) in prompts.iter().zip(&together) {
            let one = std::slice::from_ref(prompt);
            let alone = generate(&model, one, Length::After(8), Choice::Greedy, listen).expect("text");
            assert_eq!(ours, &alone[0], "{name}");
            let most = model.architecture.longest_text(ours.prompt_tokens as i64) as usize;
            assert_eq!(ours.tokens.len(), most.min(ours.prompt_tokens + 8), "{name}");
            // each token is the most probable one of a whole run
            for end in ours.prompt_tokens..ours.tokens.len() {
                let batch = Batch::whole(1, end as i64);
                let stream = model
                    .forward(&Tensor::from_slice(&ours.tokens[..end]), &batch, &mut Taps::default())
                    .expect("libtorch");
                assert_eq!(
                    model.logits(&stream.get(-1)).expect("libtorch").argmax(None, false).int64_value(&[]),
                    ours.tokens[end],
                    "{name}"
                );
            }
        }
        let whole = generate(&model, &prompts, Length::Whole(6), Choice::Greedy, listen).expect("texts");
        assert!(whole.iter().all(|text| text.tokens.len() == text.prompt_tokens.max(6)));
        // copies of one prompt are what the sampler of context templates gives
        let copies = vec![prompts[0].clone(); 3];
        let mut random = LegacyRandom::new(5);
        let drawn = generate(&model, &copies, Length::Whole(9), Choice::Sampled(&mut random), listen).expect("texts");
        let sampled = sample(&model, &prompts[0], 3, 9, &mut LegacyRandom::new(5), listen).expect("samples");
        for (ours, theirs) in drawn.iter().zip(sampled) {
            let end = model.tokenizer.end_of_text();
            let text = model.tokenizer.decode(&ours.tokens).expect("text").nfkd().collect::<String>();
            let text = text.replace("\n\n", " ");
            assert_eq!(if end.is_empty() { text } else { text.replace(&end, "") }, theirs, "{name}");
        }
    }
}

/// Texts of a model and of one that is edited, in one batch, against those of each by itself.
#[test]
fn texts_of_two_models_are_those_of_each() {
    for (name, model, _) in architectures() {
        let layers = model.architecture.layers;
        let prompts = ["The", "Anna", "What the map shows is not clear"].map(str::to_owned);
        for layer in [0, layers / 2, layers - 1] {
            let mut random = Numbers::new(layer as u32);
            let parameter = down(&model, layer);
            let weight = model.parameter(&parameter).expect("a down-projection");
            let edited = model.with_parameters(&[(parameter, random.like(&weight) * weight.std(true) + &weight)]);
            let edited = edited.expect("a variant");
            let listen = &mut || Ok(());
            let each = |model: &Model| {
                generate(model, &prompts, Length::After(6), Choice::Greedy, &mut || Ok(())).expect("texts")
            };
            let pair = Pair { model: &model, edited: &edited, layers: &[layer] };
            let both = generate_both(pair, &prompts, Length::After(6), listen).expect("texts");
            assert_eq!(both, [each(&model), each(&edited)], "{name}, layer {layer}");
        }
    }
}

/// What an edited model scores where what runs below its edit is known, against a whole run, on every architecture.
#[test]
fn what_is_known_below_an_edit_changes_no_score() {
    let question = |prompt: &str, targets: &[&str]| Question::new(prompt, targets);
    let few = [question("The capital of France is", &["Paris", "Rome"]), question("Sony was founded", &["Japan"])];
    // more rows than one forest holds
    let many: Vec<Question> =
        (0..150).map(|index| question(&format!("In the year {index} the map shows"), &["Japan", "Peru"])).collect();
    let mut compared = 0;
    for (name, model, _) in architectures() {
        let layers = model.architecture.layers;
        for (layer, questions) in [(0, &few[..]), (layers / 2, &few[..]), (layers - 1, &few[..]), (1, &many[..])] {
            let mut below = Below::new(layer);
            let first = match answer_above(&model, questions, None, Some(&mut below)) {
                Ok(first) => first,
                // a vocabulary of a few words
                Err(Error::Request(_)) => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            let mut random = Numbers::new(layer as u32);
            let parameter = down(&model, layer);
            let weight = model.parameter(&parameter).expect("a down-projection");
            let edited = model.with_parameters(&[(parameter, random.like(&weight) * weight.std(true) + &weight)]);
            let edited = edited.expect("a variant");
            let apart = |ours: &[Vec<Likelihood>], theirs: &[Vec<Likelihood>]| {
                let each = ours.iter().flatten().zip(theirs.iter().flatten());
                each.map(|(one, other)| (one.log_probability - other.log_probability).abs()).fold(0.0, f64::max)
            };
            let whole = answer(&edited, questions, None).expect("likelihoods");
            let above = answer_above(&edited, questions, None, Some(&mut below)).expect("likelihoods");
            let unedited = answer(&model, questions, None).expect("likelihoods");
            assert!(apart(&first, &unedited) < 2e-4, "{name}, layer {layer}: the first run is a whole one");
            assert!(apart(&above, &whole) < 2e-4, "{name}, layer {layer}: {:e} nats", apart(&above, &whole));
            assert!(apart(&whole, &unedited) > 1e-3, "{name}, layer {layer}: the edit does something");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} comparisons");
}

/// Records of several edited models in one batch against each edited model by itself, on every architecture: changes of
/// one and two layers, of rank one and two, and none.
#[test]
fn a_model_among_others_scores_as_it_does_alone() {
    let fact = |marked: &str, truth: &str, new: &str| {
        let fact = Fact::from_marked(marked, truth, new).expect("a fact");
        let prompt = fact.prompt();
        Fact { paraphrases: vec![format!("So {prompt}")], neighborhood: vec![format!("{prompt} not")], ..fact }
    };
    let facts = [
        fact("The capital of {France} is", "Paris", "Rome"),
        fact("The capital of {France} is", "Paris", "Oslo"),
        fact("{Sony} was founded in", "Japan", "Peru"),
        fact("{France} borders", "Spain", "China"),
    ];
    let mut compared = 0;
    let in_format = |kind: Kind| Model::load(&golden().join("arch/gpt2/model"), Device::Cpu, kind).expect("a model");
    let narrow = in_format(Kind::BFloat16);
    let change = Form::LowRank { left: Numbers::new(1).normal(&[1, 1]), right: Numbers::new(2).normal(&[1, 1]) };
    let change = Delta { parameter: down(&narrow, 0), form: change };
    assert!(low_rank_changes(&narrow, &[change]).expect("known").is_none(), "its weights are rounded");
    let mut models: Vec<_> = architectures().into_iter().map(|(name, model, _)| (name, model, 2e-4)).collect();
    models.push(("gpt2 in 64 bits".to_owned(), in_format(Kind::Double), 1e-10));
    for (name, model, most) in models {
        let layers = model.architecture.layers;
        // rows see changes of single MLPs only
        if model.architecture.single_mlps().len() < layers {
            let change = dense(&model, &down(&model, 0));
            assert!(low_rank_changes(&model, &[change]).expect("known").is_none(), "{name}");
            continue;
        }
        let down = |layer: usize| down(&model, layer);
        let delta = |layer: usize, rank: i64, seed: u32| {
            let mut random = Numbers::new(seed);
            let size = model.parameter(&down(layer)).expect("a down-projection").size();
            let mut random = |size: &[i64]| random.normal(size) * 0.3;
            let form = Form::LowRank { left: random(&[size[0], rank]), right: random(&[rank, size[1]]) };
            Delta { parameter: down(layer), form }
        };
        let edits = [
            vec![delta(0, 1, 1)],
            vec![delta(layers - 1, 2, 2)],
            Vec::new(),
            vec![delta(0, 1, 3), delta(layers - 1, 1, 4)],
        ];
        let goal = |fact: &Fact| ScoringGoal {
            target: fact.target_new.clone(),
            baseline: fact.target_true.clone(),
            noise: None,
        };
        let goals: Vec<ScoringGoal> = facts.iter().map(goal).collect();
        let others = [&facts[3]];
        let alone = |number: usize| {
            let stack = EditStack::new(model.with_parameters(&[]).expect("the model"));
            let variant = stack.trial_on_unedited("test", &edits[number]).expect("finite");
            Record::measure(&variant, &facts[number], &goals[number], &others).expect("a record")
        };
        let variants = || {
            let of = |((fact, goal), deltas): ((_, _), &Vec<Delta>)| VariantOfRecord {
                changes: low_rank_changes(&model, deltas).expect("known parameters").expect("of low rank"),
                fact,
                goal,
                relations: &others,
            };
            facts.iter().zip(&goals).zip(&edits).map(of).collect::<Vec<_>>()
        };
        let together = match Record::measure_each(&model, variants(), Company::OfAll) {
            Ok(together) => together,
            // a vocabulary of a few words
            Err(Error::Request(_)) => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        let unedited = Record::measure(&model, &facts[0], &goals[0], &others).expect("a record");
        let numbers = |record: &Record| {
            let pairs = Group::ALL.into_iter().flat_map(|group| record.group(group).to_vec());
            let both = pairs.flat_map(|pair| [pair.target, pair.baseline]);
            both.chain(record.relations.iter().copied()).map(|known| known.log_probability).collect::<Vec<f64>>()
        };
        let apart = |one: &Record, other: &Record| {
            let (one, other) = (numbers(one), numbers(other));
            assert_eq!(one.len(), other.len());
            one.iter().zip(&other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
        };
        let one_by_one = Record::measure_each(&model, variants(), Company::OfOneModel).expect("records");
        for (number, (record, by_itself)) in together.iter().zip(&one_by_one).enumerate() {
            let alone = alone(number);
            let worst = apart(record, &alone).max(apart(by_itself, &alone));
            assert!(worst < most, "{name} {number}: {worst:e} nats");
        }
        assert!(apart(&together[0], &unedited) > 1e-3, "{name}: the change does something");
        assert!(low_rank_changes(&model, &[dense(&model, &down(0))]).expect("known").is_none());
        compared += 1;
    }
    assert!(compared > 5, "{compared} architectures");
}

fn dense(model: &Model, name: &str) -> Delta {
    Delta { parameter: name.to_owned(), form: Form::Dense(model.parameter(name).expect("a parameter").zeros_like()) }
}
