//! Checks of a plugin on the model that is loaded: what it says of itself, and what it does when it is asked for sense
//! and for nonsense. Every check is told as it is made; one that fails says what is wrong and what to do about it.

mod growth;
mod methods;
mod nonsense;
mod objectives;
mod settings;
mod trial;
mod watch;
mod weights;

use crate::SessionOptions;
use crate::error::Error;
use crate::pace::RunningJob;
use locus_plugin::Error as PluginError;
use locus_plugin_host::{Registry, Remark};
use locus_protocol::{Event, Fact, PluginChecked, PluginKind, PluginReady, Verdict};

/// Checks one plugin; methods make `edits` edits one after the other. Gives how many checks failed.
///
/// # Errors
/// The user canceled; there is nothing to check with.
pub fn check(
    job: RunningJob<'_>,
    registry: &Registry,
    options: &SessionOptions,
    plugin: &PluginReady,
    edits: usize,
) -> Result<usize, Error> {
    let mut checks = Checks { job, registry, options, plugin, edits, failed: 0 };
    match plugin.kind {
        PluginKind::Method => methods::check(&mut checks)?,
        PluginKind::Objective => objectives::check(&mut checks)?,
    }
    Ok(checks.failed)
}

/// What a check found: what was seen, or what is wrong and what to do.
type Finding = Result<String, String>;

/// The checks of one plugin.
struct Checks<'a> {
    job: RunningJob<'a>,
    registry: &'a Registry,
    options: &'a SessionOptions,
    plugin: &'a PluginReady,
    /// How many edits are made to see whether memory grows.
    edits: usize,
    failed: usize,
}

impl Checks<'_> {
    /// Tells what a check found; whether all is well.
    fn tell(&mut self, check: &str, finding: Finding) -> bool {
        let (verdict, text) = match finding {
            Ok(text) => (Verdict::Ok, text),
            Err(text) => (Verdict::Failed, text),
        };
        self.failed += usize::from(verdict == Verdict::Failed);
        self.emit(check, verdict, text);
        verdict == Verdict::Ok
    }

    /// Tells that a check could not be made.
    fn skip(&self, check: &str, why: &str) {
        self.emit(check, Verdict::Skipped, why.to_owned());
    }

    /// The first fact of the model that has both targets.
    fn fact(&self) -> Result<&Fact, Error> {
        let whole = |fact: &&Fact| !fact.target_new.trim().is_empty() && !fact.target_true.trim().is_empty();
        let found = self.job.loaded.facts.iter().find(whole);
        found.ok_or_else(|| Error::Request("no fact has a true and a new target; give a file with --facts".to_owned()))
    }

    fn emit(&self, check: &str, verdict: Verdict, text: String) {
        let (kind, id, check) = (self.plugin.kind, self.plugin.id.clone(), check.to_owned());
        self.job.tell(Event::PluginChecked(PluginChecked { job: self.job.number, kind, id, check, verdict, text }));
    }
}

/// What a plugin said, without its name, which the check has.
fn said(error: &Error) -> String {
    match error {
        Error::Plugin { error, .. } => error.to_string(),
        Error::Engine(locus_engine::Error::Plugin { message, .. }) => message.clone(),
        other => other.to_string(),
    }
}

/// With what a plugin panicked, if it did.
fn panic_of<T>(outcome: &Result<T, Error>) -> Option<&str> {
    match outcome {
        Err(Error::Plugin { error: PluginError::Panic(text), .. }) => Some(text),
        _ => None,
    }
}

/// What the boundary had to put back after calls of the plugin `id`.
fn left_behind(remarks: &[Remark], id: &str) -> Finding {
    match remarks.iter().find(|remark| remark.plugin == id) {
        Some(remark) => Err(format!("it {}; it should restore that itself before it returns", remark.left)),
        None => Ok("the settings of libtorch and of the thread are unchanged".to_owned()),
    }
}

/// What a plugin says of itself; that it could be loaded says that most of it is sound.
fn declaration(plugin: &PluginReady) -> Finding {
    let unexplained = plugin.hyperparameters.iter().find(|parameter| parameter.help.trim().is_empty());
    match unexplained {
        Some(parameter) => Err(format!(
            "the hyperparameter `{}` has no help; say in one line what it does, which forms and manuals show",
            parameter.name
        )),
        None => Ok(match plugin.hyperparameters.len() {
            0 => "no hyperparameters".to_owned(),
            1 => "1 hyperparameter, its default within its range".to_owned(),
            count => format!("{count} hyperparameters, their defaults within their ranges"),
        }),
    }
}
