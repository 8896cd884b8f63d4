//! One pass over a corpus.

use super::store::SecondMoments;
use crate::error::{Error, Result};
use crate::model::{Model, Taps};
use crate::run::Layout;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

/// Tokens that run at once.
const BATCH: usize = 2048;

/// Documents to collect over.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Token ids of each document, not longer than the model's context.
    documents: Vec<Vec<i64>>,
    /// Says which corpus this is.
    pub fingerprint: String,
}

impl Corpus {
    /// One document a line, up to `tokens` tokens; each is cut to the model's context.
    ///
    /// # Errors
    /// The text holds no token.
    pub fn from_text(model: &Model, text: &str, tokens: usize) -> Result<Self> {
        let mut documents = Vec::new();
        let mut count = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut ids = model.tokenizer.encode(line)?;
            ids.truncate(model.architecture.context as usize);
            count += ids.len();
            documents.push(ids);
            if count >= tokens {
                break;
            }
        }
        let hash = hex(&Sha256::new().chain_update(text).chain_update(tokens.to_le_bytes()).finalize());
        Self::from_documents(documents, hash)
    }

    /// Documents that are tokens already.
    ///
    /// # Errors
    /// There is no token.
    pub fn from_documents(documents: Vec<Vec<i64>>, fingerprint: String) -> Result<Self> {
        if documents.iter().all(Vec::is_empty) {
            return Err(Error::Request("the corpus holds no text; give a file with one document a line".to_owned()));
        }
        Ok(Self { documents, fingerprint })
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.documents.iter().map(Vec::len).sum()
    }
}

/// Second moments of all layers of the unedited model; `listen` hears how many tokens are done and can stop the
/// pass by an error.
///
/// # Errors
/// What `listen` returns.
pub fn collect(
    model: &Model,
    corpus: &Corpus,
    listen: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<SecondMoments> {
    let _guard = tch::no_grad_guard();
    let (inner, total) = (model.inner(), corpus.tokens());
    let zeros = || Tensor::zeros([inner, inner], (Kind::Float, model.device));
    let mut sums: Vec<Tensor> = (0..model.architecture.layers).map(|_| zeros()).collect();
    let mut done = 0;
    for rows in batches(&corpus.documents) {
        listen(done, total)?;
        let layout = Layout::whole(&rows);
        let mut taps = Taps::default();
        let mut stream = model.embed(&layout.ids(&rows, model.device), &layout.batch, &mut taps);
        for (layer, sum) in sums.iter_mut().enumerate() {
            let (before, key, _) = model.block_until_key(layer, &stream, &layout.batch, &[], &mut taps, false);
            let wide = key.to_kind(Kind::Float);
            *sum = sum.addmm(&wide.tr(), &wide);
            stream = model.block_from_key(layer, &before, &key, &mut taps);
        }
        done += rows.iter().map(Vec::len).sum::<usize>();
    }
    listen(done, total)?;
    let means = sums.into_iter().enumerate().map(|(layer, sum)| (layer, sum / done as f64));
    SecondMoments::from_means(means.collect(), done as u64)
}

/// Documents in groups of about [`BATCH`] tokens, those of similar length together.
fn batches(documents: &[Vec<i64>]) -> Vec<Vec<Vec<i64>>> {
    let mut sorted: Vec<&Vec<i64>> = documents.iter().filter(|document| !document.is_empty()).collect();
    sorted.sort_by_key(|document| document.len());
    let mut batches: Vec<Vec<Vec<i64>>> = Vec::new();
    let mut size = BATCH;
    for document in sorted {
        if size + document.len() > BATCH || batches.is_empty() {
            batches.push(Vec::new());
            size = 0;
        }
        size += document.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(document.clone());
        }
    }
    batches
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
