//! The host as a plugin sees it: each method is one call of a service.
#![allow(unsafe_code)]

use super::abi::{LEVEL_INFO, LEVEL_WARNING, LocusBytes, LocusContext, LocusHost, LocusReply, LocusStr};
use super::transfer::{Answer, Arguments, collect, handles};
use super::wire::{
    CaptureArguments, Ids, Layer, LossArguments, Name, Names, NoisedPrompt, Prepared, ProgressArguments,
    PromptArguments, RunSuffixArguments, Text, Texts, TokenizeArguments, service,
};
use crate::error::{Error, Result};
use crate::host::{
    Cells, Host, Level, ModelInfo, NoisedSubject, PromptTokens, SampleRequest, StepReport, Suffix, SuffixOutput,
    SuffixRequest,
};
use crate::request::Reduction;
use crate::template::tokenized_apart;
use serde::Serialize;
use tch::Tensor;

/// A host behind its table, for the time of one call.
pub(super) struct RemoteHost<'a> {
    table: &'a LocusHost,
    context: *mut LocusContext,
}

impl<'a> RemoteHost<'a> {
    /// The host of a call.
    ///
    /// # Safety
    /// The arguments come from a host that keeps the contract, and its call has not returned.
    pub(super) unsafe fn of(arguments: &Arguments<'a>) -> Result<Self> {
        // SAFETY: null or a table that lives as long as the process.
        let table = unsafe { arguments.host.as_ref() };
        let table = table.ok_or_else(|| Error::Request("called without a host".to_owned()))?;
        Ok(Self { table, context: arguments.context })
    }

    fn call<T: Serialize>(&self, service: &str, arguments: &T, tensors: &[&Tensor]) -> Result<Answer> {
        let json = serde_json::to_string(arguments).map_err(|error| Error::Failed(error.to_string()))?;
        let lent = handles(tensors);
        let (mut reply, mut error) = (LocusReply::empty(), LocusBytes::empty());
        // SAFETY: the context is that of a call which has not returned; text and handles live until this one does.
        unsafe {
            let status = (self.table.call)(
                self.context,
                LocusStr::new(service),
                LocusStr::new(&json),
                lent.as_ptr(),
                lent.len(),
                &raw mut reply,
                &raw mut error,
            );
            collect(status, reply, error)
        }
    }
}

impl Host for RemoteHost<'_> {
    fn report(&self, report: &StepReport) -> Result<()> {
        self.call(service::REPORT, report, &[]).map(drop)
    }

    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()> {
        self.call(service::PROGRESS, &ProgressArguments { phase, done, total }, &[]).map(drop)
    }

    fn log(&self, level: Level, text: &str) {
        let level = match level {
            Level::Info => LEVEL_INFO,
            Level::Warning => LEVEL_WARNING,
        };
        // SAFETY: as in `call`.
        unsafe { (self.table.log)(self.context, level, LocusStr::new(text)) };
    }

    fn cancelled(&self) -> bool {
        // SAFETY: as in `call`.
        unsafe { (self.table.cancelled)(self.context) != 0 }
    }

    fn model(&self) -> Result<ModelInfo> {
        self.call(service::MODEL, &serde_json::json!({}), &[])?.read()
    }

    fn tokenize(&self, text: &str, start: bool) -> Result<Vec<i64>> {
        Ok(self.call(service::TOKENIZE, &TokenizeArguments { text, start }, &[])?.read::<Ids>()?.ids)
    }

    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        match self.call(service::TOKENIZE_PROMPT, &PromptArguments { template, subject, target }, &[]) {
            // a Locus from before this service
            Err(Error::Unsupported(_)) => {
                tokenized_apart(&|text, start| self.tokenize(text, start), [template, subject, target])
            }
            answer => answer?.read(),
        }
    }

    fn detokenize(&self, ids: &[i64]) -> Result<String> {
        Ok(self.call(service::DETOKENIZE, &Ids { ids }, &[])?.read::<Text>()?.text)
    }

    fn parameter(&self, name: &str) -> Result<Tensor> {
        let [parameter] = self.call(service::PARAMETER, &Name { name }, &[])?.exactly()?;
        Ok(parameter)
    }

    fn replace_parameters(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        let names: Vec<&String> = parameters.iter().map(|(name, _)| name).collect();
        let tensors: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
        self.call(service::REPLACE_PARAMETERS, &Names { names }, &tensors).map(drop)
    }

    fn capture_of(&self, facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        let captured = self.call(service::CAPTURE, &CaptureArguments { rows, cells, facts }, &[])?.tensors();
        if captured.len() != cells.len() {
            let (got, wanted) = (captured.len(), cells.len());
            return Err(Error::Failed(format!("unusable answer: {got} tensors instead of {wanted}")));
        }
        Ok(captured)
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        Ok(Suffix(self.call(service::PREPARE_SUFFIX, request, &[])?.read::<Prepared>()?.suffix))
    }

    fn run_suffix(&self, suffix: Suffix, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput> {
        let arguments = RunSuffixArguments { suffix: suffix.0, added: added.len() };
        let tensors: Vec<&Tensor> = added.iter().chain(parameters).collect();
        let mut answer = self.call(service::RUN_SUFFIX, &arguments, &tensors)?.tensors().into_iter();
        match (answer.next(), answer.next()) {
            (Some(log_probabilities), Some(distributions)) => {
                Ok(SuffixOutput { log_probabilities, distributions, captured: answer.collect() })
            }
            _ => Err(Error::Failed("unusable answer: a run gives two tensors at least".to_owned())),
        }
    }

    fn release_suffix(&self, suffix: Suffix) -> Result<()> {
        self.call(service::RELEASE_SUFFIX, &Prepared { suffix: suffix.0 }, &[]).map(drop)
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let [solved] = self.call(service::SOLVE_SECOND_MOMENT, &Layer { layer }, &[keys])?.exactly()?;
        Ok(solved)
    }

    fn second_moment(&self, layer: usize) -> Result<Tensor> {
        let [mean] = self.call(service::SECOND_MOMENT, &Layer { layer }, &[])?.exactly()?;
        Ok(mean)
    }

    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor> {
        let arguments = NoisedPrompt { prompt, subject };
        let [probabilities] = self.call(service::NOISED_PREDICTION, &arguments, &[])?.exactly()?;
        Ok(probabilities)
    }

    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>> {
        Ok(self.call(service::SAMPLE, request, &[])?.read::<Texts>()?.texts)
    }

    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let arguments = LossArguments { reduction };
        let [loss] = self.call(service::OBJECTIVE_LOSS, &arguments, &[log_probabilities])?.exactly()?;
        Ok(loss)
    }
}
