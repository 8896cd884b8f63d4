//! Second moments that an edit needs and that would take long: what it asks before they are collected.

use crate::SessionOptions;
use crate::error::Error;
use crate::moments::{collecting, corpus, cost, take_imported};
use crate::pace::RunningJob;
use crate::plugins::preparing::PreparedEdit;
use crate::plugins::sealing::sealed;
use locus_engine::moments::ProgressFile;
use locus_plugin_host::Registry;
use locus_protocol::{EditOrder, MomentsChoice, SecondMomentsNeeded};

/// Seconds from which on it is asked whether they are to be collected: a look at another window is as long.
const WORTH_ASKING: f64 = 60.0;
/// Tokens of the quicker choice at least: enough to tell the frequent keys from the others.
const FEWER: u64 = 4_000;

/// What an edit should ask before it collects second moments for `layers`: nothing where they are at hand, where it does
/// not take long, or where nobody is there to answer.
pub fn needed(
    job: RunningJob<'_>,
    options: &SessionOptions,
    registry: &Registry,
    order: &EditOrder,
    prepared: &PreparedEdit,
) -> Result<Option<SecondMomentsNeeded>, Error> {
    let layers = &prepared.plan.second_moments;
    let was_chosen = order.corpus_tokens.is_some() || job.loaded.chosen_tokens().is_some();
    if !options.start.moments.ask
        || layers.is_empty()
        || was_chosen
        || job.loaded.holds_moments(layers, options.start.corpus_tokens)
        || take_imported(job, options, layers)?
    {
        return Ok(None);
    }
    let corpus = corpus(job, options, None)?;
    let (collecting, file) = collecting(job, options, &corpus)?;
    let base = job.loaded.stack.base();
    let begun = ProgressFile::beside(&file).tokens(&collecting.description()?);
    let tokens = corpus.limit().map(|limit| limit as u64);
    let left = tokens.map(|tokens| cost::seconds(base, tokens.saturating_sub(begun))).transpose()?;
    if file.exists() || left.is_some_and(|seconds| seconds < WORTH_ASKING) {
        return Ok(None);
    }
    let mut choices = vec![MomentsChoice::Collect { tokens, seconds: left }];
    let fewer = FEWER.max(base.architecture.inner.unsigned_abs());
    if tokens.is_none_or(|tokens| fewer < tokens / 2) {
        choices.push(MomentsChoice::CollectFewer { tokens: fewer, seconds: cost::seconds(base, fewer)? });
    }
    choices.extend(without(job, registry, order, prepared)?);
    Ok(Some(SecondMomentsNeeded { job: job.number, method: order.method.clone(), layers: layers.clone(), choices }))
}

/// Hyperparameters of the method that are on, and with which off it plans without second moments.
fn without(
    job: RunningJob<'_>,
    registry: &Registry,
    order: &EditOrder,
    prepared: &PreparedEdit,
) -> Result<Vec<MomentsChoice>, Error> {
    let method = registry.method(&order.method)?;
    let mut choices = Vec::new();
    for parameter in &method.description().hyperparameters {
        let is_on = order.method_settings.get(&parameter.name).unwrap_or(&parameter.default).as_bool() == Some(true);
        let mut settings = order.method_settings.clone();
        settings.insert(parameter.name.clone(), false.into());
        let needs_none = || {
            let plan = method.plan(&prepared.request, &settings, &prepared.info);
            Ok(plan.is_ok_and(|plan| plan.second_moments.is_empty()))
        };
        if is_on && sealed(job.loaded, &order.method, needs_none)? {
            let (setting, help) = (parameter.name.clone(), parameter.help.clone());
            choices.push(MomentsChoice::Without { setting, help });
        }
    }
    Ok(choices)
}
