//! The services of the test host agree with each other, and authors find in it what the program would tell them.

use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{
    Cell, Cells, EditMethod, EditRequest, Edited, Error, FactToEdit, Goal, Host, Info, NoisedSubject, Objective,
    PreparedSuffix, Read, Reduction, Result, SampleRequest, Site, StepReport, SubjectNoise, SuffixRequest,
};
use locus_plugin_test::{Descent, Raise, TestHost, edit, edit_towards, fact, try_objective};

fn close(one: &Tensor, other: &Tensor) -> bool {
    one.size() == other.size() && one.allclose(other, 1e-4, 1e-5, false)
}

#[test]
fn a_prompt_is_its_tokens_and_they_are_it() {
    let host = TestHost::new();
    let tokens = host.tokenize_prompt("The capital of {} is", " São Tomé ", "Rome").expect("tokens");
    assert_eq!(host.detokenize(&tokens.ids).expect("text"), "The capital of  São Tomé  is Rome");
    assert_eq!(host.detokenize(&tokens.ids[tokens.subject.clone()]).expect("text"), " São Tomé");
    assert!(tokens.prompt < tokens.ids.len() && tokens.target().len() == 4, "{tokens:?}");
    assert_eq!(host.detokenize(tokens.target()).expect("text"), " Rome");
    assert_eq!(host.detokenize(&[72, 256, 105]).expect("text"), "H<end>i");
    assert!(matches!(host.tokenize_prompt("Nobody is", "France", ""), Err(Error::Request(_))));
    assert!(matches!(host.detokenize(&[309]), Err(Error::Request(_))));
}

/// A run over one row: adds at an MLP's output, reads one token, and captures the key of the layer above.
fn run(position: usize) -> SuffixRequest {
    let cell = Cell { row: 0, position };
    let row: Vec<i64> = (0..12).map(|token| token * 7).collect();
    SuffixRequest {
        rows: vec![row],
        add: vec![Cells { site: Site::MlpOut(1), cells: vec![cell] }],
        parameters: vec!["layers.2.down.weight".to_owned()],
        read: vec![Read { cell: Cell { row: 0, position: 11 }, token: 65 }],
        distributions: vec![Cell { row: 0, position: 11 }],
        capture: vec![
            Cells { site: Site::MlpOut(1), cells: vec![cell] },
            Cells { site: Site::Residual(3), cells: vec![cell] },
        ],
        ..SuffixRequest::default()
    }
}

#[test]
fn what_is_prepared_runs_as_what_is_captured_and_gradients_are_true() {
    let host = TestHost::new();
    let request = run(4);
    let suffix = PreparedSuffix::new(&host, &request).expect("prepared");
    let weight = host.parameter("layers.2.down.weight").expect("a parameter");
    let nothing = Tensor::zeros([1, 32], (Kind::Float, locus_plugin::tch::Device::Cpu));
    let as_it_is = suffix.run(&[nothing.shallow_clone()], &[weight.shallow_clone()]).expect("a run");
    let captured = host.capture(&request.rows, &request.capture).expect("captured");
    assert!(close(&as_it_is.captured[0], &captured[0]) && close(&as_it_is.captured[1], &captured[1]));
    assert!(close(&as_it_is.distributions.get(0).get(65), &as_it_is.log_probabilities.get(0)));
    assert!((as_it_is.distributions.exp().sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-5);

    // the slope along one direction, by a gradient and by a difference
    let at = |value: f64| {
        let added = (&nothing + value).set_requires_grad(true);
        let read = suffix.run(&[added.shallow_clone()], &[weight.shallow_clone()]).expect("a run").log_probabilities;
        let read = read.sum(Kind::Float);
        let gradient = Tensor::run_backward(&[&read], &[&added], false, false).remove(0);
        (read.double_value(&[]), gradient.sum(Kind::Double).double_value(&[]))
    };
    let (slope, difference) = (at(0.0).1, (at(0.01).0 - at(-0.01).0) / 0.02);
    assert!(slope.abs() > 1e-3 && (slope - difference).abs() < 0.02 * slope.abs().max(0.1), "{slope} {difference}");

    // another value of a parameter does the same given to the run, and replaced for all runs
    let doubled = &weight * 2.0;
    let given = suffix.run(&[nothing.shallow_clone()], &[doubled.shallow_clone()]).expect("a run");
    host.replace_parameters(&request.parameters, std::slice::from_ref(&doubled)).expect("replaced");
    let replaced = host.capture(&request.rows, &request.capture).expect("captured");
    assert!(close(&given.captured[1], &replaced[1]) && !close(&given.captured[1], &captured[1]));
    assert!(host.parameter("layers.2.down.weight").expect("a parameter").equal(&doubled));
    host.replace_parameters(&[], &[]).expect("put back");
    assert!(host.parameter("layers.2.down.weight").expect("a parameter").equal(&weight));
    assert_eq!(host.prepared(), 1);
    drop(suffix);
    assert_eq!(host.prepared(), 0);
}

#[test]
fn a_second_moment_and_its_inverse_belong_together() {
    let host = TestHost::new();
    let keys = Tensor::eye(128, (Kind::Float, locus_plugin::tch::Device::Cpu));
    let mean = host.second_moment(2).expect("a second moment");
    let back = host.solve_second_moment(2, &keys).expect("solved").matmul(&mean);
    assert!(back.allclose(&keys, 1e-3, 1e-3, false));
    assert!(matches!(host.second_moment(4), Err(Error::Request(text)) if text.contains("layers 0 to 3")));
}

#[test]
fn noise_changes_what_is_said_and_its_seed_says_how() {
    let host = TestHost::new();
    let subject = |level, seed| NoisedSubject {
        subject: "France".to_owned(),
        noise: SubjectNoise { level, seed, ..SubjectNoise::default() },
    };
    let told =
        |level, seed| host.noised_prediction("The capital of {} is", &subject(level, seed)).expect("probabilities");
    assert!(
        told(2.0, 1).equal(&told(2.0, 1))
            && !close(&told(2.0, 1), &told(2.0, 2))
            && !close(&told(2.0, 1), &told(1e-6, 1))
    );
    assert!((told(0.0, 1).sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-4);
    let sample =
        |seed, noised| host.sample(&SampleRequest { prompt: "The {}".into(), count: 3, tokens: 16, seed, noised });
    let plain = sample(1, None).expect("texts");
    assert!(plain.len() == 3 && plain[0].starts_with("The {}") && plain == sample(1, None).expect("texts"));
    assert_ne!(plain, sample(2, None).expect("texts"));
    let noised = sample(1, Some(subject(5.0, 1))).expect("texts");
    assert!(noised[0].starts_with("The France"), "{noised:?}");
}

#[test]
fn what_is_not_there_is_said() {
    let host = TestHost::new();
    for (wrong, said) in [
        (SuffixRequest { rows: vec![vec![]], ..run(4) }, "has 0 tokens"),
        (run(12), "no position 12 in row 0"),
        (SuffixRequest { parameters: vec!["w".to_owned()], ..run(4) }, "no parameter `w`"),
        (SuffixRequest { add: vec![Cells { site: Site::MlpOut(9), cells: vec![] }], ..run(4) }, "no layer 9"),
    ] {
        let error = host.prepare_suffix(&wrong).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = host.report(&StepReport::new(0, 1, 0)).expect_err("no loss").to_string();
    assert!(error.contains("has no loss"), "{error}");
    let error = host.objective_loss(&Tensor::from(1.0), Reduction::Mean).expect_err("no objective").to_string();
    assert!(error.contains("no objective was chosen"), "{error}");
    assert!(matches!(host.call("teleport", locus_plugin::call::Arguments::new("", &[])), Err(Error::Unsupported(_))));
}

#[test]
fn a_method_and_an_objective_are_tried_against_the_plain_ones() {
    let trial = edit::<Descent>(&[("steps", "30")]).expect("it edits");
    assert!(trial.after > 2.0 * trial.before, "{trial:?}");
    assert!(trial.losses.len() == 30 && trial.losses[29] < trial.losses[0], "{:?}", trial.losses);
    // the loss of the first step is that of the model as it is
    assert!((trial.losses[0] + trial.before.ln()).abs() < 1e-4, "{trial:?}");
    let other = try_objective::<Raise>(&[]).expect("it edits");
    assert!(other.after > other.before && other.goal.target == "Rome");
    let wrong = edit::<Descent>(&[("steps", "many")]).expect_err("no number").to_string();
    assert!(wrong.contains("`steps` must be a whole number"), "{wrong}");
}

#[test]
fn a_user_who_cancels_is_obeyed_at_the_next_service() {
    let host = TestHost::new();
    host.cancel_after.set(3);
    let (method, objective) = (locus_plugin::object::LinkedMethod::<Descent>::default(), Default::default());
    let objective: locus_plugin::object::LinkedObjective<Raise> = objective;
    let ended = host.trial((&method, &[]), (&objective, &[]), &fact());
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert_eq!(host.reports.borrow().len(), 3);
}

/// Does one thing wrong, which the setting picks.
#[derive(Default)]
struct Wrong;

locus_plugin::parameters! {
    struct WrongParameters {
        how: String = "shape", choice("shape", "nan", "name", "writes"), "what";
    }
}

impl EditMethod for Wrong {
    type Parameters = WrongParameters;

    fn info() -> Info {
        Info::new("wrong", "Wrong")
    }

    fn edit(&mut self, _request: &EditRequest, parameters: &WrongParameters, host: &dyn Host) -> Result<Edited> {
        let down = host.model()?.down_projections.remove(0).weight;
        let mut weight = host.parameter(&down)?;
        Ok(match parameters.how.as_str() {
            "shape" => Edited::new().dense(&down, weight.tr()),
            "nan" => Edited::new().dense(&down, weight * f64::NAN),
            "name" => Edited::new().dense("w", weight),
            _ => {
                let _ = weight.zero_();
                Edited::new()
            }
        })
    }
}

#[test]
fn an_answer_that_the_program_would_refuse_is_refused() {
    for (how, said) in [
        ("shape", "its change of `layers.0.down.weight` has shape [128, 32], not [32, 128]"),
        ("nan", "its change of `layers.0.down.weight` is not finite"),
        ("name", "its change of `w` cannot be made"),
        ("writes", "it wrote into `layers.0.down.weight`, which belongs to the host"),
    ] {
        let error = edit::<Wrong>(&[("how", how)]).expect_err(how).to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Raises the true target while its subject is noised.
#[derive(Default)]
struct UnderNoise;

impl Objective for UnderNoise {
    type Parameters = ();

    fn info() -> Info {
        Info::new("under-noise", "Under noise")
    }

    fn goal(&mut self, fact: &FactToEdit, _parameters: &(), _host: &dyn Host) -> Result<Goal> {
        Ok(Goal::new(&fact.target_true).under(SubjectNoise { redraws: false, ..SubjectNoise::default() }))
    }

    fn loss(&mut self, _parameters: &(), log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

#[test]
fn the_noise_of_an_objective_is_in_every_run() {
    let noised = edit_towards::<Descent, UnderNoise>(&fact(), &[], &[]).expect("it edits");
    let fact = FactToEdit { target_new: "Paris".to_owned(), ..fact() };
    let plain = edit_towards::<Descent, Raise>(&fact, &[], &[]).expect("it edits");
    assert!((noised.losses[0] - plain.losses[0]).abs() > 1e-3, "{noised:?} {plain:?}");
    assert!((noised.losses[0] + noised.before.ln()).abs() < 1e-4 && noised.after > noised.before, "{noised:?}");
}
