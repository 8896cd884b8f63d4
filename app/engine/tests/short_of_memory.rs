//! Batches that run short of memory are halved, that is said, and the numbers stay the same: shortages are provoked in the
//! middle of runs, for batches above a size.

mod support;

use locus_engine::at_once::{Batched, Provoked, begin, provoke, take_warnings};
use locus_engine::evaluate::{Asked, Company, Likelihood, Question, ScoringNoise, SubjectPlace, answer, answer_each};
use locus_engine::model::Model;
use locus_engine::moments::{Corpus, CorpusSettings, SecondMoments, collect};
use locus_engine::noise::LegacyRandom;
use locus_engine::run::{
    Choice, Generated, Length, SubjectNoises, capture, capture_noised, generate, next_token_log_probabilities,
    sample_noised, seeded_noise,
};
use locus_engine::trace::{HeatMap, Kind, Report, Request, Runs, Severed, TracedAnswer, heat_map, severed_heat_map};
use locus_engine::{Error, Result};
use locus_plugin::{Cell, Cells, Site, SubjectNoise};
use support::numbers::Numbers;
use support::{cases, deviation, golden};
use tch::{Device, Tensor};

/// In float64, so that rows in other company differ in their last digits only.
fn model() -> Model {
    tch::set_num_threads(1);
    let folder = cases(&golden().join("methods")).remove(0);
    Model::load(&folder.join("model"), Device::Cpu, tch::Kind::Double).expect("model")
}

const PROMPT: &str = "Bram Bexley lives in the city of";
const SUBJECT: &str = "Bram Bexley";

/// What `run` gives where batches of `work` above a size run short after some blocks; what was said of it.
fn short<T>(work: Batched, above: usize, blocks: usize, run: impl FnOnce() -> Result<T>) -> (Result<T>, Vec<String>) {
    begin();
    provoke(Some(Provoked { work, above, blocks }));
    let made = run();
    provoke(None);
    (made, take_warnings())
}

/// The same where it has to go on, and has to say so.
fn halved<T>(work: Batched, above: usize, blocks: usize, run: impl FnOnce() -> Result<T>) -> T {
    let (made, warnings) = short(work, above, blocks, run);
    let first = warnings.first().unwrap_or_else(|| panic!("{work:?} above {above}: nothing was said"));
    assert!(first.starts_with("out of memory while running block ") && first.contains("MiB free"), "{first}");
    assert!(first.contains(": continuing with batches of "), "{first}");
    made.unwrap_or_else(|error| panic!("{work:?} above {above}, {blocks} blocks: {error}"))
}

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-10, "{one} and {other}");
}

#[test]
fn heat_maps_are_the_same_in_smaller_batches_down_to_single_cells() {
    let model = model();
    let layers = model.architecture.layers;
    let noise = |tokens| seeded_noise(1, 0.5, 3, tokens, model.architecture.embedded());
    let request = Request::new(&model, PROMPT, SUBJECT, &TracedAnswer::MostProbable, noise).expect("request");
    let runs = Runs::new(&model, &request).expect("runs");
    let severed = Severed::new(&model, &runs.clean, &request, Kind::Mlp).expect("severed");
    let map = |kind: Option<Kind>, rows: &mut Vec<usize>| {
        let mut last = 0;
        let mut listen = |report: Report<'_>| {
            match report {
                Report::Row { token, .. } => rows.push(token),
                Report::Block { done, total } => {
                    assert!(done <= total, "{done} of {total}");
                    last = done;
                }
            }
            Ok(())
        };
        match kind {
            Some(kind) => heat_map(&model, &runs, kind, 3, 4, &mut listen),
            None => severed_heat_map(&model, &runs, &severed, 4, &mut listen),
        }
    };
    let same = |one: &HeatMap, other: &HeatMap| {
        assert_eq!(one.scores.len(), other.scores.len());
        one.scores.iter().flatten().zip(other.scores.iter().flatten()).for_each(|(one, other)| near(*one, *other));
    };
    for kind in [Some(Kind::Hidden), Some(Kind::Mlp), Some(Kind::Attention), None] {
        let mut all = Vec::new();
        let whole = map(kind, &mut all).expect("map");
        assert!(whole.scores.iter().all(|row| row.len() == layers));
        for above in [1, 2, layers - 1, layers, 2 * layers + 1] {
            for blocks in [0, 2] {
                let mut rows = Vec::new();
                let cut = halved(Batched::Cells, above, blocks, || map(kind, &mut rows));
                same(&cut, &whole);
                assert_eq!(rows, all, "every row is told once, in order");
            }
        }
    }
    let (failed, _) = short(Batched::Cells, 0, 0, || map(Some(Kind::Hidden), &mut Vec::new()));
    let text = failed.expect_err("not even one").to_string();
    let wanted = "for one cell of a heat map alone (1.0 MiB asked for, 0 bytes free); ask for less at once";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn scores_are_the_same_in_smaller_batches() {
    let model = model();
    let prompts = [PROMPT, "The old road runs along", "What the map shows is", "Bram Bexley went", "Anna lives in"];
    let ask = |prompt: &&str| {
        let place = if prompt.contains(SUBJECT) { SubjectPlace::Mentioned } else { SubjectPlace::Elsewhere };
        Question::new(*prompt, &["the north", "a house by the sea"]).with_subject(place)
    };
    let questions: Vec<Question> = prompts.iter().map(ask).collect();
    let noise = ScoringNoise { subject: SUBJECT.to_owned(), level: 0.3, seed: 5, misaligned: false };
    let same = |one: &[Vec<Likelihood>], other: &[Vec<Likelihood>]| {
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
            near(one.log_probability, other.log_probability);
            assert_eq!((one.tokens, one.hits), (other.tokens, other.hits));
        }
    };
    for noise in [None, Some(&noise)] {
        let whole = answer(&model, &questions, noise).expect("scores");
        for above in [20, 30, 40] {
            let cut = halved(Batched::Scores, above, 1, || answer(&model, &questions, noise));
            same(&cut, &whole);
        }
    }
    let asked: Vec<Asked> =
        questions.iter().map(|one| Asked { changes: Vec::new(), questions: vec![one.clone(); 3] }).collect();
    for company in [Company::OfOneModel, Company::OfAll] {
        let whole = answer_each(&model, &asked, company).expect("scores");
        let cut = halved(Batched::Scores, 20, 0, || answer_each(&model, &asked, company));
        cut.iter().zip(&whole).for_each(|(cut, whole)| same(cut, whole));
    }
    let (failed, _) = short(Batched::Scores, 2, 0, || answer(&model, &questions, None));
    let text = failed.expect_err("not even one").to_string();
    assert!(text.contains("for one prompt with its target alone (") && text.contains(" free)"), "{text}");
}

#[test]
fn second_moments_are_the_same_wherever_a_batch_runs_short() {
    let model = model();
    let texts: Vec<String> = (1..12).map(|words| "the city of the north ".repeat(words).trim().to_owned()).collect();
    let corpus = Corpus::from_text("texts", &texts.join("\n"), &CorpusSettings::default()).expect("corpus");
    let moments = || -> Result<SecondMoments> { collect(&model, &corpus, &mut |_, _| Ok(())) };
    let whole = moments().expect("moments");
    // at every block, so that some layers have the batch in their sums and others do not
    for blocks in 0..model.architecture.layers {
        let cut = halved(Batched::SecondMoments, 80, blocks, moments);
        assert_eq!(cut.tokens, whole.tokens);
        for layer in 0..model.architecture.layers {
            let (cut, whole) =
                (cut.mean(layer).expect("read").expect("layer"), whole.mean(layer).expect("read").expect("layer"));
            // sums in float32, in another order
            assert!(deviation(cut, whole) < 1e-5, "layer {layer}, {blocks} blocks: {}", deviation(cut, whole));
        }
        for layer in 0..model.architecture.layers {
            let off = cut.deviation(layer).expect("libtorch").expect("a check in float64");
            assert!(off < 1e-6, "layer {layer}, {blocks} blocks: {off}");
        }
    }
    let (failed, _) = short(Batched::SecondMoments, 3, 1, moments);
    assert!(failed.expect_err("not even one").to_string().contains("for one document alone"));
}

#[test]
fn texts_are_the_same_in_smaller_batches_drawn_or_not() {
    let model = model();
    let prompts = ["The", "The old road runs along", "Anna", "What the map shows is not clear", PROMPT];
    let prompts: Vec<String> = prompts.iter().map(|&prompt| prompt.to_owned()).collect();
    let listen = &mut || Ok(());
    for length in [Length::After(6), Length::Whole(12), Length::Sentence(8)] {
        let mut drawn = |above: Option<usize>| -> [Vec<Generated>; 2] {
            let mut greedy = || generate(&model, &prompts, length, Choice::Greedy, listen);
            let greedy = match above {
                Some(above) => halved(Batched::Texts, above, 4, greedy),
                None => greedy().expect("texts"),
            };
            let mut random = LegacyRandom::new(3);
            let mut sampled = || generate(&model, &prompts, length, Choice::Sampled(&mut random), listen);
            let sampled = match above {
                Some(above) => halved(Batched::Texts, above, 9, sampled),
                None => sampled().expect("texts"),
            };
            [greedy, sampled]
        };
        let whole = drawn(None);
        for above in [1, 2, 3] {
            assert_eq!(drawn(Some(above)), whole, "{length:?}, {above} at once");
        }
    }
    // with noise on the subject, each text with a draw of its own
    let noise = SubjectNoise { level: 0.4, seed: 2, ..SubjectNoise::default() };
    let mut sampled = || -> Result<Vec<String>> {
        let noises = SubjectNoises::new(&model, noise.clone(), [("{} lives in the city of", SUBJECT)])?;
        let mut random = LegacyRandom::new(8);
        sample_noised(&model, PROMPT, 5, 14, &mut random, Some(&noises), listen)
    };
    let whole = sampled().expect("texts");
    assert!(whole.windows(2).any(|pair| pair[0] != pair[1]), "{whole:?}");
    assert_eq!(halved(Batched::Texts, 2, 1, sampled), whole);
}

#[test]
fn activations_come_back_in_the_order_in_which_they_were_asked_for() {
    let model = model();
    let prompts = [PROMPT, "The old road runs along", "Anna", "What the map shows is not clear", "The city"];
    let rows: Vec<Vec<i64>> = prompts.iter().map(|prompt| model.tokenizer.encode(prompt).expect("tokens")).collect();
    // across the rows and back, one of them twice
    let cell = |row: usize, position: usize| Cell { row, position: position % rows[row].len() };
    let some = vec![cell(3, 2), cell(0, 1), cell(4, 0), cell(0, 5), cell(2, 0), cell(1, 3), cell(0, 1)];
    let lists = [
        Cells { site: Site::MlpKey(1), cells: some.clone() },
        Cells { site: Site::Residual(2), cells: vec![cell(4, 1), cell(1, 0)] },
        Cells { site: Site::Embedding, cells: Vec::new() },
    ];
    let noised = [cell(1, 1), cell(4, 0), cell(1, 2)];
    let noise = Numbers::new(1).wide(&[3, model.architecture.embedded()]) * 0.3;
    let read = || -> Result<Vec<Tensor>> {
        let mut all = capture(&model, &rows, &lists)?;
        all.extend(capture_noised(&model, &rows, &lists, Some((&noised, &noise)))?);
        all.push(next_token_log_probabilities(&model, &rows, &some)?);
        Ok(all)
    };
    let whole = read().expect("activations");
    for above in [1, 2, 3, 4] {
        let cut = halved(Batched::Activations, above, 1, read);
        assert_eq!(cut.len(), whole.len());
        for (cut, whole) in cut.iter().zip(&whole).filter(|(_, whole)| whole.numel() > 0) {
            assert!(deviation(cut, whole) < 1e-10, "{above} at once: {}", deviation(cut, whole));
        }
    }
    // a row that there is not is refused in any case, by its own number
    let outside = [Cells { site: Site::Residual(0), cells: vec![cell(0, 0), Cell { row: 9, position: 0 }] }];
    let (failed, _) = short(Batched::Activations, 1, 0, || {
        read()?;
        capture(&model, &rows, &outside)
    });
    assert!(matches!(&failed, Err(Error::Request(text)) if text.contains("row 9")), "{failed:?}");
}
