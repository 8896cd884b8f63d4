//! What is done with second moments besides edits that need them.

use crate::error::Error;
use crate::moments::{collecting, corpus, imported, imported_file, model, of_corpus, read};
use crate::worker::{Stopped, Worker};
use locus_engine::edit::number_format;
use locus_engine::moments::{MomentsDescription, SecondMoments, check, export, fingerprint, import};
use locus_protocol::{
    Event, JobId, Phase, SecondMomentsCheck, SecondMomentsLayer, SecondMomentsReport, SecondMomentsTarget,
    SecondMomentsTask,
};
use std::path::{Path, PathBuf};

/// Carries out a task.
pub fn run(worker: &mut Worker<'_>, job: JobId, task: SecondMomentsTask) -> Result<(), Stopped> {
    let kept = match task {
        SecondMomentsTask::Collect => "what was collected so far is kept, and the same command goes on from there",
        _ => "nothing was changed",
    };
    let report = match task {
        SecondMomentsTask::Collect => collect_now(worker, job),
        SecondMomentsTask::Verify { file } => verify(worker, job, file),
        SecondMomentsTask::Import { path, layer } => take_over(worker, &path, layer),
        SecondMomentsTask::Export { file, layers, target } => write(worker, job, file, layers, &target),
    };
    match report {
        Ok(report) => {
            worker.emitter.tell(Event::SecondMoments(SecondMomentsReport { job, ..report }));
            Ok(())
        }
        Err(error) => Err(Stopped { error, kept: kept.to_owned() }),
    }
}

/// What is told of second moments.
fn report(file: &Path, moments: &SecondMoments) -> Result<SecondMomentsReport, Error> {
    let about = &moments.description;
    let layers = moments.layers().map(|layer| {
        let known = about.layers.get(&layer).cloned().unwrap_or_default();
        Ok(SecondMomentsLayer {
            layer,
            tokens: if known.tokens > 0 { known.tokens } else { moments.tokens },
            documents: known.documents,
            source: known.source,
            dead_keys: moments.dead_keys(layer)?,
            deviation: moments.deviation(layer)?.filter(|deviation| deviation.is_finite()),
            check: None,
        })
    });
    Ok(SecondMomentsReport {
        file: file.to_owned(),
        model: about.model.clone(),
        corpus: about.corpus.clone(),
        corpus_name: about.corpus_name.clone(),
        precision: about.precision.clone(),
        layers: layers.collect::<Result<_, Error>>()?,
        ..SecondMomentsReport::default()
    })
}

fn collect_now(worker: &mut Worker<'_>, job: JobId) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = of_corpus(worker, job, true)?;
    if worker.options.corpus.is_none() && imported(worker)?.is_some() {
        let text = format!(
            "edits of this model use the imported {}; remove it to use these",
            imported_file(worker)?.display()
        );
        worker.emitter.log("engine", "warning", text);
    }
    let report = report(&file, &moments)?;
    worker.loaded()?.moments = None;
    Ok(report)
}

/// The file that was named, or else the one that an edit would use, which has to be there.
fn at_hand(worker: &Worker<'_>, file: Option<PathBuf>) -> Result<(PathBuf, SecondMoments), Error> {
    if let Some(file) = file {
        let moments = read(worker, &file)?;
        return Ok((file, moments));
    }
    if let Some(found) = imported(worker)? {
        return Ok(found);
    }
    let corpus = corpus(worker)?;
    let (_, file) = collecting(worker, &corpus)?;
    if !file.exists() {
        let message = "there are no second moments of this model and corpus; collect them by `locus stats collect`";
        return Err(Error::Request(message.to_owned()));
    }
    let moments = read(worker, &file)?;
    Ok((file, moments))
}

fn verify(worker: &Worker<'_>, job: JobId, file: Option<PathBuf>) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = at_hand(worker, file)?;
    let model = model(worker)?;
    let mut report = report(&file, &moments)?;
    let about = &moments.description;
    if about.model.is_empty() {
        report.problems.push("the file does not say which model it belongs to; collect or import it anew".to_owned());
    } else if about.model != fingerprint(model)? {
        let format = number_format(model.kind);
        report.problems.push(format!(
            "it belongs to another model (fingerprint {:.16}) than the one that is loaded (in {format}); give its model by --model",
            about.model
        ));
    }
    let layers = report.layers.len() as u64;
    for (done, layer) in report.layers.iter_mut().enumerate() {
        worker.emitter.progress(job, Phase::Method("checking layers".to_owned()), done as u64, layers);
        worker.check_cancel()?;
        let found = check(&moments, layer.layer, model.architecture.inner)?;
        layer.check = Some(SecondMomentsCheck {
            asymmetry: found.asymmetry,
            smallest: found.smallest,
            largest: found.largest,
            condition: found.condition(),
            problems: found.problems,
        });
    }
    let missing: Vec<String> = (0..model.architecture.layers)
        .filter(|&layer| moments.mean(layer).is_none())
        .map(|layer| layer.to_string())
        .collect();
    if !missing.is_empty() && about.corpus != MomentsDescription::IMPORTED {
        report.problems.push(format!("layers {} are missing; collect it anew", missing.join(", ")));
    }
    Ok(report)
}

fn take_over(worker: &mut Worker<'_>, path: &Path, layer: Option<usize>) -> Result<SecondMomentsReport, Error> {
    let model = model(worker)?;
    let new = import(model, path, layer)?;
    let file = imported_file(worker)?;
    // what was imported before and is damaged now is not left out without a word
    let moments = if file.exists() { read(worker, &file)?.overlaid_by(new) } else { new };
    moments.write(&file)?;
    let report = report(&file, &moments)?;
    worker.loaded()?.moments = None;
    Ok(report)
}

fn write(
    worker: &Worker<'_>,
    job: JobId,
    file: Option<PathBuf>,
    mut layers: Vec<usize>,
    target: &SecondMomentsTarget,
) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = at_hand(worker, file)?;
    worker.emitter.progress(job, Phase::Writing, 0, 1);
    if layers.is_empty() {
        layers = moments.layers().collect();
    }
    let written = match target {
        SecondMomentsTarget::Archives { folder, sample_size } => {
            export(&moments, model(worker)?, &layers, folder, *sample_size)?
        }
        SecondMomentsTarget::Safetensors { file } => {
            moments.only(&layers)?.write(file)?;
            vec![file.clone()]
        }
    };
    let mut report = report(&file, &moments)?;
    report.layers.retain(|layer| layers.contains(&layer.layer));
    report.written = written;
    Ok(report)
}
