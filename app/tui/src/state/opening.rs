//! Models that can be opened, and the one that takes the place of another.

use super::State;
use crate::input::Effect;
use crate::options::KnownModel;
use locus_protocol::{JobId, Load, ModelSource, Task, folder_name};

/// Folders that are remembered.
const REMEMBERED: usize = 20;

impl State {
    /// Models that can be opened: the built-in one, those that were opened, those that were found; each once.
    #[must_use]
    pub fn known_models(&self) -> Vec<KnownModel> {
        let built_in = KnownModel {
            name: "built-in".to_owned(),
            source: ModelSource::BuiltIn,
            about: "comes with the program".to_owned(),
        };
        let found = |source: &ModelSource| self.launch.models.iter().find(|known| known.source == *source);
        let opened = self.launch.opened.iter().map(|folder| {
            let source = ModelSource::Folder(folder.clone());
            found(&source).cloned().unwrap_or_else(|| KnownModel {
                name: folder_name(folder),
                source,
                about: "opened before".to_owned(),
            })
        });
        let mut models = vec![built_in];
        for known in opened.chain(self.launch.models.iter().cloned()) {
            if !models.iter().any(|other| other.source == known.source) {
                models.push(known);
            }
        }
        models
    }

    /// Whether nobody has said which model is to be loaded: none was named, and none was opened.
    #[must_use]
    pub fn lacks_choice(&self) -> bool {
        self.launch.chooses && self.launch.wanted.is_none() && self.engine.model.is_none()
    }

    /// Whether the key that loads a model shows those that can be opened; else it is known which one it loads.
    #[must_use]
    pub fn opens_list(&self) -> bool {
        !self.engine.gone && (self.engine.model.is_some() || self.lacks_choice())
    }

    /// Orders a model in the place of the one that is there.
    pub fn open(&mut self, source: ModelSource) -> Vec<Effect> {
        self.launch.wanted = Some(source.clone());
        let title = match &source {
            ModelSource::BuiltIn => "loading the built-in model".to_owned(),
            ModelSource::Folder(folder) => format!("loading {}", folder_name(folder)),
        };
        self.engine.load_trouble = None;
        if self.engine.gone {
            self.launch.take_source(source);
            return vec![Effect::StartEngine];
        }
        self.order(title, Load { source })
    }

    /// A load has ended well: that model is the one that the next engine loads, and that commands for the shell name.
    pub fn has_loaded(&mut self, job: JobId) {
        self.launch.wanted = None;
        let source = self.jobs.ended.iter().rev().find(|ended| ended.order.job == job);
        if let Some(Task::Load(Load { source })) = source.map(|ended| ended.order.task.clone()) {
            self.launch.take_source(source);
        }
    }
}

impl super::Launch {
    fn take_source(&mut self, source: ModelSource) {
        if let ModelSource::Folder(folder) = &source {
            // the next start may be in another folder; where an engine is elsewhere, this one says nothing about its own
            let is_here = !self.flags.iter().any(|flag| flag == "--engine");
            let folder = std::path::absolute(folder).ok().filter(|_| is_here).unwrap_or_else(|| folder.clone());
            self.opened.retain(|known| *known != folder);
            self.opened.insert(0, folder);
            self.opened.truncate(REMEMBERED);
        }
        if source == self.source {
            return;
        }
        if let Some(place) = self.flags.iter().position(|flag| flag == "--model") {
            self.flags.drain(place..(place + 2).min(self.flags.len()));
        }
        if let ModelSource::Folder(folder) = &source {
            let named = ["--model".to_owned(), folder.display().to_string()];
            self.flags.splice(0..0, named);
        }
        self.source = source;
    }
}
