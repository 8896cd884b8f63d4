//! A plugin's crate that is built from the workbench: what cargo says, and what follows once it is done.

use crate::input::Problem;
use locus_protocol::PluginKind;
use std::path::PathBuf;

/// Lines that are kept.
const KEPT: usize = 4000;

/// How a build stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BuildStage {
    /// Nothing was built yet.
    #[default]
    None,
    Running,
    /// There is a library.
    Done,
    /// There is none; one sentence.
    Failed(String),
}

/// The running or last build.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// Which build of the session it is.
    pub number: u64,
    pub plugin: Option<(PluginKind, String)>,
    pub folder: PathBuf,
    pub stage: BuildStage,
    pub lines: Vec<String>,
    /// Places it complained about, and the line that says so.
    pub problems: Vec<(usize, Problem)>,
    /// The place under the cursor.
    pub cursor: usize,
    /// The first line that is shown; `None` follows the end.
    pub scroll: Option<usize>,
    /// What the new build replaced, by the ids that this has now.
    pub replaced: Vec<String>,
    /// Files that were loaded in this session.
    pub loaded: Vec<PathBuf>,
}

impl Build {
    pub fn begin(&mut self, plugin: (PluginKind, String), folder: PathBuf) {
        let (loaded, number) = (std::mem::take(&mut self.loaded), self.number + 1);
        *self = Self { number, plugin: Some(plugin), folder, stage: BuildStage::Running, loaded, ..Self::default() };
    }

    pub fn stop(&mut self) {
        self.stage = BuildStage::Failed("the build was stopped".to_owned());
    }

    /// There is no library; the first error has the cursor.
    pub fn fail(&mut self, why: String) {
        self.stage = BuildStage::Failed(why);
        self.cursor = self.problems.iter().position(|(_, problem)| problem.level == "error").unwrap_or(0);
        self.show_problem();
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.stage == BuildStage::Running
    }

    /// Takes in what cargo wrote.
    pub fn say(&mut self, text: &str, problem: Option<Problem>) {
        if let Some(problem) = problem {
            self.problems.push((self.lines.len(), problem));
        }
        self.lines.extend(text.trim_end().lines().map(str::to_owned));
        let surplus = self.lines.len().saturating_sub(KEPT);
        if surplus > 0 {
            self.lines.drain(..surplus);
            self.problems.retain_mut(|(line, _)| {
                let is_kept = *line >= surplus;
                *line = line.saturating_sub(surplus);
                is_kept
            });
        }
    }

    /// The place under the cursor.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problems.get(self.cursor).map(|(_, problem)| problem)
    }

    /// Goes to the next place, or the one before.
    pub fn step(&mut self, forward: bool) {
        let count = self.problems.len();
        if count > 0 {
            self.cursor = (self.cursor + if forward { 1 } else { count - 1 }) % count;
            self.show_problem();
        }
    }

    /// Scrolls to the place under the cursor.
    fn show_problem(&mut self) {
        self.scroll = self.problems.get(self.cursor).map(|(line, _)| line.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::{Build, KEPT, Problem};

    fn problem(message: &str) -> Option<Problem> {
        let message = message.to_owned();
        Some(Problem { level: "error".into(), file: "src/lib.rs".into(), place: (3, 4), message })
    }

    #[test]
    fn places_are_gone_through_in_a_circle() {
        let mut build = Build::default();
        build.step(true);
        assert_eq!(build.problem(), None);
        build.say("one\ntwo\n", problem("first"));
        build.say("three\n", None);
        build.say("four\n", problem("second"));
        let told = |build: &Build| build.problem().map(|problem| problem.message.clone());
        assert_eq!(told(&build).as_deref(), Some("first"));
        build.step(true);
        assert_eq!((told(&build).as_deref(), build.scroll), (Some("second"), Some(2)));
        build.step(true);
        assert_eq!(told(&build).as_deref(), Some("first"));
        build.step(false);
        assert_eq!(told(&build).as_deref(), Some("second"));
    }

    #[test]
    fn the_oldest_lines_go_and_places_go_with_them() {
        let mut build = Build::default();
        build.say("old", problem("gone"));
        build.say(&"x\n".repeat(KEPT - 1), None);
        build.say("new", problem("kept"));
        assert_eq!((build.lines.len(), build.problems.len()), (KEPT, 1));
        assert_eq!(build.problems[0].0, KEPT - 1);
    }
}
