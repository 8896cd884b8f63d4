//! Failures at every step of what changes the edits in place: list, journal and weights agree bit by bit afterwards, and
//! are as they were before.

// all of it is a test, as its `mod` says
#[cfg(test)]
use super::{history, keep, load, place};
use crate::SessionOptions;
use crate::edits::finding::Found;
use crate::edits::put_in_place;
use crate::emitter::Emitter;
use crate::error::{Error, Stopped};
use crate::measures::judging::Aims;
use crate::measures::tried::TriedEdit;
use crate::pace::Pace;
use crate::worker::Worker;
use crossbeam_channel::{Receiver, unbounded};
use locus_engine::edit::{DeltaFile, EditStack, WeightEdit, weight_changes};
use locus_plugin::{Delta, Form};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Applied, Command, Control, EditOrder, Event, Fact, Keep, Load, ModelSource, Operation, Place, PluginMark, Undo,
};
use locus_protocol::{Role, Start};
use locus_records::failure_point::{arm, disarm};
use locus_records::noise::LegacyRandom;
use locus_records::operations::{Journal, Standing};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tch::{Kind, Tensor};

/// A session without a thread, its folders, and everything that it told.
struct Bench<'a> {
    worker: Worker<'a>,
    folder: &'a Path,
    events: Receiver<Event>,
}

/// Everything that a failure has to leave as it was.
#[derive(PartialEq)]
struct State {
    in_place: Vec<u64>,
    taken_back: Vec<u64>,
    /// Copies of all parameters of the model, touched or not.
    weights: Vec<(String, Tensor)>,
    journal: Vec<Operation>,
}

fn stopped(error: Stopped) -> Error {
    error.error
}

fn options(folder: &Path, role: Role) -> SessionOptions {
    let start = Start { role, threads: Some(1), ..Start::default() };
    SessionOptions {
        operations: Some(folder.join("state")),
        ..SessionOptions::new(start, folder.join("cache"), SearchPaths::new(None, None, None, &[]))
    }
}

impl Bench<'_> {
    fn load(&mut self) -> Result<(), Error> {
        load::run(&mut self.worker, 1, &Load { source: ModelSource::BuiltIn }).map_err(stopped)
    }

    /// An edit as a method may find it, without a method.
    fn found(&self, seed: i64) -> Found {
        let stack = &self.worker.ready().expect("a model").stack;
        let parameter = format!("transformer.h.{}.mlp.c_proj.weight", seed % 3);
        let size = stack.base().parameter(&parameter).expect("a parameter").size();
        let mut random = LegacyRandom::new(seed as u32);
        let mut some = |size: &[i64]| {
            let count = size.iter().product::<i64>() as usize;
            Tensor::from_slice(&random.normals(count)).reshape(size).to_kind(Kind::Float) * 0.01
        };
        let form = match seed % 2 {
            0 => Form::LowRank { left: some(&[size[0], 2]), right: some(&[2, size[1]]) },
            _ => Form::Dense(some(&size)),
        };
        let deltas = vec![Delta { parameter, form }];
        let fact = Fact { template: "{} is in".into(), subject: "Paris".into(), ..Fact::default() };
        let order = EditOrder {
            fact: Fact { target_new: " Rome".into(), target_true: " France".into(), ..fact },
            seed: seed.unsigned_abs(),
            ..EditOrder::default()
        };
        let changes = weight_changes(stack.base(), &deltas).expect("norms");
        let would = Applied { title: format!("edit {seed}"), changes, ..Applied::default() };
        let model = stack.trial("it", &deltas).expect("a model");
        let (title, mark) = (would.title.clone(), PluginMark::default());
        let edit = WeightEdit { title, order, method: mark.clone(), objective: mark, deltas, verdict: None };
        Found { edit: Rc::new(edit), would, model, aims: Aims::default(), artifacts: Rc::default() }
    }

    fn state(&self) -> State {
        let Some(loaded) = &self.worker.loaded else { panic!("no model") };
        let numbers = |edits: &[locus_engine::edit::Numbered]| edits.iter().map(|edit| edit.number).collect();
        let parameters = loaded.stack.model().parameters();
        State {
            in_place: numbers(loaded.stack.applied()),
            taken_back: numbers(loaded.stack.undone()),
            weights: parameters.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect(),
            journal: self.journal().read().expect("a journal").operations,
        }
    }

    fn journal(&self) -> Journal {
        Journal::new(&self.folder.join("state"))
    }

    /// The list is what the journal says, and the weights are what the journal's own files make of the checkpoint.
    fn agrees(&self, after: &str) {
        let state = self.state();
        let loaded = self.worker.ready().expect("a model");
        let standing = Standing::of(&state.journal, &loaded.mark.fingerprint);
        let told = Standing { in_place: state.in_place.clone(), taken_back: state.taken_back.clone() };
        assert_eq!(standing, told, "after {after}");
        let mut stack = EditStack::new(loaded.stack.base().with_parameters(&[]).expect("a copy"));
        for number in &state.in_place {
            let made = state.journal.iter().find(|operation| operation.number == *number).and_then(Operation::edit);
            let delta = &made.unwrap_or_else(|| panic!("operation {number} after {after}")).delta;
            let file = DeltaFile::read_exactly(&self.journal().delta(delta), &delta.sha256).expect("a change");
            file.edits.into_iter().for_each(|edit| _ = stack.apply(edit).expect("applied"));
        }
        for (name, tensor) in stack.model().parameters() {
            assert_eq!(loaded.stack.model().parameter(&name), Some(tensor), "{name} after {after}");
        }
        if let Some(last) = state.journal.last().filter(|last| last.in_place == state.in_place) {
            let now = loaded.stack.weights().expect("hashes");
            assert!(now.iter().all(|(name, hash)| last.weights.get(name).is_none_or(|then| then == hash)), "{after}");
        }
    }

    /// Does something with a failure at its first step, at its second and so on, until it goes well. Gives the steps.
    fn with_failures(&mut self, what: &str, mut act: impl FnMut(&mut Self) -> Result<(), Error>) -> Vec<&'static str> {
        let mut failed = Vec::new();
        for step in 0..100 {
            let before = self.state();
            let _ = self.events.try_iter().count();
            arm(step);
            let result = act(self);
            let Some(point) = disarm() else {
                result.unwrap_or_else(|error| panic!("{what} fails: {error}"));
                self.agrees(what);
                return failed;
            };
            failed.push(point);
            let case = format!("{what} fails at `{point}`");
            assert!(result.is_err(), "{case}, and says that it went well");
            let mut after = self.state();
            if point == "tell it" {
                // it was recorded and taken back
                assert!(after.journal.len() > before.journal.len(), "{case}");
                after.journal.truncate(before.journal.len());
            }
            assert_eq!((&after.in_place, &after.taken_back), (&before.in_place, &before.taken_back), "{case}");
            assert!(after == before, "{case}: weights or journal are others");
            self.agrees(&case);
            let told = self.events.try_iter().find(|event| matches!(event, Event::Applied(_) | Event::Edits { .. }));
            assert_eq!(told, None, "{case}, and something was told");
        }
        panic!("{what} never goes well");
    }
}

/// A session in `folder`; `None` for commands, as nobody gives any.
fn with_bench(folder: &Path, options: SessionOptions, body: impl FnOnce(&mut Bench<'_>)) {
    tch::set_num_threads(1);
    let (sender, events) = unbounded();
    let (_, commands) = unbounded::<Command>();
    let emitter = Emitter::new(sender, &[folder.join("events.jsonl")]).expect("a journal of events");
    let control = Control::default();
    let worker = Worker::new(options, Pace::new(emitter, &commands, &control, |_, _, _| {}));
    let mut bench = Bench { worker, folder, events };
    bench.load().expect("a model");
    body(&mut bench);
}

/// The next number of a row that looks random and is the same each time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn a_failure_at_any_step_leaves_list_journal_and_weights_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let workbench = || options(folder, Role::Workbench { takes_over: true });
    let mut steps: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    with_bench(folder, workbench(), |bench| {
        let mut random = 7;
        for round in 0..18 {
            let loaded = bench.worker.ready().expect("a model");
            let (placed, undone) = (loaded.stack.applied().len() as u64, loaded.stack.undone().len());
            let numbers: Vec<u64> = loaded.stack.applied().iter().map(|edit| edit.number).collect();
            let (what, reached) = match next(&mut random) % 6 {
                1 if placed > 0 => {
                    ("undo", bench.with_failures("undo", |bench| history::undo(&mut bench.worker, 1, Undo::LAST)))
                }
                2 if placed > 0 => {
                    let number = numbers[(next(&mut random) % placed) as usize];
                    let remove = |bench: &mut Bench<'_>| history::undo(&mut bench.worker, 1, Undo::of(number));
                    ("remove", bench.with_failures("remove", remove))
                }
                3 if undone > 0 => ("redo", bench.with_failures("redo", |bench| history::redo(&mut bench.worker, 1))),
                4 => ("load", bench.with_failures("load", Bench::load)),
                _ => {
                    let edit = |bench: &mut Bench<'_>| {
                        let found = bench.found(round);
                        put_in_place(&mut bench.worker, 1, found)
                    };
                    ("edit", bench.with_failures("edit", edit))
                }
            };
            steps.entry(what).or_default().extend(reached);
        }
        // what is in place comes back in another session
        let left = bench.state();
        with_bench_beside(folder, workbench(), |other| {
            let there = other.state();
            assert_eq!((there.in_place, there.taken_back), (left.in_place, left.taken_back));
            assert!(there.weights == left.weights);
        });
    });
    for (what, wanted) in [
        (
            "edit",
            &["make the file of a change", "keep a change", "write the lines", "have the lines kept", "tell it"][..],
        ),
        ("undo", &["build without an edit", "look at the edited model", "lock the journal", "tell it"]),
        ("remove", &["build without an edit", "write the lines"]),
        ("redo", &["build with an edit again", "have the lines kept", "tell it"]),
        (
            "load",
            &[
                "look at the checkpoint",
                "read the weights",
                "read the journal to take it over",
                "build with the edits of the journal",
            ],
        ),
    ] {
        let reached = steps.get(what).unwrap_or_else(|| panic!("no {what}"));
        wanted.iter().for_each(|step| assert!(reached.contains(step), "{what}: no `{step}` in {reached:?}"));
    }
}

/// Another session on the same folder: its events go elsewhere.
fn with_bench_beside(folder: &Path, options: SessionOptions, body: impl FnOnce(&mut Bench<'_>)) {
    let (sender, events) = unbounded();
    let (_, commands) = unbounded::<Command>();
    let control = Control::default();
    let emitter = Emitter::new(sender, &[]).expect("an emitter");
    let worker = Worker::new(options, Pace::new(emitter, &commands, &control, |_, _, _| {}));
    let mut bench = Bench { worker, folder, events };
    bench.load().expect("a model");
    body(&mut bench);
}

/// A file with two edits of the built-in model.
fn file_of_edits(bench: &Bench<'_>, file: PathBuf) -> PathBuf {
    let loaded = bench.worker.ready().expect("a model");
    let found = [bench.found(100), bench.found(101)];
    let edits: Vec<&WeightEdit> = found.iter().map(|found| &*found.edit).collect();
    let bytes = DeltaFile::bytes(loaded.stack.base(), &loaded.mark, &edits).expect("bytes");
    std::fs::write(&file, bytes).expect("written");
    file
}

#[test]
fn files_of_edits_are_put_in_place_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    with_bench(folder, options(folder, Role::Workbench { takes_over: true }), |bench| {
        let found = bench.found(1);
        put_in_place(&mut bench.worker, 1, found).expect("in place");
        bench.worker.options.start.apply = ["a", "b"].map(|name| file_of_edits(bench, folder.join(name))).to_vec();
        let reached = bench.with_failures("apply", Bench::load);
        for step in ["read a file of edits", "build with an edit of a file", "keep a change", "write the lines"] {
            assert!(reached.contains(&step), "{step}: {reached:?}");
        }
        assert_eq!(bench.state().in_place, [1, 2, 3, 4, 5]);
        // one bad file, and none is in place
        let mut bytes = std::fs::read(folder.join("b")).expect("the file");
        let last = bytes.len() - 1;
        bytes[last] ^= 0x40;
        std::fs::write(folder.join("b"), bytes).expect("written");
        let before = bench.state();
        let error = bench.load().expect_err("damaged").to_string();
        assert!(error.contains("/b: it is damaged"), "{error}");
        assert!(bench.state() == before);
    });
}

/// An edit that was found on a model with no edit in place.
fn tried(found: Found) -> TriedEdit {
    let Found { edit, would, aims, artifacts, .. } = found;
    TriedEdit { edit, would, aims, artifacts, on_top_of: Vec::new() }
}

#[test]
fn a_variant_that_cannot_be_recorded_is_still_there_to_be_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    with_bench(folder.path(), options(folder.path(), Role::Workbench { takes_over: true }), |bench| {
        let found = bench.found(3);
        bench.worker.variants.insert(9, tried(found));
        let keep = |bench: &mut Bench<'_>| keep::run(&mut bench.worker, 1, Keep { tried: 9 }).map_err(stopped);
        let reached = bench.with_failures("keep", keep);
        assert!(reached.contains(&"write the lines") && bench.worker.variants.is_empty(), "{reached:?}");
    });
}

fn placing(in_place: &[u64], taken_back: &[u64]) -> Place {
    Place { in_place: in_place.to_vec(), taken_back: taken_back.to_vec() }
}

#[test]
fn a_replay_places_edits_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    with_bench(folder, options(folder, Role::Workbench { takes_over: true }), |bench| {
        for seed in 0..3 {
            let found = bench.found(seed);
            put_in_place(&mut bench.worker, 1, found).expect("in place");
        }
        let error =
            place::run(&mut bench.worker, &placing(&[1], &[])).map_err(stopped).expect_err("it would not be recorded");
        assert!(error.to_string().contains("use undo and redo"), "{error}");
    });
    with_bench(folder, options(folder, Role::Reader), |bench| {
        let lists: [(&[u64], &[u64]); 3] = [(&[1, 3], &[2]), (&[], &[3]), (&[1, 2, 3], &[])];
        for (in_place, taken_back) in lists {
            let before = bench.state();
            for step in 0.. {
                arm(step);
                let result = place::run(&mut bench.worker, &placing(in_place, taken_back)).map_err(stopped);
                let now = bench.state();
                if disarm().is_none() {
                    result.expect("placed");
                    assert_eq!((&now.in_place[..], &now.taken_back[..]), (in_place, taken_back));
                    assert_eq!(now.journal, before.journal);
                    break;
                }
                assert!(result.is_err());
                assert!(now == before);
            }
        }
        let error = place::run(&mut bench.worker, &placing(&[99], &[])).map_err(stopped).expect_err("none").to_string();
        assert!(error.contains("no edit 99"), "{error}");
    });
}

#[test]
fn a_folder_that_is_no_model_leaves_the_model_that_is_there_however_large_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    with_bench(folder, options(folder, Role::Workbench { takes_over: true }), |bench| {
        let found = bench.found(1);
        put_in_place(&mut bench.worker, 1, found).expect("in place");
        let before = bench.state();
        let built_in = bench.worker.ready().expect("a model").folder.clone();
        let other = folder.join("other");
        let weights = other.join("model.safetensors");
        std::fs::create_dir(&other).expect("a folder");
        for name in ["config.json", "tokenizer.json"] {
            std::fs::copy(built_in.join(name), other.join(name)).expect("a copy");
        }
        // more than any machine has, all of it a hole
        std::fs::File::create(&weights).and_then(|file| file.set_len(1 << 42)).expect("a hole");
        let load = |bench: &mut Bench<'_>| {
            let source = ModelSource::Folder(other.clone());
            load::run(&mut bench.worker, 2, &Load { source }).map_err(stopped).expect_err("no model").to_string()
        };
        let error = load(bench);
        assert!(
            error.contains("not a complete safetensors file") && !error.contains("no model is loaded now"),
            "{error}"
        );
        assert!(bench.state() == before);
        // whole files, and a configuration of another model
        std::fs::remove_file(&weights).expect("removed");
        std::os::unix::fs::symlink(built_in.join("model.safetensors"), &weights).expect("a link");
        let config = std::fs::read_to_string(other.join("config.json")).expect("the configuration");
        let mut config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
        config["n_layer"] = 99.into();
        std::fs::write(other.join("config.json"), config.to_string()).expect("written");
        let error = load(bench);
        assert!(error.contains("is missing") && !error.contains("no model is loaded now"), "{error}");
        assert!(bench.state() == before);
        // facts that are no file are not passed over
        std::fs::copy(built_in.join("config.json"), other.join("config.json")).expect("a copy");
        std::fs::create_dir(other.join("facts.json")).expect("a folder");
        let error = load(bench);
        assert!(error.contains("facts.json") && !error.contains("no model is loaded now"), "{error}");
        assert!(bench.state() == before);
    });
}
