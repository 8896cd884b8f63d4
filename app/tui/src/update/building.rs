//! Folds what cargo tells of a plugin's crate.

use crate::input::{BuildEvent, Effect};
use crate::overlays::Overlay;
use crate::state::{BuildStage, Tone};
use crate::workbench::Workbench;
use locus_protocol::{LogLevel, ReloadPlugin};

/// Takes in what a build tells; one that was stopped or replaced is not listened to any more. A library is loaded.
pub fn absorb(workbench: &mut Workbench, number: u64, event: BuildEvent) -> Vec<Effect> {
    let Workbench { state, overlay, .. } = workbench;
    if number != state.build.number || !state.build.is_running() {
        return Vec::new();
    }
    let id = state.build.plugin.as_ref().map_or_else(String::new, |(_, id)| id.clone());
    match event {
        BuildEvent::Said(text, problem) => {
            state.build.say(&text, problem);
            Vec::new()
        }
        BuildEvent::Ended(Ok(file)) => {
            state.build.stage = BuildStage::Done;
            overlay.take_if(|overlay| matches!(overlay, Overlay::BuildOutput));
            let title = format!("loading the new build of {id}");
            state.order(title, ReloadPlugin { file })
        }
        BuildEvent::Ended(Err(why)) => {
            let text = format!("the crate of {id}: {why}; the previous build stays in use");
            state.note(LogLevel::Error, &text);
            state.say(Tone::Bad, text);
            state.build.fail(why);
            overlay.get_or_insert(Overlay::BuildOutput);
            Vec::new()
        }
    }
}
