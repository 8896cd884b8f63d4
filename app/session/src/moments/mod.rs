//! Second moments for a method that needs them: from memory, from disk, or collected as a phase of their own.

mod kept;

pub use kept::kept_moments;

use crate::SessionOptions;
use crate::error::Error;
use crate::pace::RunningJob;
use locus_engine::moments::{
    Collecting, Corpus, CorpusSettings, MomentsDescription, Precision, Progress, ProgressFile, SecondMoments,
    fingerprint, remove_leftovers,
};
use locus_files::NotWritten;
use locus_protocol::Phase;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Tokens per entry of the key that keep the published scores (arXiv 2506.04226), and what a narrow model takes at
/// least.
const TOKENS_PER_ENTRY: i64 = 10;
const LEAST_TOKENS: i64 = 60_000;
/// After that long the speed is known.
const MEASURED: Duration = Duration::from_secs(2);
/// What is done sooner needs no estimate.
const LONG: Duration = Duration::from_secs(10);
/// A corpus larger than this is not recognised in a moment.
const LARGE: u64 = 1 << 30;

/// Makes sure that second moments of the unedited model for `layers` are at hand.
///
/// Those that were imported are taken where nothing was said about the corpus and they hold all the layers;
/// otherwise those of the corpus, collected where they are not kept yet.
pub fn ensure(job: RunningJob<'_>, options: &SessionOptions, layers: &[usize]) -> Result<(), Error> {
    let holds = |moments: &SecondMoments| layers.iter().all(|&layer| moments.mean(layer).is_some());
    if job.loaded.moments().is_some_and(|moments| holds(&moments)) {
        return Ok(());
    }
    let moments = match imported(job, options)? {
        Some((file, moments)) if holds(&moments) => {
            let text = format!("using the second moments in {} ({})", file.display(), moments.description.corpus_name);
            job.log("engine", "info", text);
            moments
        }
        other => {
            if let Some((file, moments)) = other {
                let there: Vec<String> = moments.layers().map(|layer| layer.to_string()).collect();
                let text = format!(
                    "{} holds second moments of layers {} only; those of the corpus are used instead",
                    file.display(),
                    there.join(", ")
                );
                job.log("engine", "warning", text);
            }
            of_corpus(job, options, false)?.1
        }
    };
    job.loaded.hold_moments(Some(moments));
    Ok(())
}

/// The imported second moments of the model, unless something was said about the corpus.
pub fn imported(job: RunningJob<'_>, options: &SessionOptions) -> Result<Option<(PathBuf, SecondMoments)>, Error> {
    let start = &options.start;
    let said = start.corpus.is_some()
        || start.corpus_tokens.is_some()
        || start.moments.column.is_some()
        || start.moments.sample.is_some()
        || start.moments.float64_sums;
    let file = imported_file(job, options)?;
    if said || !file.exists() {
        return Ok(None);
    }
    // what cannot be read is not replaced by something else: it was imported on purpose
    let moments = read(job, &file)?;
    if moments.description.model != fingerprint(job.loaded.stack.base())? {
        let message = "it does not belong to this model; delete it and import it again".to_owned();
        return Err(Error::File { path: file, message });
    }
    Ok(Some((file, moments)))
}

/// Second moments of a file, which is said to be an old one where it carries no checksum.
pub fn read(job: RunningJob<'_>, file: &Path) -> Result<SecondMoments, Error> {
    let moments = SecondMoments::read(file, job.loaded.stack.base().device)?;
    if !moments.is_sealed {
        let text = format!(
            "{}: it carries no checksum, since an older Locus or another program wrote it; `locus stats verify` checks \
             what can be checked without one",
            file.display()
        );
        job.log("engine", "warning", text);
    }
    Ok(moments)
}

/// The file of second moments that were imported for the model.
pub fn imported_file(job: RunningJob<'_>, options: &SessionOptions) -> Result<PathBuf, Error> {
    let corpus = MomentsDescription::IMPORTED.to_owned();
    let description =
        MomentsDescription { model: fingerprint(job.loaded.stack.base())?, corpus, ..MomentsDescription::default() };
    // published numbers, which are the same in every mode
    Ok(kept::folder(&options.cache).join(description.file_name()))
}

/// What is to be collected over a corpus, and the file that keeps it.
pub fn collecting<'a>(
    job: RunningJob<'a>,
    options: &SessionOptions,
    corpus: &'a Corpus,
) -> Result<(Collecting<'a>, PathBuf), Error> {
    let mut collecting = Collecting::new(job.loaded.stack.base(), corpus);
    if options.start.moments.float64_sums {
        collecting.precision = Precision::Float64;
    }
    // those of the other mode have other last bits
    let folder = match options.start.reproducible {
        true => kept::reproducible_folder(&options.cache),
        false => kept::folder(&options.cache),
    };
    let file = folder.join(collecting.description()?.file_name());
    Ok((collecting, file))
}

/// Second moments of the corpus, kept or collected, and their file. What is `to_be_kept` fails where it cannot be.
pub fn of_corpus(
    job: RunningJob<'_>,
    options: &SessionOptions,
    to_be_kept: bool,
) -> Result<(PathBuf, SecondMoments), Error> {
    let corpus = corpus(job, options)?;
    let (mut collecting, file) = collecting(job, options, &corpus)?;
    let description = collecting.description()?;
    if file.exists() {
        match read(job, &file) {
            Ok(moments) if moments.description.model == description.model => return Ok((file, moments)),
            Ok(_) => {
                let text = format!("{} belongs to another model; collecting anew", file.display());
                job.log("engine", "warning", text);
            }
            Err(Error::Engine(error)) if error.is_out_of_memory() => return Err(error.into()),
            Err(error) => job.log("engine", "warning", format!("{error}; collecting them anew")),
        }
    }
    remove_leftovers(&file);
    if to_be_kept {
        can_be_written(&file)?;
    }
    let progress = ProgressFile::beside(&file);
    let progress = match options.start.moments.keep_every {
        Some(every) => progress.every(every),
        None => progress,
    };
    announce(job, &corpus, progress.tokens(&description));
    collecting.progress = Some(progress);
    let start = Instant::now();
    let mut estimated = false;
    let moments = collecting.run(&mut |progress| {
        job.progress(Phase::SecondMoments, progress.done, progress.total);
        if !estimated && start.elapsed() >= MEASURED && progress.done > progress.before {
            estimated = true;
            tell_time(job, progress, start.elapsed());
        }
        job.check_cancel()
    })?;
    match moments.write(&file) {
        Ok(()) => {
            if let Some(progress) = &collecting.progress {
                progress.remove();
            }
        }
        Err(error) if to_be_kept => return Err(error.into()),
        Err(error) => {
            let text = format!("second moments are not kept for the next time: {error}");
            job.log("engine", "warning", text);
        }
    }
    Ok((file, moments))
}

/// Whether a file can be made in the folder of another one, before hours are spent on what goes into it.
///
/// # Errors
/// It cannot.
fn can_be_written(file: &Path) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let trial = std::fs::create_dir_all(folder).and_then(|()| Ok(locus_files::Draft::new(file)?));
    trial.map_err(NotWritten::at(file)).map_err(locus_engine::Error::from)?;
    Ok(())
}

/// Says what is going to be done, and how it can be had for less.
fn announce(job: RunningJob<'_>, corpus: &Corpus, before: u64) {
    let enough = TOKENS_PER_ENTRY * job.loaded.stack.base().architecture.inner;
    let how_many = match corpus.limit() {
        Some(limit) => format!("up to {limit} tokens"),
        None => "all tokens".to_owned(),
    };
    let mut text = format!(
        "collecting second moments of all layers over {how_many} of {}, once for this model; fewer tokens \
         (--corpus-tokens N) are quicker, and ten per entry of the MLP key, {enough} here, are reported to keep the scores",
        corpus.name
    );
    if before > 0 {
        text += &format!("; going on after {before} tokens of an earlier run");
    }
    job.log("engine", "info", text);
}

/// Says how long the rest takes, from the speed so far.
fn tell_time(job: RunningJob<'_>, progress: Progress, elapsed: Duration) {
    let speed = (progress.done - progress.before) as f64 / elapsed.as_secs_f64();
    let left = Duration::from_secs_f64(progress.total.saturating_sub(progress.done) as f64 / speed.max(1e-9));
    if left >= LONG {
        let text = format!(
            "second moments take about {} more ({speed:.0} tokens a second); a run that is stopped goes on from where it was",
            words(left)
        );
        job.log("engine", "info", text);
    }
}

/// A time in the two largest units.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The corpus as the options say.
pub fn corpus(job: RunningJob<'_>, options: &SessionOptions) -> Result<Corpus, Error> {
    let start = &options.start;
    let enough = (TOKENS_PER_ENTRY * job.loaded.stack.base().architecture.inner).max(LEAST_TOKENS) as usize;
    // who asks for so many documents wants all their tokens
    let tokens = start.corpus_tokens.or(if start.moments.sample.is_some() { None } else { Some(enough) });
    let settings = CorpusSettings { column: start.moments.column.clone(), tokens, sample: start.moments.sample };
    if let Some(file) = &start.corpus {
        if std::fs::metadata(file).is_ok_and(|metadata| metadata.len() > LARGE) {
            let text = format!("reading {} once from end to end to recognise it", file.display());
            job.log("engine", "info", text);
        }
        return Ok(Corpus::from_file(file, &settings, &mut || job.check_cancel())?);
    }
    if settings.column.is_some() {
        let message = "the built-in corpus has no columns; give --corpus FILE, or leave out --corpus-column";
        return Err(Error::Request(message.to_owned()));
    }
    let built_in = locus_demo::assets().iter().find(|(name, _)| *name == "corpus.txt");
    let text = built_in.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Error::Request("the built-in corpus is missing; use --corpus FILE".to_owned()))?;
    Ok(Corpus::from_text("the built-in corpus", text, &settings)?)
}
