//! Noise that an objective puts on subjects: where it lands, and what it does to a run.

mod support;

use locus_engine::model::Model;
use locus_engine::run::{Prepared, SubjectNoises, noised_log_probabilities};
use locus_plugin::{Cell, Read, SubjectNoise, SuffixRequest};
use support::{cases, golden, json};
use tch::{Device, Kind, Tensor};

/// A golden model with a prompt, its subject, and the prompt after a context.
fn bench() -> (Model, String, String, String) {
    let folder = cases(&golden().join("methods")).remove(0);
    let model = Model::load(&folder.join("model"), Device::Cpu, Kind::Float).expect("model");
    let mut files: Vec<_> = std::fs::read_dir(folder.join("rome")).expect("cases").flatten().collect();
    files.sort_by_key(|entry| entry.path());
    let is_case = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.ends_with(".json") && !name.ends_with(".f64.json")
        })
    };
    let file = files.iter().map(|entry| entry.path()).find(is_case);
    let case = json(&file.expect("case"));
    let rewrite = &case["record"]["requested_rewrite"];
    let text = |name: &str| rewrite[name].as_str().expect("text").to_owned();
    let prompt = text("prompt").replace("{}", &text("subject"));
    let context = case["context_templates"][1].as_str().expect("context").replace("{}", &prompt);
    (model, prompt, text("subject"), context)
}

/// The cells that are noised, and two draws for them.
fn draw(
    model: &Model,
    noise: SubjectNoise,
    prompt: &str,
    subject: &str,
    rows: &[Vec<i64>],
) -> (Vec<Cell>, [Tensor; 2]) {
    let noises = SubjectNoises::new(model, noise, [(prompt, subject)]).expect("noise");
    let placement = noises.place(model, rows, &[]).expect("placement");
    (placement.cells(), [(); 2].map(|()| noises.draw(&placement).expect("libtorch")))
}

#[test]
fn noise_lands_on_the_subject_of_every_row_or_where_the_published_code_puts_it() {
    let (model, prompt, subject, context) = bench();
    let rows = [&prompt, &context].map(|text| model.tokenizer.encode(text).expect("tokens"));
    let noise = SubjectNoise { level: 0.5, ..SubjectNoise::default() };
    let (noised, [first, second]) = draw(&model, noise.clone(), &prompt, &subject, &rows);
    for (row, tokens) in rows.iter().enumerate() {
        let cells = noised.iter().filter(|cell| cell.row == row);
        let ids: Vec<i64> = cells.map(|cell| tokens[cell.position]).collect();
        assert_eq!(model.tokenizer.decode(&ids).expect("text").trim(), subject);
    }
    assert_ne!(first, second, "every run draws anew");
    let published = SubjectNoise { published_positions: true, ..noise.clone() };
    let (noised, _) = draw(&model, published, &prompt, &subject, &rows);
    let positions = |row| noised.iter().filter(move |cell| cell.row == row).map(|cell| cell.position);
    assert!(positions(0).eq(positions(1)), "the bare prompt's positions in every row");
    let kept = SubjectNoise { redraws: false, ..noise };
    let (_, [first, second]) = draw(&model, kept, &prompt, &subject, &rows);
    assert_eq!(first, second, "a row keeps its noise");
}

#[test]
fn a_repeated_run_under_noise_is_a_whole_run_under_the_same_noise() {
    let (model, prompt, subject, context) = bench();
    let rows = [&prompt, &context].map(|text| model.tokenizer.encode(text).expect("tokens")).to_vec();
    let noise = SubjectNoise { level: 0.5, ..SubjectNoise::default() };
    let (noised, draws) = draw(&model, noise, &prompt, &subject, &rows);
    let cells: Vec<Cell> = (0..2).map(|row| Cell { row, position: rows[row].len() - 1 }).collect();
    let read = cells.iter().map(|&cell| Read { cell, token: 3 }).collect();
    let request = SuffixRequest { rows: rows.clone(), read, distributions: cells.clone(), ..SuffixRequest::default() };
    let prepared = Prepared::noised(&model, request, &noised).expect("prepared");
    for drawn in draws {
        let ours = prepared.repeat_noised(&model, &[], &[], Some(&drawn)).expect("run").output;
        let whole = noised_log_probabilities(&model, &rows, &cells, Some((&noised, &drawn))).expect("whole run");
        let off = (ours.distributions.detach() - &whole).abs().max().double_value(&[]);
        assert!(off < 1e-5, "{off:e}");
        let read = whole.select(1, 3) - ours.log_probabilities.detach();
        assert!(read.abs().max().double_value(&[]) < 1e-5);
    }
    let wrong = Tensor::zeros([1, 1], (Kind::Double, Device::Cpu));
    assert!(prepared.repeat_noised(&model, &[], &[], Some(&wrong)).is_err(), "noise of another shape is refused");
}
