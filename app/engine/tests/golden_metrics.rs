//! Scores of records against those that the published code wrote down.

mod support;

use locus_engine::evaluate::{
    Averaging, Comparison, Group, Likelihood, NormalizedScores, Pair, Question, Record, ScoringGoal, ScoringNoise,
    Success, accuracies, answer, perplexities,
};
use locus_engine::model::{Batch, Model, Taps};
use locus_protocol::Fact;
use locus_records::averages::harmonic_mean;
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{cases, golden, json, name};
use tch::{Device, Kind, Tensor};

/// Tolerances of the golden set's README, on nats and on derived scores.
const NATS: f64 = 2e-4;
const DERIVED: f64 = 1e-4;
const PERPLEXITY: f64 = 1e-5;

fn load(folder: &Path) -> Model {
    tch::set_num_threads(1);
    Model::load(&folder.join("model"), Device::Cpu, Kind::Float).expect("model")
}

/// All recorded runs of a model with metrics, by algorithm.
fn runs(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut files = Vec::new();
    for algorithm in ["rome", "memit", "ft"] {
        let Ok(entries) = std::fs::read_dir(folder.join(algorithm)) else { continue };
        files.extend(entries.map(|entry| entry.expect("entry").path()));
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "json") && !name(path).contains(".f64."));
    files.sort();
    let read = |path: PathBuf| {
        let case = json(&path);
        (path, case)
    };
    files.into_iter().map(read).filter(|(_, case)| !case["metrics"].is_null()).collect()
}

/// Records, requests and recorded numbers of a run, one for each of its facts.
fn facts<'a>(case: &'a Value, when: &str) -> Vec<(&'a Value, &'a Value, &'a Value)> {
    let list = |one: &'a Value, many: &'a Value| match many.as_array() {
        Some(many) => many.iter().collect(),
        None => vec![one],
    };
    let records: Vec<&Value> = list(&case["record"], &case["records"]);
    let requests: Vec<&Value> = match &case["request_as_passed"] {
        Value::Null => match &case["requests_as_passed"] {
            Value::Array(requests) => requests.iter().collect(),
            _ => records.iter().map(|record| &record["requested_rewrite"]).collect(),
        },
        Value::Array(requests) => requests.iter().collect(),
        request => vec![request],
    };
    let numbers = &case["metrics"][when];
    let numbers: Vec<&Value> = list(numbers, numbers);
    assert_eq!((records.len(), requests.len()), (numbers.len(), numbers.len()));
    records
        .into_iter()
        .zip(requests)
        .zip(numbers)
        .map(|((record, request), numbers)| (record, request, numbers))
        .collect()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}")).to_owned()
}

fn prompts(record: &Value, field: &str) -> Vec<String> {
    serde_json::from_value(record[field].clone()).unwrap_or_default()
}

fn fact(record: &Value) -> Fact {
    Fact {
        template: text(record, "/requested_rewrite/prompt"),
        subject: text(record, "/requested_rewrite/subject"),
        paraphrases: prompts(record, "paraphrase_prompts"),
        neighborhood: prompts(record, "neighborhood_prompts"),
        attributes: prompts(record, "attribute_prompts"),
        ..Fact::default()
    }
}

fn is_original(case: &Value) -> bool {
    text(case, "/variant").contains("orig")
}

/// The name of the baseline's numbers.
fn baseline(case: &Value) -> &'static str {
    if is_original(case) { "target_true" } else { "request_baseline" }
}

/// Every number that the published code wrote down before any edit, without and with noise on the subject.
#[test]
fn likelihoods_before_edits_equal_the_published_ones() {
    let (mut compared, mut noised) = (0, 0);
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        for (file, case) in runs(&folder) {
            let original = is_original(&case);
            let forcing = text(&case, "/objective") == "fact_forcing";
            let mut worst: f64 = 0.0;
            for (record, request, numbers) in facts(&case, "pre") {
                let fact = fact(record);
                let noise = forcing.then(|| ScoringNoise {
                    subject: fact.subject.clone(),
                    level: case["hparams"]["editing_noise"].as_f64().expect("noise"),
                    seed: 1,
                    misaligned: true,
                });
                let compare = if original { "/target_true/str" } else { "/request_baseline" };
                let goal =
                    ScoringGoal { target: text(request, "/target_new/str"), baseline: text(request, compare), noise };
                let measured = Record::measure(&model, &fact, &goal, &[]).expect("record");
                for group in Group::ALL {
                    let Some(expected) = numbers[format!("{}_prompts_probs", group.name())].as_array() else {
                        assert!(original, "{}", group.name());
                        continue;
                    };
                    let pairs = measured.group(group);
                    assert_eq!(pairs.len(), expected.len(), "{} {}", name(&file), group.name());
                    for (pair, expected) in pairs.iter().zip(expected) {
                        for (likelihood, field) in [(&pair.target, "target_new"), (&pair.baseline, baseline(&case))] {
                            let tokens = if original { likelihood.tokens as f64 } else { 1.0 };
                            let ours = -likelihood.log_probability / tokens;
                            let off = (ours - expected[field].as_f64().expect("number")).abs();
                            assert!(off <= NATS, "{} {} {field}: {off:e}", name(&file), group.name());
                            worst = worst.max(off);
                            compared += 1;
                            noised += usize::from(forcing);
                        }
                    }
                    let correct = &numbers[format!("{}_prompts_correct", group.name())];
                    if let Ok(expected) = serde_json::from_value::<Vec<bool>>(correct.clone()) {
                        let wanted =
                            |pair: &Pair| if group == Group::Neighborhood { pair.baseline } else { pair.target };
                        let ours: Vec<bool> = pairs.iter().map(|pair| wanted(pair).most_probable()).collect();
                        assert_eq!(ours, expected, "{} {}", name(&file), group.name());
                    }
                }
            }
            println!("{} {} before: {worst:.1e} (tolerance {NATS:.0e})", name(&folder), name(&file));
        }
    }
    assert!(compared > 0 && noised > 0, "{compared} {noised}");
}

/// A record out of recorded negative log-probabilities.
fn recorded(numbers: &Value, baseline: &str) -> Record {
    let mut record = Record::default();
    for group in Group::ALL {
        let list = numbers[format!("{}_prompts_probs", group.name())].as_array().cloned().unwrap_or_default();
        let likelihood =
            |value: &Value| Likelihood { log_probability: -value.as_f64().expect("number"), tokens: 1, hits: 0 };
        let pair = |value: &Value| Pair {
            prompt: String::new(),
            target: likelihood(&value["target_new"]),
            baseline: likelihood(&value[baseline]),
        };
        record.set_group(group, list.iter().map(pair).collect());
    }
    record
}

/// Every derived number of every run, out of the recorded likelihoods before and after.
#[test]
fn derived_scores_equal_the_published_ones() {
    let mut compared = 0;
    for folder in cases(&golden().join("methods")) {
        for (file, case) in runs(&folder) {
            let derived = &case["metrics"]["derived"];
            let all: Vec<&Value> = match derived.as_array() {
                Some(all) => all.iter().collect(),
                None if derived.is_null() => continue,
                None => vec![derived],
            };
            let erases = text(&case, "/objective") == "fact_erasure";
            let before = facts(&case, "pre");
            let after = facts(&case, "post");
            let mut worst: f64 = 0.0;
            for ((expected, before), after) in all.into_iter().zip(before).zip(after) {
                let comparison = Comparison {
                    before: recorded(before.2, baseline(&case)),
                    after: recorded(after.2, baseline(&case)),
                };
                for (field, value) in derived_numbers(&comparison, erases) {
                    let Some(expected) = expected[&field].as_f64() else { panic!("{}: no {field}", name(&file)) };
                    let off = (value - expected).abs();
                    assert!(off <= DERIVED, "{} {field}: {value} instead of {expected}", name(&file));
                    worst = worst.max(off);
                    compared += 1;
                }
                let ours = derived_numbers(&comparison, erases).len();
                assert_eq!(expected.as_object().map(serde_json::Map::len), Some(ours), "{}", name(&file));
            }
            println!("{} {} derived: {worst:.1e} (tolerance {DERIVED:.0e})", name(&folder), name(&file));
        }
    }
    assert!(compared > 0);
}

/// The numbers of the published summary by their names there.
fn derived_numbers(comparison: &Comparison, erases: bool) -> Vec<(String, f64)> {
    use locus_engine::evaluate::{erased, recovered};
    let scores = NormalizedScores::of(comparison, erases, Averaging::First);
    let mut numbers = Vec::new();
    for (group, score) in [
        (Group::Rewrite, scores.rewrite),
        (Group::Paraphrase, scores.paraphrase),
        (Group::Neighborhood, scores.neighborhood),
    ] {
        let first = |record: &Record| record.group(group)[0].target.probability();
        let (before, after) = (first(&comparison.before), first(&comparison.after));
        for (what, value) in [
            ("prob_diff", after - before),
            ("pre_prob", before),
            ("post_prob", after),
            ("recovered", recovered(before, after)),
            ("erased", erased(before, after)),
            ("score", score.expect("score")),
        ] {
            numbers.push((format!("{}_{what}", group.name()), value));
        }
    }
    numbers.push(("target_score".to_owned(), scores.harmonic().expect("all three")));
    for (when, record) in [("pre", &comparison.before), ("post", &comparison.after)] {
        let mut rates = Vec::new();
        for group in [Group::Rewrite, Group::Paraphrase, Group::Neighborhood] {
            let success = Success::of(group, record.group(group), false).expect("prompts");
            rates.push(success.rate);
            numbers.push((format!("{when}_{}_success", group.name()), success.rate));
            numbers.push((format!("{when}_{}_diff", group.name()), success.magnitude));
        }
        numbers.push((format!("{when}_score"), harmonic_mean(&rates)));
    }
    numbers
}

#[test]
fn perplexities_equal_the_published_ones() {
    let mut compared = 0;
    for folder in cases(&golden().join("methods")) {
        let file = folder.join("metrics/perplexity.json");
        if !file.is_file() {
            continue;
        }
        let (model, case) = (load(&folder), json(&file));
        let texts: Vec<String> = serde_json::from_value(case["texts"].clone()).expect("texts");
        let ids: Vec<Vec<i64>> = serde_json::from_value(case["input_ids"].clone()).expect("ids");
        let limit = case["max_input_length"].as_u64().expect("limit") as usize;
        for (text, ids) in texts.iter().zip(&ids) {
            assert_eq!(&model.tokenizer.encode(text).expect("ids"), ids, "{text}");
        }
        let ours = perplexities(&model, &texts, limit, None).expect("perplexities");
        let expected: Vec<f64> = serde_json::from_value(case["perplexity"].clone()).expect("numbers");
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(&expected) {
            let off = (ours / expected - 1.0).abs();
            assert!(off <= PERPLEXITY, "{}: {ours} instead of {expected}", name(&folder));
            println!("{} perplexity {expected:.4}: {off:.1e} (tolerance {PERPLEXITY:.0e})", name(&folder));
            compared += 1;
        }
    }
    assert!(compared > 0);
}

#[test]
fn subject_tokens_equal_the_published_ones() {
    let mut compared = 0;
    for folder in cases(&golden().join("methods")) {
        let file = folder.join("metrics/token_lookup.json");
        if !file.is_file() {
            continue;
        }
        let (model, file) = (load(&folder), json(&file));
        for case in file["cases"].as_array().expect("cases") {
            let ids: Vec<i64> = serde_json::from_value(case["input_ids"].clone()).expect("ids");
            assert_eq!(model.tokenizer.encode(&text(case, "/text")).expect("ids"), ids);
            let range = model.tokenizer.subject_range(&text(case, "/text"), &text(case, "/subject")).expect("range");
            let expected: Vec<usize> = serde_json::from_value(case["subject_range"].clone()).expect("range");
            assert_eq!([range.start, range.end], expected[..], "{}", text(case, "/text"));
            compared += 1;
        }
    }
    assert!(compared > 0);
}

/// Without noise, every row of a forest must give what it gives alone; noise in its own place must reach exactly the
/// prompts that mention the subject.
#[test]
fn rows_that_share_a_batch_do_not_know_of_each_other() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let prompts = ["Anna Kellor plays the", "Anna Kellor works as a", "Anna Bexley plays the", "People say that"];
        let targets = ["cello", "drum and harp", "drum and", "miner"];
        let questions: Vec<Question> = prompts.iter().map(|prompt| Question::new(*prompt, &targets)).collect();
        let together = answer(&model, &questions, None).expect("answers");
        for (prompt, row) in prompts.iter().zip(&together) {
            for (target, ours) in targets.iter().zip(row) {
                let alone = answer(&model, &[Question::new(*prompt, &[*target])], None).expect("answer")[0][0];
                assert!((alone.log_probability - ours.log_probability).abs() < 1e-4, "{prompt} {target}");
                assert_eq!((alone.tokens, alone.hits), (ours.tokens, ours.hits));
            }
        }
        let noise = ScoringNoise { subject: "Anna Kellor".to_owned(), level: 0.5, seed: 1, misaligned: false };
        let noised = answer(&model, &questions, Some(&noise)).expect("answers");
        for (index, (clean, noised)) in together.iter().zip(&noised).enumerate() {
            for (clean, noised) in clean.iter().zip(noised) {
                let moved = (clean.log_probability - noised.log_probability).abs();
                assert_eq!(moved > 1e-3, index < 2, "{}: {moved}", prompts[index]);
            }
        }
        // the published code noises the first row in its place, and none of the rows 2, 3 and from 4 on, since the
        // subject is not in the prompts 2 and 3 and there is no prompt 4
        let published = ScoringNoise { misaligned: true, ..noise };
        let published = answer(&model, &questions, Some(&published)).expect("answers");
        assert_eq!(published[0][0], noised[0][0]);
        for (row, clean) in together.iter().flatten().enumerate().skip(2) {
            let ours = published.iter().flatten().nth(row).expect("row");
            assert!((ours.log_probability - clean.log_probability).abs() < 1e-4, "row {row}");
        }
    }
}

/// Accuracy by the published recipe, one whole run for each token.
#[test]
fn accuracies_equal_one_run_for_each_token() {
    for folder in cases(&golden().join("methods")) {
        let model = load(&folder);
        let questions = [
            ("Anna Kellor plays the", "drum"),
            ("Anna Kellor plays the", "drum and harp"),
            ("Hugo Bexley lives in the city of", "Tervinholm"),
        ];
        let ours = accuracies(&model, &questions).expect("accuracies");
        let mut some = 0.0;
        for ((prompt, answer), ours) in questions.into_iter().zip(ours) {
            let answer = model.tokenizer.joined(prompt, answer).expect("ids").target().to_vec();
            let hit = |index: usize| {
                let before = model.tokenizer.decode(&answer[..index]).expect("text");
                let row = model.tokenizer.encode(&format!("{prompt}{before}")).expect("ids");
                let batch = Batch::whole(1, row.len() as i64);
                let stream = model.forward(&Tensor::from_slice(&row), &batch, &mut Taps::default()).expect("libtorch");
                model.logits(&stream.get(-1)).expect("libtorch").argmax(None, false).int64_value(&[]) == answer[index]
            };
            let hits = (0..answer.len()).filter(|&index| hit(index)).count();
            assert_eq!(ours, hits as f64 / answer.len() as f64, "{prompt}");
            some += ours;
        }
        assert!(some > 0.0);
    }
}
