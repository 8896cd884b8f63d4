//! Second moments for a method that needs them: from memory, from disk, or collected as a phase of their own.

pub mod cost;
mod kept;

pub use kept::kept_moments;

use crate::SessionOptions;
use crate::error::Error;
use crate::pace::RunningJob;
use locus_engine::moments::{
    Collecting, Corpus, CorpusSettings, MomentsDescription, Precision, Progress, ProgressFile, SecondMoments,
    fingerprint,
};
use locus_files::NotWritten;
use locus_protocol::{LogLevel, Phase, Reuse, about_seconds};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tch::Device;

/// Tokens per entry of the key that keep the published scores (arXiv 2506.04226), and what a narrow model takes at
/// least.
const TOKENS_PER_ENTRY: i64 = 10;
const LEAST_TOKENS: i64 = 60_000;
/// After that long the speed is known.
const MEASURED: Duration = Duration::from_secs(2);
/// What is done sooner needs no estimate.
const LONG: Duration = Duration::from_secs(10);
/// A corpus larger than this is not recognized in a moment.
const LARGE: u64 = 1 << 30;

/// Makes sure that second moments of the unedited model for `layers` are at hand, and says of how many tokens of the corpus
/// where that is not what a session takes by itself.
///
/// Those that were imported are taken where nothing was said about the corpus and they hold all the layers;
/// otherwise those of the corpus, collected where they are not kept yet. `tokens` is what an edit itself says of them.
pub fn ensure(
    job: RunningJob<'_>,
    options: &SessionOptions,
    layers: &[usize],
    tokens: Option<usize>,
) -> Result<Option<usize>, Error> {
    let loaded = job.loaded;
    let tokens = tokens.or(loaded.chosen_tokens()).or(options.start.corpus_tokens);
    if loaded.holds_moments(layers, tokens) {
        return Ok(tokens);
    }
    if tokens.is_none() && take_imported(job, options, layers)? {
        return Ok(None);
    }
    let (_, moments) = of_corpus(job, options, tokens, layers, false)?;
    loaded.hold_moments(Some(moments), tokens);
    Ok(tokens)
}

/// Has the imported second moments at hand, where they hold all the layers.
pub fn take_imported(job: RunningJob<'_>, options: &SessionOptions, layers: &[usize]) -> Result<bool, Error> {
    let Some((file, moments)) = imported(job, options)? else { return Ok(false) };
    if layers.iter().all(|&layer| moments.has(layer)) {
        moments.compare(layers)?;
        let text = format!("using the second moments in {} ({})", file.display(), moments.description.corpus_name);
        job.log("engine", LogLevel::Info, text);
        job.loaded.hold_moments(Some(moments), None);
        return Ok(true);
    }
    let there: Vec<String> = moments.layers().map(|layer| layer.to_string()).collect();
    let text = format!(
        "{} contains second moments only for layers {}; those of the corpus are used instead",
        file.display(),
        there.join(", ")
    );
    job.log("engine", LogLevel::Warning, text);
    Ok(false)
}

/// The imported second moments of the model, unless something was said about the corpus, or kept ones are left alone.
pub fn imported(job: RunningJob<'_>, options: &SessionOptions) -> Result<Option<(PathBuf, SecondMoments)>, Error> {
    let start = &options.start;
    let said = start.corpus.is_some()
        || start.corpus_tokens.is_some()
        || start.moments.column.is_some()
        || start.moments.sample.is_some()
        || start.moments.float64_sums
        || start.moments.reuse == Reuse::LeftAlone;
    let file = imported_file(job, options)?;
    if said || !file.exists() {
        return Ok(None);
    }
    // what cannot be read is not replaced by something else: it was imported on purpose
    let moments = opened(job, &file)?;
    if moments.description.model != fingerprint(job.loaded.stack.base())? {
        let message = "it does not belong to this model; delete it and import it again".to_owned();
        return Err(Error::File { path: file, message });
    }
    Ok(Some((file, moments)))
}

/// Second moments of a file that is compared with its checksum from end to end.
pub fn whole(job: RunningJob<'_>, file: &Path) -> Result<SecondMoments, Error> {
    told_of(job, file, SecondMoments::read)
}

/// Second moments of a file of which layers are read when they are needed, and compared with their checksums then.
fn opened(job: RunningJob<'_>, file: &Path) -> Result<SecondMoments, Error> {
    told_of(job, file, SecondMoments::open)
}

/// What is said of a file that is read: that it is an old one, where it carries no checksum.
fn told_of(
    job: RunningJob<'_>,
    file: &Path,
    read: impl FnOnce(&Path, Device) -> locus_engine::Result<SecondMoments>,
) -> Result<SecondMoments, Error> {
    job.progress(Phase::Method("reading second moments".to_owned()), 0, 1);
    let moments = read(file, job.loaded.stack.base().device)?;
    job.check_cancel()?;
    if !moments.is_sealed {
        let text = format!(
            "{}: it has no checksum, because an older Locus or another program wrote it; `locus stats verify` checks \
             what can be checked without one",
            file.display()
        );
        job.log("engine", LogLevel::Warning, text);
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

/// Second moments of the corpus, or of so many of its `tokens`, kept or collected, and their file, which is none where
/// kept ones are left alone. Of kept ones, these layers, or all for none, are compared with their checksums. What is
/// `to_be_kept` fails where it cannot be.
pub fn of_corpus(
    job: RunningJob<'_>,
    options: &SessionOptions,
    tokens: Option<usize>,
    layers: &[usize],
    to_be_kept: bool,
) -> Result<(PathBuf, SecondMoments), Error> {
    let corpus = corpus(job, options, tokens)?;
    let (mut collecting, file) = collecting(job, options, &corpus)?;
    let reuse = options.start.moments.reuse;
    if reuse == Reuse::Taken
        && let Some(moments) = kept_for(job, &file, &collecting.description()?, layers)?
    {
        return Ok((file, moments));
    }
    if to_be_kept && reuse != Reuse::LeftAlone {
        can_be_written(&file)?;
    }
    let progress = ProgressFile::beside(&file);
    if reuse == Reuse::Taken {
        collecting.progress = Some(match options.start.moments.keep_every {
            Some(every) => progress.every(every),
            None => progress,
        });
    }
    let mut moments = collect(job, &corpus, &collecting, reuse != Reuse::LeftAlone)?;
    if reuse == Reuse::LeftAlone {
        return Ok((PathBuf::new(), moments));
    }
    job.progress(Phase::Writing, 0, 1);
    match moments.write(&file) {
        // also that of an older pass, which these take the place of
        Ok(()) => {
            ProgressFile::beside(&file).remove();
            // not all of them need stay in memory once they are in their file
            if let Ok(in_file) = SecondMoments::open(&file, job.loaded.stack.base().device) {
                moments = in_file;
            }
        }
        Err(error) if to_be_kept => return Err(error.into()),
        Err(error) => {
            let text = format!("the second moments cannot be cached: {error}");
            job.log("engine", LogLevel::Warning, text);
        }
    }
    // what took long to collect is written all the same
    job.check_cancel()?;
    Ok((file, moments))
}

/// What a file keeps, where it can be read and is of the model; else it is said that it is collected anew.
fn kept_for(
    job: RunningJob<'_>,
    file: &Path,
    description: &MomentsDescription,
    layers: &[usize],
) -> Result<Option<SecondMoments>, Error> {
    if !file.exists() {
        return Ok(None);
    }
    let read = opened(job, file).and_then(|moments| {
        match layers {
            [] => moments.compare(&moments.layers().collect::<Vec<_>>())?,
            layers => moments.compare(layers)?,
        }
        Ok(moments)
    });
    match read {
        Ok(moments) if moments.description.model == description.model => return Ok(Some(moments)),
        Ok(_) => {
            let text = format!("{} belongs to another model; collecting them again", file.display());
            job.log("engine", LogLevel::Warning, text);
        }
        Err(Error::Engine(error)) if error.is_out_of_memory() => return Err(error.into()),
        Err(error) if error.is_cancelled() => return Err(error),
        Err(error) => job.log("engine", LogLevel::Warning, format!("{error}; collecting them again")),
    }
    Ok(None)
}

/// One pass, which says what it does and for how long.
fn collect(
    job: RunningJob<'_>,
    corpus: &Corpus,
    collecting: &Collecting<'_>,
    is_kept: bool,
) -> Result<SecondMoments, Error> {
    let description = collecting.description()?;
    let before = collecting.progress.as_ref().map_or(0, |file| file.tokens(&description));
    announce(job, corpus, before, is_kept)?;
    let goes_on = collecting.progress.is_some();
    let start = Instant::now();
    let mut estimated = false;
    let moments = collecting.run(&mut |progress| {
        job.progress(Phase::SecondMoments, progress.done, progress.total);
        if !estimated && start.elapsed() >= MEASURED && progress.done > progress.before {
            estimated = true;
            tell_time(job, progress, start.elapsed(), goes_on);
        }
        job.check_cancel()
    })?;
    Ok(moments)
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
fn announce(job: RunningJob<'_>, corpus: &Corpus, before: u64, is_kept: bool) -> Result<(), Error> {
    let enough = TOKENS_PER_ENTRY * job.loaded.stack.base().architecture.inner;
    let how_many = match corpus.limit() {
        Some(limit) => format!("up to {limit} tokens"),
        None => "all tokens".to_owned(),
    };
    let takes = match corpus.limit() {
        Some(limit) => {
            let seconds = cost::seconds(job.loaded.stack.base(), (limit as u64).saturating_sub(before))?;
            format!(", {} on this machine", about_seconds(seconds))
        }
        None => String::new(),
    };
    let once = if is_kept { "once for this model" } else { "for this session only" };
    let mut text = format!(
        "collecting second moments of all layers over {how_many} of {}{takes}, {once}; fewer tokens (--corpus-tokens N) are faster, and ten per entry of the MLP key, {enough} here, reportedly keep the scores",
        corpus.name
    );
    if before > 0 {
        text += &format!("; resuming after {before} tokens of an earlier run");
    }
    job.log("engine", LogLevel::Info, text);
    Ok(())
}

/// Says how long the rest takes, from the speed so far.
fn tell_time(job: RunningJob<'_>, progress: Progress, elapsed: Duration, goes_on: bool) {
    let speed = (progress.done - progress.before) as f64 / elapsed.as_secs_f64();
    let left = Duration::from_secs_f64(progress.total.saturating_sub(progress.done) as f64 / speed.max(1e-9));
    if left >= LONG {
        let stopped = if goes_on { "resumes where it stopped" } else { "starts over" };
        let text = format!(
            "second moments take about {} more ({speed:.0} tokens per second); an interrupted run {stopped}",
            cost::words(left)
        );
        job.log("engine", LogLevel::Info, text);
    }
}

/// The corpus as the options say, or so many of its `tokens`.
pub fn corpus(job: RunningJob<'_>, options: &SessionOptions, tokens: Option<usize>) -> Result<Corpus, Error> {
    let start = &options.start;
    let enough = (TOKENS_PER_ENTRY * job.loaded.stack.base().architecture.inner).max(LEAST_TOKENS) as usize;
    // who asks for so many documents wants all their tokens
    let asked = tokens.or(start.corpus_tokens);
    let tokens = asked.or(if start.moments.sample.is_some() { None } else { Some(enough) });
    let settings = CorpusSettings { column: start.moments.column.clone(), tokens, sample: start.moments.sample };
    if let Some(file) = &start.corpus {
        if std::fs::metadata(file).is_ok_and(|metadata| metadata.len() > LARGE) {
            let text = format!("reading {} once from end to end to recognize it", file.display());
            job.log("engine", LogLevel::Info, text);
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
