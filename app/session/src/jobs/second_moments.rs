//! What is done with second moments besides edits that need them.

use crate::SessionOptions;
use crate::error::{Error, Stopped};
use crate::moments::{collecting, corpus, imported, imported_file, of_corpus, whole};
use crate::pace::RunningJob;
use locus_engine::edit::number_format;
use locus_engine::moments::{MomentsDescription, SecondMoments, check, export, fingerprint, import};
use locus_protocol::{
    Event, LogLevel, Phase, Reuse, SecondMomentsCheck, SecondMomentsLayer, SecondMomentsReport, SecondMomentsTarget,
    SecondMomentsTask,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Carries out a task.
pub fn run(job: RunningJob<'_>, options: &SessionOptions, task: SecondMomentsTask) -> Result<(), Stopped> {
    let collects = matches!(task, SecondMomentsTask::Collect | SecondMomentsTask::CollectFewer { .. });
    let kept = match collects && options.start.moments.reuse == Reuse::Taken {
        true => "what was collected so far is kept; the same command resumes from there",
        false => "nothing was changed",
    };
    let report = match task {
        SecondMomentsTask::Collect => collect_now(job, options),
        SecondMomentsTask::CollectFewer { tokens } => collect_fewer(job, options, tokens),
        SecondMomentsTask::Verify { file } => verify(job, options, file),
        SecondMomentsTask::Import { path, layer } => take_over(job, options, &path, layer),
        SecondMomentsTask::Export { file, layers, target } => write(job, options, file, layers, &target),
    };
    match report {
        Ok(report) => {
            job.tell(Event::SecondMoments(SecondMomentsReport { job: job.number, ..report }));
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

/// Collects those of fewer tokens, and has them at hand for the edits that follow.
fn collect_fewer(job: RunningJob<'_>, options: &SessionOptions, tokens: usize) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = of_corpus(job, options, Some(tokens), &[], false)?;
    let report = report(&file, &moments)?;
    job.loaded.hold_moments(Some(moments), Some(tokens));
    job.loaded.choose_tokens(Some(tokens));
    Ok(report)
}

fn collect_now(job: RunningJob<'_>, options: &SessionOptions) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = of_corpus(job, options, None, &[], true)?;
    if options.start.corpus.is_none() && imported(job, options)?.is_some() {
        let text = format!(
            "edits of this model use the imported {}; remove it to use these",
            imported_file(job, options)?.display()
        );
        job.log("engine", LogLevel::Warning, text);
    }
    let report = report(&file, &moments)?;
    // those that are in no file have no other place
    let held = options.start.moments.reuse == Reuse::LeftAlone;
    job.loaded.hold_moments(held.then_some(moments), options.start.corpus_tokens);
    job.loaded.choose_tokens(None);
    Ok(report)
}

/// The file that was named, or else the one that an edit would use, which has to be there; where kept ones are left
/// alone, what this session has collected.
fn at_hand(
    job: RunningJob<'_>,
    options: &SessionOptions,
    file: Option<PathBuf>,
) -> Result<(PathBuf, Rc<SecondMoments>), Error> {
    if let Some(file) = file {
        let moments = whole(job, &file)?;
        return Ok((file, Rc::new(moments)));
    }
    if options.start.moments.reuse == Reuse::LeftAlone {
        let none =
            || Error::Request("this session has collected no second moments and does not use cached ones".to_owned());
        return Ok((PathBuf::new(), job.loaded.moments().ok_or_else(none)?));
    }
    if let Some((file, moments)) = imported(job, options)? {
        moments.compare_whole()?;
        return Ok((file, Rc::new(moments)));
    }
    let corpus = corpus(job, options, None)?;
    let (_, file) = collecting(job, options, &corpus)?;
    if !file.exists() {
        let message = "there are no second moments of this model and corpus; collect them with `locus stats collect`";
        return Err(Error::Request(message.to_owned()));
    }
    let moments = whole(job, &file)?;
    Ok((file, Rc::new(moments)))
}

fn verify(job: RunningJob<'_>, options: &SessionOptions, file: Option<PathBuf>) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = at_hand(job, options, file)?;
    let model = job.loaded.stack.base();
    let mut report = report(&file, &moments)?;
    let about = &moments.description;
    if about.model.is_empty() {
        report.problems.push("the file does not say which model it belongs to; collect or import it again".to_owned());
    } else if about.model != fingerprint(model)? {
        let format = number_format(model.kind);
        report.problems.push(format!(
            "it belongs to another model (fingerprint {:.16}), not to the loaded one (in {format}); give its model with --model",
            about.model
        ));
    }
    let layers = report.layers.len() as u64;
    for (done, layer) in report.layers.iter_mut().enumerate() {
        job.progress(Phase::Method("checking layers".to_owned()), done as u64, layers);
        job.check_cancel()?;
        let found = check(&moments, layer.layer, model.architecture.inner)?;
        layer.check = Some(SecondMomentsCheck {
            asymmetry: found.asymmetry,
            smallest: found.smallest,
            largest: found.largest,
            condition: found.condition(),
            problems: found.problems,
        });
    }
    let missing: Vec<String> = model
        .architecture
        .single_mlps()
        .into_iter()
        .filter(|&layer| !moments.has(layer))
        .map(|layer| layer.to_string())
        .collect();
    if !missing.is_empty() && about.corpus != MomentsDescription::IMPORTED {
        report.problems.push(format!("layers {} are missing; collect it again", missing.join(", ")));
    }
    Ok(report)
}

fn take_over(
    job: RunningJob<'_>,
    options: &SessionOptions,
    path: &Path,
    layer: Option<usize>,
) -> Result<SecondMomentsReport, Error> {
    let model = job.loaded.stack.base();
    let new = import(model, path, layer)?;
    let file = imported_file(job, options)?;
    // what was imported before and is damaged now is not left out without a word
    let moments = if file.exists() { whole(job, &file)?.overlaid_by(&new)? } else { new };
    moments.write(&file)?;
    let report = report(&file, &moments)?;
    job.loaded.hold_moments(None, None);
    job.loaded.choose_tokens(None);
    Ok(report)
}

fn write(
    job: RunningJob<'_>,
    options: &SessionOptions,
    file: Option<PathBuf>,
    mut layers: Vec<usize>,
    target: &SecondMomentsTarget,
) -> Result<SecondMomentsReport, Error> {
    let (file, moments) = at_hand(job, options, file)?;
    job.progress(Phase::Writing, 0, 1);
    if layers.is_empty() {
        layers = moments.layers().collect();
    }
    let written = match target {
        SecondMomentsTarget::Archives { folder, sample_size } => {
            export(&moments, job.loaded.stack.base(), &layers, folder, *sample_size)?
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
