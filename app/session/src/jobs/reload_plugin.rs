//! A new build of a plugin takes the place of the old one, which stays usable under another id. The model is not looked
//! at.

use crate::error::Stopped;
use crate::model::loaded::Loaded;
use crate::pace::Pace;
use locus_plugin_host::{Registry, Reloaded};
use locus_protocol::{Event, JobId, PluginReady, PluginReloaded, ReloadPlugin};

/// Loads a new build of a file. One that cannot be loaded leaves the old one in use.
pub fn run(
    pace: &Pace<'_>,
    registry: &mut Registry,
    model: Option<&Loaded>,
    job: JobId,
    reload: &ReloadPlugin,
) -> Result<(), Stopped> {
    let ReloadPlugin { file } = reload;
    let Reloaded { loaded, replaced } = registry.reload(file)?;
    pace.tell_remarks();
    let suit = |mut plugin: PluginReady| {
        if let Some(model) = model {
            model.defaults.lay_over(&mut plugin);
        }
        plugin
    };
    let loaded: Vec<PluginReady> = loaded.into_iter().map(suit).collect();
    let replaced: Vec<PluginReady> = replaced.into_iter().map(suit).collect();
    for plugin in loaded.iter().chain(&replaced) {
        pace.tell(Event::Plugin(plugin.clone()));
    }
    pace.tell(Event::PluginReloaded(PluginReloaded { job, file: file.clone(), loaded, replaced }));
    Ok(())
}
