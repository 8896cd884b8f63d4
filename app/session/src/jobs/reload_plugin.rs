//! A new build of a plugin takes the place of the old one, which stays usable under another id. The model is not looked
//! at.

use crate::worker::{Stopped, Worker};
use locus_plugin_host::Reloaded;
use locus_protocol::{Event, JobId, PluginReady, PluginReloaded, ReloadPlugin};

/// Loads a new build of a file. One that cannot be loaded leaves the old one in use.
pub fn run(worker: &mut Worker<'_>, job: JobId, reload: &ReloadPlugin) -> Result<(), Stopped> {
    let ReloadPlugin { file } = reload;
    let Reloaded { loaded, replaced } = worker.registry.reload(file)?;
    worker.tell_remarks();
    let suit = |mut plugin: PluginReady| {
        if let Some(loaded) = &worker.loaded {
            loaded.defaults.lay_over(&mut plugin);
        }
        plugin
    };
    let loaded: Vec<PluginReady> = loaded.into_iter().map(suit).collect();
    let replaced: Vec<PluginReady> = replaced.into_iter().map(suit).collect();
    for plugin in loaded.iter().chain(&replaced) {
        worker.emitter.tell(Event::Plugin(plugin.clone()));
    }
    worker.emitter.tell(Event::PluginReloaded(PluginReloaded { job, file: file.clone(), loaded, replaced }));
    Ok(())
}
