//! The services by name: JSON and tensors in, a method of `Host`, JSON and tensors out.

use crate::tensors;
use locus_plugin::glue::Arguments;
use locus_plugin::glue::wire::{
    CaptureArguments, Ids, Layer, LossArguments, Name, Names, NoisedPrompt, Prepared, ProgressArguments,
    PromptArguments, RunSuffixArguments, Text, Texts, TokenizeArguments, service,
};
use locus_plugin::{Error, Host, Result, Suffix};
use serde::Serialize;
use serde_json::{Value, json};
use tch::Tensor;

/// Serves one call.
pub(crate) fn serve(host: &dyn Host, name: &str, arguments: Arguments<'_>) -> Result<(Value, Vec<Tensor>)> {
    tensors::floating(&arguments.tensors, &format!("for the service `{name}`"))?;
    match name {
        service::REPORT => host.report(&arguments.read()?).map(|()| nothing()),
        service::PROGRESS => {
            let ProgressArguments { phase, done, total } = arguments.read::<ProgressArguments>()?;
            host.progress(&phase, done, total).map(|()| nothing())
        }
        service::MODEL => only_json(&host.model()?),
        service::TOKENIZE => {
            let TokenizeArguments { text, start } = arguments.read::<TokenizeArguments>()?;
            only_json(&Ids { ids: host.tokenize(&text, start)? })
        }
        service::TOKENIZE_PROMPT => {
            let PromptArguments { template, subject, target } = arguments.read::<PromptArguments>()?;
            only_json(&host.tokenize_prompt(&template, &subject, &target)?)
        }
        service::DETOKENIZE => only_json(&Text { text: host.detokenize(&arguments.read::<Ids>()?.ids)? }),
        service::PARAMETER => only_tensors(vec![host.parameter(&arguments.read::<Name>()?.name)?]),
        service::REPLACE_PARAMETERS => replace_parameters(host, arguments),
        service::CAPTURE => {
            let CaptureArguments { rows, cells, facts } = arguments.read::<CaptureArguments>()?;
            only_tensors(host.capture_of(&facts, &rows, &cells)?)
        }
        service::PREPARE_SUFFIX => only_json(&Prepared { suffix: host.prepare_suffix(&arguments.read()?)?.0 }),
        service::RUN_SUFFIX => run_suffix(host, arguments),
        service::RELEASE_SUFFIX => {
            host.release_suffix(Suffix(arguments.read::<Prepared>()?.suffix)).map(|()| nothing())
        }
        service::SOLVE_SECOND_MOMENT => {
            let Layer { layer } = arguments.read()?;
            let [keys] = arguments.exactly()?;
            only_tensors(vec![host.solve_second_moment(layer, &keys)?])
        }
        service::SECOND_MOMENT => only_tensors(vec![host.second_moment(arguments.read::<Layer>()?.layer)?]),
        service::NOISED_PREDICTION => {
            let NoisedPrompt { prompt, subject } = arguments.read::<NoisedPrompt>()?;
            only_tensors(vec![host.noised_prediction(&prompt, &subject)?])
        }
        service::SAMPLE => only_json(&Texts { texts: host.sample(&arguments.read()?)? }),
        service::OBJECTIVE_LOSS => {
            let LossArguments { reduction } = arguments.read()?;
            let [log_probabilities] = arguments.exactly()?;
            only_tensors(vec![host.objective_loss(&log_probabilities, reduction)?])
        }
        unknown => Err(Error::Unsupported(format!("the service `{unknown}`"))),
    }
}

fn run_suffix(host: &dyn Host, arguments: Arguments<'_>) -> Result<(Value, Vec<Tensor>)> {
    let RunSuffixArguments { suffix, added } = arguments.read()?;
    let count = arguments.tensors.len();
    let (added, parameters) = arguments
        .tensors
        .split_at_checked(added)
        .ok_or_else(|| Error::Request(format!("{added} tensors are to be added, and there are {count}")))?;
    let output = host.run_suffix(Suffix(suffix), added, parameters)?;
    only_tensors([output.log_probabilities, output.distributions].into_iter().chain(output.captured).collect())
}

fn replace_parameters(host: &dyn Host, arguments: Arguments<'_>) -> Result<(Value, Vec<Tensor>)> {
    let Names { names } = arguments.read::<Names>()?;
    if names.len() != arguments.tensors.len() {
        let (names, tensors) = (names.len(), arguments.tensors.len());
        return Err(Error::Request(format!("{names} parameters are named, and there are {tensors} tensors")));
    }
    let values = arguments.tensors.iter().map(Tensor::shallow_clone);
    host.replace_parameters(&names.into_iter().zip(values).collect::<Vec<_>>()).map(|()| nothing())
}

fn nothing() -> (Value, Vec<Tensor>) {
    (json!({}), Vec::new())
}

fn only_tensors(tensors: Vec<Tensor>) -> Result<(Value, Vec<Tensor>)> {
    Ok((json!({}), tensors))
}

fn only_json<T: Serialize>(value: &T) -> Result<(Value, Vec<Tensor>)> {
    let value = serde_json::to_value(value).map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
    Ok((value, Vec::new()))
}
