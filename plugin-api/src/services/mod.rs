//! The services of the host: one table, and everything that is generated from it.

#[macro_use]
mod macros;

use crate::call::{Answer, Answered, Arguments, written};
use crate::error::{Error, Result};
use crate::host::{
    Cells, Level, ModelInfo, NoisedSubject, PromptTokens, SampleRequest, StepReport, Suffix, SuffixOutput,
    SuffixRequest,
};
use crate::request::Reduction;
use macros::Passed;
use tch::Tensor;

/// A service as the reference lists it.
pub struct Service {
    pub name: &'static str,
    /// Name of the constant in `name`, and after `LOCUS_SERVICE_` in the C header.
    pub constant: &'static str,
    pub help: &'static str,
    /// JSON arguments, as an example.
    pub json_in: &'static str,
    /// Tensor arguments; empty for none.
    pub tensors_in: &'static str,
    /// JSON of the answer; empty for none.
    pub json_out: &'static str,
    /// Tensors of the answer; empty for none.
    pub tensors_out: &'static str,
}

// A service is one entry: what it does; what its name is (`transparent` where the JSON is that of its only argument); what the
// reference says of JSON in, tensors in, JSON out and tensors out; and the method. Arguments are JSON by their names, a
// tensor in brackets, or `all` tensors that there are; the answer is a tensor, tensors, JSON, or JSON `as` the only key of an object.
services! {
    /// Adds a row to the live table.
    ///
    /// # Errors
    /// [`Error::Request`] when the report names a layer the model does not have, has no `loss`, or a number that is not
    /// finite; [`Error::Cancelled`].
    #[service(REPORT, "report", transparent)]
    #[reference(r#"`{"step": 0, "steps": 20, "layer": 5, "losses": {"loss": 3.2}, "metrics": [{"layer": 5, "values": {"norm": 1.5}}]}`"#, "", "", "")]
    fn report(report: &StepReport) -> ();

    /// Reports the progress of a phase; `total` is 0 if unknown.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    #[service(PROGRESS, "progress")]
    #[reference(r#"`{"phase": "contexts", "done": 3, "total": 20}`"#, "", "", "")]
    fn progress(#[serde(default)] phase: &str, #[serde(default)] done: u64, #[serde(default)] total: u64) -> ();

    /// Describes the model.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    #[service(MODEL, "model")]
    #[reference("`{}`", "", "name, family, layers, hidden, inner, vocabulary, context, device, number_format, end_of_text, token_embedding, embedding_deviation, `down_projections` (by layer: weight, bias, stored_input_first; experts, where the MLP is a set of them)", "")]
    fn model() -> ModelInfo;

    /// Token ids of a text; `start` adds the special tokens that the checkpoint puts before a prompt; without it, the
    /// text continues another, and nothing is prepended. For prompts and targets, use [`Self::tokenize_prompt`].
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    #[service(TOKENIZE, "tokenize")]
    #[reference(r#"`{"text": "The capital", "start": true}`"#, "", r#"`{"ids": [464, 3139]}`"#, "")]
    fn tokenize(text: &str, #[serde(default)] start: bool) -> Vec<i64> as ids;

    /// Tokenizes a template with its subject in place of `{}`, a space, and a target together, as scores, traces and
    /// displays do. With an empty target, only the prompt.
    ///
    /// # Errors
    /// [`Error::Request`] for a subject that has no token in the prompt, or a blank target.
    #[service(TOKENIZE_PROMPT, "tokenize-prompt")]
    #[reference(r#"`{"template": "The capital of {} is", "subject": "France", "target": "Paris"}`"#, "", r#"`{"ids": [464, 3139, 286, 4881, 318, 6342], "subject": {"start": 3, "end": 4}, "prompt": 5}`: prompt and target as tokens of one text, the subject's tokens, and how many are the prompt's ([tokenizers.md](tokenizers.md))"#, "")]
    fn tokenize_prompt(template: &str, subject: &str, #[serde(default)] target: &str) -> PromptTokens;

    /// Text of token ids.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    #[service(DETOKENIZE, "detokenize")]
    #[reference(r#"`{"ids": [464, 3139]}`"#, "", r#"`{"text": "The capital"}`"#, "")]
    fn detokenize(ids: &[i64]) -> String as text;

    /// Replaces parameters in all further runs, samples and reads of parameters, until the plugin returns or calls this
    /// again; parameters that are not named have the model's own values. Runs that were prepared before keep their
    /// values. The model itself does not change.
    ///
    /// # Errors
    /// [`Error::Request`] for an unknown parameter, or a value of another shape.
    #[service(REPLACE_PARAMETERS, "replace-parameters")]
    #[reference(r#"`{"names": ["transformer.h.5.mlp.c_proj.weight"]}`"#, "one per name", "", "")]
    fn replace_parameters(names: &[String]; all values) -> ();

    /// The current value of a parameter, by its name in the checkpoint. Do not write into it: the host's value would
    /// not change, but the edit would fail.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no such parameter.
    #[service(PARAMETER, "parameter")]
    #[reference(r#"`{"name": "transformer.h.5.mlp.c_proj.weight"}`"#, "", "", "the parameter, with all edits in place; do not write into it")]
    fn parameter(name: &str) -> Tensor;

    /// Runs `rows` and captures the activations at `cells`: one `[cells, width]` tensor for each. `facts` has, for each
    /// row, the index of its fact in the request (see [`SuffixRequest::facts`]).
    ///
    /// # Errors
    /// [`Error::Request`] for a cell or layer that does not exist; [`Error::Cancelled`].
    #[service(CAPTURE, "capture")]
    #[reference(r#"`{"rows": [[464, 3139]], "cells": [{"site": "mlp-key", "layer": 5, "cells": [{"row": 0, "position": 1}]}], "facts": [0]}`"#, "", "", "one `[cells, width]` per entry of `cells`")]
    fn capture_of(#[serde(default)] facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Vec<Tensor>, one for each cells;

    /// Prepares a run that will be repeated.
    ///
    /// # Errors
    /// [`Error::Request`] for a cell, layer or parameter that does not exist; [`Error::Cancelled`].
    #[service(PREPARE_SUFFIX, "prepare-suffix", transparent)]
    #[reference(r#"`{"rows": …, "facts": [0], "add": (cells), "parameters": (names), "read": [{"row": 0, "position": 1, "token": 7}], "distributions": [{"row": 0, "position": 1}], "capture": (cells)}`"#, "", r#"`{"suffix": 0}`"#, "")]
    fn prepare_suffix(request: &SuffixRequest) -> Suffix as suffix;

    /// Repeats a prepared run: the first `added` tensors are added, one per entry of `add`, `[cells, hidden]` or
    /// `[1, hidden]` for all of its cells; the rest are the parameters, one per entry of `parameters`.
    /// [`crate::PreparedSuffix`] calls it.
    ///
    /// # Errors
    /// [`Error::Request`] for wrong shapes; [`Error::Cancelled`].
    #[service(RUN_SUFFIX, "run-suffix")]
    #[reference(r#"`{"suffix": 0, "added": 1}`"#, "those added, then the parameters", "", "log-probabilities `[reads]`, distributions `[…, vocabulary]`, one per entry of `capture`")]
    fn run_suffix(suffix: Suffix, #[serde(default)] added: usize; all tensors) -> SuffixOutput;

    /// What a prepared run captures, one tensor for each entry of `capture`, if it is the same in every repetition:
    /// below everything that is added or changed. [`crate::PreparedSuffix::fixed`] calls it.
    ///
    /// # Errors
    /// [`Error::Request`] if repetitions change some of it, as noise on the subject does; if there is no such run.
    #[service(FIXED_CAPTURES, "fixed-captures")]
    #[reference(r#"`{"suffix": 0}`"#, "", "", "one `[cells, width]` per entry of `capture`")]
    fn fixed_captures(suffix: Suffix) -> Vec<Tensor>;

    /// Releases a prepared run and its memory. [`crate::PreparedSuffix`] does so when it is dropped; the host does it
    /// for all that are left when the plugin returns.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no such run.
    #[service(RELEASE_SUFFIX, "release-suffix")]
    #[reference(r#"`{"suffix": 0}`"#, "", "", "")]
    fn release_suffix(suffix: Suffix) -> ();

    /// `C⁻¹ k` for each row of `keys` `[n, inner]`, with `C` the uncentered second moment of the MLP key at `layer`
    /// of the unedited model (ROME, equation 2). The host computes and caches `C`.
    ///
    /// # Errors
    /// [`Error::Request`] when there are no second moments for the layer; [`Error::Cancelled`].
    #[service(SOLVE_SECOND_MOMENT, "solve-second-moment")]
    #[reference(r#"`{"layer": 5}`"#, "keys `[n, inner]`", "", "`C⁻¹ k` for each")]
    fn solve_second_moment(layer: usize; [keys]) -> Tensor;

    /// `C` itself, `[inner, inner]`, the mean of `k kᵀ`; see [`Self::solve_second_moment`]. Do not write into it,
    /// as with [`Self::parameter`].
    ///
    /// # Errors
    /// Those of [`Self::solve_second_moment`].
    #[service(SECOND_MOMENT, "second-moment")]
    #[reference(r#"`{"layer": 5}`"#, "", "", "`C`, `[inner, inner]`; do not write into it")]
    fn second_moment(layer: usize) -> Tensor;

    /// Probabilities of the next token `[vocabulary]` of a prompt whose subject is noised, averaged over the noise's
    /// copies. If the prompt contains `{}`, the subject goes there; otherwise its last mention counts.
    ///
    /// # Errors
    /// [`Error::Request`] when the subject is not in the prompt; [`Error::Cancelled`].
    #[service(NOISED_PREDICTION, "noised-prediction")]
    #[reference(r#"`{"prompt": "The capital of {} is", "subject": "France", "noise": {"level": 0, "seed": 1, "copies": 10}}`"#, "", "", "probabilities `[vocabulary]`")]
    fn noised_prediction(prompt: &str, #[serde(flatten)] subject: &NoisedSubject) -> Tensor;

    /// Samples text from the model (top 5, as the published code does).
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    #[service(SAMPLE, "sample", transparent)]
    #[reference(r#"`{"prompt": "", "count": 5, "tokens": 10, "seed": 0}`, and `"noised": {"subject", "noise"}` where its subject is noised"#, "", r#"`{"texts": […]}`"#, "")]
    fn sample(request: &SampleRequest) -> Vec<String> as texts;

    /// The current objective's loss for log-probabilities `[rows, tokens]` of the target, a scalar with its
    /// gradient intact; for `[facts, rows, tokens]` one loss per fact, `[facts]`.
    ///
    /// # Errors
    /// Those of the objective.
    #[service(OBJECTIVE_LOSS, "objective-loss")]
    #[reference(r#"`{"reduction": "mean"}` (or `"sum"`)"#, "log-probabilities `[rows, tokens]` or `[facts, rows, tokens]`", "", "the loss, or one per fact")]
    fn objective_loss([log_probabilities]; reduction: Reduction) -> Tensor;
}

fn unserved(service: &str) -> Error {
    Error::Unsupported(format!("the service `{service}`"))
}

fn one_for_each(tensors: &[Tensor], wanted: usize) -> Result<()> {
    let got = tensors.len();
    if got == wanted {
        return Ok(());
    }
    Err(Error::Failed(format!("unusable answer: {got} tensors instead of {wanted}")))
}

/// The rows of the table in docs/plugins.md.
#[must_use]
pub fn reference() -> String {
    let row = |service: &Service| {
        let columns = [service.json_in, service.tensors_in, service.json_out, service.tensors_out];
        let column = |text: &str| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
        format!("| `{}` |{}\n", service.name, columns.map(column).concat())
    };
    SERVICES.iter().map(row).collect()
}

/// The part of the C header that follows from the table: the services' names.
#[must_use]
pub fn names_in_c() -> String {
    let line = |service: &Service| {
        let end = service.help.find([';', '.']).unwrap_or(service.help.len());
        format!("//{}.\n#define LOCUS_SERVICE_{} \"{}\"\n", &service.help[..end], service.constant, service.name)
    };
    format!("/* Services of the host, for `call`. */\n{}", SERVICES.iter().map(line).collect::<String>())
}
