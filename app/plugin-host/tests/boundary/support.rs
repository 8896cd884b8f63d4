//! The test host of plugins with a failing of its own, and the libraries that run in it.

use locus_plugin::call::{Answer, Arguments};
use locus_plugin::object::{LinkedObjective, ObjectiveObject};
use locus_plugin::services::name;
use locus_plugin::tch::Tensor;
use locus_plugin::{Edit, EditRequest, Host, Level, Objective, Result, StepReport};
use locus_plugin_host::{LoadedPlugin, PluginObject};
use locus_plugin_test::TestHost;
use std::cell::Cell;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

/// The test host, which takes reports of numbers that are none: those are for the engine to look at.
pub struct Toy {
    host: TestHost,
    /// The host's own mistake: it panics when a layer is reported.
    pub panics: Cell<bool>,
}

impl Toy {
    /// A fresh one.
    pub fn new() -> Self {
        Self { host: TestHost::new(), panics: Cell::new(false) }
    }

    /// The toy with an objective at work.
    pub fn with_objective(objective: &dyn ObjectiveObject) -> Self {
        let toy = Self::new();
        toy.set_objective(objective.start(&Default::default()).expect("no settings, no complaints"));
        toy
    }

    /// The toy with an objective that is linked into the test.
    pub fn with_linked<O: Objective>() -> Self {
        Self::with_objective(&LinkedObjective::<O>::default())
    }

    /// Name of the matrix of a layer.
    pub fn weight_name(layer: usize) -> String {
        format!("layers.{layer}.down.weight")
    }

    /// The matrix of a layer.
    pub fn weight(&self, layer: usize) -> Tensor {
        self.unedited(&Self::weight_name(layer)).expect("a layer")
    }
}

impl Deref for Toy {
    type Target = TestHost;

    fn deref(&self) -> &TestHost {
        &self.host
    }
}

impl Host for Toy {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        if service == name::REPORT {
            assert!(!self.panics.get(), "the host tripped");
            let report: StepReport = arguments.read()?;
            if report.losses.values().any(|loss| loss.is_nan()) {
                self.reports.borrow_mut().push(report);
                return Ok(Answer::default());
            }
        }
        self.host.call(service, arguments)
    }

    fn log(&self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }
}

/// A fact to edit at one layer.
pub fn request(layer: usize) -> EditRequest {
    let edit = Edit {
        template: "The capital of {} is".to_owned(),
        subject: "France".to_owned(),
        target: "Rome".to_owned(),
        ..Edit::default()
    };
    EditRequest { edits: vec![edit], layers: vec![layer], seed: 1, apart: false }
}

/// The library of a package that this test depends on; cargo leaves it beside the test.
pub fn library(package: &str) -> PathBuf {
    let file = format!("lib{}.so", package.replace('-', "_"));
    std::env::current_exe().expect("the test's path").with_file_name(file)
}

/// The methods in what was loaded.
pub fn method(loaded: &[LoadedPlugin], id: &str) -> Arc<dyn locus_plugin::object::MethodObject> {
    let found = loaded.iter().find(|plugin| plugin.ready.id == id).expect(id);
    match &found.object {
        PluginObject::Method(method) => Arc::clone(method),
        PluginObject::Objective(_) => panic!("{id} is an objective"),
    }
}

/// The objectives in what was loaded.
pub fn objective(loaded: &[LoadedPlugin], id: &str) -> Arc<dyn ObjectiveObject> {
    let found = loaded.iter().find(|plugin| plugin.ready.id == id).expect(id);
    match &found.object {
        PluginObject::Objective(objective) => Arc::clone(objective),
        PluginObject::Method(_) => panic!("{id} is a method"),
    }
}
