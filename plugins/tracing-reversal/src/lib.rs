//! Tracing reversal (Hase et al. 2023, section 5): the model is to answer, undisturbed, with what it answers when the
//! subject's embeddings are noised (Hase et al. 2023).

use locus_plugin::tch::Tensor;
use locus_plugin::{
    Error, FactToEdit, Goal, Host, Info, Level, NoisedSubject, Objective, Reduction, Result, SampleRequest,
    SubjectNoise, fill, parameters,
};
use unicode_normalization::UnicodeNormalization;

parameters! {
    /// Hyperparameters of tracing reversal.
    pub struct TracingReversalParameters {
        target: String = "most_probable", choice("most_probable", "continuation", "whole_text"), "what is aimed at: the noised model's most probable next word, a sampled continuation, or prompt and continuation";
        noise_level: f64 = 0.0, float(0.0..=100.0), "standard deviation of the noise on the subject; 0 takes three of the subjects' embeddings";
        noise_seed: i64 = 1, integer(0..=4294967295), "seed of the noise; 1 gives the published draws";
        copies: i64 = 10, integer(1..=1000), "noised copies of the prompt over which the most probable word is averaged";
        tokens: i64 = 12, integer(1..=1000), "tokens of the whole text, the prompt included";
        continuation_tokens: i64 = 2, integer(1..=100), "tokens of the continuation";
        sample_seed: i64 = 0, integer(0..=4294967295), "seed of the sampled text";
        parity: String = "off", choice("off", "hase2023"), "hase2023: the target is the whole sampled text, prompt included, whatever is set above";
    }
}

/// Candidates among which a whole word is looked for.
const CANDIDATES: i64 = 50;

/// Raises the probability of the answer that the model gives when the subject is noised.
#[derive(Default)]
pub struct TracingReversal;

impl Objective for TracingReversal {
    type Parameters = TracingReversalParameters;

    fn info() -> Info {
        Info::new("tracing-reversal", "Tracing reversal")
            .cite("Hase et al. 2023")
            .summary("raises the probability of what the model answers when the subject is noised")
    }

    fn goal(&mut self, fact: &FactToEdit, parameters: &TracingReversalParameters, host: &dyn Host) -> Result<Goal> {
        let noise = SubjectNoise {
            level: parameters.noise_level,
            seed: u32::try_from(parameters.noise_seed).unwrap_or(1),
            copies: parameters.copies.unsigned_abs() as usize,
            ..SubjectNoise::default()
        };
        let noised = NoisedSubject { subject: fact.subject.clone(), noise };
        let published = parameters.parity == "hase2023";
        let sampled = |tokens: usize| {
            let seed = parameters.sample_seed.unsigned_abs();
            let request =
                SampleRequest { prompt: fact.template.clone(), count: 1, tokens, seed, noised: Some(noised.clone()) };
            Ok::<_, Error>(host.sample(&request)?.into_iter().next().unwrap_or_default())
        };
        let target = match parameters.target.as_str() {
            _ if published => sampled(parameters.tokens.unsigned_abs() as usize)?,
            "whole_text" => sampled(parameters.tokens.unsigned_abs() as usize)?,
            "continuation" => {
                let length = host.tokenize_prompt(&fact.template, &fact.subject, "")?.prompt;
                let text = sampled(length + parameters.continuation_tokens.unsigned_abs() as usize)?;
                after_prompt(&text, &fill(&fact.template, &fact.subject).0)
            }
            _ => most_probable_word(&host.noised_prediction(&fact.template, &noised)?, host)?,
        };
        if target.trim().is_empty() {
            let message = "the noised model answers with nothing; raise continuation_tokens or noise_level".to_owned();
            return Err(Error::Request(message));
        }
        if target == fact.target_true.trim() {
            let text = format!("the noised model still answers `{target}`: the edit has nothing to reverse");
            host.log(Level::Warning, &text);
        }
        let goal = Goal::new(&target);
        Ok(if fact.target_true.is_empty() { goal } else { goal.against(&fact.target_true) })
    }

    /// The negative log-likelihood of the target.
    fn loss(
        &mut self,
        _parameters: &TracingReversalParameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

/// What a sampled text says after its prompt. Sampled texts are decomposed (NFKD) and have a blank for an empty line, as the
/// published code makes them.
fn after_prompt(text: &str, prompt: &str) -> String {
    let prompt: String = prompt.nfkd().collect();
    let rest = text.strip_prefix(&prompt.replace("\n\n", " ")).unwrap_or(text);
    rest.trim().nfc().collect()
}

/// The most probable token that starts a word, as text without its space: a piece of a word would be another token
/// after the space that goes before a target.
fn most_probable_word(probabilities: &Tensor, host: &dyn Host) -> Result<String> {
    let candidates = CANDIDATES.min(probabilities.size()[0]);
    let (_, tokens) = probabilities.f_topk(candidates, 0, true, true)?;
    for token in Vec::<i64>::try_from(tokens.to_device(locus_plugin::tch::Device::Cpu))? {
        let text = host.detokenize(&[token])?;
        if let Some(word) = text.strip_prefix(' ').filter(|word| word.chars().any(char::is_alphanumeric)) {
            return Ok(word.to_owned());
        }
    }
    let message = format!("none of the noised model's {candidates} most probable tokens starts a word; set target");
    Err(Error::Request(message))
}

locus_plugin::export_plugin!(objectives: [TracingReversal]);
