//! Second moments for a method that needs them: from memory, from disk, or collected as a phase of their own.

use crate::error::Error;
use crate::worker::Worker;
use locus_engine::moments::{Corpus, SecondMoments, collect, fingerprint};
use locus_protocol::{JobId, Phase};

/// Tokens per entry of the key that keep the published scores (arXiv 2506.04226), and what a narrow model takes at
/// least.
const TOKENS_PER_ENTRY: i64 = 10;
const LEAST_TOKENS: i64 = 60_000;

/// Makes sure that second moments of the unedited model are at hand.
pub fn ensure(worker: &mut Worker<'_>, job: JobId) -> Result<(), Error> {
    if worker.loaded()?.moments.is_some() {
        return Ok(());
    }
    let moments = find(worker, job)?;
    worker.loaded()?.moments = Some(moments);
    Ok(())
}

fn find(worker: &Worker<'_>, job: JobId) -> Result<SecondMoments, Error> {
    let loaded = worker.loaded.as_ref().ok_or_else(|| Error::Request("no model is loaded".to_owned()))?;
    let model = loaded.stack.base();
    let least = (TOKENS_PER_ENTRY * model.inner()).max(LEAST_TOKENS) as usize;
    let tokens = worker.options.corpus_tokens.unwrap_or(least);
    let corpus = Corpus::from_text(model, &corpus_text(worker)?, tokens)?;
    let name = format!("{}-{}.safetensors", &fingerprint(model)[..16], &corpus.fingerprint[..16]);
    let file = worker.options.cache.join("second-moments").join(name);
    if file.exists() {
        match SecondMoments::read(&file, model.device) {
            Ok(moments) => return Ok(moments),
            Err(error) => worker.emitter.log("engine", "warning", format!("{error}; collecting them anew")),
        }
    }
    let text = format!("collecting second moments of all layers over {} tokens, once for this model", corpus.tokens());
    worker.emitter.log("engine", "info", text);
    let moments = collect(model, &corpus, &mut |done, total| {
        worker.emitter.progress(job, Phase::SecondMoments, done as u64, total as u64);
        worker.check_cancel()
    })?;
    if let Err(error) = moments.write(&file) {
        worker.emitter.log("engine", "warning", format!("second moments are not kept for the next time: {error}"));
    }
    Ok(moments)
}

fn corpus_text(worker: &Worker<'_>) -> Result<String, Error> {
    if let Some(file) = &worker.options.corpus {
        return std::fs::read_to_string(file).map_err(|error| Error::File {
            path: file.clone(),
            message: format!("the corpus cannot be read ({error}); give a text file with one document a line"),
        });
    }
    let built_in = locus_demo::assets().iter().find(|(name, _)| *name == "corpus.txt");
    let text = built_in.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
    text.map(str::to_owned)
        .ok_or_else(|| Error::Request("the built-in corpus is missing; use --corpus FILE".to_owned()))
}
