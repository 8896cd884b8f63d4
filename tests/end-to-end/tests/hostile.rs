//! A plugin that does everything wrong: the program stays up, the fact stays unedited, and one sentence says what
//! happened.

use locus_end_to_end::{Ended, Home, Records, Session, order, order_of, plugin, send};
use locus_protocol::{Blame, Command, EditOrder, Event, Outcome, Start, TopToken, Undo};
use locus_session::SessionOptions;
use rustix::process::Signal;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

/// What each method does wrong, and what is said of it.
const CRIMES: [(&str, &str); 10] = [
    ("panics", "plugin `panics`: panicked: the plugin tripped"),
    ("panics-with-a-bomb", "plugin `panics-with-a-bomb`: panicked: without a message"),
    ("raises-libtorch-exception", "plugin `raises-libtorch-exception`: libtorch: "),
    ("panics-in-libtorch", "plugin `panics-in-libtorch`: panicked: "),
    ("returns-nan", "plugin `returns-nan`: its report was refused: `loss` in the report of step 0 is NaN"),
    ("wrong-shape", "plugin `wrong-shape`: its change of `transformer.h.3.mlp.c_proj.weight` has shape [385, 96]"),
    ("unknown-parameter", "plugin `unknown-parameter`: it changed `no.such.weight`, which the model does not have"),
    ("returns-no-tensor", "plugin `returns-no-tensor`: unusable answer: a tensor is missing"),
    ("reports-wrong-layer", "plugin `reports-wrong-layer`: its report was refused: a report names layer 999"),
    ("swallows-errors", "plugin `swallows-errors`: its report was refused: a report names layer 999"),
];

const PLUGIN: i32 = 3;

fn hostile() -> String {
    plugin("locus-hostile").display().to_string()
}

#[test]
fn each_crime_is_told_in_one_sentence_and_nothing_is_saved() {
    let home = Home::new();
    for (method, said) in CRIMES {
        // a good edit first: the crime must not leave that one in place either
        let orders = order(0, "obeys", 5, json!({})) + &order(1, method, 3, json!({}));
        let arguments = ["edit", "--orders", "-", "--json", "--plugin", &hostile(), "--save", "x.safetensors"];
        let ended = home.run_with(&orders, arguments);
        let sentence = ended.sentence(PLUGIN);
        assert!(sentence.starts_with(said), "{sentence}");
        let records = ended.records();
        assert_eq!(records.unedited_after_undo(), [true], "{method}");
        let edits = records.edits();
        assert!(edits[0].applied.is_some() && edits[1..].iter().all(|edit| edit.applied.is_none()), "{method}");
        let failed = Outcome::Failed { error: sentence, blame: Blame::Plugin };
        // the model, the good edit, its undo
        assert_eq!(records.outcomes(), [Outcome::Done, Outcome::Done, Outcome::Done, failed], "{method}");
        assert!(!home.path("x.safetensors").exists(), "{method} was saved");
    }
}

#[test]
fn an_objective_that_panics_within_a_method_is_named() {
    let home = Home::new();
    let edit = ["edit", "--method", "rome", "--objective", "panics-in-objective", "--plugin", &hostile()];
    let sentence = home.run(edit).sentence(PLUGIN);
    assert!(sentence.contains("in the objective `panics-in-objective`: the objective tripped"), "{sentence}");
}

#[test]
fn what_a_plugin_leaves_behind_is_put_back_and_told() {
    let home = Home::new();
    let rome = order(0, "rome", 4, json!({}));
    let alone = home.run_with(&rome, ["edit", "--orders", "-", "--json"]).well().records();
    let orders = order(1, "leaves-gradient-mode-off", 3, json!({})) + &rome;
    let after = home.run_with(&orders, ["edit", "--orders", "-", "--json", "--plugin", &hostile()]).well();
    assert!(after.err.contains("left gradients off and 2 threads instead of 1; restored"), "{}", after.err);
    assert_eq!(after.err.lines().count(), 1, "{}", after.err);
    let applied = |records: &Records, index: usize| records.edits()[index].applied.clone().expect("applied");
    let (alone, after) = (applied(&alone, 0), applied(&after.records(), 1));
    assert_eq!((alone.changes, alone.rows, alone.scores), (after.changes, after.rows, after.scores));
}

/// Runs the method that ignores cancellation for two seconds, with `interrupts` after its first step.
fn interrupted(home: &Home, interrupts: usize) -> Ended {
    let hostile = hostile();
    let arguments = ["edit", "--orders", "-", "--json", "--plugin", &hostile, "--save", "x.safetensors"];
    let mut child = home.command(arguments).spawn().expect("the program starts");
    let orders = order(0, "ignores-cancellation", 3, json!({}));
    child.stdin.take().expect("input").write_all(orders.as_bytes()).expect("orders");
    let mut output = BufReader::new(child.stdout.take().expect("output"));
    let (mut out, mut err) = (String::new(), String::new());
    while !out.contains("\"event\":\"step\"") {
        assert_ne!(output.read_line(&mut out).expect("a record"), 0, "it ended: {out}");
    }
    for _ in 0..interrupts {
        send(Signal::INT, child.id());
        std::thread::sleep(Duration::from_millis(200));
    }
    output.read_to_string(&mut out).expect("the rest");
    child.stderr.take().expect("errors").read_to_string(&mut err).expect("text");
    Ended { code: child.wait().expect("the end").code(), out, err }
}

#[test]
fn a_method_that_ignores_cancellation_is_cancelled_when_it_comes_back() {
    let home = Home::new();
    let ended = interrupted(&home, 1);
    assert_eq!(ended.sentence(130), "canceled; nothing was changed");
    let records = ended.records();
    assert_eq!(records.outcomes(), [Outcome::Done, Outcome::Cancelled { kept: "nothing was changed".to_owned() }]);
    assert!(records.edits()[0].applied.is_none());
    assert!(!home.path("x.safetensors").exists(), "it was saved");
}

#[test]
fn a_second_interrupt_does_not_wait_for_it() {
    let home = Home::new();
    let ended = interrupted(&home, 2);
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_eq!(ended.records().outcomes(), [Outcome::Done], "it waited");
    assert!(!home.path("x.safetensors").exists(), "it was saved");
}

/// An engine with the hostile plugin.
struct Bench(Session);

impl Bench {
    fn start(home: &Home) -> Self {
        let with_it = |usual: SessionOptions| SessionOptions {
            start: Start { plugins: vec![plugin("locus-hostile")], ..usual.start },
            ..usual
        };
        Self(Session::start(home, with_it).0)
    }

    fn edit(&mut self, order: EditOrder) -> (Outcome, Vec<Event>) {
        self.0.job(order)
    }

    /// The next tokens of the first fact, and the number of edits in place.
    fn prediction(&mut self) -> (Vec<TopToken>, usize) {
        let fact = order_of(0, "", 0, json!({})).fact;
        self.0.send(Command::Predict { fact });
        loop {
            if let Event::Prediction { top, edits, .. } = self.0.receive() {
                return (top, edits);
            }
        }
    }

    /// What is answered to an undo: the error, or whether the weights are the checkpoint's.
    fn undo(&mut self) -> Result<bool, String> {
        let (outcome, told) = self.0.job(Undo::LAST);
        let unedited = told.iter().find_map(|event| match event {
            Event::Edits { unedited, .. } => Some(*unedited),
            _ => None,
        });
        match outcome {
            Outcome::Failed { error, .. } => Err(error),
            outcome => Ok(unedited.unwrap_or_else(|| panic!("{outcome:?}"))),
        }
    }
}

#[test]
fn one_session_survives_all_crimes_and_its_model_stays_as_it_was() {
    let mut session = Bench::start(&Home::new());
    let before = session.prediction();
    let good = order_of(0, "rome", 4, json!({}));
    let applied = |told: &[Event]| {
        told.iter().find_map(|event| match event {
            Event::Applied(applied) => Some((applied.changes.clone(), applied.rows.clone(), applied.scores.clone())),
            _ => None,
        })
    };
    let (outcome, told) = session.edit(good.clone());
    assert_eq!(outcome, Outcome::Done);
    let first = applied(&told).expect("applied");
    assert_ne!(session.prediction().0, before.0);
    assert_eq!(session.undo(), Ok(true));
    let objective = EditOrder { objective: "panics-in-objective".to_owned(), ..good.clone() };
    let crimes = CRIMES.map(|(method, said)| (order_of(0, method, 3, json!({})), said)).into_iter();
    let crimes = crimes.chain([(objective, "plugin `rome`: panicked: in the objective `panics-in-objective`")]);
    for (order, said) in crimes {
        let method = order.method.clone();
        let (outcome, told) = session.edit(order);
        let Outcome::Failed { error, blame: Blame::Plugin } = outcome else { panic!("{method}: {outcome:?}") };
        assert!(error.starts_with(said), "{error}");
        assert_eq!(applied(&told), None, "{method}");
        assert_eq!(session.prediction(), before, "{method}");
        assert_eq!(session.undo(), Err("there is no edit to undo".to_owned()), "{method}");
    }
    // cancelled while it does not listen
    let (control, job) = (session.0.handles.control.clone(), session.0.next());
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        control.cancel(job);
    });
    let (outcome, told) = session.edit(order_of(0, "ignores-cancellation", 3, json!({})));
    canceller.join().expect("cancelled");
    assert_eq!(outcome, Outcome::Cancelled { kept: "nothing was changed".to_owned() });
    assert_eq!((applied(&told), session.prediction()), (None, before));
    // and a good edit still does what it did before
    let (outcome, told) = session.edit(good);
    assert_eq!((outcome, applied(&told)), (Outcome::Done, Some(first)));
    assert_eq!(session.undo(), Ok(true));
}
