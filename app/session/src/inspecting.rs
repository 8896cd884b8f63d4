//! Looks at files and at the machine, without a model.

use crate::emitter::Emitter;
use crate::error::Error;
use crate::gauge;
use crate::model::device::{choose, libtorch};
use crate::moments::kept_moments;
use locus_engine::edit::DeltaFile;
use locus_protocol::{DeviceRequest, Event, Inspect, Inspected, Machine, NumberFormat};
use std::path::Path;

/// Looks, and tells what was found; second moments are kept in `cache`.
///
/// # Errors
/// A file that is not what it should be.
pub fn inspect(emitter: &Emitter, cache: &Path, what: &Inspect) -> Result<(), Error> {
    let found = match what {
        Inspect::Machine => Inspected::Machine(Box::new(machine())),
        Inspect::Deltas(file) => {
            let read = DeltaFile::read(file)?;
            let header = serde_json::to_value(&read.header).map_err(|error| Error::Request(error.to_string()))?;
            Inspected::Deltas { header, changes: read.edits.iter().map(|edit| edit.changes().collect()).collect() }
        }
        Inspect::Plugin(file) => {
            let plugins = locus_plugin_host::load(file)?;
            Inspected::Plugin(plugins.iter().map(|plugin| plugin.ready.clone()).collect())
        }
        Inspect::SecondMoments => Inspected::SecondMoments(kept_moments(cache)),
    };
    emitter.tell(Event::Inspected(found));
    Ok(())
}

fn machine() -> Machine {
    let device = match choose(&DeviceRequest::Automatic, NumberFormat::Float32) {
        Ok(choice) => format!("{} ({})", choice.info.name, choice.info.reason),
        Err(error) => error.to_string(),
    };
    let (driver, cards) = gauge::driver();
    Machine {
        driver,
        cards,
        processor: gauge::processor(),
        libtorch: libtorch().map_or_else(|| "not found".to_owned(), |file| file.display().to_string()),
        device,
        threads: crate::worker::all_threads(),
        waiting: locus_records::waiting::in_words(),
        built_with: env!("LOCUS_BUILT_WITH_LIBTORCH").to_owned(),
        built_in: env!("LOCUS_BUILT_IN").to_owned(),
    }
}
